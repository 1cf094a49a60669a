"""What Prometheus collects, read by its own client: from a real daemon, and from told events."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import httpx2
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from tests.made import NOW, attempt, completed, failed, hello, model, running
from tests.running import RunningDaemon, job_when, tiny
from tests.unit.machines import GIB, gpu, machine
from wantui.api.download import Download, DownloadAction, DownloadState
from wantui.api.job import Job, JobState, WaitsFor
from wantui.api.worker import Worker, WorkerState
from wantui.daemon.instruments import Instruments
from wantui.daemon.scrape import Now, Scrape, counted, oldest

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SUFFIXES = {"counter": "_total", "info": "_info"}
"""What the text format adds to a name."""
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def families(text: str) -> list[Metric]:
    """As Prometheus' own client reads them; it raises on what is none."""
    return list(text_string_to_metric_families(text))


def series(families: Iterable[Metric]) -> Series:
    """Every sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Series, name: str, **labels: str) -> float:
    """0 for a series that is not there, as a rate has it."""
    return samples.get((f"wantui_{name}", frozenset(labels.items())), 0.0)


def scraped(daemon: RunningDaemon) -> Series:
    answer = daemon.call("GET", "/api/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return series(families(answer.text))


@pytest.mark.anyio
async def test_a_job_is_counted_timed_and_never_quoted(daemon: RunningDaemon) -> None:
    before = scraped(daemon)
    async with daemon.client() as client:
        job = await client.submit(tiny("a secret whisper"))
        done = await job_when(client, job.id, lambda job: job.state.finished)
        cancelled = await client.submit(tiny("a held whisper", hold=True))
        held = scraped(daemon)
        await client.cancel(cancelled.id)
    text = daemon.call("GET", "/api/metrics").text
    after = series(families(text))

    def grew(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert done.state is JobState.COMPLETED
    assert done.timings is not None
    waiting = {"state": "held", "model": "demo"}
    assert value(held, "jobs", **waiting) - value(before, "jobs", **waiting) == 1
    assert grew("jobs_accepted_total", model="demo") == 2
    assert grew("jobs_ended_total", model="demo", state="completed") == 1
    assert grew("jobs_ended_total", model="demo", state="cancelled") == 1
    assert grew("generations_total", model="demo", outcome="success") == 1
    assert grew("generation_seconds_count", model="demo") == 1
    assert grew("queue_wait_seconds_count", model="demo") == 1
    for stage in ("load", "encode", "denoise", "decode", "write"):
        assert grew("stage_seconds_count", model="demo", stage=stage) == 1
    denoised = grew("stage_seconds_sum", model="demo", stage="denoise")
    assert denoised == pytest.approx(done.timings.denoise_s)
    assert value(after, "model_loaded", model="demo") == 1
    assert value(after, "workers", device="cpu", state="idle") == 1
    assert value(after, "worker_starts_total", device="cpu") >= 1
    assert value(after, "uptime_seconds") > 0
    assert "whisper" not in text
    assert str(daemon.paths.state) not in text


def test_any_path_may_be_asked_for_and_makes_no_series_of_its_own(daemon: RunningDaemon) -> None:
    daemon.call("GET", "/api/jobs/900001")
    before = scraped(daemon)
    for number in range(20):
        daemon.call("GET", f"/no/such/{number}")
        daemon.call("PROPFIND", f"/api/jobs/{number}")
        daemon.call("GET", f"/api/jobs/9{number:05}")
    after = scraped(daemon)

    def counted(samples: Series, **labels: str) -> float:
        return value(samples, "http_requests_total", **labels)

    unknown = {"method": "GET", "route": "other", "status": "404"}
    missing = {"method": "GET", "route": "/api/jobs/{job_id}", "status": "404"}
    assert counted(after, **unknown) - counted(before, **unknown) == 20
    assert counted(after, **missing) - counted(before, **missing) == 20
    paths = {dict(labels).get("route") for _, labels in after}
    assert not any(path and "/9" in path for path in paths)
    assert len(after) - len(before) <= 60  # at most three new routes and methods, with buckets


def test_who_prefers_openmetrics_gets_it(daemon: RunningDaemon) -> None:
    transport = httpx2.HTTPTransport(uds=str(daemon.paths.socket), verify=False)
    with httpx2.Client(transport=transport, base_url="http://wantui") as client:
        answer = client.get("/api/metrics", headers={"Accept": OPENMETRICS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    samples = series(openmetrics_families(answer.text))  # type: ignore[no-untyped-call]
    assert value(samples, "uptime_seconds") > 0
    assert value(samples, "queue_paused") == 0


def job_of(state: JobState, **fields: object) -> Job:
    return running(7, rev=3).model_copy(update={"state": state, **fields})


def test_failures_count_by_code_each_attempt_once_and_a_strange_code_as_internal() -> None:
    instruments = Instruments()
    instruments.start([], [])
    crash = failed(7).error
    assert crash is not None
    first = attempt(crash)
    again = attempt().model_copy(update={"number": 2})
    strange = crash.model_copy(update={"code": "c0de of a newer worker"})
    second = attempt(strange).model_copy(update={"number": 2})
    instruments.job(job_of(JobState.QUEUED, rev=1, attempts=()))
    instruments.job(job_of(JobState.QUEUED, attempts=(first,)))
    instruments.job(job_of(JobState.RUNNING, attempts=(first, again)))
    instruments.job(job_of(JobState.FAILED, attempts=(first, second), finished_at=NOW + 9))
    samples = series(instruments.registry.collect())
    assert value(samples, "attempt_failures_total", model="demo", code="worker_crashed") == 1
    assert value(samples, "attempt_failures_total", model="demo", code="internal") == 1
    assert value(samples, "jobs_ended_total", model="demo", state="failed") == 1
    assert value(samples, "queue_wait_seconds_count", model="demo") == 1
    assert value(samples, "generation_seconds_count", model="demo") == 0


def test_what_an_earlier_daemon_did_is_not_counted_again() -> None:
    instruments = Instruments()
    crash = failed(7).error
    left = job_of(JobState.QUEUED, attempts=(attempt(crash),))
    instruments.start([left], [])
    instruments.job(left.model_copy(update={"state": JobState.HELD}))
    samples = series(instruments.registry.collect())
    assert not any(count for (name, _), count in samples.items() if name.endswith("_total"))


def download(state: DownloadState, done: int, total: int | None = 100) -> Download:
    return Download(
        id=1,
        rev=1,
        action=DownloadAction.PULL,
        model="ti2v-5b",
        repository="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        state=state,
        bytes_done=done,
        bytes_total=total,
        created_at=NOW,
    )


def test_bytes_that_were_there_before_are_not_counted_as_brought() -> None:
    instruments = Instruments()
    instruments.download(download(DownloadState.QUEUED, 0, None))
    instruments.download(download(DownloadState.RUNNING, 0, None))
    instruments.download(download(DownloadState.RUNNING, 40))  # found on the disk
    instruments.download(download(DownloadState.RUNNING, 70))
    instruments.download(download(DownloadState.PAUSED, 70))
    instruments.download(download(DownloadState.RUNNING, 70))
    instruments.download(download(DownloadState.RUNNING, 100))
    instruments.download(download(DownloadState.COMPLETED, 100))
    samples = series(instruments.registry.collect())
    assert value(samples, "download_bytes_total", action="pull") == 60
    assert value(samples, "downloads_ended_total", action="pull", state="completed") == 1


def test_a_worker_that_never_gets_ready_is_told_from_one_that_leaves() -> None:
    instruments = Instruments()
    starting, gone = WorkerState.STARTING, WorkerState.GONE
    states = (starting, gone, starting, WorkerState.BUSY, WorkerState.BUSY, WorkerState.IDLE, gone)
    for rev, state in enumerate(states):
        instruments.worker(
            Worker(
                device="GPU-1",
                device_name="NVIDIA H100",
                state=state,
                pid=None,
                model=None,
                job=None,
                rss_bytes=None,
                started_at=NOW,
                rev=rev,
            )
        )
    samples = series(instruments.registry.collect())
    assert value(samples, "worker_starts_total", device="GPU-1") == 2
    assert value(samples, "worker_failed_starts_total", device="GPU-1") == 1


def busy() -> Now:
    """A daemon with something of everything."""
    jobs = [running(3), job_of(JobState.QUEUED, id=1, created_at=NOW - 30), completed(2)]
    unfinished = [job for job in jobs if not job.state.finished]
    readings = {"utilization_percent": 50.0, "temperature_c": 60.0, "power_w": 300.0}
    card = gpu(80 * GIB, used_bytes=20 * GIB).model_copy(update=readings)
    return Now(
        time=NOW,
        hello=hello(started_at=NOW - 60),
        jobs=counted(unfinished),
        oldest_queued_at=oldest(unfinished),
        paused=True,
        waits_for=(WaitsFor.PAUSED, WaitsFor.DISK),
        models=(model("t2v-a14b", estimated_vram_bytes=GIB),),
        downloads=(download(DownloadState.RUNNING, 1),),
        workers=(),
        hardware=machine(card),
        listeners=2,
    )


def test_how_things_are_is_told_in_base_units() -> None:
    text, _ = Scrape(Instruments().registry, busy()).text("")
    samples = series(families(text.decode()))
    assert value(samples, "uptime_seconds") == 60
    assert value(samples, "queue_length") == 1
    assert value(samples, "queue_oldest_seconds") == 30
    assert value(samples, "queue_paused") == 1
    assert value(samples, "queue_waits", reason="disk") == 1
    assert value(samples, "queue_waits", reason="worker") == 0
    assert value(samples, "jobs", state="running", model="demo") == 1
    assert value(samples, "device_memory_used_bytes", device="GPU-1") == 20 * GIB
    assert value(samples, "device_utilisation_ratio", device="GPU-1") == 0.5
    assert value(samples, "downloads", action="pull", state="running") == 1
    assert value(samples, "model_usable", model="t2v-a14b") == 1


def test_every_metric_is_written_down_with_its_labels() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8").splitlines()
    rows = [line.split("|")[1:3] for line in lines if line.startswith("| `wantui_")]
    told = {names.strip(" `"): set(re.findall(r"`(\w+)`", labels)) for names, labels in rows}
    instruments = Instruments()
    there = {
        f"{metric.name}{SUFFIXES.get(metric.type, '')}"
        for metric in Scrape(instruments.registry, busy()).collect()
    }
    assert told.keys() == there
    for metric in Scrape(instruments.registry, busy()).collect():
        for sample in metric.samples:
            if metric.type in ("gauge", "counter"):
                assert set(sample.labels) == told[sample.name]
