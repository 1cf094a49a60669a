"""Jobs and downloads in the words of every client. Foreign text comes out raw."""

from __future__ import annotations

import time

from wantui.api.download import ConvertPlan, Depth, Download
from wantui.api.job import ImageUsed, Job, JobState, Output, Params, Progress, Timings, WaitsFor
from wantui.api.lora import LoraExpert, LoraUsed
from wantui.api.model import (
    ComponentStatus,
    Defaults,
    ModelStatus,
    QualityOffer,
    Upstream,
    WeightsState,
    WeightsStatus,
)
from wantui.api.video import Encoding
from wantui.text import bytes_text, duration_text

GLYPHS: dict[JobState, str] = {
    JobState.QUEUED: "○",
    JobState.HELD: "‖",
    JobState.RUNNING: "▶",
    JobState.COMPLETED: "✓",
    JobState.FAILED: "✗",
    JobState.CANCELLED: "–",
}
WEIGHTS_GLYPHS: dict[WeightsState, str] = {
    WeightsState.ABSENT: "○",
    WeightsState.PARTIAL: "◐",
    WeightsState.UNVERIFIED: "●",
    WeightsState.VERIFIED: "●",
    WeightsState.CORRUPT: "✗",
}
FAITHFUL = "faithful"
"""The quality that trades no arithmetic for speed."""
_WAITS: dict[WaitsFor, str] = {
    WaitsFor.PAUSED: "the queue is paused",
    WaitsFor.DEVICE: "waits for the device",
    WaitsFor.WEIGHTS: "waits for weights",
    WaitsFor.ENGINE: "waits for the engine",
    WaitsFor.DEPENDENCY: "waits for another job",
    WaitsFor.TIME: "is not to start yet",
    WaitsFor.DISK: "waits for disk space",
    WaitsFor.WORKER: "waits for a worker that starts (see: wantui logs worker)",
    WaitsFor.MEMORY: "waits for memory that others hold (see: wantui hw)",
}


NO_ROOM = "the disk is full, or takes no writes"
"""Why nothing is handed out, and nothing new is taken."""


def state(job: Job) -> str:
    """The state, or what the job was asked to become."""
    if not job.state.finished:
        if job.cancel_requested:
            return "cancelling"
        if job.hold_requested:
            return "holding"
    return job.state.value


def quality(offer: QualityOffer) -> str:
    """lightning (not faithful)"""
    return _quality(offer.id, faithful=offer.faithful)


def quality_of(job: Job) -> str:
    """lightning (not faithful)"""
    return _quality(job.quality, faithful=job.faithful)


def _quality(id: str, *, faithful: bool) -> str:
    """A quality that trades nothing is not faithful either where the weights are quantised."""
    if faithful:
        return id
    return "quantised weights (not faithful)" if id == FAITHFUL else f"{id} (not faithful)"


def lora(used: LoraUsed) -> str:
    """style, strength 0.8, high noise"""
    expert = "" if used.expert is LoraExpert.BOTH else f", {used.expert} noise"
    return f"{used.name}, strength {used.strength:g}{expert}"


def waiting(job: Job) -> str:
    """Why a queued job does not run yet; empty when it is the next."""
    return ", ".join(_wait(job, reason) for reason in job.waits_for)


def _wait(job: Job, reason: WaitsFor) -> str:
    """Where the job itself knows more, with that."""
    if reason is WaitsFor.DEPENDENCY and job.unmet:
        return f"waits for job{'s' * (len(job.unmet) > 1)} {', '.join(map(str, job.unmet))}"
    if reason is WaitsFor.TIME and job.start_at is not None:
        return f"starts {clock(job.start_at)}"
    return _WAITS[reason]


def stage(progress: Progress) -> str:
    """denoise 7/20."""
    return f"{progress.stage} {progress.step}/{progress.of}" if progress.of else progress.stage


def size(shape: Defaults | Params | Output) -> str:
    """128x128, 17 frames at 8 fps."""
    return f"{shape.width}x{shape.height}, {shape.frames} frames at {shape.fps} fps"


def steps(params: Params) -> str:
    """20, unipc, shift 5."""
    return f"{params.steps}, {params.sampler}, shift {params.shift:.10g}"


def guidance(params: Params) -> str:
    """4, low noise 3."""
    low = params.guidance_low
    return f"{params.guidance:.10g}" + (f", low noise {low:.10g}" if low is not None else "")


def image(used: ImageUsed) -> str:
    """png, 150x100, its middle 100x100, sha256 …"""
    whole = used.width, used.height
    shown = used.shown or whole
    middle = "" if shown == whole else f", its middle {shown[0]}x{shown[1]}"
    return f"{used.format}, {used.width}x{used.height}{middle}, sha256 {used.sha256}"


