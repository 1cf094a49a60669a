"""The header's second line: the daemon, the queue, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from wantui import __version__
from wantui.api.job import JobState, WaitsFor
from wantui.client.words import NO_ROOM
from wantui.errors import VersionMismatch
from wantui.text import one_line
from wantui.tui.state import Link, Phase, State
from wantui.tui.tone import Said, Tone
from wantui.tui.words import job_glyph

_COUNTED = (JobState.RUNNING, JobState.QUEUED, JobState.HELD)


def headline(state: State, now: float, start_key: str = "S") -> Iterator[Said]:
    """Pieces for one line; `now` is of the monotonic clock, the key has a daemon started."""
    yield from _link(state.link, now, start_key)
    yield from _other_version(state)
    if state.stale:
        yield "as last seen:", Tone.MUTED
    for job_state in _COUNTED:
        if count := state.count.get(job_state, 0):
            glyph, tone = job_glyph(job_state)
            yield f"{glyph} {count} {job_state}", tone
    if state.queue and state.queue.paused:
        yield "‖ queue paused", Tone.WARN
    if state.queue and WaitsFor.DISK in state.queue.waits_for:
        yield f"! {NO_ROOM}", Tone.BAD
    if state.hello and not state.hello.engine_installed:
        yield "! engine not installed", Tone.WARN


def retrying(link: Link) -> bool:
    """Whether the line changes with the clock."""
    return link.phase is Phase.DISCONNECTED


def _link(link: Link, now: float, start_key: str) -> Iterator[Said]:
    if link.phase is Phase.CONNECTED:
        yield "● connected", Tone.GOOD
    elif link.error is None:
        yield "◌ connecting", Tone.WARN
    elif link.error.code == VersionMismatch.code:
        yield "✗ versions differ", Tone.BAD
        yield one_line(link.error.hint), Tone.STRONG  # before what a narrow terminal cuts off
        yield one_line(link.error.message), Tone.MUTED
    else:
        yield f"✗ disconnected, {_retry(link, now)}", Tone.BAD
        yield f"{start_key} starts it", Tone.STRONG
        yield one_line(link.error.message, 120), Tone.MUTED


def _other_version(state: State) -> Iterator[Said]:
    """Of a daemon that speaks as we do, and is not what is installed now."""
    if state.hello and not state.stale and state.hello.version != __version__:
        yield f"! daemon {one_line(state.hello.version, 20)}, this is {__version__}", Tone.WARN


def _retry(link: Link, now: float) -> str:
    if link.retry_at is None:
        return "trying now"
    return f"retry in {max(round(link.retry_at - now), 0)} s"
