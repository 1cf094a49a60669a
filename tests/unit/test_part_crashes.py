"""A part whose process dies at any line of its code, and then, perhaps, the machine with it."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from wantui import files
from wantui.fetcher import part as parts
from wantui.fetcher.part import Part

SIZE = 40_000
CONTENT = random.Random(4).randbytes(SIZE)
TRACED = (parts.__file__, files.__file__)


def scenario(folder: Path) -> None:
    """Two segments come side by side, are thrown away, and come again; each time with a sync."""
    part = Part(folder, "digest", SIZE, segments=2)
    for rounds in (1, 2):
        for number in range(rounds):
            for segment in part.segments:
                part.write(segment, CONTENT[segment.at : segment.at + 10_000])
            if number == 0:
                part.sync()
        if rounds == 1:
            part.forget()
    part.place(folder / "whole")


def dies_at(line: int, folder: Path, synced: Path) -> bool:
    """Whether a process that is killed before that line was killed before its end."""
    child = os.fork()
    if child == 0:
        try:
            _copy_what_is_synced(synced)
            sys.settrace(_Fatal(line))
            scenario(folder)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


class _Fatal:
    def __init__(self, line: int) -> None:
        self._left = line

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def _copy_what_is_synced(folder: Path) -> None:
    """What the disk has for sure is a file's content as it was at its last fsync(2)."""
    real = os.fsync

    def fsync(fd: Any) -> None:
        real(fd)
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if path.is_file():
            shutil.copyfile(path, folder / path.name)

    os.fsync = fsync


def lose_power(folder: Path, synced: Path) -> None:
    """Names stay; of the bytes, and of the journal that is never synced, nothing else does."""
    part, journal, kept = folder / "digest.part", folder / "digest.json", synced / "digest.part"
    if part.exists():
        content = kept.read_bytes() if kept.exists() else b""
        part.write_bytes(content.ljust(part.stat().st_size, b"\0"))
    if journal.exists():
        journal.write_bytes(bytes(journal.stat().st_size))


def believed(folder: Path) -> Iterator[tuple[int, int]]:
    """The bytes that the next process would not fetch."""
    again = Part(folder, "digest", SIZE, segments=2)
    yield from ((segment.start, segment.at) for segment in again.segments)
    again.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_a_journal_says_is_there_wherever_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SEGMENT_BYTES", SIZE // 2)
    folder, synced, later = (tmp_path / name for name in ("folder", "synced", "later"))
    most = [0, 0]
    for line in itertools.count():
        folder.mkdir()
        synced.mkdir()
        died = dies_at(line, folder, synced)
        if (whole := folder / "whole").exists():
            assert whole.read_bytes() == CONTENT
        shutil.copytree(folder, later)
        lose_power(later, synced)
        for which, after in enumerate((folder, later)):
            for start, end in believed(after):
                there = (after / "digest.part").read_bytes()[start:end]
                assert there == CONTENT[start:end], f"killed before line {line}"
                most[which] = max(most[which], end)
            shutil.rmtree(after)
        shutil.rmtree(synced)
        if not died:
            break
    assert line > 100
    assert most == [SIZE, SIZE - 10_000], "it hardly ever believed anything"
