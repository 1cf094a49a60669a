"""What is known of a model besides its weights, as names and values for every client."""

from __future__ import annotations

from collections.abc import Iterator

from wantui.api.model import ModelStatus
from wantui.api.report import HealthState, Metrics, Suitability, Tally
from wantui.client.facts import Fact
from wantui.text import bytes_text, duration_text

HEALTH_GLYPHS: dict[HealthState, str] = {
    HealthState.READY: "✓",
    HealthState.UNVERIFIED: "●",
    HealthState.INCOMPLETE: "◐",
    HealthState.UNFIT: "✗",
    HealthState.BROKEN: "✗",
    HealthState.CORRUPT: "✗",
}
_HEALTH: dict[HealthState, str] = {
    HealthState.READY: "ready",
    HealthState.UNVERIFIED: "ready once its weights are verified",
    HealthState.INCOMPLETE: "weights are missing",
    HealthState.UNFIT: "does not fit this machine",
    HealthState.BROKEN: "the engine cannot make it",
    HealthState.CORRUPT: "weights are corrupt",
}


def health(model: ModelStatus) -> str:
    """✓ ready, ✗ weights are corrupt."""
    return f"{HEALTH_GLYPHS[model.health.state]} {_HEALTH[model.health.state]}"


def machine_facts(model: ModelStatus) -> Iterator[Fact]:
    """What the engine and the machine here make of it."""
    hardware = model.hardware
    yield "implemented", implemented(model)
    yield "takes", vram(model)
    yield "machine", formats(hardware)
    yield from (("", reason) for reason in hardware.reasons)


def record_facts(metrics: Metrics) -> Iterator[Fact]:
    """How it has done, lately and of all time."""
    if not metrics.generations:
        yield "generations", "none yet"
        return
    yield "generations", tally(metrics)
    yield "last week", tally(metrics.last_week)
    yield "last day", tally(metrics.last_day)


def implemented(model: ModelStatus) -> str:
    """Whether the real classes were built, and have as many parameters as the catalog says."""
    if model.implemented is None:
        return "not known yet: the engine was not asked"
    if not model.implemented:
        return f"no: {model.health.last_error or 'see: wantui doctor'}"
    classes = {part.class_name for part in model.weights.components if part.parameter_count}
    built = f": built {', '.join(sorted(classes))} with as many parameters as published"
    return f"yes{built if classes else ''}"


def vram(model: ModelStatus) -> str:
    """about 22.9 GB at its peak, for 1280x704 with 121 frames"""
    defaults = model.defaults
    video = f"{defaults.width}x{defaults.height} with {defaults.frames} frames"
    if model.estimated_vram_bytes is None:
        unfit = model.health.state is HealthState.UNFIT
        return f"{'more than there is' if unfit else 'not known yet'}, for {video}"
    where = "of the GPU" if model.hardware.cuda_available else "of memory"
    return f"about {bytes_text(model.estimated_vram_bytes)} {where} at its peak, for {video}"


def formats(hardware: Suitability) -> str:
    """enough memory, CUDA, fp16, bf16; planned as rtx-4090"""
    cuda = "CUDA" if hardware.cuda_available else "no CUDA"
    enough = {True: "enough GPU memory", False: "too little GPU memory", None: ""}
    in_hardware = (("fp16", hardware.fp16_supported), ("bf16", hardware.bf16_supported))
    told = [f"{'' if has else 'no '}{name}" for name, has in in_hardware if has is not None]
    words = ", ".join(filter(None, (enough[hardware.vram_sufficient], cuda, *told)))
    profile = hardware.recommended_profile
    return f"{words}; planned as {profile}" if profile else words


def tally(counted: Tally) -> str:
    """12, 11 completed (92 %), 41.2 s each"""
    if not counted.generations or counted.success_rate is None:
        return "none"
    words = f"{counted.generations}, {counted.successes} completed ({counted.success_rate:.0%})"
    if counted.mean_seconds is not None:
        words += f", {duration_text(counted.mean_seconds)} each"
    return words


def success(metrics: Metrics) -> str:
    """92 % of 12: for a column; empty where nothing ran."""
    if metrics.success_rate is None:
        return ""
    return f"{metrics.success_rate:.0%} of {metrics.generations}"
