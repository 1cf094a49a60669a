"""The probe on synthetic machines, and on this one."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import psutil
import pytest

from tests.synthetic import NAMES, synthetic
from tests.unit.machines import GIB, MadeDevice, MadeNvml
from wantui.api.hardware import Hardware, PcieLink
from wantui.hardware.cpu import CpuMeter, cpu_extensions, cpu_name
from wantui.hardware.memory import read_memory
from wantui.hardware.nvml import DriverNvml, Holder, NvmlError
from wantui.hardware.probe import NO_DEVICES, Probe


def look(nvml: MadeNvml) -> Hardware:
    probe = Probe(nvml)
    try:
        return probe.read({})
    finally:
        probe.close()


def test_every_gpu_is_listed_with_what_it_tells() -> None:
    nvml = MadeNvml([MadeDevice(), MadeDevice(told_uuid="GPU-2", told_capability=(12, 1))])
    hardware = look(nvml)
    assert (hardware.driver, hardware.gpu_reason) == ("580.1", None)
    first, second = hardware.gpus
    assert (first.uuid, first.index, first.name) == ("GPU-1", 0, "NVIDIA H100")
    assert (first.memory_total_bytes, first.memory_used_bytes) == (80 * GIB, GIB)
    assert (first.utilization_percent, first.temperature_c) == (12.0, 40.0)
    assert (first.power_w, first.power_limit_w) == (70.5, 700.0)
    assert (first.clock_mhz, first.clock_max_mhz, first.memory_clock_mhz) == (345, 1980, 2619)
    assert first.pcie == PcieLink(generation=1, lanes=16, max_generation=5, max_lanes=16)
    assert first.ecc is True
    assert first.holders == ()
    assert (second.index, second.compute_capability) == (1, "12.1")
    assert nvml.sessions == 0


def test_a_reading_that_the_driver_refuses_is_none_and_the_gpu_stays() -> None:
    quiet = MadeDevice(
        told_capability=None,
        told_mig=None,
        told_utilization=None,
        told_temperature=None,
        told_power=None,
        told_power_limit=None,
        told_clocks=None,
        told_link=None,
        told_ecc=None,
        told_holders=None,
    )
    (gpu,) = look(MadeNvml([quiet])).gpus
    assert gpu.compute_capability is None
    assert {gpu.utilization_percent, gpu.temperature_c, gpu.power_w, gpu.power_limit_w} == {None}
    assert {gpu.clock_mhz, gpu.clock_max_mhz, gpu.memory_clock_mhz, gpu.pcie, gpu.ecc} == {None}
    assert gpu.holders == ()


def test_who_holds_a_gpus_memory_is_named_the_largest_first() -> None:
    gone = 1 << 30  # above any kernel's pid_max
    told = [Holder(gone, 5 * GIB), Holder(os.getpid(), 7 * GIB), Holder(os.getppid(), None)]
    (gpu,) = look(MadeNvml([MadeDevice(told_holders=told)])).gpus
    assert [holder.bytes for holder in gpu.holders] == [7 * GIB, 5 * GIB, None]
    assert [holder.pid for holder in gpu.holders] == [os.getpid(), gone, os.getppid()]
    assert gpu.holders[0].name == psutil.Process().name()
    assert gpu.holders[1].name == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_probe_of_a_synthetic_machine_tells_what_its_data_sheet_does(name: str) -> None:
    known = synthetic(name)
    probed = look(known.nvml())
    assert len(probed.gpus) == len(known.gpus)
    for gpu, sheet in zip(probed.gpus, known.hardware.gpus, strict=True):
        telling = {"utilization_percent", "temperature_c", "power_w", "clock_mhz"}
        told = gpu.model_dump(exclude={*telling, "memory_clock_mhz"})
        assert told == sheet.model_dump(exclude={*telling, "memory_clock_mhz"})
    assert bool(probed.gpu_reason) == (not known.gpus)


def test_without_a_driver_the_reason_is_the_drivers() -> None:
    hardware = look(MadeNvml(failure="NVML Shared Library Not Found"))
    assert hardware.gpus == ()
    assert hardware.driver is None
    assert hardware.gpu_reason is not None
    assert "NVML Shared Library Not Found" in hardware.gpu_reason


def test_a_driver_without_devices_says_so() -> None:
    assert look(MadeNvml()).gpu_reason == NO_DEVICES


def test_a_gpu_that_is_split_by_mig_is_left_out_with_the_reason() -> None:
    split = MadeDevice(told_mig=True)
    alone = look(MadeNvml([split]))
    assert alone.gpus == ()
    assert alone.gpu_reason is not None
    assert "MIG" in alone.gpu_reason
    beside = look(MadeNvml([split, MadeDevice(told_uuid="GPU-2")]))
    assert [gpu.uuid for gpu in beside.gpus] == ["GPU-2"]
    assert beside.gpus[0].index == 1
    assert beside.gpu_reason is None
    assert "MIG" in beside.gpu_notes[0]


@pytest.mark.parametrize("lost", [{"told_uuid": None}, {"told_name": None}, {"told_memory": None}])
def test_a_gpu_that_the_driver_lost_is_left_out(lost: dict[str, None]) -> None:
    hardware = look(MadeNvml([MadeDevice(**lost)]))
    assert hardware.gpus == ()
    assert hardware.gpu_reason == "GPU 0: Not Supported"


def test_a_driver_that_dies_and_comes_back_is_found_again() -> None:
    nvml = MadeNvml([MadeDevice()])
    probe = Probe(nvml)
    assert probe.read({}).gpus
    nvml.failure = "Driver/library version mismatch"
    assert probe.read({}).gpu_reason is not None
    assert probe.read({}).gpus == ()
    nvml.failure = None
    assert probe.read({}).gpus
    probe.close()
    probe.close()
    assert (nvml.opened, nvml.closed) == (2, 2)


def test_a_driver_that_hangs_is_waited_for_once_and_found_again_when_it_comes_back() -> None:
    nvml = MadeNvml([MadeDevice()], hangs=threading.Event())
    assert nvml.hangs is not None
    probe = Probe(nvml, driver_s=0.05)
    for _ in range(3):
        hardware = probe.read({})
        assert hardware.gpus == ()
        assert hardware.gpu_reason == "the NVIDIA driver has not answered for 0.05 s: it hangs"
        assert hardware.cpu.cores >= 1
    assert nvml.looked == 1
    probe.close()  # does not wait either
    assert nvml.closed == 0
    nvml.hangs.set()
    while not (gpus := probe.read({}).gpus):
        pass
    assert gpus[0].uuid == "GPU-1"
    probe.close()
    assert (nvml.opened, nvml.closed) == (1, 1)


def test_the_session_stays_open_between_looks() -> None:
    nvml = MadeNvml([MadeDevice()])
    probe = Probe(nvml)
    for _ in range(3):
        probe.read({})
    probe.close()
    assert (nvml.opened, nvml.closed) == (1, 1)


def test_a_name_cannot_command_the_terminal() -> None:
    (gpu,) = look(MadeNvml([MadeDevice(told_name="NVIDIA\x1b[31m X\n")])).gpus
    assert gpu.name == "NVIDIA X"


def test_a_disk_is_that_of_the_nearest_folder_there_is(tmp_path: Path) -> None:
    probe = Probe(MadeNvml())
    hardware = probe.read({"jobs": tmp_path / "not" / "yet", "state": tmp_path})
    probe.close()
    jobs, state = hardware.disks
    assert (jobs.role, jobs.path) == ("jobs", str(tmp_path / "not" / "yet"))
    assert jobs.total_bytes == state.total_bytes > 0
    assert 0 <= jobs.free_bytes <= jobs.total_bytes


def test_looks_from_many_threads_take_turns() -> None:
    probe = Probe(MadeNvml([MadeDevice()]))
    seen: list[Hardware] = []
    threads = [threading.Thread(target=lambda: seen.append(probe.read({}))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    probe.close()
    assert len(seen) == 8
    assert all(hardware.gpus for hardware in seen)


def test_this_machine_can_be_looked_at() -> None:
    probe = Probe()
    hardware = probe.read({"state": Path("/")})
    probe.close()
    assert bool(hardware.gpus) != bool(hardware.gpu_reason)
    assert hardware.cpu.cores >= 1
    assert hardware.cpu.name
    assert 0 < hardware.memory.available_bytes <= hardware.memory.total_bytes
    assert hardware.model_dump_json()


def test_the_drivers_library_fails_only_as_it_may() -> None:
    nvml = DriverNvml()
    with contextlib.suppress(NvmlError):
        nvml.open()
        assert nvml.driver()
        assert all(device.uuid() for device in nvml.devices())
        nvml.close()


def test_utilization_is_told_to_a_thread_that_never_asked_before() -> None:
    meter = CpuMeter()
    start = psutil.cpu_times()
    while psutil.cpu_times().user - start.user < 0.1:
        pass
    told: list[float] = []
    thread = threading.Thread(target=lambda: told.append(meter.read().utilization_percent))
    thread.start()
    thread.join()
    assert 0 < told[0] <= 100


def test_two_looks_at_once_agree() -> None:
    meter = CpuMeter()
    assert 0 <= meter.read().utilization_percent <= 100
    assert 0 <= meter.read().utilization_percent <= 100


def test_the_processors_name_is_the_kernels_or_the_platforms(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some  CPU @ 2 GHz\nmodel name\t: other\n")
    assert cpu_name(cpuinfo) == "Some CPU @ 2 GHz"
    cpuinfo.write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")
    assert cpu_name(cpuinfo)
    assert cpu_name(tmp_path / "absent")


def test_of_the_processors_instructions_those_are_told_that_torch_computes_with(
    tmp_path: Path,
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu sse2 avx avx2 avx512_bf16 amx_tile\n")
    assert cpu_extensions(cpuinfo) == ("avx", "avx2", "avx512_bf16", "amx_tile")
    cpuinfo.write_text("processor\t: 0\nFeatures\t: fp asimd sve bf16\n")
    assert cpu_extensions(cpuinfo) == ("asimd", "sve", "bf16")
    assert cpu_extensions(tmp_path / "absent") == ()


def cgroup(root: Path, self_cgroup: str, files: dict[str, str]) -> Path:
    for name, content in {"proc/self/cgroup": self_cgroup, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


MIB = 1 << 20
V2 = "sys/fs/cgroup"
V1 = "sys/fs/cgroup/memory"


@pytest.mark.parametrize(
    ("self_cgroup", "files", "total", "available"),
    [
        pytest.param(
            "0::/\n",
            {
                f"{V2}/memory.max": f"{100 * MIB}\n",
                f"{V2}/memory.current": f"{60 * MIB}\n",
                f"{V2}/memory.stat": f"anon 1\ninactive_file {20 * MIB}\n",
            },
            100 * MIB,
            60 * MIB,
            id="v2 in a container",
        ),
        pytest.param(
            "0::/a/b\n",
            {
                f"{V2}/a/b/memory.max": "max\n",
                f"{V2}/a/memory.max": f"{50 * MIB}\n",
                f"{V2}/a/memory.current": f"{10 * MIB}\n",
            },
            50 * MIB,
            40 * MIB,
            id="v2, the limit is a parent's",
        ),
        pytest.param(
            "0::/a\n",
            {
                f"{V2}/a/memory.max": f"{50 * MIB}\n",
                f"{V2}/a/memory.current": f"{70 * MIB}\n",
            },
            50 * MIB,
            0,
            id="v2, over the limit",
        ),
        pytest.param(
            "5:cpu:/x\n4:memory:/docker/123\n0::/x\n",
            {
                f"{V1}/memory.limit_in_bytes": f"{80 * MIB}\n",
                f"{V1}/memory.usage_in_bytes": f"{30 * MIB}\n",
                f"{V1}/memory.stat": f"inactive_file 1\ntotal_inactive_file {10 * MIB}\n",
            },
            80 * MIB,
            60 * MIB,
            id="v1, the path is the host's",
        ),
    ],
)
def test_a_containers_limit_is_the_memory_there_is(
    tmp_path: Path, self_cgroup: str, files: dict[str, str], total: int, available: int
) -> None:
    memory = read_memory(cgroup(tmp_path, self_cgroup, files))
    assert (memory.total_bytes, memory.available_bytes) == (total, available)
    assert memory.machine_bytes == psutil.virtual_memory().total
    assert memory.limit == ("cgroup v1" if f"{V1}/" in "".join(files) else "cgroup v2")


@pytest.mark.parametrize(
    ("self_cgroup", "files"),
    [
        ("", {}),
        ("0::/\n", {f"{V2}/memory.max": "max\n"}),
        ("0::/\n", {f"{V2}/memory.max": "noise\n"}),
        ("4:memory:/\n", {f"{V1}/memory.limit_in_bytes": "9223372036854771712\n"}),
        ("0::/../../outside\n", {"sys/memory.max": "1\n"}),
        ("noise", {}),
    ],
)
def test_without_a_limit_it_is_the_machines(
    tmp_path: Path, self_cgroup: str, files: dict[str, str]
) -> None:
    memory = read_memory(cgroup(tmp_path, self_cgroup, files))
    assert memory.total_bytes == psutil.virtual_memory().total
    assert memory.limit is None


def test_swap_is_the_machines(tmp_path: Path) -> None:
    root = cgroup(tmp_path, "", {"proc/meminfo": "SwapTotal:  2048 kB\nSwapFree:  512 kB\n"})
    memory = read_memory(root)
    assert (memory.swap_total_bytes, memory.swap_used_bytes) == (2048 * 1024, 1536 * 1024)
    assert read_memory(tmp_path / "absent").swap_total_bytes == 0
