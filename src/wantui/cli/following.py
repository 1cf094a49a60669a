"""Waiting for jobs to end, over restarts of the daemon."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Collection, Sequence

from wantui.api.download import Download
from wantui.api.job import Job, JobState, WaitsFor
from wantui.api.queue import Queue
from wantui.api.status import Status
from wantui.cli.describe import state_words
from wantui.cli.narrated_download import NarratedDownload
from wantui.cli.patience import patiently
from wantui.cli.progress import Narrator, live_line, narrator
from wantui.client import Client, words
from wantui.errors import DaemonUnreachable, ExitCode, Interrupted, TimedOut, WantuiError
from wantui.text import duration_text, one_line


async def wait_for_jobs(
    client: Client, job_ids: Sequence[int], *, timeout_s: float | None = None
) -> list[Job]:
    """Tell how the jobs go on until each has finished; returns their last versions, in order.

    Raises UnknownJob, TimedOut, and DaemonUnreachable when the daemon stays away.
    """
    shown = narrator()
    try:
        async with asyncio.timeout(timeout_s):
            latest = await _until_finished(client, job_ids, shown)
    except TimeoutError as error:
        raise TimedOut(f"{jobs_words(job_ids)}: not finished after {timeout_s:g} s") from error
    finally:
        shown.close()
    return [latest[job_id] for job_id in job_ids]


class NarratedJob:
    """A job that goes on, as a waiting command tells it."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def plain(self) -> str:
        """State, and stage where it runs."""
        job = self._job
        running = job.state is JobState.RUNNING and not job.cancel_requested
        stage = job.progress.stage.value if running and job.progress else state_words(job)
        return f"job {job.id}: {stage}"

    def live(self, width: int, *, blocks: bool) -> str:
        """Job, stage, bar, share and time left."""
        job, progress = self._job, self._job.progress
        if job.state is not JobState.RUNNING or progress is None:
            left, share, right = one_line(state_words(job)), None, ""
        else:
            share = progress.fraction
            left = state_words(job) if job.cancel_requested else words.stage(progress)
            eta_s = progress.eta_s
            right = "" if eta_s is None else f"eta {duration_text(eta_s)}"
        return live_line(f"job {job.id}  {left}", share, right, width, blocks=blocks)


def detached(job_ids: Sequence[int]) -> Interrupted:
    """What Ctrl-C means to a waiting command: the jobs go on without it."""
    ids = " ".join(map(str, job_ids))
    goes = "goes" if len(job_ids) == 1 else "go"
    return Interrupted(
        f"detached: {jobs_words(job_ids)} {goes} on",
        hint=f"wait again: wantui wait {ids}; cancel: wantui cancel {ids}",
        detail={"jobs": list(job_ids)},
    )


def jobs_words(job_ids: Sequence[int]) -> str:
    """job 3, or jobs 3, 4."""
    return f"job{'s' if len(job_ids) > 1 else ''} {', '.join(map(str, job_ids))}"


def exit_code(jobs: Collection[Job]) -> ExitCode:
    """FAILED if any of these finished jobs has no video."""
    done = all(job.state is JobState.COMPLETED for job in jobs)
    return ExitCode.OK if done else ExitCode.FAILED


def why_no_video(job: Job) -> WantuiError:
    """Of a job that ended without one."""
    if job.error is None:
        return WantuiError(f"job {job.id} was {job.state}", hint="")
    error = job.error.to_error()
    hint = error.hint.replace(" ID", f" {job.id}")
    return type(error)(f"job {job.id} failed: {error.message}", hint=hint)


async def _until_finished(
    client: Client, job_ids: Sequence[int], shown: Narrator
) -> dict[int, Job]:
    told = _Told(set(job_ids), shown)
    open_ids = told.open_ids
    versions = patiently(lambda: _versions(client, open_ids), shown.say, lambda: _lost(open_ids))
    async with contextlib.aclosing(versions):
        async for item in versions:
            told.hear(item)
            if not open_ids:
                break
    return told.latest


class _Told:
    """What is known of the jobs that are waited for, and has been told."""

    def __init__(self, open_ids: set[int], shown: Narrator) -> None:
        self.open_ids = open_ids
        self.latest: dict[int, Job] = {}
        self._shown = shown

    def hear(self, item: Job | Download | Queue) -> None:
        match item:
            case Job():
                self._know(item)
            case Download():
                waiting = (job for id, job in self.latest.items() if id in self.open_ids)
                if any(_waits_for(job, item) for job in waiting):
                    self._shown.update(NarratedDownload(item))
            case Queue():
                for job in list(self.latest.values()):
                    if (explained := item.explain(job)) is not job:
                        self._know(explained)

    def _know(self, job: Job) -> None:
        known = len(self.latest[job.id].warnings) if job.id in self.latest else 0
        for warning in job.warnings[known:]:
            self._shown.say(f"warning: job {job.id}: {warning.message}")
        self.latest[job.id] = job
        self._shown.update(NarratedJob(job))
        if job.state.finished:
            self.open_ids.discard(job.id)


def _lost(waiting: Collection[int]) -> DaemonUnreachable:
    ids = " ".join(map(str, sorted(waiting)))
    return DaemonUnreachable(
        f"the daemon went away; {jobs_words(sorted(waiting))} kept",
        hint=f"run: wantui daemon start && wantui wait {ids}",
    )


async def _versions(client: Client, waiting: set[int]) -> AsyncGenerator[Job | Download | Queue]:
    """Every version of the jobs in `waiting`, and what they wait for, until the stream ends."""
    async with contextlib.aclosing(client.follow()) as items:
        async for item in items:
            if isinstance(item, Status):
                in_snapshot = {job.id: job for job in item.jobs}
                for job_id in sorted(waiting):
                    yield in_snapshot.get(job_id) or await client.job(job_id)
                continue
            news = item.object
            if isinstance(news, Download | Queue) or (isinstance(news, Job) and news.id in waiting):
                yield news


def _waits_for(job: Job, download: Download) -> bool:
    return download.model == job.model and WaitsFor.WEIGHTS in job.waits_for
