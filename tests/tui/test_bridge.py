"""The bridge against daemons that are not ours: another version, and one that talks nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import made
from wantui.errors import DaemonUnreachable, VersionMismatch
from wantui.paths import Paths
from wantui.tui.bridge import Bridge
from wantui.tui.state import Action, Connecting, Lost, Phase, Snapshot, State, reduce

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def answering(socket: Path, answers: dict[str, bytes]) -> AsyncIterator[None]:
    """An HTTP server of a few lines: a path to a body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = answers.get(head.split()[1], b"{}")
        kind = b"text/event-stream" if b"data:" in body else b"application/json"
        writer.write(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: " + kind + b"\r\n\r\n" + body
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, socket):
        yield


async def lost_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, bytes]
) -> tuple[State, list[Action]]:
    """What a bridge says until it has lost that daemon."""
    socket = tmp_path / "s"
    monkeypatch.setenv("WANTUI_HOST", f"unix://{socket}")
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    said: list[Action] = []
    lost = asyncio.Event()

    def dispatch(action: Action) -> None:
        said.append(action)
        if isinstance(action, Lost):
            lost.set()

    async with answering(socket, answers):
        running = asyncio.create_task(Bridge(paths, dispatch).run())
        async with asyncio.timeout(20):
            await lost.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    state = State()
    for action in said:
        state = reduce(state, action)
    return state, said


def hello(**fields: Any) -> bytes:
    return made.hello(**fields).model_dump_json().encode()


async def test_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, said = await lost_by(tmp_path, monkeypatch, {"/api/hello": hello(api_version=2)})
    assert isinstance(said[0], Connecting)
    assert state.link.error is not None
    assert state.link.error.code == VersionMismatch.code


async def test_an_event_that_cannot_be_read_ends_the_connection_not_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {
        "/api/hello": hello(),
        "/api/status": made.status(made.job(1)).model_dump_json().encode(),
        "/api/events": b'event: job\nid: b00t.2\ndata: {"id": "no number"}\n\n',
    }
    state, said = await lost_by(tmp_path, monkeypatch, answers)
    assert any(isinstance(action, Snapshot) for action in said)
    assert state.link.error is not None
    assert state.link.error.code == VersionMismatch.code
    assert set(state.jobs) == {1}


async def test_a_goodbye_is_the_reason_for_being_disconnected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {
        "/api/hello": hello(),
        "/api/status": made.status().model_dump_json().encode(),
        "/api/events": b'event: goodbye\nid: b00t.2\ndata: {"reason": "it is stopping"}\n\n',
    }
    state, _ = await lost_by(tmp_path, monkeypatch, answers)
    assert state.link.phase is Phase.DISCONNECTED
    assert state.link.error is not None
    assert state.link.error.message == "it is stopping"


async def test_nobody_there_is_tried_again_and_no_daemon_is_started_at_a_named_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANTUI_HOST", f"unix://{tmp_path}/nobody")
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    losses: asyncio.Queue[Lost] = asyncio.Queue()

    def dispatch(action: Action) -> None:
        if isinstance(action, Lost):
            losses.put_nowait(action)

    bridge = Bridge(paths, dispatch)
    running = asyncio.create_task(bridge.run())
    async with asyncio.timeout(20):
        first, second = await losses.get(), await losses.get()
        bridge.retry()
        third = await losses.get()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert first.error.code == DaemonUnreachable.code
    assert first.retry_at < second.retry_at
    assert third.retry_at < second.retry_at, "a try by hand did not wait"
