"""Plans laid out for people: every way with its price, and what fits of models by sizes."""

from __future__ import annotations

from collections.abc import Iterator

from wantui.api.estimate import Fit, Verdict, Way
from wantui.api.plan import Residency
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.whole import estimate, peak, seconds
from wantui.hardware.plan import made
from wantui.hardware.ways import NO_LIMITS, Limits, best, candidates, lack, least_lack, rank


def ways(case: Case, limits: Limits = NO_LIMITS) -> tuple[Way, ...]:
    """Those that come into question, and between them some that only compare; the best first, and
    those that cannot be had last."""
    chosen = best(case, limits)
    setups = dict.fromkeys((*candidates(case, limits), *_between(case)))
    shown = [
        (reason is not None, rank(case, setup), setup, reason)
        for setup in setups
        for reason in [lack(case, setup, limits)]
    ]
    return tuple(
        Way(
            plan=made(case, setup),
            estimate=estimate(case, setup),
            chosen=setup == chosen,
            why_not=None if reason is None else str(reason),
        )
        for _cannot, _rank, setup, reason in sorted(shown, key=lambda one: one[:2])
    )


def fit(case: Case, limits: Limits = NO_LIMITS) -> Fit:
    """One cell of the matrix of models by sizes."""
    setup = best(case, limits)
    cell = Fit(
        model=case.recipe.id,
        width=case.video.width,
        height=case.video.height,
        frames=case.video.frames,
        verdict=Verdict.NO,
    )
    if setup is None:
        lacking = least_lack(case, limits)
        return cell.model_copy(update={"missing_bytes": lacking.missing_bytes if lacking else None})
    return cell.model_copy(
        update={
            "verdict": _verdict(setup),
            "resident_blocks": setup.residency.resident_blocks,
            "device_bytes": peak(case, setup).likely,
            "seconds": seconds(case, setup).likely,
        }
    )


def _verdict(setup: Setup) -> Verdict:
    if setup.tiled:
        return Verdict.TILED
    if setup.residency.components_stay:
        return Verdict.RESIDENT
    return Verdict.TURNS if setup.residency.resident_blocks is None else Verdict.STREAMS


def _between(case: Case) -> Iterator[Setup]:
    """A whole expert, half of its blocks, and none: what one way more or less would cost."""
    if case.site.is_cpu or not case.weights.blocks:
        return
    stays = sum(case.weights.experts) <= case.site.pinnable_bytes
    for blocks in (None, case.weights.blocks // 2, 0):
        if blocks in case.weights.choices:
            yield Setup(Residency(blocks, components_stay=False, host_copies_stay=stays))
