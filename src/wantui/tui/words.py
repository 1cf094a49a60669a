"""Jobs and models in glyphs and words. Foreign text comes out raw: widgets clean it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wantui.api.download import Download, DownloadState
from wantui.api.job import Job, JobState, Progress
from wantui.api.model import ComponentStatus, ModelStatus, WeightsState
from wantui.api.report import HealthState
from wantui.client import facts, report, words
from wantui.text import bytes_text, duration_text
from wantui.tui.tone import Fact, Said, Tone

_TONES: dict[JobState, Tone] = {
    JobState.QUEUED: Tone.PLAIN,
    JobState.HELD: Tone.WARN,
    JobState.RUNNING: Tone.BUSY,
    JobState.COMPLETED: Tone.GOOD,
    JobState.FAILED: Tone.BAD,
    JobState.CANCELLED: Tone.MUTED,
}
_WEIGHTS: dict[WeightsState, Tone] = {
    WeightsState.ABSENT: Tone.MUTED,
    WeightsState.PARTIAL: Tone.WARN,
    WeightsState.UNVERIFIED: Tone.WARN,
    WeightsState.VERIFIED: Tone.GOOD,
    WeightsState.CORRUPT: Tone.BAD,
}

LONGEST_COMPONENT = len("transformer_2")
_HEALTH: dict[HealthState, Tone] = {
    HealthState.READY: Tone.GOOD,
    HealthState.UNVERIFIED: Tone.WARN,
    HealthState.INCOMPLETE: Tone.MUTED,
    HealthState.UNFIT: Tone.BAD,
    HealthState.BROKEN: Tone.BAD,
    HealthState.CORRUPT: Tone.BAD,
}


def job_state(job: Job) -> Said:
    """Glyph and word."""
    glyph, tone = job_glyph(job.state)
    state = words.state(job)
    return f"{glyph} {state}", tone if state == job.state else Tone.WARN


def job_glyph(state: JobState) -> Said:
    return words.GLYPHS[state], _TONES[state]


def weights_state(state: WeightsState) -> Said:
    return f"{words.WEIGHTS_GLYPHS[state]} {state}", _WEIGHTS[state]


def waiting(job: Job) -> str:
    """Why a queued job does not run yet."""
    return words.waiting(job) or "next"


def happened(job: Job) -> Said:
    """One cell: why it waits, where it is, how long it took, or what went wrong."""
    if job.state is JobState.RUNNING:
        return (job.progress.stage.value if job.progress else "starting"), Tone.BUSY
    if job.state is JobState.QUEUED:
        return waiting(job), Tone.MUTED
    if job.state is JobState.COMPLETED:
        seconds = words.took_s(job)
        return f"took {duration_text(seconds)}" if seconds else "", Tone.MUTED
    if job.error is not None and job.state is JobState.FAILED:
        return job.error.message, Tone.BAD
    return "", Tone.MUTED


def stage(progress: Progress | None) -> str:
    """denoise 7/20."""
    return words.stage(progress) if progress else "starting"


def pace(progress: Progress | None) -> str:
    """1.2 s/step; 4:05/step."""
    if progress is None or progress.step_s is None:
        return ""
    return f"{duration_text(progress.step_s)}/step"


def left(progress: Progress | None) -> str:
    """How long it still takes."""
    if progress is None or progress.eta_s is None:
        return ""
    return f"{duration_text(progress.eta_s)} left"


def job_facts(job: Job) -> Iterator[Fact]:
    """All that is known of one job."""
    yield "state", job_state(job)
    if job.state is JobState.QUEUED:
        yield "waits", (waiting(job), Tone.PLAIN)
    if job.error:
        yield "error", (job.error.message, Tone.BAD)
        yield "hint", (job.error.hint, Tone.STRONG)
    for warning in job.warnings:
        yield "warning", (warning.message, Tone.WARN)
    if job.output:
        yield "output", (job.output.path, Tone.PLAIN)
        yield "", (bytes_text(job.output.bytes), Tone.PLAIN)
    yield from _plain(facts.asked_for(job))
    yield from _run_facts(job)


def timing_facts(job: Job) -> Iterator[Fact]:
    """Seconds of every stage."""
    if job.timings:
        yield "timings", (words.timings(job.timings), Tone.PLAIN)


def clip_facts(job: Job) -> Iterator[Fact]:
    """A finished clip: where it is, what it is, how it was made."""
    if job.output:
        yield "path", (job.output.path, Tone.STRONG)
        size = bytes_text(job.output.bytes)
        plays_s = job.output.frames / job.output.fps
        yield "clip", (f"{plays_s:.1f} s of video, {size}", Tone.PLAIN)
    for warning in job.warnings:
        yield "warning", (warning.message, Tone.WARN)
    yield from _plain(facts.asked_for(job))
    if (seconds := words.took_s(job)) is not None:
        yield "took", (duration_text(seconds), Tone.PLAIN)
    yield from timing_facts(job)
    if job.plan:
        yield "device", (job.plan.device_name, Tone.PLAIN)


def _run_facts(job: Job) -> Iterator[Fact]:
    # What is kept changes with every checkpoint of a running job, and all facts would be painted.
    runs = job.state is JobState.RUNNING
    yield from _plain(fact for fact in facts.ran(job) if not (runs and fact[0] == "kept"))
    for attempt in job.attempts:
        if attempt.error or attempt.interrupted:
            what = attempt.error.message if attempt.error else "interrupted"
            yield f"attempt {attempt.number}", (what, Tone.WARN)


def _plain(known: Iterable[tuple[str, str]]) -> Iterator[Fact]:
    return ((name, (text, Tone.PLAIN)) for name, text in known)


_DOWNLOADS: dict[DownloadState, Said] = {
    DownloadState.QUEUED: ("○", Tone.PLAIN),
    DownloadState.RUNNING: ("↓", Tone.BUSY),
    DownloadState.PAUSED: ("‖", Tone.WARN),
    DownloadState.FAILED: ("✗", Tone.BAD),
    DownloadState.COMPLETED: ("✓", Tone.GOOD),
    DownloadState.CANCELLED: ("–", Tone.MUTED),
}


def download_cell(download: Download) -> Said:
    """↓ 41 %, in the place of the weights' state."""
    glyph, tone = _DOWNLOADS[download.state]
    if not download.bytes_total:
        return f"{glyph} {download.state}", tone
    return f"{glyph} {download.bytes_done / download.bytes_total:.0%}", tone


