"""The machine over the wire: read while somebody watches, found out once, written as a profile."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.running import RunningDaemon
from tests.unit.machines import MadeDevice, MadeNvml
from wantui.api.event import EventKind, Notice
from wantui.api.hardware import Hardware
from wantui.api.worker import WorkerState
from wantui.catalog.catalog import Catalog
from wantui.daemon.events import Events
from wantui.daemon.findings import Findings
from wantui.daemon.machine import Machine
from wantui.daemon.watch import Watch
from wantui.daemon.workers import WorkerBoard
from wantui.hardware.probe import Probe
from wantui.hardware.profiles import Profiles
from wantui.paths import Paths, demo_weights, shipped_config
from wantui.settings import EventSettings

pytestmark = pytest.mark.anyio

SHIPPED = shipped_config() / "profiles"
EVENTS = EventSettings(history=8, subscriber_buffer=8, heartbeat_s=5.0, max_subscribers=4)
EVERY_S = 0.01


@pytest.fixture
def nvml() -> MadeNvml:
    return MadeNvml([MadeDevice()])


@pytest.fixture
async def machine(tmp_path: Path, nvml: MadeNvml) -> AsyncIterator[Machine]:
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf")})
    findings = Findings(paths.findings, paths.logs / "engine.log", (), tmp_path, {})
    made = Machine(paths, Profiles.load(SHIPPED), findings, Probe(nvml, environment={}))
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def watch(events: Events, machine: Machine) -> AsyncIterator[None]:
    board = WorkerBoard(lambda _: None)
    board.set("GPU-1", "NVIDIA H100", WorkerState.BUSY)  # so that no engine is asked
    task = asyncio.create_task(Watch(events, machine, board, every_s=EVERY_S).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_nothing_is_read_while_nobody_watches(nvml: MadeNvml, machine: Machine) -> None:
    events = Events(EVENTS)
    async with watch(events, machine):
        async with contextlib.aclosing(events.subscribe(None)) as other:
            await anext(other)  # somebody listens, but not to the machine
            await asyncio.sleep(10 * EVERY_S)
        assert nvml.looked == 0
        async with contextlib.aclosing(events.subscribe(None, [EventKind.HARDWARE])) as stream:
            await anext(stream)
            read = [await anext(stream) for _ in range(3)]
        assert all(b"event: hardware\n" in piece for piece in read)
        assert nvml.looked >= 3
        await asyncio.sleep(2 * EVERY_S)  # one that was under way
        looked = nvml.looked
        await asyncio.sleep(10 * EVERY_S)
        assert nvml.looked == looked


async def test_readings_have_no_number_and_leave_no_gap_in_what_others_hear() -> None:
    events = Events(EVENTS)
    async with (
        contextlib.aclosing(events.subscribe(None)) as all_else,
        contextlib.aclosing(events.subscribe(None, [EventKind.HARDWARE])) as readings,
    ):
        await anext(all_else)
        await anext(readings)
        before = events.last_id
        events.publish_reading(EventKind.HARDWARE, Notice(reason="a reading"))
        events.publish(EventKind.QUEUE, Notice(reason="an event"))
        assert events.last_id.seq == before.seq + 1
        heard = await anext(all_else)
        read = await anext(readings)
    assert heard.count(b"event:") == 1
    assert f"id: {events.last_id}\n".encode() in heard
    assert read.count(b"event: hardware\n") == read.count(b"event:") == 1
    assert b"id:" not in read


async def test_a_goodbye_is_heard_by_those_who_only_read() -> None:
    events = Events(EVENTS)
    async with contextlib.aclosing(events.subscribe(None, [EventKind.HARDWARE])) as readings:
        await anext(readings)
        events.close("the daemon is stopping")
        assert b"event: goodbye" in await anext(readings)


async def test_a_gpu_is_told_with_the_profile_that_it_is_planned_by(machine: Machine) -> None:
    read = await machine.read()
    assert read.profile is not None
    assert read.profile.name == "80gb"  # "NVIDIA H100" without more is no name of NVML's
    assert read.engine is None
    assert read.folders == ()


async def test_a_daemons_machine_is_watched_over_the_wire(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        taken: list[Hardware] = []
        async with contextlib.aclosing(client.watch_hardware()) as readings:
            async for hardware in readings:
                taken.append(hardware)
                if len(taken) == 2:
                    break
    assert taken[0].measured_at < taken[1].measured_at
    assert taken[0].profile is not None


async def test_the_engines_facts_are_sent_once_and_known_throughout(
    daemon: RunningDaemon,
) -> None:
    async with daemon.client() as client:
        found = await client.measure_hardware()
        assert found.engine is not None
        sent: list[Hardware] = []
        async with contextlib.aclosing(client.events(kinds=[EventKind.HARDWARE])) as events:
            async for event in events:
                assert isinstance(event.object, Hardware)
                sent.append(event.object)
                if len(sent) == 3:
                    break
        assert sent[-1].engine is None
        async with contextlib.aclosing(client.watch_hardware()) as readings:
            known = [await anext(readings) for _ in range(3)]
    assert {reading.engine == found.engine for reading in known} == {True}


async def test_what_the_engine_knows_is_found_out_once_and_kept(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        found = await client.measure_hardware(anew=True)
        again = await client.measure_hardware()
        read = await client.hardware()
    assert found.engine is not None
    assert found.engine.error is None
    assert read.engine == again.engine == found.engine
    built = {(part.model, part.component): part for part in found.engine.components}
    assert {"t2v-a14b", "i2v-a14b", "ti2v-5b", "demo"} <= {model for model, _ in built}
    assert all(part.error is None for part in built.values())
    counted = {part.parameter_count == part.expected_count for part in built.values()}
    assert counted == {True}
    assert any(way.available for way in found.engine.attention if way.name == "native")
    assert {folder.role for folder in found.folders} == {
        *("hub", "converted", "embeddings", "adapters", "jobs"),
    }
    state = next(disk for disk in found.disks if disk.role == "state")
    assert state.read_bytes_per_second is not None
    assert state.read_bytes_per_second > 0
    kept = json.loads(daemon.paths.findings.read_bytes())
    assert kept["engine"]["torch"] == found.engine.torch


async def test_the_exported_profile_is_one_and_is_taken_from_then_on(
    daemon: RunningDaemon, tmp_path: Path
) -> None:
    async with daemon.client() as client:
        exported = await client.exported_profile()
        hardware = await client.hardware()
    text = exported.toml.replace("bf16_share = 0.5", "bf16_share = 0.25")
    assert text != exported.toml
    (tmp_path / "mine.toml").write_text(text)
    matched = Profiles.load(SHIPPED, tmp_path).match(hardware)
    assert (matched.profile.name, matched.own) == (exported.name, True)
    assert matched.profile.bf16_share == 0.25
    shipped = Profiles.load(SHIPPED).match(hardware).profile
    named = {"name", "summary", "devices", "bf16_share", "sources"}
    assert matched.profile.model_dump(exclude=named) == shipped.model_dump(exclude=named)
    assert all(hardware.disks[0].path not in line for line in text.splitlines())


async def test_the_engine_is_asked_again_only_with_another_driver_or_catalog(
    tmp_path: Path,
) -> None:
    catalog = Catalog.load(shipped_config())
    demo = (catalog.model("demo"),)
    file, log = tmp_path / "machine.json", tmp_path / "engine.log"
    first = Findings(file, log, demo, demo_weights(), {})
    assert first.engine("580.1") is None
    await first.find("580.1", ask=False)
    assert first.engine("580.1") is None
    await first.find("580.1")
    facts = first.engine("580.1")
    assert facts is not None
    assert [part.model for part in facts.components] == ["demo"] * 3
    later = Findings(file, log, demo, demo_weights(), {})
    assert later.engine("580.1") == facts
    assert later.engine("590.1") is None
    assert Findings(file, log, catalog.recipes, demo_weights(), {}).engine("580.1") is None
    file.write_bytes(b"{half of a docu")
    assert Findings(file, log, demo, demo_weights(), {}).engine("580.1") is None


async def test_an_engine_that_dies_is_told_and_asked_again_by_the_next_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, log = tmp_path / "machine.json", tmp_path / "engine.log"
    with monkeypatch.context() as patched:
        patched.setattr("sys.executable", "/bin/false")
        dead = Findings(file, log, (), tmp_path, {})
        await dead.find("580.1")
        facts = dead.engine("580.1")
        assert facts is not None
        assert facts.error == f"the engine died when it was asked: see {log}"
        assert Findings(file, log, (), tmp_path, {}).engine("580.1") is None
