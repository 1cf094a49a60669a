"""The machine as lines: a name, a share of something, and the numbers behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wantui.api.hardware import Disk, Gpu, Hardware
from wantui.api.worker import Worker
from wantui.text import bytes_text
from wantui.tui.tone import Tone

NEARLY_FULL = 0.9


@dataclass(frozen=True)
class Gauge:
    name: str
    text: str
    fraction: float | None = None
    """0 to 1; None draws no bar."""
    tone: Tone = Tone.PLAIN


def gauges(hardware: Hardware | None, workers: Sequence[Worker]) -> list[Gauge]:
    """Everything there is to say, a line each; an empty name and text is a gap."""
    if hardware is None:
        return [Gauge("", "nothing known yet: the daemon tells when it answers", tone=Tone.MUTED)]
    return [*_gpus(hardware), *_host(hardware), *_disks(hardware.disks), *_workers(workers)]


def _gpus(hardware: Hardware) -> Iterator[Gauge]:
    if not hardware.gpus:
        yield Gauge("GPU", f"none: {hardware.gpu_reason or 'no reason given'}", tone=Tone.WARN)
    for gpu in hardware.gpus:
        yield from _gpu(gpu)
    if hardware.driver:
        yield Gauge("driver", f"NVIDIA {hardware.driver}", tone=Tone.MUTED)
    yield Gauge("", "")


def _gpu(gpu: Gpu) -> Iterator[Gauge]:
    capability = f", compute {gpu.compute_capability}" if gpu.compute_capability else ""
    yield Gauge(f"GPU {gpu.index}", f"{gpu.name}{capability}", tone=Tone.STRONG)
    share = gpu.memory_used_bytes / max(gpu.memory_total_bytes, 1)
    yield _used("memory", share, gpu.memory_used_bytes, gpu.memory_total_bytes)
    if gpu.utilization_percent is not None:
        share = gpu.utilization_percent / 100
        yield Gauge("busy", "", share, Tone.BUSY)
    if gpu.power_w is not None:
        limit = f" of {gpu.power_limit_w:.0f} W" if gpu.power_limit_w else " W"
        power = gpu.power_w / gpu.power_limit_w if gpu.power_limit_w else None
        yield Gauge("power", f"{gpu.power_w:.0f}{limit}", power, Tone.PLAIN)
    if gpu.temperature_c is not None:
        yield Gauge("heat", f"{gpu.temperature_c:.0f} °C")


def _host(hardware: Hardware) -> Iterator[Gauge]:
    cpu, memory = hardware.cpu, hardware.memory
    yield Gauge("CPU", f"{cpu.name}, {cpu.cores} cores", tone=Tone.STRONG)
    yield Gauge("busy", "", cpu.utilization_percent / 100, Tone.BUSY)
    used = memory.total_bytes - memory.available_bytes
    yield _used("RAM", used / max(memory.total_bytes, 1), used, memory.total_bytes)
    yield Gauge("", "")


def _disks(disks: Sequence[Disk]) -> Iterator[Gauge]:
    for disk in disks:
        used = disk.total_bytes - disk.free_bytes
        share = used / max(disk.total_bytes, 1)
        words = f"{bytes_text(disk.free_bytes)} free of {bytes_text(disk.total_bytes)}"
        yield Gauge(disk.role, words, share, _fullness(share))
        yield Gauge("", disk.path, tone=Tone.MUTED)
    yield Gauge("", "")


def _workers(workers: Sequence[Worker]) -> Iterator[Gauge]:
    if not workers:
        yield Gauge("worker", "none: one starts with the next job", tone=Tone.MUTED)
    for worker in workers:
        held = f"holds {worker.model}" if worker.model else "holds no model"
        job = f", runs job {worker.job}" if worker.job else ""
        words = f"{worker.state} on {worker.device_name}, {held}{job}"
        yield Gauge("worker", words, tone=Tone.BUSY if worker.job else Tone.PLAIN)


def _used(name: str, share: float, used: int, total: int) -> Gauge:
    return Gauge(name, f"{bytes_text(used)} of {bytes_text(total)}", share, _fullness(share))


def _fullness(share: float) -> Tone:
    return Tone.WARN if share >= NEARLY_FULL else Tone.GOOD
