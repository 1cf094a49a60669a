"""A job's whole estimate, stage by stage, as it is told to people."""

from __future__ import annotations

from wantui.api.estimate import Estimate, Share, StageEstimate
from wantui.api.job import Stage
from wantui.hardware.estimates.bar import Bar, largest, total
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.host import disk_bytes, host_bytes, pinned_bytes
from wantui.hardware.estimates.memory import stage_parts
from wantui.hardware.estimates.seconds import stage_seconds


def peak(case: Case, setup: Setup) -> Bar:
    """Bytes of the device at the highest stage."""
    return largest(stage_peak(case, setup, stage) for stage in Stage)


def stage_peak(case: Case, setup: Setup, stage: Stage) -> Bar:
    return total(stage_parts(case, setup, stage).values())


def host_peak(case: Case, setup: Setup) -> Bar:
    """Bytes of host memory; on a CPU they are the device's."""
    return peak(case, setup) if case.site.is_cpu else host_bytes(case, setup)


def seconds(case: Case, setup: Setup, *, again: bool = False) -> Bar:
    """All stages; `again` as in `stage_seconds`."""
    return total(stage_seconds(case, setup, stage, again=again) for stage in Stage)


def estimate(case: Case, setup: Setup) -> Estimate:
    return Estimate(
        stages=tuple(_stage(case, setup, stage) for stage in Stage),
        device=peak(case, setup).amount,
        host=host_peak(case, setup).amount,
        pinned_bytes=pinned_bytes(case, setup),
        disk=disk_bytes(case).amount,
        seconds=seconds(case, setup).amount,
        again_seconds=seconds(case, setup, again=True).amount,
    )


def _stage(case: Case, setup: Setup, stage: Stage) -> StageEstimate:
    parts = stage_parts(case, setup, stage)
    return StageEstimate(
        stage=stage,
        device=total(parts.values()).amount,
        seconds=stage_seconds(case, setup, stage).amount,
        parts=tuple(Share(name=name, amount=bar.amount) for name, bar in parts.items()),
    )
