"""The hardware area: histories, machines of every size, and readings only while somebody looks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests import made
from tests.running import RunningDaemon, running_daemon
from tests.synthetic import NAMES, synthetic
from tests.tui.conftest import Unconnected
from tests.tui.screens import lines, sees, session_of, show, text, until
from tests.tui.snapshot import compare
from tests.tui.test_wire import terminal_of
from tests.tui.test_with_daemon import watching
from wantui.api.hardware import Hardware, MemoryHolder
from wantui.api.worker import Worker, WorkerState
from wantui.client.words import clock
from wantui.daemon.watch import READ_EVERY_S
from wantui.text import bytes_text
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.gauges import about, devices
from wantui.tui.history import LAPSE_S, MOST, History, extended, graph
from wantui.tui.matrix import Matrix
from wantui.tui.state import Learned
from wantui.tui.tone import Tone
from wantui.tui.widgets.gauges import line, widths
from wantui.tui.widgets.what_fits import WhatFits

anyio = pytest.mark.anyio
WATCHED_S = 8.0
BUDGET_BYTES_A_SECOND = 2048
shares = st.floats(0, 1)


def after(values: list[float]) -> History:
    history = History()
    for value in values:
        history = history.with_value(value)
    return history


@given(st.lists(shares, max_size=50), st.integers(0, 40), st.integers(1, 6), st.integers(1, 7))
def test_a_graph_has_its_size_and_only_blocks(
    values: list[float], width: int, height: int, step: int
) -> None:
    drawn = graph(after(values), width, height, step)
    assert len(drawn) == height
    assert all(len(row) == width and set(row) <= set(" ▁▂▃▄▅▆▇█") for row in drawn)


@given(st.lists(shares, min_size=1, max_size=50), st.integers(1, 6))
def test_what_was_read_is_never_blank_and_what_was_not_always(
    values: list[float], step: int
) -> None:
    bottom = graph(after(values), 60, 3, step)[-1]
    columns = -(-len(values) // step)
    assert bottom[: 60 - columns].strip() == ""
    assert " " not in bottom[60 - columns :]


@given(st.lists(shares, min_size=8, max_size=60), st.integers(2, 5))
def test_a_column_moves_to_the_left_and_stays_the_same(values: list[float], step: int) -> None:
    whole = len(values) - len(values) % step
    before = after(values[:whole]).columns(60, step)
    later = after([*values[:whole], *([0.5] * step)]).columns(60, step)
    assert later[:-1] == before[1:]


def test_a_history_forgets_and_its_columns_still_hold_the_same_readings() -> None:
    history = after([0.0] * (MOST + 7))
    assert len(history.values) == MOST
    assert history.count == MOST + 7


def test_after_a_lapse_a_history_begins_anew() -> None:
    first = made.hardware(at=0.0)
    soon, late = made.hardware(at=LAPSE_S), made.hardware(at=2 * LAPSE_S + 1)
    known = extended(extended({}, None, first), first, soon)
    assert {history.count for history in known.values()} == {2}
    assert {history.count for history in extended(known, soon, late).values()} == {1}


@anyio
@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 50)])
async def test_every_synthetic_machine_is_told_within_the_terminal(
    app_alone: Unconnected, size: tuple[int, int]
) -> None:
    async with app_alone(size) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.status(), Area.HARDWARE)
        boot = session_of(app).state.boot
        assert boot is not None
        for number, name in enumerate(NAMES, start=1):
            at = made.NOW + number * 10 * LAPSE_S
            hardware = synthetic(name).hardware.model_copy(update={"measured_at": at})
            session_of(app).dispatch(Learned(boot, (hardware,)))
            wanted = hardware.gpus[0].name if hardware.gpus else hardware.cpu.name
            await until(pilot, lambda wanted=wanted: wanted in text(app), name)  # type: ignore[misc]
            assert max(map(cell_len, lines(app))) <= size[0]
            assert len(lines(app)) == size[1]


@anyio
@pytest.mark.parametrize(
    ("name", "size"), [("cpu", (80, 24)), ("8xh100", (80, 24)), ("rtx-4090", (160, 50))]
)
async def test_a_watched_machine_looks_as_it_did(
    app_alone: Unconnected, name: str, size: tuple[int, int]
) -> None:
    known = made.hardware()
    sheet = synthetic(name).hardware
    async with app_alone(size) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        machine = sheet.model_copy(
            update={
                "disks": known.disks,
                "folders": known.folders,
                "engine": known.engine,
                "profile": known.profile,
            }
        )
        await show(pilot, made.status(hardware=machine), Area.HARDWARE)
        boot = session_of(app).state.boot
        assert boot is not None
        for second in range(1, 121):
            session_of(app).dispatch(Learned(boot, (_busy(machine, second),)))
        await until(pilot, lambda: not app._draw_is_due, "everything drawn")
        await pilot.pause()
        await compare(pilot, f"watched-{name}-{size[0]}x{size[1]}")


def _busy(machine: Hardware, second: int) -> Hardware:
    """Ever busier, and fuller, as a job that begins."""
    share = min(second / 100, 1.0)
    gpus = tuple(
        gpu.model_copy(
            update={
                "utilization_percent": 100 * share,
                "memory_used_bytes": int(gpu.memory_total_bytes * share * 0.9),
            }
        )
        for gpu in machine.gpus
    )
    cpu = machine.cpu.model_copy(update={"utilization_percent": 100 * share})
    return machine.model_copy(
        update={"gpus": gpus, "cpu": cpu, "measured_at": machine.measured_at + second}
    )


@pytest.mark.parametrize("short", [True, False], ids=["short", "long"])
@pytest.mark.parametrize("name", NAMES)
def test_a_machine_is_told_to_the_last_reading(name: str, short: bool) -> None:
    known = made.hardware()
    machine = synthetic(name).hardware.model_copy(
        update={"disks": known.disks, "folders": known.folders, "profile": known.profile}
    )
    said = _said(machine, short=short)
    for gpu in machine.gpus:
        total = bytes_text(gpu.memory_total_bytes)
        told = [gpu.name, total, f"{gpu.temperature_c:.0f} °C", f"{gpu.power_w:.0f}"]
        assert all(words in said for words in told)
        lines = [line for line in said.split("\n") if line.startswith(f"GPU {gpu.index} ")]
        assert lines, f"GPU {gpu.index} has a line of its own"
    assert machine.gpus or "none: " in said
    ram = bytes_text(machine.memory.total_bytes)
    assert known.profile is not None
    for words in (machine.cpu.name, f"of {ram}", known.profile.why, "20.0 GB free", "hub 57.0 GB"):
        assert words in said


def _said(machine: Hardware, *, short: bool, workers: tuple[Worker, ...] = ()) -> str:
    gauges = (*devices(machine, workers, short=short), *about(machine, workers, short=short))
    return "\n".join(f"{gauge.name} {gauge.text}" for gauge in gauges)


def test_who_holds_memory_of_many_gpus_is_told_the_largest_first() -> None:
    holders = (MemoryHolder(pid=99, name="python3", bytes=18 * made.GB),)
    few = (MemoryHolder(pid=4711, name="Xorg", bytes=made.GB),)
    gpus = [made.gpu(index).model_copy(update={"holders": few}) for index in range(3)]
    gpus[2] = gpus[2].model_copy(update={"holders": (*holders, *few)})
    said = _said(made.hardware(*gpus), short=True, workers=(made.worker(),)).split("\n")
    assert " GPU 2: 18.0 GB: our worker 99, demo" in said
    at = said.index(" GPU 2: 18.0 GB: our worker 99, demo")
    assert said[at + 1 : at + 4] == [
        " GPU 0: 1.0 GB: Xorg 4711",
        " GPU 1: 1.0 GB: Xorg 4711",
        " and 1 more",
    ]
    assert "GPU 1 21.0 of 80.0 GB, 97% busy, 61 °C, 512 W" in said


def test_a_worker_says_how_long_it_is_kept() -> None:
    idle = made.worker(state=WorkerState.IDLE).model_copy(update={"job": None})
    pinned = idle.model_copy(update={"pinned": True})
    kept = idle.model_copy(update={"kept_until": made.NOW})
    for worker, words in (
        (made.worker(), "busy on CPU, holds demo, runs job 1"),
        (pinned, "idle on CPU, holds demo, until it is unloaded"),
        (kept, f"idle on CPU, holds demo, until {clock(made.NOW)}"),
    ):
        assert f"worker {words}" in _said(made.hardware(), short=True, workers=(worker,)).split(
            "\n"
        )


@anyio
async def test_all_of_a_machine_is_read_on_a_small_terminal(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        machine = synthetic("8xh100").hardware
        known = made.hardware(made.gpu())
        update = {"disks": known.disks, "folders": known.folders, "engine": known.engine}
        machine = machine.model_copy(update={**update, "profile": known.profile})
        await show(pilot, made.status(hardware=machine), Area.HARDWARE)
        app.screen.query_one(WhatFits).show(
            Matrix(
                title="a device",
                sizes=("128x128",),
                rows=(("demo 17f", (("● all stays", Tone.GOOD),)),),
                times=(("",),),
            )
        )
        await pilot.pause()
        seen: set[str] = set()
        for _ in range(40):
            seen.update(lines(app))
            await pilot.press("j")
        together = "\n".join(seen)
        for words in ("GPU 7", "RAM", "it is for NVIDIA", "jobs ", "folders", "driver", "worker"):
            assert words in together
        assert "demo 17f  ● all stays" in together
        assert "so many blocks of an expert stay" in together


@given(st.integers(20, 200), shares)
def test_a_line_with_a_bar_is_never_wider_than_it_may_be(width: int, share: float) -> None:
    known = made.hardware(made.gpu())
    gauges = devices(known, (), short=False)
    history = after([share] * 9)
    columns = widths(gauges, width, histories=True)
    for gauge in gauges:
        if gauge.fraction is not None and columns[2]:
            said = line(gauge, gauge.fraction, columns, history)
            assert sum(cell_len(piece) for piece, _ in said) <= width


@anyio
async def test_the_machine_is_read_while_its_area_is_open_and_not_after(
    daemon: RunningDaemon,
) -> None:
    async with watching(daemon) as (app, pilot):

        def readings() -> int:
            histories = session_of(app).state.histories
            return histories["ram"].count if "ram" in histories else 0

        await pilot.press("escape", "4")
        await until(pilot, lambda: readings() >= 3, "readings")
        await sees(pilot, "no profile knows")
        await pilot.press("2")
        await until(pilot, lambda: app.current_mode == Area.QUEUE, "another area")
        await pilot.pause(READ_EVERY_S)  # one may have been on its way
        seen = readings()
        await pilot.pause(2 * READ_EVERY_S)
        assert readings() == seen


@pytest.mark.slow
@anyio
@pytest.mark.timeout(240)
async def test_a_watched_machine_costs_a_slow_line_little_and_nothing_after(
    tmp_path: Path,
) -> None:
    with running_daemon(tmp_path) as daemon, terminal_of(daemon) as terminal:
        await terminal.sees("● connected".encode())
        terminal.press(b"\x1b")
        await terminal.sees(b"1-6 areas")
        terminal.press(b"4")
        await terminal.sees(b"attention: ")  # what is found out once is there
        before, start = len(terminal.seen), time.monotonic()
        await asyncio.sleep(WATCHED_S)
        rate = (len(terminal.seen) - before) / (time.monotonic() - start)
        assert 0 < rate < BUDGET_BYTES_A_SECOND
        terminal.press(b"2")
        await terminal.quiet()
