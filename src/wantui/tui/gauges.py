"""The machine as the hardware area tells it: what changes, and what is known about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wantui.api.hardware import Cpu, Hardware
from wantui.api.worker import Worker
from wantui.client import machine
from wantui.client.machine import GAP, Gauge, Mark
from wantui.client.words import clock

UNKNOWN = Gauge("", "nothing known yet: the daemon tells when it answers", mark=Mark.MUTED)


def devices(hardware: Hardware | None, workers: Sequence[Worker], *, short: bool) -> list[Gauge]:
    """GPUs, the processor, memory: what is read every second; `short` where lines are few."""
    if hardware is None:
        return [UNKNOWN]
    cpu = hardware.cpu
    return [
        *machine.gpu_gauges(hardware, workers),
        *_gap(short=short),
        Gauge("CPU", machine.cpu_words(cpu), mark=Mark.STRONG),
        *_extensions(cpu, short=short),
        machine.cpu_gauge(cpu),
        *machine.memory_gauges(hardware.memory),
        *_limit(hardware),
    ]


def about(hardware: Hardware | None, workers: Sequence[Worker], *, short: bool) -> list[Gauge]:
    """The profile, disks, the engine, workers."""
    if hardware is None:
        return []
    profile = list(machine.profile_gauges(hardware.profile))
    return [
        *(profile[:2] if short else profile),
        *_gap(short=short),
        *machine.disk_gauges(hardware.disks, paths=not short),
        *_folders(hardware),
        *_gap(short=short),
        *_engine(hardware, short=short),
        *_driver(hardware),
        *_workers(workers),
    ]


def _gap(*, short: bool) -> list[Gauge]:
    return [] if short else [GAP]


def _extensions(cpu: Cpu, *, short: bool) -> Iterator[Gauge]:
    if cpu.extensions and not short:
        yield Gauge("", machine.extension_words(cpu), mark=Mark.MUTED)


def _limit(hardware: Hardware) -> Iterator[Gauge]:
    if limit := machine.limit_words(hardware.memory):
        yield Gauge("", limit, mark=Mark.MUTED)


def _folders(hardware: Hardware) -> Iterator[Gauge]:
    if hardware.folders:
        yield Gauge("folders", machine.folder_words(hardware.folders))


def _engine(hardware: Hardware, *, short: bool) -> Iterator[Gauge]:
    engine = hardware.engine
    yield Gauge("engine", machine.engine_words(engine))
    if engine is not None and engine.error is None:
        yield Gauge("", f"attention: {machine.attention_words(engine)}", mark=Mark.MUTED)
        if not short:
            yield Gauge("", f"builds {machine.built_words(engine)}", mark=Mark.MUTED)


def _driver(hardware: Hardware) -> Iterator[Gauge]:
    if hardware.driver:
        yield Gauge("driver", f"NVIDIA {hardware.driver}", mark=Mark.MUTED)


def _workers(workers: Sequence[Worker]) -> Iterator[Gauge]:
    if not workers:
        yield Gauge("worker", "none: one starts with the next job", mark=Mark.MUTED)
    for worker in workers:
        held = f"holds {worker.model}" if worker.model else "holds no model"
        job = f", runs job {worker.job}" if worker.job else ""
        words = f"{worker.state} on {worker.device_name}, {held}{job}{_kept(worker)}"
        yield Gauge("worker", words, mark=Mark.BUSY if worker.job else Mark.PLAIN)


def _kept(worker: Worker) -> str:
    """How long it is held without work."""
    if worker.kept_until is not None:
        return f", until {clock(worker.kept_until)}"
    return ", until it is unloaded" if worker.pinned and worker.job is None else ""
