"""A machine as lines: a name, a share of something, and the numbers behind it. Pure.

Both faces draw these, each in its own way. Names of processes and paths come out raw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wantui.api.hardware import (
    AttentionBackend,
    BuiltComponent,
    Cpu,
    Disk,
    EngineFacts,
    Folder,
    Gpu,
    Hardware,
    Memory,
    MemoryHolder,
    PcieLink,
    ProfileMatch,
)
from wantui.api.worker import Worker
from wantui.text import bytes_text

NEARLY_FULL = 0.9
HOT_C = 85.0
"""Where NVIDIA's cards begin to slow down."""
MOST_HOLDERS = 4
FEW_GPUS = 2
"""So many are told in full, more in a line each."""


class Mark(StrEnum):
    """What a line means; each face has its own looks for it."""

    PLAIN = "plain"
    MUTED = "muted"
    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    STRONG = "strong"


@dataclass(frozen=True)
class Gauge:
    name: str
    text: str
    fraction: float | None = None
    """0 to 1; None draws no bar."""
    mark: Mark = Mark.PLAIN
    key: str = ""
    """Of the reading whose history may be drawn beside it; see `shares`."""


GAP = Gauge("", "")


def shares(hardware: Hardware) -> Mapping[str, float]:
    """All that changes from reading to reading, by key, as shares of what there is."""
    found = {gauge.key: gauge.fraction for gauge in _changing(hardware)}
    return {key: fraction for key, fraction in found.items() if fraction is not None}


def _changing(hardware: Hardware) -> Iterator[Gauge]:
    for gpu in hardware.gpus:
        yield from _gpu_gauges(gpu)
    yield cpu_gauge(hardware.cpu)
    yield from memory_gauges(hardware.memory)


def profile_gauges(profile: ProfileMatch | None) -> Iterator[Gauge]:
    """The profile that this machine is planned by, and why."""
    if profile is not None:
        own = " (yours)" if profile.own else ""
        yield Gauge("profile", f"{profile.name}{own}: {profile.summary}", mark=Mark.STRONG)
        yield Gauge("", profile.why, mark=Mark.MUTED)
        yield Gauge("", plans_with(profile), mark=Mark.MUTED)


def plans_with(profile: ProfileMatch) -> str:
    """99 TFLOP/s, memory 1.0 TB/s, link 25.2 GB/s, disk 3.0 GB/s, 1.0 GB left free"""
    return (
        f"plans with {_operations(profile.expected_flops)}, "
        f"memory {bytes_text(profile.memory_bytes_per_second)}/s, "
        f"link {bytes_text(profile.host_to_device_bytes_per_second)}/s, "
        f"disk {bytes_text(profile.disk_read_bytes_per_second)}/s, "
        f"{bytes_text(profile.memory_reserve_bytes)} left free"
    )


def _operations(rate: float) -> str:
    return f"{rate / 1e12:.0f} TFLOP/s" if rate >= 1e13 else f"{rate / 1e12:.2g} TFLOP/s"


def gpu_gauges(hardware: Hardware, workers: Sequence[Worker]) -> Iterator[Gauge]:
    """Every GPU, or why there is none; then those that are there and not used."""
    if not hardware.gpus:
        yield Gauge("GPU", f"none: {hardware.gpu_reason or 'no reason given'}", mark=Mark.WARN)
    for device in hardware.accelerators:
        memory = "" if device.memory_total_bytes is None else bytes_text(device.memory_total_bytes)
        words = f"{device.name} {memory}, seen by torch as {device.kind}: wantui runs on the CPU"
        yield Gauge(device.kind.upper(), words, mark=Mark.WARN)
    if len(hardware.gpus) > FEW_GPUS:
        counts = Counter(map(_gpu_words, hardware.gpus))
        for words, count in counts.items():
            yield Gauge("GPUs", f"{count} × {words}", mark=Mark.STRONG)
        yield from map(_gpu_in_a_line, hardware.gpus)
        yield from _holders_of_all(hardware.gpus, workers)
    else:
        for gpu in hardware.gpus:
            yield from _gpu_in_full(gpu, workers)
    for note in hardware.gpu_notes:
        yield Gauge("", note, mark=Mark.WARN)


def _gpu_in_full(gpu: Gpu, workers: Sequence[Worker]) -> Iterator[Gauge]:
    yield Gauge(f"GPU {gpu.index}", _gpu_words(gpu), mark=Mark.STRONG)
    yield from _gpu_gauges(gpu)
    for holder in gpu.holders[:MOST_HOLDERS]:
        yield Gauge("", holder_words(holder, workers), mark=Mark.MUTED)
    if len(gpu.holders) > MOST_HOLDERS:
        yield Gauge("", f"and {len(gpu.holders) - MOST_HOLDERS} more", mark=Mark.MUTED)


