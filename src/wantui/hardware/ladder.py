"""The next plan after one that ran out of memory. Pure.

What failed says by its estimate how much is too much; the next plan's estimate stays below that.
Since ways without tiles come first, that is fewer resident blocks while denoising, and tiles only
where decoding itself did not fit.
"""

from __future__ import annotations

from wantui.api.job import Stage
from wantui.api.plan import DType, Plan
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.whole import host_peak, stage_peak
from wantui.hardware.ways import HOST, Limits

LEAST_STEP = 0.05
"""Of what was too much, by how much the next plan stays below it: an attempt costs a load."""


def setup_of(plan: Plan) -> Setup:
    return Setup(plan.residency, plan.tiled_decode, plan.decode_dtype is not DType.FLOAT32)


def limits_after(
    case: Case, failed: Plan, stage: Stage, lacking_bytes: int, known: Limits, *, of_host: bool
) -> dict[str, float]:
    """`known`, and what was too much for this stage.

    `lacking_bytes` is what was asked for beyond what was free, where that is known. `of_host`: it
    was host memory beside a GPU that ran out.
    """
    setup = setup_of(failed)
    place = HOST if of_host and not case.site.is_cpu else stage.value
    reached = (host_peak(case, setup) if place == HOST else stage_peak(case, setup, stage)).likely
    too_much = reached - max(lacking_bytes, LEAST_STEP * reached)
    return {**known, place: min(too_much, known.get(place, too_much))}


def told(failed: Plan, now: Plan, stage: Stage) -> str:
    """What is done otherwise from now on, for people."""
    if now.decode_dtype is not failed.decode_dtype:
        change = f"it is decoded in {now.decode_dtype} now, as it allows: that is not faithful"
    elif now.tiled_decode and not failed.tiled_decode:
        change = "it is decoded in tiles now, which gives slightly other pixels"
    elif failed.residency.components_stay and not now.residency.components_stay:
        change = "its stages take turns on the device now"
    elif now.residency.resident_blocks != failed.residency.resident_blocks:
        change = f"{now.residency.resident_blocks or 'no'} blocks of an expert stay on it now"
    else:
        change = "less waits in host memory now"
    return f"{stage} ran out of memory: {change}"
