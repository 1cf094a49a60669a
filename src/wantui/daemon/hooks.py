"""Commands of the user's own that hear of a job that has ended.

They run beside the queue and never hold it up: some at a time, each for a while. A job that ended
while the daemon was dying is told of by nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from wantui.api.job import Job, JobWarning
from wantui.errors import WantuiError
from wantui.settings import HookSettings

AT_ONCE = 4
FAREWELL_S = 5.0
"""How long a daemon that stops lets them end."""

log = logging.getLogger(__name__)


class Hooks:
    """`warn` tells a job what became of its command; `log_file` is where it may write."""

    def __init__(
        self,
        settings: HookSettings,
        warn: Callable[[int, JobWarning], Awaitable[Job]],
        log_file: Callable[[], Path],
    ) -> None:
        self._command = [_expanded(word) for word in settings.job_finished]
        self._timeout_s = settings.timeout_s
        self._warn = warn
        self._log_file = log_file
        self._unfinished: set[int] = set()
        self._ended: asyncio.Queue[Job] = asyncio.Queue()

    def start(self, unfinished: Iterable[int]) -> None:
        """The jobs that have not ended yet."""
        self._unfinished = set(unfinished)

    def heard(self, job: Job) -> None:
        """Of every change of a job; what it becomes after its end is no end again."""
        if not self._command:
            return
        if not job.state.finished:
            self._unfinished.add(job.id)
        elif job.id in self._unfinished:
            self._unfinished.remove(job.id)
            self._ended.put_nowait(job)

    async def run(self) -> None:
        """Until it is cancelled, which ends what runs."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._serve())

    async def farewell(self) -> None:
        """Returns once all have ended, or after a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self._ended.join()

    async def _serve(self) -> None:
        while True:
            job = await self._ended.get()
            try:
                problem = await self._tell(job)
                if problem is not None:
                    await self._complain(job, problem)
            finally:
                self._ended.task_done()

    async def _tell(self, job: Job) -> str | None:
        """What went wrong, if anything did."""
        try:
            with self._log_file().open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    env=os.environ | facts(job),
                    start_new_session=True,
                )
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        except ValueError as error:  # a word that no program can be given
            return f"cannot be started: {error}"
        try:
            async with asyncio.timeout(self._timeout_s):
                await process.communicate(job.model_dump_json().encode())
        except TimeoutError:
            return f"took longer than {self._timeout_s:g} s and was killed"
        finally:
            await asyncio.shield(_end(process))
        code = process.returncode or 0
        if code < 0:
            return f"died of {_name_of(-code)}"
        return f"exited with status {code}" if code else None

    async def _complain(self, job: Job, problem: str) -> None:
        message = f"the job_finished hook {problem}; see: wantui logs hooks"
        log.warning("%s", message, extra={"job": job.id})
        try:
            await self._warn(job.id, JobWarning(code="hook_failed", message=message))
        except WantuiError as error:  # removed meanwhile, or no room to say so
            log.warning("%s", error.message, extra={"job": job.id})


def facts(job: Job) -> dict[str, str]:
    """What the command finds in its environment; the whole job is on its standard input."""
    return {
        "WANTUI_JOB_ID": str(job.id),
        "WANTUI_JOB_STATE": job.state,
        "WANTUI_JOB_MODEL": job.model,
        "WANTUI_JOB_OWNER": str(job.owner),
        "WANTUI_JOB_OUTPUT": job.output.path if job.output else "",
        "WANTUI_JOB_ERROR": job.error.code if job.error else "",
    }


def _expanded(word: str) -> str:
    """The one thing that a shell would have done: a home is where it is."""
    return os.path.expanduser(word) if word.startswith("~/") else word  # noqa: PTH111 - a word


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most of the real-time ones have none
        return f"signal {number}"


async def _end(process: asyncio.subprocess.Process) -> None:
    """With all that it started and did not part with."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
