from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from socket import gethostname

import pytest

from tests.running import (
    call,
    environment_for,
    listens,
    pid_that_answers,
    running_daemon,
    spawn,
)
from wantui.errors import DaemonRunning
from wantui.paths import MAX_SOCKET_PATH_BYTES, Paths
from wantui.settings import load_settings


def run_daemon(environment: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wantui.daemon", "run", *flags],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_only_its_user_can_reach_the_socket(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        assert stat.S_ISSOCK(daemon.paths.socket.lstat().st_mode)
        assert mode(daemon.paths.socket) == 0o600
        assert mode(daemon.paths.socket.parent) == 0o700
        assert mode(daemon.paths.database) == 0o600


def test_a_second_daemon_is_refused_by_name_and_the_first_goes_on(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        second = run_daemon(daemon.environment)
        assert second.returncode == 1
        assert f"pid {daemon.pid}" in second.stderr
        assert run_daemon(daemon.environment, "--if-none").returncode == 0
        assert daemon.process.poll() is None


@pytest.mark.slow
def test_twenty_starts_at_once_leave_exactly_one_daemon(tmp_path: Path) -> None:
    environment = environment_for(tmp_path)
    starts = {process.pid: process for process in (spawn(environment) for _ in range(20))}
    try:
        winner = pid_that_answers(environment, set(starts))
        losers = [process for pid, process in starts.items() if pid != winner]
        assert [process.wait(60) for process in losers] == [DaemonRunning.exit_code] * 19
        assert starts[winner].poll() is None
    finally:
        for process in starts.values():
            process.terminate()
            process.wait()


def test_ten_who_want_a_daemon_at_once_get_the_same_one(tmp_path: Path) -> None:
    environment = environment_for(tmp_path)
    command = [sys.executable, "-m", "wantui", "daemon", "start", "--json"]
    starts = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(10)
    ]
    said = [start.communicate(timeout=100) for start in starts]
    pids = {json.loads(out)["pid"] for out, _ in said if out}
    try:
        assert [start.returncode for start in starts] == [0] * 10, said
        assert len(pids) == 1
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)


def test_a_lock_that_another_machine_holds_is_named_and_nobody_waits_for_it(tmp_path: Path) -> None:
    environment = environment_for(tmp_path)
    lock = Paths.from_environment(environment).lock
    lock.parent.mkdir(parents=True, mode=0o700)
    lock.parent.parent.chmod(0o700)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("4242 gpu-box-7\n")
        held.flush()
        refused = run_daemon(environment, "--if-none")
        start = [sys.executable, "-m", "wantui", "daemon", "start"]
        told = subprocess.run(start, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "a daemon is running already on gpu-box-7 (pid 4242)" in refused.stderr
    assert told.returncode == 3
    assert "gpu-box-7" in told.stderr
    assert "hint: stop it there, or set WANTUI_HOME" in told.stderr


_ON_NFS = """
import asyncio
from wantui.daemon.lifecycle import serve
from wantui.paths import Paths
from wantui.settings import load_settings
paths = Paths.from_environment(network=lambda _: "nfs4")
asyncio.run(serve(paths, load_settings(paths)))
"""


def test_a_home_on_a_network_filesystem_has_its_socket_elsewhere_and_no_wal(
    tmp_path: Path,
) -> None:
    environment = environment_for(tmp_path)
    paths = Paths.from_environment(environment, network=lambda _: "nfs4")
    with subprocess.Popen([sys.executable, "-c", _ON_NFS], env=environment) as process:
        try:
            answers = wait_for(paths.socket, process)
            assert answers["pid"] == process.pid
            assert answers["socket"] == str(paths.socket)
            assert mode(paths.socket.parent) == 0o700
            assert mode(paths.socket) == 0o600
            assert paths.lock.read_text("utf-8").split() == [str(process.pid), gethostname()]
            assert call(paths.socket, "POST", "/api/queue/pause").json()["paused"]
            assert not paths.database.with_name("wantui.db-wal").exists()
            assert "is on nfs4" in (paths.logs / "daemon.log").read_text("utf-8")
        finally:
            process.terminate()
            process.wait(60)
    assert not paths.socket.exists()


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> dict[str, object]:
    """What the daemon at a socket says of itself, once it does."""
    while process.poll() is None:
        if listens(path):
            said: dict[str, object] = call(path, "GET", "/api/hello").json()
            return said
        select.select([], [], [], 0.02)
    raise AssertionError(f"the daemon ended with {process.returncode}")


@pytest.mark.parametrize("wrong", ["0777", "someone else's"])
def test_a_state_folder_that_is_not_safe_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, wrong: str
) -> None:
    environment = environment_for(tmp_path)
    state = Paths.from_environment(environment).state
    state.mkdir()
    if wrong == "0777":
        state.chmod(0o777)
        fix = f"chmod 700 {state}"
    elif os.geteuid() == 0:
        os.chown(state, 12345, 12345)
        fix = f"sudo chown -R 0 {state}"
    else:
        pytest.skip("only root can give a folder away")
    refused = run_daemon(environment)
    assert refused.returncode == 2
    assert fix in refused.stderr.partition("hint: ")[2]