def encoding(used: Encoding) -> str:
    """h264, crf 17, medium, and PNG frames."""
    png = ", and PNG frames" if used.png else ""
    return f"{used.codec}, crf {used.crf}, {used.preset}{png}"


def timings(spent: Timings) -> str:
    """load 1.2 s, encode 0.1 s, …"""
    stages = spent.model_dump()
    return ", ".join(f"{name[:-2]} {duration_text(seconds)}" for name, seconds in stages.items())


def have(weights: WeightsStatus | ComponentStatus) -> str:
    """9.5 of 34.2 GB: what is there of what is needed; once where they are the same."""
    if weights.bytes_present >= weights.bytes_needed:
        return bytes_text(weights.bytes_present)
    return f"{bytes_text(weights.bytes_present)} of {bytes_text(weights.bytes_needed)}"


def upstream(model: ModelStatus, told: Upstream) -> str:
    """a newer revision, 0123456789ab, when the hub was asked: 2026-11-23 10:00:00."""
    gated = gating(told.accept_at) if told.gated else ""
    if told.commit is None:
        return gated
    is_new = f"a newer revision, {told.commit[:12]}," if model.stale else "the same"
    asked = f"{is_new} when the hub was asked: {clock(told.asked_at)}"
    return f"{asked}; {gated}" if gated else asked


def gating(accept_at: str | None) -> str:
    """gated: accept its terms at https://…/owner/repo, then: hf auth login

    `accept_at` is the page if the hub did not let us in.
    """
    if accept_at is None:
        return "gated: its terms must be accepted"
    return f"gated: accept its terms at {accept_at}, then: hf auth login"


def parameters(count: int | None) -> str:
    """14.3 B, 126.9 M, 43.1 k; empty where it is not known."""
    if count is None:
        return ""
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return str(count)


def doing(download: Download) -> str:
    """pull, verify, deep verify."""
    depth = download.depth
    usual = depth is None or depth is Depth.CONTENT
    return download.action.value if usual else f"{depth} {download.action}"


def downloading(download: Download) -> str:
    """pull running, 41 %, 9.5 of 34.2 GB, 112 MB/s, 3:20 left."""
    parts = [f"{doing(download)} {download.state}"]
    if download.bytes_total and download.state.open:
        done, total = download.bytes_done, download.bytes_total
        parts += [f"{done / total:.0%}", f"{bytes_text(done)} of {bytes_text(total)}"]
    if download.bytes_per_second is not None:
        parts.append(pace(download))
    return ", ".join(parts)


def pace(download: Download) -> str:
    """112 MB/s, 3:20 left; empty while nothing moves."""
    rate, eta_s = download.bytes_per_second, download.eta_s
    parts = [f"{bytes_text(rate)}/s" if rate is not None else ""]
    parts += [f"{duration_text(eta_s)} left" if eta_s is not None else ""]
    return ", ".join(part for part in parts if part)


def conversion_offer(plan: ConvertPlan) -> str | None:
    """After a pull: why it may be worth it, and how; None where it would be of no use."""
    if not plan.used or not plan.components:
        return None
    return f"{conversion_worth(plan)}: wantui convert {plan.model}"


def conversion_worth(plan: ConvertPlan) -> str:
    """loads would take about 25.0 s less, for 10.0 GB more on disk."""
    if not plan.components:
        return "there is nothing to convert: it is done, or published so"
    more = f"for {bytes_text(plan.bytes_to_write)} more on disk"
    if not plan.used:
        return f"no device of this machine would load it, {more}"
    return f"loads would take about {duration_text(plan.saved_s)} less, {more}"


def converted(weights: WeightsStatus) -> str:
    """transformer in bfloat16, verified, 10.0 GB; empty where nothing is converted."""
    return ", ".join(
        f"{part.component} in {part.dtype}, {part.state}, {bytes_text(part.bytes)}"
        for part in weights.converted
    )


def attempts(job: Job) -> str:
    """3, the last from step 13."""
    last = job.attempts[-1]
    spared = f", the last from step {last.from_step}" if last.from_step else ""
    return f"{len(job.attempts)}{spared}"


def took_s(job: Job) -> float | None:
    """Wall seconds from a job's first start to its end."""
    if job.started_at is None or job.finished_at is None:
        return None
    return max(job.finished_at - job.started_at, 0.0)


def clock(seconds: float) -> str:
    """A time since the epoch as the local clock shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
