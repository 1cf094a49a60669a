"""The daemon itself: which one it is, and stopping and starting it, of whatever version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wantui.api.hello import Hello
from wantui.client import words
from wantui.client.stopping import stop_daemon
from wantui.tui.session import Session
from wantui.tui.tone import Fact, Tone
from wantui.tui.widgets.confirm import confirm
from wantui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from wantui.tui.app import WantuiApp


def stop(app: WantuiApp) -> None:
    """Once somebody has said so; its jobs go on when it starts again."""
    _ask_about_daemon(app, "Stop", again=False)


def restart(app: WantuiApp) -> None:
    """Also one of another version, which answers to nothing else."""
    session = app.session
    if session is not None and not session.bridge.address.own:
        where = session.bridge.address.socket
        app.area_screen.tell(f"restart it where it runs: {where}", Tone.WARN)
    else:
        _ask_about_daemon(app, "Restart", again=True)


def _ask_about_daemon(app: WantuiApp, verb: str, *, again: bool) -> None:
    if (session := app.session) is None:
        return
    running = len(session.state.running)
    goes_on = f" The job that runs ({running}) goes on from its last step." if running else ""
    question = f"{verb} the daemon at {session.bridge.address.socket}?{goes_on}"
    confirm(
        app,
        question,
        yes=verb.lower(),
        no="let it run",
        then=lambda: app.work(_stopped(app, session, again=again)),
    )


async def _stopped(app: WantuiApp, session: Session, *, again: bool) -> None:
    app.area_screen.tell("the daemon is stopping …", Tone.MUTED)
    stopped = await stop_daemon(session.bridge.address, session.paths.lock)
    if again:
        session.bridge.retry(start=True)
    app.area_screen.tell("the daemon has stopped" if stopped else "no daemon runs")


def show(app: WantuiApp) -> None:
    app.push_screen(Panel("daemon", lambda: list(_daemon_facts(app))))


def _daemon_facts(app: WantuiApp) -> Iterator[Fact]:
    if (session := app.session) is None:
        return
    link, hello = session.state.link, session.state.hello
    yield "link", (link.phase, Tone.GOOD if link.error is None else Tone.BAD)
    if link.error is not None:
        yield "error", (link.error.message, Tone.BAD)
        yield "hint", (link.error.hint, Tone.STRONG)
    if hello is not None:
        yield from _hello_facts(hello)


def _hello_facts(hello: Hello) -> Iterator[Fact]:
    engine = "installed" if hello.engine_installed else "missing: pip install 'wantui[engine]'"
    yield "version", (f"{hello.version} (API {hello.api_version})", Tone.PLAIN)
    yield "pid", (str(hello.pid), Tone.PLAIN)
    yield "socket", (hello.socket, Tone.PLAIN)
    yield "started", (words.clock(hello.started_at), Tone.PLAIN)
    yield "engine", (engine, Tone.PLAIN)