def _gpu_in_a_line(gpu: Gpu) -> Gauge:
    """How full it is, and the most of the rest in words."""
    memory = _gpu_memory(gpu)
    told = (
        ("{:.0%} busy", _share(gpu.utilization_percent)),
        ("{:.0f} °C", gpu.temperature_c),
        ("{:.0f} W", gpu.power_w),
    )
    rest = [words.format(value) for words, value in told if value is not None]
    text = ", ".join([_of(gpu.memory_used_bytes, gpu.memory_total_bytes), *rest])
    return Gauge(f"GPU {gpu.index}", text, memory.fraction, memory.mark, memory.key)


def _of(used: int, total: int) -> str:
    """21.0 of 80.0 GB: the unit once, where it is the same."""
    (number, unit), whole = bytes_text(used).split(), bytes_text(total)
    return f"{number} of {whole}" if whole.endswith(f" {unit}") else f"{number} {unit} of {whole}"


def _holders_of_all(gpus: Sequence[Gpu], workers: Sequence[Worker]) -> Iterator[Gauge]:
    """Who holds most of many GPUs, the largest first."""
    held = [(gpu, holder) for gpu in gpus for holder in gpu.holders]
    held.sort(key=lambda pair: -(pair[1].bytes or 0))
    for gpu, holder in held[: len(gpus)]:
        yield Gauge("", f"GPU {gpu.index}: {holder_words(holder, workers)}", mark=Mark.MUTED)
    if len(held) > len(gpus):
        yield Gauge("", f"and {len(held) - len(gpus)} more", mark=Mark.MUTED)


def _gpu_gauges(gpu: Gpu) -> Iterator[Gauge]:
    """What changes of it."""
    yield _gpu_memory(gpu)
    if (busy := _share(gpu.utilization_percent)) is not None:
        yield Gauge("busy", _clock_words(gpu), busy, Mark.BUSY, f"{gpu.uuid}/busy")
    if gpu.power_w is not None:
        limit = f" of {gpu.power_limit_w:.0f} W" if gpu.power_limit_w else " W"
        share = gpu.power_w / gpu.power_limit_w if gpu.power_limit_w else None
        yield Gauge("power", f"{gpu.power_w:.0f}{limit}", share, Mark.PLAIN, f"{gpu.uuid}/power")
    if gpu.temperature_c is not None:
        mark = Mark.WARN if gpu.temperature_c >= HOT_C else Mark.PLAIN
        share = gpu.temperature_c / 100
        yield Gauge("heat", f"{gpu.temperature_c:.0f} °C", share, mark, f"{gpu.uuid}/heat")


def _gpu_memory(gpu: Gpu) -> Gauge:
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    return _used("memory", used, total, f"{gpu.uuid}/memory")


def _gpu_words(gpu: Gpu) -> str:
    """NVIDIA H100 80GB HBM3, compute 9.0, PCIe 5.0 x16, ECC"""
    told = (
        gpu.name,
        f"compute {gpu.compute_capability}" if gpu.compute_capability else "",
        link_words(gpu.pcie),
        "ECC" if gpu.ecc else "",
    )
    return ", ".join(word for word in told if word)


def link_words(link: PcieLink | None) -> str:
    """PCIe 5.0 x16, or what it is narrower than."""
    if link is None or link.max_generation is None or link.max_lanes is None:
        return ""
    narrow = link.lanes is not None and link.lanes < link.max_lanes
    now = f" (x{link.lanes} now)" if narrow else ""
    return f"PCIe {link.max_generation}.0 x{link.max_lanes}{now}"


def _clock_words(gpu: Gpu) -> str:
    if gpu.clock_mhz is None:
        return ""
    most = f" of {gpu.clock_max_mhz}" if gpu.clock_max_mhz else ""
    return f"{gpu.clock_mhz}{most} MHz"


def holder_words(holder: MemoryHolder, workers: Sequence[Worker]) -> str:
    """Who holds memory of a GPU: a worker of ours, or whose process it is."""
    size = "some" if holder.bytes is None else bytes_text(holder.bytes)
    for worker in workers:
        if worker.pid == holder.pid:
            return f"{size}: our worker {holder.pid}, {worker.model or 'no model'}"
    return f"{size}: {holder.name or 'a process of another container'} {holder.pid}"


def cpu_gauge(cpu: Cpu) -> Gauge:
    return Gauge("busy", "", cpu.utilization_percent / 100, Mark.BUSY, "cpu/busy")


def cpu_words(cpu: Cpu) -> str:
    """AMD EPYC 9354, 32 threads of 32 cores, avx2 avx512f"""
    physical = cpu.physical_cores
    cores = f"{cpu.cores} cores" if physical is None else f"{cpu.cores} cores ({physical} physical)"
    return f"{cpu.name}, {cores}"


