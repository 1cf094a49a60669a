"""When a worker is taken to hang, when memory is back, how long to wait: on a clock of our own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.machines import GIB, gpu, machine
from wantui.api.hardware import Hardware
from wantui.api.job import Stage
from wantui.daemon.backoff import Backoff
from wantui.daemon.heartbeat import Vigil
from wantui.daemon.memory_back import MemoryBack
from wantui.daemon.timeouts import COMPILING_S, Timeouts
from wantui.hardware.memory import oom_kills
from wantui.paths import Paths
from wantui.pipe.messages import Heartbeat, Step
from wantui.settings import WorkerSettings, load_settings

EXPECTED = {Stage.LOAD: 20.0, Stage.DENOISE: 400.0, Stage.DECODE: 50.0}


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> WorkerSettings:
    home = tmp_path_factory.mktemp("home")
    worker = load_settings(Paths.from_environment({"WANTUI_HOME": str(home)})).worker
    return worker.model_copy(update={"timeout_factor": 10.0, "step_timeout_s": 120.0})


def step(number: int, stage: Stage = Stage.DENOISE) -> Step:
    return Step(job=1, stage=stage, step=number, of=40)


def beat(number: int) -> Heartbeat:
    return Heartbeat(stage=Stage.DENOISE, step=number, of=40, waited_s=1.0)


def test_a_step_may_take_a_multiple_of_what_was_planned_and_never_less_than_the_floor(
    settings: WorkerSettings,
) -> None:
    timeouts = Timeouts(EXPECTED, 40, compiled=False, settings=settings)
    assert timeouts.step_s(Stage.DENOISE, first=False) == 10 * (400 / 40 + 20)
    assert timeouts.step_s(Stage.DECODE, first=True) == 10 * (50 + 20)
    assert Timeouts({}, 40, False, settings).step_s(Stage.WRITE, first=True) == 120.0


def test_only_the_first_step_of_compiled_blocks_has_time_to_compile(
    settings: WorkerSettings,
) -> None:
    timeouts = Timeouts(EXPECTED, 40, compiled=True, settings=settings)
    usual = timeouts.step_s(Stage.DENOISE, first=False)
    assert timeouts.step_s(Stage.DENOISE, first=True) == usual + COMPILING_S
    assert timeouts.step_s(Stage.DECODE, first=True) == 10 * 70


def test_beats_without_steps_are_a_hang_and_steps_are_none(settings: WorkerSettings) -> None:
    vigil = Vigil(Timeouts({}, 40, False, settings), 0.0)
    now = 0.0
    for number in range(1, 20):
        now += 100.0
        vigil.hear(beat(number - 1), now - 50)
        vigil.hear(step(number), now)
        assert vigil.verdict(now) is None
    last = now
    while vigil.verdict(now) is None:
        now += 1.0
        vigil.hear(beat(19), now)
    hung = vigil.verdict(now)
    assert hung is not None
    assert now - last == 120.0
    assert hung.detail == {"stage": "denoise", "step": 19, "waited_s": 120.0, "beats": True}


def test_silence_is_a_hang_long_before_a_step_is_late(settings: WorkerSettings) -> None:
    vigil = Vigil(Timeouts(EXPECTED, 40, False, settings), 0.0)
    vigil.hear(step(1), 10.0)
    assert vigil.patience_s(10.0) == settings.heartbeat_timeout_s
    assert vigil.verdict(10.0 + settings.heartbeat_timeout_s - 1) is None
    hung = vigil.verdict(10.0 + settings.heartbeat_timeout_s)
    assert hung is not None
    assert hung.detail["beats"] is False


def test_what_the_daemon_took_itself_is_not_the_workers(settings: WorkerSettings) -> None:
    vigil = Vigil(Timeouts({}, 40, False, settings), 0.0)
    vigil.hear(step(1), 10.0)
    vigil.listen(1000.0)  # the disk was full for a quarter of an hour
    assert vigil.patience_s(1000.0) == settings.heartbeat_timeout_s


def test_failures_in_a_row_wait_longer_and_a_success_ends_that() -> None:
    backoff = Backoff((0.0, 5.0, 10.0))
    assert [backoff.failed(100.0) for _ in range(4)] == [0.0, 5.0, 10.0, 10.0]
    assert backoff.left_s(104.0) == 6.0
    backoff.succeeded()
    assert backoff.left_s(104.0) == 0.0
    assert backoff.failed(200.0) == 0.0


@dataclass
class Draining:
    """A GPU whose driver gives memory back bit by bit, a look at a time."""

    used: list[int]

    async def read(self) -> Hardware:
        used = self.used.pop(0) if len(self.used) > 1 else self.used[0]
        return machine(gpu(80 * GIB, used_bytes=used))


@pytest.mark.anyio
async def test_memory_is_back_once_three_quarters_are() -> None:
    device = Draining([50 * GIB, 30 * GIB, 13 * GIB, 11 * GIB, 1 * GIB])
    memory = MemoryBack("GPU-1", device.read)
    memory.starting(machine(gpu(80 * GIB, used_bytes=1 * GIB)))
    memory.took(40 * GIB)
    memory.gone()
    assert await memory.confirmed()
    assert device.used == [1 * GIB], "1 + a quarter of 40 may be left: that was at 11"
    assert await memory.confirmed(), "nothing is waited for twice"


@pytest.mark.anyio
async def test_memory_that_others_have_taken_is_not_waited_for_for_ever() -> None:
    device = Draining([60 * GIB])
    memory = MemoryBack("GPU-1", device.read, patience_s=0.3)
    memory.starting(machine(gpu(80 * GIB, used_bytes=1 * GIB)))
    memory.took(40 * GIB)
    memory.gone()
    assert not await memory.confirmed()


@pytest.mark.anyio
@pytest.mark.parametrize("hardware", [None, machine(), machine(gpu(80 * GIB, uuid="GPU-2"))])
async def test_a_cpus_memory_and_a_devices_that_is_gone_are_not_waited_for(
    hardware: Hardware | None,
) -> None:
    async def never() -> Hardware:
        raise AssertionError("nobody looks")

    memory = MemoryBack("GPU-1", never)
    memory.starting(hardware)
    memory.took(40 * GIB)
    memory.gone()
    assert await memory.confirmed()


@pytest.mark.parametrize(
    ("membership", "file"),
    [
        (
            "0::/user.slice/wantui.service\n",
            "sys/fs/cgroup/user.slice/wantui.service/memory.events",
        ),
        ("0::/\n", "sys/fs/cgroup/memory.events"),
        ("4:memory:/docker/ab\n", "sys/fs/cgroup/memory/docker/ab/memory.oom_control"),
        ("4:memory:/docker/ab\n", "sys/fs/cgroup/memory/memory.oom_control"),
        ("0::/\n", "proc/vmstat"),
    ],
)
def test_what_the_oom_killer_ended_is_counted_where_the_kernel_counts_it(
    tmp_path: Path, membership: str, file: str
) -> None:
    for path, text in (("proc/self/cgroup", membership), (file, "low 0\noom 4\noom_kill 3\n")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "ascii")
    assert oom_kills(tmp_path) == 3
