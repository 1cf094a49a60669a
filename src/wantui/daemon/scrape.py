"""One answer to Prometheus: what was counted, and how things are at this moment.

How things are is taken down on the loop, and rendered off it: `Now` holds no reference to a part
of the daemon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder

from wantui.api.download import Download
from wantui.api.hardware import Gpu, Hardware
from wantui.api.hello import Hello
from wantui.api.job import Job, JobState, WaitsFor
from wantui.api.model import ModelStatus
from wantui.api.worker import Worker, WorkerState

WAITING = (JobState.QUEUED, JobState.HELD, JobState.RUNNING)


@dataclass(frozen=True)
class Now:
    """How things are."""

    time: float
    """Seconds since the epoch."""
    hello: Hello
    jobs: Mapping[tuple[JobState, str], int]
    """Unfinished ones, by state and model."""
    oldest_queued_at: float | None
    """When the job was accepted that waits the longest."""
    paused: bool
    waits_for: tuple[WaitsFor, ...]
    """What keeps every queued job from running."""
    models: tuple[ModelStatus, ...]
    downloads: tuple[Download, ...]
    workers: tuple[Worker, ...]
    hardware: Hardware
    listeners: int
    """To the events."""


def counted(unfinished: Iterable[Job]) -> dict[tuple[JobState, str], int]:
    return Counter((job.state, job.model) for job in unfinished)


def oldest(unfinished: Iterable[Job]) -> float | None:
    queued = (job.created_at for job in unfinished if job.state is JobState.QUEUED)
    return min(queued, default=None)


class Scrape:
    """A collector as the client library has it: asked once, and thrown away."""

    def __init__(self, counters: CollectorRegistry, now: Now) -> None:
        self._counters = counters
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield from self._counters.collect()
        yield from _daemon(self._now)
        yield from _queue(self._now)
        yield from _models(self._now.models)
        yield from _downloads(self._now.downloads)
        yield from _workers(self._now.workers)
        yield from _gpus(self._now.hardware.gpus)
        yield from _host(self._now.hardware)

    def text(self, accept: str) -> tuple[bytes, str]:
        """In the format that an Accept header asks for, and its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(self), media_type


def _daemon(now: Now) -> Iterator[Metric]:
    build = InfoMetricFamily("wantui_build", "Which wantui this is, and the engine it starts.")
    build.add_metric((), {"version": now.hello.version, **now.hello.engine})
    yield build
    yield _gauge("uptime_seconds", "Since this daemon started.", now.time - now.hello.started_at)
    yield _gauge("event_listeners", "Clients that follow the events.", now.listeners)


def _queue(now: Now) -> Iterator[Metric]:
    jobs = _family("jobs", "Unfinished jobs.", "state", "model")
    for (state, model), count in now.jobs.items():
        jobs.add_metric((state, model), count)
    yield jobs
    queued = sum(count for (state, _), count in now.jobs.items() if state is JobState.QUEUED)
    yield _gauge("queue_length", "Jobs that wait for their turn.", queued)
    since = now.time if now.oldest_queued_at is None else now.oldest_queued_at
    yield _gauge("queue_oldest_seconds", "How long the first of them has waited.", now.time - since)
    yield _gauge("queue_paused", "1 while nothing is started.", now.paused)
    waits = _family("queue_waits", "1 for what keeps every job from running.", "reason")
    for reason in WaitsFor:
        waits.add_metric((reason,), reason in now.waits_for)
    yield waits


def _models(models: Iterable[ModelStatus]) -> Iterator[Metric]:
    usable = _family("model_usable", "1 if all weights are there and none is bad.", "model")
    loaded = _family("model_loaded", "1 while a worker holds it.", "model")
    takes = _family("model_estimated_vram_bytes", "Peak for its official video, here.", "model")
    ever = CounterMetricFamily(
        "wantui_generations",
        "Jobs that ran and ended, in the life of the database.",
        labels=("model", "outcome"),
    )
    for model in models:
        usable.add_metric((model.id,), model.weights.state.usable)
        loaded.add_metric((model.id,), model.loaded)
        if model.estimated_vram_bytes is not None:
            takes.add_metric((model.id,), model.estimated_vram_bytes)
        ever.add_metric((model.id, "success"), model.metrics.successes)
        ever.add_metric((model.id, "failure"), model.metrics.failures)
    yield from (usable, loaded, takes, ever)


def _downloads(downloads: Iterable[Download]) -> Iterator[Metric]:
    family = _family("downloads", "Downloads that are not over.", "action", "state")
    found = Counter((each.action, each.state) for each in downloads if each.state.open)
    for labels, count in found.items():
        family.add_metric(labels, count)
    yield family


def _workers(workers: Iterable[Worker]) -> Iterator[Metric]:
    family = _family("workers", "Worker processes.", "device", "state")
    for worker in workers:
        if worker.state is not WorkerState.GONE:
            family.add_metric((worker.device, worker.state), 1)
    yield family


def _gpus(gpus: Iterable[Gpu]) -> Iterator[Metric]:
    total = _family("device_memory_bytes", "Memory of a GPU.", "device", "name")
    used = _family("device_memory_used_bytes", "Of that, in use by anyone.", "device")
    busy = _family("device_utilisation_ratio", "Share of the time that it computed.", "device")
    heat = _family("device_temperature_celsius", "Of a GPU.", "device")
    power = _family("device_power_watts", "Drawn by a GPU.", "device")
    for gpu in gpus:
        total.add_metric((gpu.uuid, gpu.name), gpu.memory_total_bytes)
        used.add_metric((gpu.uuid,), gpu.memory_used_bytes)
        percent = gpu.utilization_percent
        readings = (
            (busy, None if percent is None else percent / 100),
            (heat, gpu.temperature_c),
            (power, gpu.power_w),
        )
        for family, reading in readings:
            if reading is not None:
                family.add_metric((gpu.uuid,), reading)
    yield from (total, used, busy, heat, power)


def _host(hardware: Hardware) -> Iterator[Metric]:
    memory = hardware.memory
    yield _gauge("host_memory_bytes", "That the daemon may use.", memory.total_bytes)
    yield _gauge("host_memory_available_bytes", "Of that, free.", memory.available_bytes)
    yield _gauge(
        "host_cpu_ratio", "Share of the CPU in use.", hardware.cpu.utilization_percent / 100
    )
    total = _family("disk_bytes", "Of the disk where something of ours lives.", "role")
    free = _family("disk_free_bytes", "Of that, free.", "role")
    for disk in hardware.disks:
        total.add_metric((disk.role,), disk.total_bytes)
        free.add_metric((disk.role,), disk.free_bytes)
    yield from (total, free)
    read_at = hardware.measured_at
    yield _gauge(
        "hardware_read_timestamp_seconds", "When devices, CPU and disks were read.", read_at
    )


def _family(name: str, help: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"wantui_{name}", help, labels=labels)


def _gauge(name: str, help: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"wantui_{name}", help, value=value)
