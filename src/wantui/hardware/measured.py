"""What a worker measured of a job, beside what was estimated of it. Pure.

Only what is comparable is taken: torch's counters do not see CUDA's context, a stage that was
spared says nothing, and components that stay are not all there yet in a model's first job.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from wantui.api.job import Stage, Timings
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.correction import Corrections
from wantui.hardware.estimates.memory import seen, stage_parts
from wantui.hardware.estimates.seconds import stage_seconds
from wantui.hardware.history import Estimated, Measurement
from wantui.pipe.messages import StagePeak

_AT_WORK = (Stage.ENCODE, Stage.DENOISE, Stage.DECODE)
"""Stages that hold more than the process itself."""
LEAST_S = 0.05
"""A stage that was over sooner says more of the clock than of the device."""


@dataclass(frozen=True)
class Ran:
    """How an attempt went that completed a job."""

    job: int
    at: float
    timings: Timings
    peaks: tuple[StagePeak, ...]
    was_loaded: bool
    """Whether the model was there when it began."""
    resumed: bool
    """Whether a checkpoint spared it steps."""


def measurements(case: Case, setup: Setup, ran: Ran) -> tuple[Measurement, ...]:
    """A line for each stage of which something can be said."""
    found = (
        Measurement(
            *(ran.at, ran.job, case.site.device_name, case.recipe.id, stage),
            memory=_memory(case, setup, stage, ran),
            seconds=_seconds(case, setup, stage, ran),
        )
        for stage in Stage
    )
    return tuple(one for one in found if one.memory or one.seconds)


def seen_bytes(case: Case, setup: Setup, stage: Stage) -> float:
    """Of the estimate, what the worker's counters can see."""
    return seen(stage_parts(case, setup, stage)).likely


def _memory(case: Case, setup: Setup, stage: Stage, ran: Ran) -> Estimated | None:
    peak = next((peak for peak in ran.peaks if peak.stage is stage), None)
    if peak is None or peak.spared or stage not in _comparable(setup, ran):
        return None
    formula = seen_bytes(_unlearned(case), setup, stage)
    return Estimated(formula, seen_bytes(case, setup, stage), peak.bytes)


def _comparable(setup: Setup, ran: Ran) -> tuple[Stage, ...]:
    if setup.residency.components_stay and not ran.was_loaded:
        return (Stage.DECODE,)
    return _AT_WORK


def _seconds(case: Case, setup: Setup, stage: Stage, ran: Ran) -> Estimated | None:
    measured = float(getattr(ran.timings, f"{stage}_s"))
    if measured < LEAST_S or stage in _spared(ran):
        return None
    again = ran.was_loaded
    formula = stage_seconds(_unlearned(case), setup, stage, again=again).likely
    told = stage_seconds(case, setup, stage, again=again).likely
    return Estimated(formula, told, measured) if formula > 0 else None


def _spared(ran: Ran) -> set[Stage]:
    """Stages that did not do all that is estimated of them."""
    return set(_shortened(ran))


def _shortened(ran: Ran) -> Iterator[Stage]:
    if ran.resumed:
        yield from (Stage.ENCODE, Stage.DENOISE, Stage.LOAD)
    if any(peak.spared and peak.stage is Stage.ENCODE for peak in ran.peaks):
        yield from (Stage.ENCODE, Stage.LOAD)  # the text encoder was not loaded either


def _unlearned(case: Case) -> Case:
    return replace(case, corrections=Corrections())
