"""Files that are whole or not there, and folders that are ours alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(FolderUnsafe, match="12345"):
        private_folder(tmp_path)
