"""Files that are whole or not there, and folders that are ours alone."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.disks import small_disk
from wantui.errors import DiskFull, FolderUnsafe
from wantui.files import atomic_path, private_folder, sweep, write_atomic


def test_an_atomic_write_replaces_the_whole_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file.json"
    write_atomic(target, b"old and long")
    write_atomic(target, b"new")
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.json"
    write_atomic(target, b"old")

    def write_half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half of the n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_said_to_be_full_and_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.json"
    write_atomic(target, b"old")

    def write_to_a_full_disk() -> None:
        with atomic_path(target) as temporary:
            temporary.symlink_to("/dev/full")  # full(4): every write fails with ENOSPC
            temporary.write_bytes(b"new")

    with pytest.raises(DiskFull):
        write_to_a_full_disk()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_writer_that_is_killed_leaves_the_old_file_and_what_sweep_removes(tmp_path: Path) -> None:
    target = tmp_path / "below" / "file.json"
    target.parent.mkdir()
    write_atomic(target, b"old")
    script = (
        "import os, signal, sys; from pathlib import Path; from wantui.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert killed.returncode == -9
    assert len(list(target.parent.iterdir())) == 2
    assert sweep(tmp_path) == 1
    assert list(target.parent.iterdir()) == [target]
    assert target.read_bytes() == b"old"
    assert sweep(tmp_path) == 0
    assert sweep(tmp_path / "nowhere") == 0


def test_a_private_folder_is_made_with_its_parents_and_made_private_again(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert private_folder(folder) == folder
    folder.chmod(0o755)
    private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_or_a_file_is_no_private_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    for name in ("link", "file", "file/below"):
        with pytest.raises(FolderUnsafe, match=name):
            private_folder(tmp_path / name)


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o707])
def test_a_folder_that_others_can_write_to_is_refused_and_left_so(
    tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(FolderUnsafe, match="others can write"):
        private_folder(folder)
    assert folder.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("wrong", ["link", "file", "dangling", "open"])
def test_the_hint_is_the_command_that_mends_the_folder(tmp_path: Path, wrong: str) -> None:
    folder = tmp_path / "my state"
    match wrong:
        case "link":
            folder.symlink_to(tmp_path)
        case "file":
            folder.touch()
        case "dangling":
            folder.symlink_to(tmp_path / "nowhere")
        case "open":
            folder.mkdir()
            folder.chmod(0o777)
    with pytest.raises(FolderUnsafe) as refused:
        private_folder(folder)
    found = re.search(r"run: (.*?)(;|, or |$)", refused.value.hint)
    assert found is not None, refused.value.hint
    subprocess.run(shlex.split(found[1]), check=True)
    assert private_folder(folder).stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_someone_else_is_refused_with_the_fix(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    with pytest.raises(FolderUnsafe, match="12345") as refused:
        private_folder(folder)
    assert f"sudo chown -R 0 {folder}" in refused.value.hint


def test_a_folder_on_a_file_system_without_writes_is_told_from_one_that_is_full(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        made = [*disk.enter, sys.executable, "-c", _MAKE, str(disk.mount / "state")]
        remount = ("mount", "-o", "remount,ro", str(disk.mount))
        subprocess.run([*disk.enter, *remount], check=True)
        read_only = subprocess.run(made, capture_output=True, text=True, check=True).stdout
        subprocess.run([*disk.enter, "mount", "-o", "remount,rw", str(disk.mount)], check=True)
        assert subprocess.run(made, capture_output=True, text=True, check=True).stdout == "made\n"
    assert read_only == "disk_read_only\n"


_MAKE = """
import sys
from pathlib import Path
from wantui.errors import WantuiError
from wantui.files import private_folder
try:
    private_folder(Path(sys.argv[1]))
except WantuiError as error:
    print(error.code)
else:
    print("made")
"""
