"""`wantui ps` and `hw`: the workers, and the machine they run on."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from wantui.api.hardware import Gpu, Hardware
from wantui.api.worker import Worker
from wantui.cli.describe import show_facts
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.table import Column, table
from wantui.cli.terminal import colours_wanted, columns, narrate, show
from wantui.client import words
from wantui.text import bytes_text

_WORKER_COLUMNS = (
    Column("DEVICE", flexible=True),
    Column("STATE"),
    Column("MODEL"),
    Column("JOB", right=True),
    Column("PID", right=True),
    Column("MEMORY", right=True),
    Column("SINCE"),
)


def register(app: typer.Typer) -> None:
    for verb in (ps, hw):
        app.command()(verb)


def ps(host: Host = None, as_json: Json = False) -> None:
    """List the workers: processes that hold a model on a device."""
    reply = ask(lambda client: client.workers(), host)
    if as_json:
        show_document(reply)
    elif reply.workers:
        rows = [_worker_row(worker) for worker in reply.workers]
        show(table(_WORKER_COLUMNS, rows, width=columns(), colours=colours_wanted()))
    else:
        narrate("no worker runs; one starts with the next job")


def hw(host: Host = None, as_json: Json = False) -> None:
    """Show what the daemon's machine has: GPUs, memory, disks."""
    hardware = ask(lambda client: client.hardware(), host)
    if as_json:
        show_document(hardware)
    else:
        show_facts(list(_hardware_facts(hardware)))


def _worker_row(worker: Worker) -> tuple[str, ...]:
    return (
        worker.device_name,
        worker.state,
        worker.model or "",
        "" if worker.job is None else str(worker.job),
        "" if worker.pid is None else str(worker.pid),
        "" if worker.rss_bytes is None else bytes_text(worker.rss_bytes),
        words.clock(worker.started_at),
    )


def _hardware_facts(hardware: Hardware) -> Iterator[tuple[str, str]]:
    for gpu in hardware.gpus:
        yield f"gpu {gpu.index}", f"{gpu.name} ({gpu.uuid})"
        yield "", _gpu_words(gpu)
    if hardware.gpu_reason:
        yield "gpu", hardware.gpu_reason
    if hardware.driver:
        yield "driver", hardware.driver
    cpu, memory = hardware.cpu, hardware.memory
    yield "cpu", f"{cpu.name}, {cpu.cores} cores, {cpu.utilization_percent:.0f} % used"
    free, total = bytes_text(memory.available_bytes), bytes_text(memory.total_bytes)
    yield "memory", f"{free} free of {total}"
    for disk in hardware.disks:
        free, total = bytes_text(disk.free_bytes), bytes_text(disk.total_bytes)
        yield disk.role, f"{free} free of {total}, {disk.path}"


def _gpu_words(gpu: Gpu) -> str:
    """What the driver tells; a reading that it refuses is left out."""
    readings = (
        ("compute capability {}", gpu.compute_capability),
        ("{:.0f} % busy", gpu.utilization_percent),
        ("{:.0f} °C", gpu.temperature_c),
        ("{:.0f} W", gpu.power_w),
        ("of {:.0f} W", gpu.power_limit_w),
    )
    used, total = bytes_text(gpu.memory_used_bytes), bytes_text(gpu.memory_total_bytes)
    told = [words.format(value) for words, value in readings if value is not None]
    return ", ".join([f"{used} used of {total}", *told])
