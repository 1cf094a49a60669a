"""What is kept of frames besides the video, while they pass on their way to the encoder."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from wantui.errors import DiskFull
from wantui.files import (
    PRIVATE_FILE,
    atomic_path,
    full_disk_named,
    private_folder,
    sync_file,
    sync_folder,
)
from wantui.worker.decode import Frames
from wantui.worker.preview import small

PNG_EFFORT = 3
"""Of zlib, 0 to 9. At 720p 0.1 s a frame; 6 takes three times as long and makes 13 % less."""
THUMBNAIL_QUALITY = 85
"""Of lossy WebP, 0 to 100."""

log = logging.getLogger(__name__)


class Middle:
    """Remembers the middle one of `count` frames that pass."""

    def __init__(self, count: int) -> None:
        self._index = count // 2
        self.frame: npt.NDArray[np.uint8] | None = None

    def passing(self, chunks: Iterable[Frames]) -> Iterator[Frames]:
        first = 0
        for chunk in chunks:
            if first <= self._index < first + len(chunk):
                self.frame = chunk[self._index - first].copy()
            first += len(chunk)
            yield chunk


def write_thumbnail(target: Path, frame: npt.NDArray[np.uint8] | None) -> str | None:
    """A small WebP; None if it could not be written: no video is lost for want of one."""
    if frame is None:
        return None
    try:
        with atomic_path(target) as temporary:
            small(frame).save(temporary, format="WEBP", quality=THUMBNAIL_QUALITY)
    except (OSError, DiskFull) as error:
        log.warning("no thumbnail: %s", error)
        return None
    return str(target)


@contextlib.contextmanager
def keep_png(folder: Path, chunks: Iterable[Frames]) -> Iterator[Iterator[Frames]]:
    """Write every frame that passes: 00001.png and on, in a folder with nothing else.

    They are on the disk once this is left; where that is because something failed, they are gone.
    Raises DiskFull and FolderUnsafe.
    """
    private_folder(folder)
    _remove_png(folder)
    try:
        yield _passing(folder, chunks)
        with full_disk_named(folder):
            for path in folder.iterdir():
                sync_file(path)
            sync_folder(folder)
    except BaseException:
        _remove_png(folder)
        raise


def _passing(folder: Path, chunks: Iterable[Frames]) -> Iterator[Frames]:
    numbers = itertools.count(1)
    for chunk in chunks:
        for frame, number in zip(chunk, numbers, strict=False):
            path = folder / f"{number:05}.png"
            with full_disk_named(path):
                Image.fromarray(frame).save(path, compress_level=PNG_EFFORT)
                path.chmod(PRIVATE_FILE)
        yield chunk


def _remove_png(folder: Path) -> None:
    """Take away what an attempt left that did not come to its end."""
    for path in folder.glob("*.png"):
        path.unlink()
