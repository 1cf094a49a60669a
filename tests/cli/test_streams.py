"""What standard in and out may be besides a terminal, a file or a pipe that someone reads."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli.command import WANTUI


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ("ls > /dev/full", 1, "cannot write what was asked for: No space left on device"),
        ("queue --json > /dev/full", 1, "No space left on device"),
        ("ls >&-", 0, ""),
        ("generate - <&-", 2, "prompt"),
        ("logs ../queue", 2, "error: "),
        ("logs 'daemon?x=1'", 1, "there is no such log"),
    ],
)
def test_no_stream_and_no_name_is_a_traceback(
    environment: dict[str, str], shell: str, code: int, said: str
) -> None:
    command = " ".join(WANTUI) + " " + shell
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stderr


def test_the_daemon_holds_nothing_of_whoever_started_it(
    environment: dict[str, str], tmp_path: object
) -> None:
    home = f"{tmp_path}/other"
    script = (
        f"exec 9>{tmp_path}/lock; flock 9; {' '.join(WANTUI)} daemon start; exec 9>&-; "
        f"flock -n {tmp_path}/lock echo free; {' '.join(WANTUI)} daemon stop"
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={**environment, "WANTUI_HOME": home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "free" in done.stdout, done.stderr
