"""Commands that hear of jobs that have ended, as real processes of a real daemon."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import RunningDaemon, job_when, running_daemon, tiny
from wantui.api.job import Job, JobState

pytestmark = pytest.mark.anyio

_SCRIPT = """#!/bin/sh
cat > "$1/$WANTUI_JOB_ID.tmp"
env | grep ^WANTUI_JOB_ > "$1/$WANTUI_JOB_ID.env"
echo "told of $WANTUI_JOB_ID"
mv "$1/$WANTUI_JOB_ID.tmp" "$1/$WANTUI_JOB_ID.json"
"""


@dataclass(frozen=True)
class Hook:
    folder: Path

    def settings(self, script: str = _SCRIPT, timeout_s: float = 60.0) -> str:
        program = self.folder / "tell me"
        program.write_text(script, "utf-8")
        program.chmod(0o700)
        command = json.dumps([str(program), str(self.folder), "; rm -rf *"])
        return f"[hooks]\njob_finished = {command}\ntimeout_s = {timeout_s}\n"

    def told(self, job: Job) -> tuple[Job, dict[str, str]]:
        """What it was given: the job on standard input, and its environment."""
        lines = (self.folder / f"{job.id}.env").read_text("utf-8").splitlines()
        document = (self.folder / f"{job.id}.json").read_text("utf-8")
        return Job.model_validate_json(document), dict(line.split("=", 1) for line in lines)


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    folder = tmp_path / "hook"
    folder.mkdir()
    return Hook(folder)


async def ended(daemon: RunningDaemon) -> Job:
    async with daemon.client() as client:
        job = await client.submit(tiny("$(reboot) `reboot`", hold=True))
        return await client.cancel(job.id)


def complaints(job: Job) -> list[str]:
    return [each.message for each in job.warnings if each.code == "hook_failed"]


async def complaint(daemon: RunningDaemon, job: Job) -> str:
    async with daemon.client() as client:
        warned = await job_when(client, job.id, lambda job: bool(complaints(job)))
    (message,) = complaints(warned)
    assert warned.state is JobState.CANCELLED
    return message


async def test_a_command_is_told_of_a_video_that_is_done(hook: Hook, tmp_path: Path) -> None:
    with running_daemon(tmp_path / "home", hook.settings()) as daemon:
        async with daemon.client() as client:
            accepted = await client.submit(tiny("a [red] circle\n$(reboot)"))
            done = await job_when(client, accepted.id, lambda job: job.state.finished)
        assert done.output is not None
        assert daemon.stop() == 0  # it lets the command end first
        said = (daemon.paths.logs / "hooks.log").read_text("utf-8")
    told, environment = hook.told(done)
    assert (told.state, told.params.prompt, told.output) == (
        JobState.COMPLETED,
        accepted.params.prompt,
        done.output,
    )
    assert environment == {
        "WANTUI_JOB_ID": str(done.id),
        "WANTUI_JOB_STATE": "completed",
        "WANTUI_JOB_MODEL": "demo",
        "WANTUI_JOB_OWNER": str(done.owner),
        "WANTUI_JOB_OUTPUT": done.output.path,
        "WANTUI_JOB_ERROR": "",
    }
    assert f"told of {done.id}\n" in said


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("#!/bin/sh\nexit 3\n", "exited with status 3"),
        ("#!/bin/sh\nkill -11 $$\n", "died of SIGSEGV"),
        ("#!/bin/sh\nkill -36 $$\n", "died of signal 36"),
        ("#!/nowhere/sh\n", "cannot be started: No such file"),
        ("#!/bin/sh\nsleep 1000 & wait\n", "took longer than 0.5 s and was killed"),
    ],
)
async def test_a_command_that_fails_is_a_warning_of_the_job_once_and_nothing_else(
    hook: Hook, tmp_path: Path, script: str, problem: str
) -> None:
    with running_daemon(tmp_path / "home", hook.settings(script, 0.5)) as daemon:
        job = await ended(daemon)
        assert problem in await complaint(daemon, job)
        later = await ended(daemon)
        assert problem in await complaint(daemon, later)
        async with daemon.client() as client:
            assert len(complaints(await client.job(job.id))) == 1


async def test_a_word_that_no_program_can_be_given_ends_no_daemon(tmp_path: Path) -> None:
    settings = '[hooks]\njob_finished = ["/bin/true", "a\\u0000b"]\n'
    with running_daemon(tmp_path / "home", settings) as daemon:
        assert "cannot be started: embedded null byte" in await complaint(
            daemon, await ended(daemon)
        )


async def test_commands_that_hang_hold_up_neither_the_queue_nor_a_stop(
    hook: Hook, tmp_path: Path
) -> None:
    script = "#!/bin/sh\nexec sleep 1000\n"
    with running_daemon(tmp_path / "home", hook.settings(script)) as daemon:
        for _ in range(6):  # more than run at a time
            await ended(daemon)
        async with daemon.client() as client:
            accepted = await client.submit(tiny())
            done = await job_when(client, accepted.id, lambda job: job.state.finished)
        assert done.state is JobState.COMPLETED
        assert daemon.stop() == 0
