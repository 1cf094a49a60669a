"""A clip as a file of this machine: which one it is, and that copies do not stay."""

from __future__ import annotations

import gc
import hashlib
import tempfile
from pathlib import Path

import pytest

from tests import made
from wantui.api.job import Job
from wantui.client.local_copy import LocalCopies
from wantui.errors import InvalidRequest

pytestmark = pytest.mark.anyio

CONTENT = b"the bytes of a clip"


def clip_at(path: Path, content: bytes = CONTENT) -> Job:
    job = made.completed(7)
    assert job.output is not None
    about = {
        "path": str(path),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return job.model_copy(update={"output": job.output.model_copy(update=about)})


@pytest.mark.parametrize(
    ("there", "is_it"),
    [(CONTENT, True), (CONTENT[:-1], False), (b"X" + CONTENT[1:], False), (None, False)],
    ids=["the same", "shorter", "another of its length", "none"],
)
async def test_a_path_counts_only_where_the_bytes_are_those_of_the_clip(
    tmp_path: Path, there: bytes | None, is_it: bool
) -> None:
    path = tmp_path / "output.mp4"
    if there is not None:
        path.write_bytes(there)
    assert await LocalCopies().here(clip_at(path)) == (path if is_it else None)


async def test_copies_go_with_who_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    copies = LocalCopies()
    clip = clip_at(tmp_path / "elsewhere.mp4")
    copy = copies._place(clip)
    copy.write_bytes(CONTENT)
    assert await copies.here(clip) == copy
    assert copy.parent.stat().st_mode & 0o777 == 0o700
    del copies
    gc.collect()
    assert not copy.parent.exists()


async def test_no_place_for_a_copy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(InvalidRequest, match="no place for a temporary file"):
        await LocalCopies().here(clip_at(tmp_path / "x"))
