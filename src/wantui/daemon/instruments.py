"""What is counted while the daemon lives, for Prometheus: jobs, downloads, workers, requests.

Parts tell of what happens; nothing here asks anyone. Labels hold names out of closed sets: models
of the catalog, devices, states, stages, codes of errors, routes. No prompt, path or token gets in.
Names and units follow https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from wantui.api.download import Download, DownloadState
from wantui.api.job import Job
from wantui.api.worker import Worker, WorkerState
from wantui.queue.generations import generation_of

GENERATION_BUCKETS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
"""From the demo on a CPU to A14B at 720p with half its blocks streamed."""
STAGE_BUCKETS_S = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
WAIT_BUCKETS_S = (0.1, 1, 10, 60, 300, 1800, 3600, 14400, 86400)
REQUEST_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
"""The budget of most requests is 2 ms; those that ask the hub take seconds."""

disable_created_metrics()  # type: ignore[no-untyped-call] # a series more for each, which nobody reads


class _Seen(NamedTuple):
    """What was counted of an unfinished job already."""

    began: bool
    """Whether a worker has ever taken it on."""
    ended_attempts: int

    @classmethod
    def of(cls, job: Job) -> _Seen:
        ended = sum(attempt.finished_at is not None for attempt in job.attempts)
        began = any(attempt.worker_pid is not None for attempt in job.attempts)
        return cls(began, ended)


class Instruments:
    """Counters and histograms in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._jobs: dict[int, _Seen] = {}
        self._downloads: dict[int, Download] = {}
        self._workers: dict[str, WorkerState] = {}
        self._accepted = self._counter("jobs_accepted", "Jobs taken into the queue.", "model")
        self._ended = self._counter("jobs_ended", "Jobs that are over.", "model", "state")
        self._failed_attempts = self._counter(
            "attempt_failures", "Attempts that failed, by the code of the error.", "model", "code"
        )
        self._waited = self._histogram(
            "queue_wait_seconds", "From accepted to first started.", WAIT_BUCKETS_S, "model"
        )
        self._generation = self._histogram(
            "generation_seconds",
            "Worker time of completed jobs, all attempts together.",
            GENERATION_BUCKETS_S,
            "model",
        )
        self._stage = self._histogram(
            "stage_seconds",
            "A stage of the attempt that completed a job.",
            STAGE_BUCKETS_S,
            "model",
            "stage",
        )
        self._downloads_ended = self._counter(
            "downloads_ended", "Pulls, verifications and the like that are over.", "action", "state"
        )
        self._download_bytes = self._counter(
            "download_bytes", "Fetched, hashed or rewritten while this daemon ran.", "action"
        )
        self._worker_starts = self._counter(
            "worker_starts", "Worker processes started; all but the first restart it.", "device"
        )
        self._worker_failed_starts = self._counter(
            "worker_failed_starts", "Worker processes that never became ready.", "device"
        )
        self._requests = self._counter(
            "http_requests", "Requests answered.", "method", "route", "status"
        )
        self._request_seconds = self._histogram(
            "http_request_seconds",
            "From a request to the first byte of its answer.",
            REQUEST_BUCKETS_S,
            "method",
            "route",
        )

    def start(self, unfinished: Iterable[Job], downloads: Iterable[Download]) -> None:
        """What an earlier daemon left: only what becomes of it from now on is counted."""
        self._jobs = {job.id: _Seen.of(job) for job in unfinished}
        self._downloads = {download.id: download for download in downloads if download.state.open}

    def job(self, job: Job) -> None:
        """A job is new, or other than before."""
        now = _Seen.of(job)
        before = self._jobs.get(job.id, now)
        if job.rev == 1:
            self._accepted.labels(job.model).inc()
        if now.began and not before.began:
            wait_s = job.attempts[0].started_at - job.created_at
            self._waited.labels(job.model).observe(max(wait_s, 0.0))
        for attempt in job.attempts[before.ended_attempts : now.ended_attempts]:
            if attempt.error is not None:
                code = attempt.error.to_error().code  # one of ours, whatever the worker says
                self._failed_attempts.labels(job.model, code).inc()
        if job.state.finished:
            self._jobs.pop(job.id, None)
            self._over(job)
        else:
            self._jobs[job.id] = now

    def download(self, download: Download) -> None:
        """A download is new, or other than before."""
        before = self._downloads.get(download.id)
        if before is not None and _both_run(before, download):
            brought = max(download.bytes_done - before.bytes_done, 0)
            self._download_bytes.labels(download.action).inc(brought)
        if download.state.open:
            self._downloads[download.id] = download
        else:
            self._downloads.pop(download.id, None)
            self._downloads_ended.labels(download.action, download.state).inc()

    def worker(self, worker: Worker) -> None:
        """A device's worker is other than before."""
        before = self._workers.get(worker.device, WorkerState.GONE)
        self._workers[worker.device] = worker.state
        if worker.state is before:
            return
        if worker.state is WorkerState.STARTING:
            self._worker_starts.labels(worker.device).inc()
        elif before is WorkerState.STARTING and worker.state is WorkerState.GONE:
            self._worker_failed_starts.labels(worker.device).inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is a template such as `/api/jobs/{job_id}`."""
        self._requests.labels(method, route, status).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def _over(self, job: Job) -> None:
        self._ended.labels(job.model, job.state).inc()
        done = generation_of(job)
        if done is not None and done.succeeded:
            self._generation.labels(job.model).observe(done.seconds)
        if job.timings is not None:
            for name, seconds in job.timings.model_dump().items():
                self._stage.labels(job.model, name.removesuffix("_s")).observe(seconds)

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(f"wantui_{name}", help, labels, registry=self.registry)

    def _histogram(
        self, name: str, help: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"wantui_{name}", help, labels, buckets=buckets, registry=self.registry)


def _both_run(before: Download, now: Download) -> bool:
    """Whether the bytes between them were brought: those that were there before count at first."""
    running = before.state is DownloadState.RUNNING
    return running and None is not before.bytes_total == now.bytes_total
