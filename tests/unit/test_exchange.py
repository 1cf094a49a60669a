"""One HTTP exchange with daemons that behave as none should, on a real socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from wantui.client.exchange import exchange
from wantui.errors import DaemonUnreachable, TimedOut

pytestmark = pytest.mark.anyio

REFUSAL = b"HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo long"


@asynccontextmanager
async def daemon(path: Path, answer: bytes, *, hangs: bool = False) -> AsyncIterator[None]:
    """It reads a line of the request, says `answer`, and closes unless it hangs."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        await writer.drain()
        if hangs:
            await gone.wait()
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield
        gone.set()


async def said(path: Path, body: bytes = b"", silence_s: float = 20.0) -> tuple[int, bytes]:
    async with exchange(
        path,
        "POST",
        "/api/uploads",
        headers=None,
        body=body,
        silence_s=silence_s,
        owner=os.getuid(),
    ) as answer:
        return answer.status, await answer.read()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


async def test_a_refusal_that_comes_before_the_whole_body_is_sent_is_heard(path: Path) -> None:
    async with daemon(path, REFUSAL):
        assert await said(path, bytes(8 << 20)) == (413, b"too long")


async def test_what_the_daemon_says_first_of_all_does_not_count(path: Path) -> None:
    async with daemon(path, b"HTTP/1.1 100 Continue\r\n\r\n" + REFUSAL):
        assert await said(path) == (413, b"too long")


@pytest.mark.parametrize(
    "answer", [b"", REFUSAL[:20], REFUSAL[:-1], b"SSH-2.0-OpenSSH_9.6\r\n\r\n"]
)
async def test_an_answer_that_breaks_off_or_is_none_means_no_daemon(
    path: Path, answer: bytes
) -> None:
    async with daemon(path, answer):
        with pytest.raises(DaemonUnreachable, match="went away"):
            await said(path)


async def test_silence_in_the_middle_of_an_answer_is_not_waited_out(path: Path) -> None:
    async with daemon(path, REFUSAL[:-1], hangs=True):
        with pytest.raises(TimedOut):
            await said(path, silence_s=0.05)


async def test_nobody_answers_where_nobody_listens(path: Path) -> None:
    with pytest.raises(DaemonUnreachable, match="no daemon answers"):
        await said(path)
