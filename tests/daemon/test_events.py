from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from tests.running import RunningDaemon, running_daemon, tiny
from wantui.api.event import EventId, EventKind, Notice
from wantui.api.job import Job
from wantui.client import Client, Event
from wantui.daemon.events import Events
from wantui.errors import QueueFull
from wantui.settings import EventSettings

pytestmark = pytest.mark.anyio


async def first(client: Client, count: int, after: str | None) -> list[Event]:
    taken: list[Event] = []
    async for event in client.events(after):
        taken.append(event)
        if len(taken) == count:
            break
    return taken


async def test_events_carry_the_whole_job_and_a_rising_rev(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        start = (await client.status()).event_id
        job = await client.submit(tiny(hold=True))
        await client.cancel(job.id)
        events = await first(client, 4, start)
    jobs = [event.object for event in events if isinstance(event.object, Job)]
    assert [each.state for each in jobs] == ["held", "cancelled"]
    assert jobs[0].rev < jobs[1].rev
    ids = [event.id for event in events if event.id is not None]
    gaps = {later.seq - earlier.seq for earlier, later in itertools.pairwise(ids)}
    assert gaps == {1}


async def test_a_client_that_comes_back_gets_what_it_missed(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        job = await client.submit(tiny(hold=True))
        start = (await client.status()).event_id
        await client.cancel(job.id)
        whole = await first(client, 2, start)
        rest = await first(client, 1, str(whole[0].id))
    assert rest == whole[1:]


@pytest.mark.parametrize("after", ["deadbeef.3", "nonsense", "deadbeef.-1"])
async def test_an_event_of_another_boot_means_starting_over(
    daemon: RunningDaemon, after: str
) -> None:
    async with daemon.client() as client:
        [event] = await first(client, 1, after)
    assert event.kind is EventKind.RESYNC


async def test_a_stopping_daemon_says_goodbye_and_ends_the_stream(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            start = (await client.status()).event_id
            await client.pause()  # an event, so that the stream is seen to be open
            stopping: asyncio.Task[int] | None = None
            events = []
            async for event in client.events(start):
                events.append(event)
                stopping = stopping or asyncio.create_task(asyncio.to_thread(daemon.stop))
            assert stopping is not None
            assert await stopping == 0
    assert events[-1].kind is EventKind.GOODBYE


SETTINGS = EventSettings(history=4, subscriber_buffer=3, heartbeat_s=0.01, max_subscribers=1)


async def test_a_slow_listener_is_told_to_start_over() -> None:
    events = Events(SETTINGS)
    stream = events.subscribe(None)
    await anext(stream)
    for n in range(5):
        events.publish(EventKind.RESYNC, Notice(reason=str(n)))
    assert b"too slow" in await anext(stream)
    events.publish(EventKind.RESYNC, Notice(reason="after"))
    assert b"after" in await anext(stream)
    await stream.aclose()


async def test_silence_is_broken_by_heartbeats() -> None:
    stream = Events(SETTINGS).subscribe(None)
    await anext(stream)
    assert await anext(stream) == b":\n\n"
    await stream.aclose()


async def test_history_that_is_gone_means_starting_over() -> None:
    events = Events(SETTINGS)
    for n in range(9):
        events.publish(EventKind.RESYNC, Notice(reason=str(n)))
    stream = events.subscribe(EventId(events.boot, 2))
    await anext(stream)
    assert b"no longer known" in await anext(stream)
    await stream.aclose()
    known = events.subscribe(EventId(events.boot, 5))
    await anext(known)
    assert (await anext(known)).count(b"event:") == 4
    await known.aclose()


async def test_listeners_are_limited() -> None:
    events = Events(SETTINGS)
    stream = events.subscribe(None)
    await anext(stream)
    with pytest.raises(QueueFull):
        events.subscribe(None)
    await stream.aclose()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await events.watched()


def test_an_id_that_no_daemon_of_ours_sent_is_none() -> None:
    assert EventId.parse("abc.12") == EventId("abc", 12)
    for text in ("abc", "abc.", "abc.-1", "abc.x", "abc." + "9" * 5000):
        assert EventId.parse(text) is None