def extension_words(cpu: Cpu) -> str:
    """The widest vectors, and what multiplies matrices: avx512f, avx512_bf16, amx_bf16."""
    widest = ("sve", "asimd", "avx512f", "avx2", "avx")
    wide = next((name for name in widest if name in cpu.extensions), None)
    other = [name for name in cpu.extensions if "bf16" in name or name.startswith("amx")]
    return ", ".join([*([wide] if wide else []), *other])


def memory_gauges(memory: Memory) -> Iterator[Gauge]:
    used = memory.total_bytes - memory.available_bytes
    yield _used("RAM", used, memory.total_bytes, "ram")
    if memory.swap_total_bytes:
        yield _used("swap", memory.swap_used_bytes, memory.swap_total_bytes, "swap")


def limit_words(memory: Memory) -> str:
    """What keeps us from the machine's whole memory; empty if nothing does."""
    if memory.limit is None or memory.machine_bytes is None:
        return ""
    return f"{memory.limit} caps the machine's {bytes_text(memory.machine_bytes)}"


def disk_gauges(disks: Sequence[Disk], *, paths: bool = True) -> Iterator[Gauge]:
    """One a disk: what has the same numbers is taken for the same."""
    together: dict[tuple[int, int, float | None], list[Disk]] = {}
    for disk in disks:
        key = disk.total_bytes, disk.free_bytes, disk.read_bytes_per_second
        together.setdefault(key, []).append(disk)
    for (total, free, rate), same in together.items():
        share = (total - free) / max(total, 1)
        speed = f", reads {bytes_text(rate)}/s" if rate else ""
        words = f"{bytes_text(free)} free of {bytes_text(total)}{speed}"
        name = same[0].role if len(same) == 1 else "disk"
        yield Gauge(name, words, share, _fullness(share))
        if paths:
            yield from (Gauge("", f"{one.role}: {one.path}", mark=Mark.MUTED) for one in same)
        elif len(same) > 1:
            yield Gauge("", ", ".join(one.role for one in same), mark=Mark.MUTED)


def folder_words(folders: Sequence[Folder]) -> str:
    """hub 57.2 GB, converted 0 B"""
    return ", ".join(
        f"{folder.role} {'?' if folder.bytes is None else bytes_text(folder.bytes)}"
        for folder in folders
    )


def engine_words(engine: EngineFacts | None) -> str:
    """torch 2.13.0+cu130 for CUDA 13.0, cuDNN 91300, compiles"""
    if engine is None:
        return "not asked yet: it is when no job runs"
    if engine.error is not None:
        return engine.error
    built = f" for CUDA {engine.cuda}" if engine.cuda else ""
    built = f" for ROCm {engine.hip}" if engine.hip else built
    cudnn = f", cuDNN {engine.cudnn}" if engine.cudnn else ""
    problem = engine.compile_problem
    compiles = f", compiles nothing: {problem}" if problem else ", compiles"
    can = compiles if engine.compiles or problem else ""
    return f"torch {engine.torch}{built}{cudnn}{can}"


def attention_words(engine: EngineFacts) -> str:
    """Backends that work here, the fastest first where they were timed."""
    works = [way for way in engine.attention if way.available]
    works.sort(key=lambda way: -(way.operations_per_second or 0))
    return ", ".join(map(_attention, works)) or "none works"


def _attention(way: AttentionBackend) -> str:
    rate = way.operations_per_second
    return way.name if rate is None else f"{way.name} {_operations(rate)}"


def built_words(engine: EngineFacts) -> str:
    """Which models the engine can build, and what it cannot and why."""
    wrong = [part for part in engine.components if not _is_right(part)]
    models = dict.fromkeys(part.model for part in engine.components)
    good = [name for name in models if name not in {part.model for part in wrong}]
    told = [f"{part.model}: {part.component}: {_wrong(part)}" for part in wrong]
    return "; ".join([", ".join(good) or "no model", *told])


def _is_right(part: BuiltComponent) -> bool:
    expected = part.expected_count
    return part.error is None and expected in (None, part.parameter_count)


def _wrong(part: BuiltComponent) -> str:
    return part.error or f"{part.parameter_count:,} parameters, not {part.expected_count:,}"


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _used(name: str, used: int, total: int, key: str) -> Gauge:
    share = used / max(total, 1)
    words = f"{bytes_text(used)} of {bytes_text(total)}"
    return Gauge(name, words, share, _fullness(share), key)


def _fullness(share: float) -> Mark:
    return Mark.WARN if share >= NEARLY_FULL else Mark.GOOD
