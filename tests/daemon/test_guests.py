"""Who may talk to the daemon, and change what: with processes of other users."""

from __future__ import annotations

import os
import shlex
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.guests import User, needs_root
from tests.running import RunningDaemon, environment_for, running_daemon, tiny
from wantui.client import Address
from wantui.daemon.listener import listening_to_group
from wantui.errors import DaemonUnreachable, FolderUnsafe, SettingsInvalid

GROUP = 52_000
ONE, OTHER = User(52_001, GROUP), User(52_002, GROUP)
STRANGER = User(52_003, 52_003)
TINY = tiny().model_dump(exclude_unset=True)


@dataclass(frozen=True)
class Shared:
    daemon: RunningDaemon
    path: Path

    def submit(self, user: User) -> int:
        status, job = user.call(self.path, "POST", "/api/jobs", TINY | {"hold": True})
        assert status == 201, job
        assert job["owner"] == user.uid
        return int(job["id"])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """A daemon of root's that a group may talk to."""
    with tempfile.TemporaryDirectory(prefix="wantui-group-") as reachable:
        Path(reachable).chmod(0o755)
        folder = Path(reachable) / "of the group"
        folder.mkdir()
        os.chown(folder, -1, GROUP)
        folder.chmod(0o2750)
        path = folder / "wantui.sock"
        home = tmp_path_factory.mktemp("shared")
        with running_daemon(home, f'[daemon]\nshared_socket = "{path}"\n') as daemon:
            yield Shared(daemon, path)


@needs_root
def test_another_user_cannot_reach_the_private_socket(shared: Shared) -> None:
    assert ONE.knock(shared.daemon.paths.socket) == {"refused": "PermissionError"}


@needs_root
def test_a_private_socket_that_lies_open_still_hears_no_other_user() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="wantui-open-") as home,
        running_daemon(Path(home)) as daemon,
    ):
        path = daemon.paths.socket
        for folder in (Path(home), path.parent.parent, path.parent):
            folder.chmod(0o755)
        path.chmod(0o666)
        said = STRANGER.knock(path)
        assert said.get("refused", "") != "PermissionError"
        assert not said.get("heard")
        assert daemon.call("GET", "/api/hello").status_code == 200
        log = (daemon.paths.logs / "daemon.log").read_text("utf-8")
    assert f"uid {STRANGER.uid} was turned away" in log


@needs_root
def test_the_group_comes_in_at_the_shared_socket_and_nobody_else(shared: Shared) -> None:
    info = shared.path.lstat()
    assert (stat.S_IMODE(info.st_mode), info.st_gid) == (0o660, GROUP)
    assert ONE.greet(shared.path) == {"pid": shared.daemon.pid}
    assert STRANGER.knock(shared.path) == {"refused": "PermissionError"}


@needs_root
def test_a_job_belongs_to_who_sent_it_and_others_only_see_it(shared: Shared) -> None:
    job = shared.submit(ONE)
    status, seen = OTHER.call(shared.path, "GET", f"/api/jobs/{job}")
    assert (status, seen["owner"], seen["params"]["prompt"]) == (200, ONE.uid, TINY["prompt"])
    for verb in ("cancel", "hold", "release", "a-verb-of-tomorrow"):
        status, refusal = OTHER.call(shared.path, "POST", f"/api/jobs/{job}/{verb}")
        if verb == "a-verb-of-tomorrow":
            assert status == 404
        else:
            assert (status, refusal["error"]["code"]) == (403, "not_allowed")
            assert f"belongs to uid {ONE.uid}" in refusal["error"]["message"]
    assert OTHER.call(shared.path, "GET", f"/api/jobs/{job}")[1]["state"] == "held"
    assert ONE.call(shared.path, "POST", f"/api/jobs/{job}/cancel")[1]["state"] == "cancelled"


@needs_root
def test_the_daemons_owner_may_change_every_job(shared: Shared) -> None:
    job = shared.submit(ONE)
    answer = shared.daemon.call("POST", f"/api/jobs/{job}/cancel")
    assert answer.json()["state"] == "cancelled"
    assert answer.json()["owner"] == ONE.uid


@needs_root
@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", "/api/shutdown"),
        ("POST", "/api/queue/pause"),
        ("POST", "/api/models/demo/keep"),
        ("DELETE", "/api/models/demo"),
        ("POST", "/api/cache/prune"),
        ("POST", "/api/downloads/1/cancel"),
        ("POST", "/api/adapters/pull"),
    ],
)
def test_what_is_everybodys_a_guest_may_not_change(shared: Shared, method: str, url: str) -> None:
    status, refusal = ONE.call(shared.path, method, url)
    assert (status, refusal["error"]["code"]) == (403, "not_allowed")


