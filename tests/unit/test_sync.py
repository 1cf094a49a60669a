"""What the disk does not take: it is said, and from then on nobody reads it from memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.disks import fill, image_disk, small_disk
from wantui.files import sync_file

SIZE = 4 << 20


def test_what_the_disk_refused_is_read_as_the_disk_has_it(tmp_path: Path) -> None:
    content = os.urandom(SIZE)
    with small_disk(tmp_path / "below", 4 * SIZE) as below:
        image, mount = below.seen / "image", tmp_path / "disk"
        with image_disk(mount, image, 16 * SIZE) as disk:
            fill(below.seen / "filling")  # no block of the image can be written any more
            file = disk.seen / "file"
            file.write_bytes(content)
            assert file.read_bytes() == content  # from memory
            with pytest.raises(OSError, match=r"space|Input/output"):
                sync_file(file)
            assert _as_read(file) != content


def _as_read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def test_a_file_system_that_is_only_read_has_nothing_to_sync() -> None:
    assert sync_file(Path("/proc/version"))  # fsync(2) fails with EINVAL there