def test_a_socket_left_by_a_killed_daemon_is_taken_over(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        daemon.kill()
        assert daemon.paths.socket.exists()
        successor = daemon.restart()
        assert successor.stop() == 0


def test_a_stopped_daemon_leaves_no_socket(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        assert daemon.stop() == 0
        assert not daemon.paths.socket.exists()


def test_something_else_that_listens_at_the_path_is_left_alone(tmp_path: Path) -> None:
    environment = environment_for(tmp_path)
    path = Paths.from_environment(environment).socket
    path.parent.mkdir(parents=True, mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(path))
        other.listen()
        refused = run_daemon(environment)
    assert refused.returncode == 1
    assert "something else listens" in refused.stderr
    assert path.exists()


def test_a_home_too_deep_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with running_daemon(deep) as daemon:
        assert len(os.fsencode(deep)) > MAX_SOCKET_PATH_BYTES
        assert not daemon.paths.socket.is_relative_to(deep)
        assert mode(daemon.paths.socket) == 0o600
        assert mode(daemon.paths.socket.parent) == 0o700


def test_a_state_folder_that_is_a_link_is_refused_with_the_fix(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    home = tmp_path / "home"
    environment = environment_for(home)
    (home / "state").symlink_to(elsewhere)
    refused = run_daemon(environment)
    assert refused.returncode == 2
    assert "is a link" in refused.stderr
    assert "hint: " in refused.stderr


def test_a_damaged_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    environment = environment_for(tmp_path)
    paths = Paths.from_environment(environment)
    paths.state.mkdir(mode=0o700)
    paths.database.write_bytes(b"this is no database" * 100)
    before = paths.database.read_bytes()
    refused = run_daemon(environment)
    assert refused.returncode == 1
    assert str(paths.database) in refused.stderr
    assert paths.database.read_bytes() == before


@pytest.mark.parametrize("line", ["[queue]\nmax_unfinishd = 3\n", "[queue]\nmax_unfinished = 0\n"])
def test_bad_settings_are_refused_by_key(tmp_path: Path, line: str) -> None:
    environment = environment_for(tmp_path, line)
    refused = run_daemon(environment)
    assert refused.returncode == 2
    assert "queue.max_unfinish" in refused.stderr


def test_the_shipped_settings_load(tmp_path: Path) -> None:
    settings = load_settings(Paths.from_environment({"WANTUI_HOME": str(tmp_path)}))
    assert settings.default_model == "auto"


def test_nothing_where_it_was_started_holds_or_misleads_it(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "queue.py").write_text("raise SystemExit('not the standard library')\n")
    home = tmp_path / "home"
    environment = environment_for(home) | {"HF_HOME": "models", "PYTHONPATH": _absolute_modules()}
    started = subprocess.run(
        [sys.executable, "-P", "-m", "wantui", "daemon", "start", "--json"],
        env=environment,
        cwd=here,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 0, started.stderr
    pid = json.loads(started.stdout)["pid"]
    try:
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        shutil.rmtree(here)
        models = call(Paths.from_environment(environment).socket, "GET", "/api/models")
        assert models.status_code == 200
    finally:
        os.kill(pid, signal.SIGTERM)


def _absolute_modules() -> str:
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(str(Path(entry).absolute()) for entry in entries if entry)
