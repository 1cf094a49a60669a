"""The proxy of a clip: all of it, small, as an animation that needs no codec to be played.

A terminal shows it over a slow line, by a client that has Pillow and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from wantui.errors import DiskFull
from wantui.files import atomic_path
from wantui.worker.decode import Frames

SIDE = 192
"""The longer side, in pixels: more than a terminal has columns for."""
PER_SECOND = 8
"""Frames at the most: more is more than a terminal takes."""
MOST_FRAMES = 240
"""Of a long clip they are further apart."""
QUALITY = 60
"""Of lossy WebP, 0 to 100: 1 to 3 kB a frame."""

log = logging.getLogger(__name__)


class Sampled:
    """Small copies of frames that pass, evenly apart, of `frames` at `fps`."""

    def __init__(self, frames: int, fps: int) -> None:
        self._every = max(fps / PER_SECOND, frames / MOST_FRAMES, 1.0)
        self._passed = 0
        self.pictures: list[Image.Image] = []
        self.frame_ms = round(1000 * self._every / fps)
        """How long each is shown."""

    def passing(self, chunks: Iterable[Frames]) -> Iterator[Frames]:
        for chunk in chunks:
            for pixels in chunk:
                if self._passed >= len(self.pictures) * self._every:
                    self.pictures.append(_small(pixels))
                self._passed += 1
            yield chunk


def _small(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    height, width, _ = pixels.shape
    scale = min(SIDE / max(height, width), 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def write_proxy(target: Path, sampled: Sampled) -> str | None:
    """An animated WebP; None if it could not be written: no video is lost for want of one."""
    if not sampled.pictures:
        return None
    first, *rest = sampled.pictures
    try:
        with atomic_path(target) as temporary:
            first.save(
                temporary,
                format="WEBP",
                save_all=True,
                append_images=rest,
                duration=sampled.frame_ms,
                loop=0,
                quality=QUALITY,
                method=0,
            )
    except (OSError, DiskFull) as error:
        log.warning("no proxy: %s", error)
        return None
    return str(target)
