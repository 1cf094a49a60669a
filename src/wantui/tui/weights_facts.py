"""Weights to the last file, and what is asked before some come or go. Foreign text is raw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wantui.api.download import Download, DownloadState, PullPlan
from wantui.api.model import ConvertedStatus, FileStatus, ModelStatus
from wantui.api.removal import Removals
from wantui.client import words
from wantui.text import bytes_text, duration_text
from wantui.tui.keys import Keys
from wantui.tui.tone import Fact, Said, Tone
from wantui.tui.words import component_line, weights_state


def weights_facts(model: ModelStatus) -> Iterator[Fact]:
    """Every component, and below it every file of it; then what is in no component's folder."""
    weights = model.weights
    yield "weights", weights_state(weights.state)
    yield "", (f"{words.have(weights)}, {_exact(weights.bytes_present)}", Tone.PLAIN)
    if weights.revision:
        pinned = ", pinned" if weights.pinned else ""
        yield "revision", (f"{weights.revision}{pinned}", Tone.PLAIN)
    if weights.folder:
        yield "folder", (weights.folder, Tone.PLAIN)
    for snapshot in weights.also:
        where = f"{snapshot.repository} at {snapshot.revision}, in {snapshot.folder}"
        yield "and", (where, Tone.PLAIN)
    told: set[str] = set()
    for component in weights.components:
        yield "component", component_line(component)
        files = [file for file in weights.files if file.path.startswith(f"{component.name}/")]
        told.update(file.path for file in files)
        yield from _files(files, f"{component.name}/")
    rest = [file for file in weights.files if file.path not in told]
    if rest:
        yield "other files", ("", Tone.PLAIN)
        yield from _files(rest)
    for converted in weights.converted:
        yield from _converted(converted)


def _files(files: Iterable[FileStatus], within: str = "") -> Iterator[Fact]:
    for file in files:
        yield "", _file(file, within)
        if file.problem:
            yield "", (f"  {file.problem}", Tone.BAD)


def _file(file: FileStatus, within: str) -> Said:
    """● verified    4.9 GB model-00001-of-00003.safetensors, below the folder that it is in."""
    state, tone = weights_state(file.state)
    size = "" if file.bytes is None else bytes_text(file.bytes)
    return f"{state:<12} {size:>7} {file.path.removeprefix(within)}", tone


def _converted(part: ConvertedStatus) -> Iterator[Fact]:
    state, tone = weights_state(part.state)
    yield "converted", (f"{state}  {part.component} in {part.dtype}, {part.folder}", tone)
    yield from _files(part.files)


def variant_facts(model: ModelStatus, known: Iterable[ModelStatus]) -> Iterator[Fact]:
    """The same model in other weights: `t2v-a14b:q8` beside `t2v-a14b`."""
    family = model.id.partition(":")[0]
    name = "variants"
    for other in known:
        if other.id != model.id and other.id.partition(":")[0] == family:
            state, tone = weights_state(other.weights.state)
            yield name, (f"{other.id}  {state}  {words.have(other.weights)}", tone)
            name = ""


# --- in the row of a model, and above its facts ---


def moving(download: Download) -> str:
    """112 MB/s, 3:20: in the place of what is on the disk; the state, where nothing moves."""
    rate, eta_s = download.bytes_per_second, download.eta_s
    if download.state is not DownloadState.RUNNING or rate is None:
        return f"{words.doing(download)} {download.state}"
    return f"{bytes_text(rate)}/s" + ("" if eta_s is None else f", {duration_text(eta_s)}")


def next_keys(download: Download, keys: Keys) -> str:
    """What can be done about it now."""
    pause, give_up = keys.named("models.pause"), keys.named("models.cancel")
    if download.state is DownloadState.PAUSED:
        return f"{pause} goes on, {give_up} gives it up"
    if download.state.open:
        return f"{pause} pauses, {give_up} gives it up"
    again = f"{keys.named('models.get')} tries again, and goes on from what came"
    return again if download.error else ""


# --- questions ---


def pull_question(plan: PullPlan, model: ModelStatus) -> str:
    """All that one should know before it comes."""
    lines = [
        f"Pull {plan.model}: {bytes_text(plan.bytes_to_fetch)} to fetch, {plan.files} files?",
        f"in all {bytes_text(plan.bytes_total)}, {bytes_text(plan.free_bytes)} free on the disk",
        f"license: {plan.license or model.license}",
        f"from {plan.repository} at {plan.commit[:12]}",
        *(f"and {more.repository} at {more.commit[:12]}" for more in plan.also),
    ]
    if plan.gated:
        lines.append(words.gating(plan.accept_at))
    if plan.bytes_to_fetch > plan.free_bytes:
        missing = bytes_text(plan.bytes_to_fetch - plan.free_bytes)
        lines.append(f"it does not fit: {missing} more must be free: remove another model")
    return "\n".join(lines)


def nothing_to_pull(plan: PullPlan, keys: Keys) -> str:
    """Why there is no question; empty where there is one."""
    if plan.bytes_to_fetch:
        return ""
    verify = keys.named("models.verify")
    return f"{plan.model}: all {bytes_text(plan.bytes_total)} are here; {verify} verifies them"


def cancel_question(download: Download) -> str:
    """What came, and what becomes of it."""
    came = bytes_text(download.bytes_done)
    total = f" of {bytes_text(download.bytes_total)}" if download.bytes_total else ""
    return (
        f"Give up the {words.doing(download)} of {download.subject}?\n{came}{total} are there; "
        "what came of files that are not whole is removed. p only pauses."
    )


def removal_question(id: str, plan: Removals) -> str:
    """What goes, to the byte, and who else would miss it."""
    shared = sorted({model for item in plan.removals for model in item.models if model != id})
    lines = [f"Remove the weights of {id}? That frees {bytes_text(plan.freed_bytes)}."]
    lines.append(f"{_exact(plan.freed_bytes)}, from {_where(plan)}")
    if shared:
        lines.append(f"also used by {', '.join(shared)}")
    return "\n".join(lines)


def _where(plan: Removals) -> str:
    return ", ".join(item.repository or "converted weights" for item in plan.removals)


def _exact(count: int) -> str:
    return f"{count:,} bytes"