def download_state(download: Download) -> Said:
    """↓ pull running."""
    glyph, tone = _DOWNLOADS[download.state]
    return f"{glyph} {words.doing(download)} {download.state}", tone


def download_facts(download: Download) -> Iterator[Fact]:
    """What it brings, and what went wrong; how it goes is drawn above."""
    if download.error:
        yield "error", (download.error.message, Tone.BAD)
        yield "hint", (download.error.hint, Tone.STRONG)
    if download.license or download.gated:
        gated = ", gated" if download.gated else ""
        license = f"{download.license or 'no license stated'}{gated}"
        yield "brings", (f"{license}; {download.repository or ''}", Tone.MUTED)


def model_facts(model: ModelStatus) -> Iterator[Fact]:
    """What a model is, where its weights are, and how the rest is fetched."""
    yield "model", (f"{model.id}: {model.name}", Tone.STRONG)
    yield "", (model.summary, Tone.PLAIN)
    yield "health", (report.health(model), _HEALTH[model.health.state])
    yield "weights", weights_state(model.weights.state)
    yield from health_facts(model)
    yield "loaded", (("▶ in a worker", Tone.BUSY) if model.loaded else ("no", Tone.MUTED))
    yield from _plain(report.record_facts(model.metrics))
    yield from _plain(report.machine_facts(model))
    yield "tasks", (", ".join(model.tasks), Tone.PLAIN)
    defaults = model.defaults
    official = f"{words.size(defaults)}, {defaults.steps} steps, guidance {defaults.guidance:g}"
    yield "official", (official, Tone.PLAIN)
    yield "sizes", (" ".join(model.limits.sizes), Tone.PLAIN)
    yield "license", (model.license, Tone.PLAIN)
    if model.repository:
        yield "repository", (model.repository, Tone.PLAIN)
    if model.gguf_repository:
        yield "quantised", (model.gguf_repository, Tone.PLAIN)
    if model.weights.folder:
        yield "folder", (model.weights.folder, Tone.PLAIN)
    for index, component in enumerate(model.weights.components):
        yield "" if index else "components", component_line(component)
    if model.weights.files:
        yield "files", (f"{len(model.weights.files)}, enter shows each", Tone.MUTED)


def health_facts(model: ModelStatus) -> Iterator[Fact]:
    """What is to be done about the weights, or since when they are proven."""
    weights = model.weights
    for file in weights.bad:
        yield "  bad file", (f"{file.path}: {file.problem}", Tone.BAD)
    if weights.bad and weights.get_command:
        yield "mend them", (f"wantui repair {model.id}", Tone.STRONG)
    elif not weights.state.usable and weights.get_command:
        yield "get them", (weights.get_command, Tone.STRONG)
    if model.health.last_verified_at is not None:
        yield "verified", (words.clock(model.health.last_verified_at), Tone.MUTED)
    told = model.upstream
    if told is not None and (model.stale or told.accept_at):
        yield "upstream", (words.upstream(model, told), Tone.WARN)
    if weights.converted:
        yield "converted", (words.converted(weights), Tone.PLAIN)
    if weights.kept:
        yield "kept", ("neither removed nor pruned", Tone.PLAIN)


def component_line(component: ComponentStatus) -> Said:
    """Its name, its state, how much of it is there, and its parameters."""
    state, tone = weights_state(component.state)
    missing, count = len(component.missing), component.parameter_count
    parts = (
        f"{component.name:<{LONGEST_COMPONENT}}",
        f"{state:<12}",
        words.have(component),
        f"{words.parameters(count)} parameters" if count else "",
        f"{missing} file{'s' * (missing > 1)} missing" if missing else "",
    )
    return "  ".join(part for part in parts if part), tone
