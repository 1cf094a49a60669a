"""What was learned of estimates, what others hold now, and what a worker's measurements say."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.machines import gpu, machine
from tests.unit.plans import GB, case, cpu_site, gpu_site
from wantui.api.hardware import Gpu, MemoryHolder
from wantui.api.job import Stage, Timings
from wantui.api.plan import Residency
from wantui.database import Database
from wantui.hardware import records
from wantui.hardware.estimates.bar import Bar
from wantui.hardware.estimates.case import Setup
from wantui.hardware.estimates.correction import (
    MEMORY_BOUNDS,
    SECONDS_BOUNDS,
    Corrections,
    Factor,
    learned,
)
from wantui.hardware.estimates.memory import CONTEXT, CORRECTION, stage_parts
from wantui.hardware.estimates.seconds import stage_seconds
from wantui.hardware.estimates.whole import stage_peak
from wantui.hardware.history import Estimated, Measurement, accuracy, by_kind, corrections
from wantui.hardware.measured import Ran, measurements, seen_bytes
from wantui.hardware.now import Ours, holders, site_now
from wantui.hardware.records import Subject
from wantui.hardware.ways import best
from wantui.pipe.messages import StagePeak

TURNS = Setup(Residency(components_stay=False, host_copies_stay=True))
STAYS = Setup(Residency.RESIDENT)
RATIOS = st.lists(st.floats(0.01, 100), min_size=1, max_size=40)


@given(RATIOS)
def test_what_is_learned_is_bounded_and_lies_between_nothing_and_what_was_seen(
    ratios: list[float],
) -> None:
    for bounds in (MEMORY_BOUNDS, SECONDS_BOUNDS):
        factor = learned(ratios, bounds)
        assert bounds[0] <= factor <= bounds[1]
        assert min(1.0, *ratios) <= factor <= max(1.0, *ratios)


def test_one_odd_job_moves_nothing_and_many_alike_are_believed() -> None:
    assert learned([1.2] * 9 + [50.0], SECONDS_BOUNDS) == pytest.approx(
        learned([1.2] * 10, SECONDS_BOUNDS)
    )
    assert learned([], MEMORY_BOUNDS) == 1.0
    few, many = learned([1.3], MEMORY_BOUNDS), learned([1.3] * 20, MEMORY_BOUNDS)
    assert 1.0 < few < many < 1.3
    assert learned([1.3] * 20 + [0.1] * 50, MEMORY_BOUNDS) == many  # the latest come first


def test_a_correction_is_a_line_of_the_breakdown_and_makes_the_bar_narrower() -> None:
    one = case("ti2v-5b", "a100")
    taught = replace(one, corrections=Corrections({Stage.DECODE: Factor(1.1, 2.0, jobs=5)}))
    plain, more = (stage_peak(each, TURNS, Stage.DECODE) for each in (one, taught))
    seen = seen_bytes(one, TURNS, Stage.DECODE)
    line = stage_parts(taught, TURNS, Stage.DECODE)[CORRECTION]
    assert line.likely == pytest.approx(0.1 * seen)
    assert more.likely == pytest.approx(plain.likely + line.likely)
    assert CORRECTION not in stage_parts(taught, TURNS, Stage.DENOISE)
    before, after = (stage_seconds(each, TURNS, Stage.DECODE) for each in (one, taught))
    assert after.likely == pytest.approx(2.0 * before.likely)
    assert _width(after) < _width(before)


def _width(bar: Bar) -> float:
    return (bar.high - bar.low) / bar.likely


def crowded(used: int, *held: tuple[int, int | None]) -> Gpu:
    known = tuple(MemoryHolder(pid=pid, name="p", bytes=size) for pid, size in held)
    one = gpu(80 * GB, used_bytes=used)
    return one.model_copy(update={"holders": known})


@pytest.mark.parametrize(
    ("used", "held", "ours", "free"),
    [
        (0, (), (), 80),
        (30, ((7, 30),), (), 50),
        (30, ((7, 20), (8, 10)), (8,), 60),  # our own worker gives up what it holds
        (30, ((8, 30),), (8,), 80),
        (30, (), (8,), 80),  # the driver does not tell: the worker has the benefit of the doubt
        (30, ((7, None), (8, None)), (8,), 80),
        (30, ((7, None),), (), 50),
    ],
)
def test_what_others_hold_of_a_gpu_is_not_free(
    used: int, held: tuple[tuple[int, int | None], ...], ours: tuple[int, ...], free: int
) -> None:
    known = [(pid, None if size is None else size * GB) for pid, size in held]
    hardware = machine(crowded(used * GB, *known), ram_bytes=256 * GB)
    now = site_now(gpu_site(80 * GB), hardware, Ours(ours))
    assert now.capacity_bytes == free * GB
    assert now.device_bytes == min(free * GB, 80 * GB - 500_000_000)
    others = holders(hardware, "GPU-1", Ours(ours))
    assert {one.pid for one in others} == {pid for pid, _size in held} - set(ours)


def test_what_others_hold_of_host_memory_is_not_free_to_a_cpu() -> None:
    hardware = machine(ram_bytes=64 * GB, available_bytes=10 * GB)
    now = site_now(cpu_site(64 * GB), hardware, Ours((), host_bytes=5 * GB))
    assert now.device_bytes == now.capacity_bytes == now.host_bytes == 15 * GB


def test_a_job_gets_a_leaner_plan_beside_others_but_never_other_pixels() -> None:
    one = case("t2v-a14b", gpu_site(48 * GB))
    alone = best(one)
    assert alone is not None
    assert not alone.tiled
    busy = machine(crowded(17 * GB, (7, 17 * GB)), ram_bytes=256 * GB)
    one_busy = replace(
        one,
        site=site_now(
            one.site, busy.model_copy(update={"gpus": (_smaller(busy.gpus[0]),)}), Ours()
        ),
    )
    beside = best(one_busy, tiles=False)
    assert beside is not None
    assert beside.residency.resident_blocks is not None
    full = replace(one, site=replace(one.site, device_bytes=18 * GB, capacity_bytes=18 * GB))
    assert best(full, tiles=False) is None
    assert best(full) is not None


def _smaller(one: Gpu) -> Gpu:
    return one.model_copy(update={"memory_total_bytes": 48 * GB})


def ran(*peaks: StagePeak, was_loaded: bool = True, resumed: bool = False) -> Ran:
    timings = Timings(load_s=3.0, encode_s=2.0, denoise_s=100.0, decode_s=20.0, write_s=0.01)
    return Ran(
        job=1,
        at=1.0,
        timings=timings,
        peaks=peaks,
        was_loaded=was_loaded,
        resumed=resumed,
    )


def peak(stage: Stage, size: int, *, spared: bool = False) -> StagePeak:
    return StagePeak(stage=stage, bytes=size, allocated_bytes=None, spared=spared)


def test_what_torch_cannot_see_is_not_compared() -> None:
    one = case("ti2v-5b", "a100")
    (found,) = [
        each for each in measurements(one, TURNS, ran(peak(Stage.DENOISE, 15 * GB))) if each.memory
    ]
    assert found.memory is not None
    context = stage_parts(one, TURNS, Stage.DENOISE)[CONTEXT].likely
    whole = stage_peak(one, TURNS, Stage.DENOISE).likely
    assert found.memory.formula == pytest.approx(whole - context)
    assert found.memory.measured == 15 * GB


def test_only_what_a_stage_did_is_learned_from() -> None:
    one = case("ti2v-5b", "a100")
    peaks = [peak(stage, GB) for stage in Stage]

    def known(setup: Setup, how: Ran) -> tuple[set[Stage], set[Stage]]:
        found = measurements(one, setup, how)
        return {m.stage for m in found if m.memory}, {m.stage for m in found if m.seconds}

    at_work = {Stage.ENCODE, Stage.DENOISE, Stage.DECODE}
    assert known(TURNS, ran(*peaks)) == (at_work, {*at_work, Stage.LOAD})
    assert known(STAYS, ran(*peaks, was_loaded=False))[0] == {Stage.DECODE}
    assert known(TURNS, ran(*peaks, resumed=True))[1] == {Stage.DECODE}
    spared = [peak(Stage.ENCODE, GB, spared=True), *peaks[2:]]
    memory, seconds = known(TURNS, ran(*spared))
    assert Stage.ENCODE not in memory
    assert seconds == {Stage.DENOISE, Stage.DECODE}


def test_corrections_come_from_the_formula_and_accuracy_from_what_was_told() -> None:
    one = case("ti2v-5b", "a100")
    seen = seen_bytes(one, TURNS, Stage.DECODE)
    told = replace(one, corrections=Corrections({Stage.DECODE: Factor(memory=1.25)}))
    measured = measurements(told, TURNS, ran(peak(Stage.DECODE, round(1.25 * seen))))
    (found,) = [each for each in measured if each.memory]
    kinds = by_kind([found] * 5)
    (row,) = accuracy(kinds)
    assert row.memory_error == pytest.approx(0.0, abs=1e-6)
    assert row.memory_spread == 0.0
    factor = corrections(kinds, found.device, found.model).factor(Stage.DECODE)
    assert factor.memory == pytest.approx(1.25 ** (5 / 7))


def measurement(job: int, stage: Stage = Stage.DENOISE) -> Measurement:
    memory = Estimated(1.0, 1.1, 1.2)
    return Measurement(float(job), job, "card", "m", stage, memory, seconds=None)


@pytest.mark.anyio
async def test_history_is_kept_and_only_the_latest_of_each_kind_is_read(tmp_path: Path) -> None:
    database = Database(tmp_path / "wantui.db")
    await database.start()
    many = [measurement(job) for job in range(50)]

    def write(connection: sqlite3.Connection) -> None:
        records.add(connection, [*many, measurement(1, Stage.DECODE)])
        records.keep_limit(connection, Subject("g", "m", 1, 2, 3), "decode", 5.0, at=10.0)
        records.keep_limit(connection, Subject("g", "m", 1, 2, 3), "decode", 4.0, at=11.0)
        records.keep_limit(connection, Subject("g", "m", 1, 2, 4), "host", 6.0, at=9.0)

    try:
        await database.run(write)
        kept = await database.run(records.latest)
        known = await database.run(lambda c: records.limits(c, 10.0))
    finally:
        await database.stop()
    assert kept == [*many[30:], measurement(1, Stage.DECODE)]
    assert known == {Subject("g", "m", 1, 2, 3): {"decode": 4.0}}