@needs_root
def test_a_guest_waits_its_turn_and_has_no_weights_pulled(shared: Shared) -> None:
    first = TINY | {"hold": True, "priority": 1}
    pulled = {"model": "ti2v-5b", "prompt": "a fox", "hold": True, "fetch": True}
    for url, body in (
        ("/api/jobs", first),
        ("/api/jobs/batch", {"jobs": [TINY | {"hold": True}, first]}),
        (f"/api/jobs/{shared.submit(ONE)}/move", {"priority": 1}),
        ("/api/jobs", pulled),
    ):
        status, refusal = ONE.call(shared.path, "POST", url, body)
        assert (status, refusal["error"]["code"]) == (403, "not_allowed"), url
    job = shared.submit(ONE)
    status, moved = ONE.call(shared.path, "POST", f"/api/jobs/{job}/move", {"priority": -1})
    assert (status, moved["priority"]) == (200, -1)
    status, sent = ONE.call(shared.path, "POST", "/api/jobs", TINY | {"hold": True, "fetch": True})
    assert (status, sent["fetch"]) == (201, False)  # its weights are there
    assert shared.daemon.call("POST", f"/api/jobs/{job}/move", {"priority": 1}).is_success


@needs_root
def test_a_guest_may_look_at_everything_and_send_a_picture(shared: Shared) -> None:
    for url in ("/api/status", "/api/queue", "/api/jobs", "/api/models", "/api/hardware"):
        assert ONE.call(shared.path, "GET", url)[0] == 200
    assert ONE.call(shared.path, "POST", "/api/plan", {"model": "demo"})[0] == 200
    status, refusal = ONE.call(shared.path, "POST", "/api/uploads", {"no": "picture"})
    assert (status, refusal["error"]["code"]) == (422, "invalid_image")


@needs_root
def test_a_client_talks_to_another_users_daemon_only_where_nobody_else_can_put_one(
    tmp_path: Path,
) -> None:
    folder, path = tmp_path / "of the group", tmp_path / "of the group" / "wantui.sock"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        for owned in (folder, path):
            os.chown(owned, OTHER.uid, GROUP)
        folder.chmod(0o2750)
        assert Address(path, own=False).check_owner() == OTHER.uid
        for mode, whose, own in (
            (0o2770, OTHER.uid, False),
            (0o2755, OTHER.uid, False),
            (0o2750, ONE.uid, False),
            (0o2750, OTHER.uid, True),
        ):
            os.chown(folder, whose, GROUP)
            folder.chmod(mode)
            with pytest.raises(DaemonUnreachable, match="not talking to it"):
                Address(path, own=own).check_owner()


@needs_root
def test_a_client_does_not_talk_to_who_took_a_sockets_place(tmp_path: Path) -> None:
    """The file is root's and so is the folder, but who listens is not."""
    with tempfile.TemporaryDirectory(prefix="wantui-taken-") as reachable:
        folder = Path(reachable)
        folder.chmod(0o777)
        path = folder / "wantui.sock"
        listen = (
            "import os, socket, sys\n"
            f"os.setgid({STRANGER.gid}); os.setuid({STRANGER.uid})\n"
            "end = socket.socket(socket.AF_UNIX); end.bind(sys.argv[1]); end.listen()\n"
            "print(flush=True); end.accept()[0].recv(1)"
        )
        command = [sys.executable, "-c", listen, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as thief:
            assert thief.stdout is not None
            thief.stdout.readline()
            os.chown(path, 0, 0)
            folder.chmod(0o755)
            said = User(0, 0).greet(path)
            thief.kill()
    assert said["code"] == "daemon_unreachable"
    assert f"belongs to uid {STRANGER.uid}" in said["message"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "of the group"


def told(path: Path) -> tuple[str, str]:
    """Why a folder is refused, and the command that mends it."""
    with pytest.raises(FolderUnsafe) as refused, listening_to_group(path):
        pass
    return refused.value.message, refused.value.hint


def test_a_folder_of_other_modes_is_refused_and_the_hint_mends_it(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    message, hint = told(folder / "wantui.sock")
    assert "has mode 0755" in message
    subprocess.run(shlex.split(hint.removeprefix("run: ")), check=True)
    with listening_to_group(folder / "wantui.sock"):
        assert stat.S_IMODE((folder / "wantui.sock").lstat().st_mode) == 0o660
    assert not (folder / "wantui.sock").exists()


def test_a_missing_folder_is_refused_with_the_command_that_makes_it(folder: Path) -> None:
    message, hint = told(folder / "wantui.sock")
    assert "No such file" in message
    assert f"-m 2750 '{folder}'" in hint


def test_a_link_to_a_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    real.chmod(0o2750)
    folder.symlink_to(real)
    assert "is a link" in told(folder / "wantui.sock")[0]


@needs_root
def test_a_folder_of_someone_else_is_refused(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, ONE.uid, GROUP)
    folder.chmod(0o2750)
    message, hint = told(folder / "wantui.sock")
    assert f"belongs to uid {ONE.uid}" in message
    assert hint.startswith("run: sudo chown 0 ")


def test_a_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsInvalid, match="longer than 107"),
        listening_to_group(tmp_path / ("d" * 110) / "wantui.sock"),
    ):
        pass


def test_a_relative_shared_socket_is_refused(tmp_path: Path) -> None:
    environment = environment_for(tmp_path, '[daemon]\nshared_socket = "here.sock"\n')
    command = [sys.executable, "-m", "wantui.daemon", "run"]
    refused = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert refused.returncode == 2
    assert b"shared_socket" in refused.stderr
