"""What a video looks like while it is denoised: a few latents as colours, in a small WebP.

Made of the sampler's estimate of the clean video, never of the noisy latents: those show colours
only near the end. Denoising waits for a product of a few matrices; the rest is a thread's.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from wantui.errors import DiskFull
from wantui.files import atomic_path
from wantui.pipe.messages import Generate, Previewed, Report
from wantui.pipe.preview import LatentRgb, PreviewOrder, Projection
from wantui.worker import engine
from wantui.worker.decode import Frames

SIDE = 256
"""The longer side of a preview and of a thumbnail, in pixels."""
QUALITY = 75
"""Of lossy WebP, 0 to 100."""

log = logging.getLogger(__name__)


def clean_estimate(scheduler: engine.Scheduler, latents: Tensor, velocity: Tensor) -> Tensor:
    """What the sampler takes the finished latents to be, after its step to `latents`.

    UniPC and DPM++ keep it. Otherwise the step went along `velocity`, which leads straight from
    the clean video to noise: x_t = x_0 + sigma * velocity.
    """
    if kept := getattr(scheduler, "model_outputs", None):
        estimate: Tensor = kept[-1]
        return estimate
    sigma: Tensor = scheduler.sigmas[scheduler.step_index]
    return latents - sigma.to(latents.device) * velocity


def project(clean: Tensor, colours: LatentRgb, frames: int) -> Frames:
    """At most `frames` latent frames of (1, z, lf, lh, lw), evenly apart, a pixel a latent."""
    count = min(frames, clean.shape[2])
    chosen = torch.linspace(0, clean.shape[2] - 1, count).round().long()
    latents = clean[0, :, chosen.to(clean.device)].permute(1, 2, 3, 0).float()
    rgb = _rgb(latents, colours.rest)
    if colours.first is not None:
        rgb[0] = _rgb(latents[0], colours.first)
    pixels: Frames = ((rgb + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return pixels


def _rgb(latents: Tensor, projection: Projection) -> Tensor:
    factors, bias = (latents.new_tensor(part) for part in (projection.factors, projection.bias))
    return latents @ factors + bias


def small(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """A frame at the size of previews and thumbnails."""
    height, width, _ = pixels.shape
    scale = SIDE / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def showing(
    order: Generate, report: Callable[[Report], None]
) -> contextlib.AbstractContextManager[Preview | None]:
    """What shows an order's video while it is denoised; None where nothing is to be shown."""
    if order.preview is None:
        return contextlib.nullcontext()
    seconds = order.params.frames / order.params.fps
    return Preview(order.preview, seconds, lambda rev: report(Previewed(job=order.job, rev=rev)))


class Preview:
    """Shows the latents of one attempt; `shown` is told the number of each preview on disk.

    A preview is a courtesy: whatever goes wrong with one is in the log, and the attempt goes on.
    """

    def __init__(self, order: PreviewOrder, seconds: float, shown: Callable[[int], None]) -> None:
        self._order = order
        self._seconds = seconds
        self._shown = shown
        self._next = 0.0
        self._waiting: Frames | None = None
        self._over = False
        self._changed = threading.Condition()
        self._writer = threading.Thread(target=self._write_all, name="preview", daemon=True)

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """What waits is still written; nothing is, and nobody told, after this."""
        with self._changed:
            self._over = True
            self._changed.notify()
        self._writer.join()

    def due(self) -> bool:
        """Whether the last one is old enough."""
        return time.monotonic() >= self._next

    def offer(self, clean: Tensor) -> None:
        """Show this estimate of the clean latents, (1, z, lf, lh, lw); the latest one wins."""
        self._next = time.monotonic() + 1 / self._order.per_second
        colours = self._order.latent_rgb
        if clean.shape[1] != len(colours.rest.factors):
            log.warning("no preview: %d channels are not the order's", clean.shape[1])
            self._next = float("inf")
            return
        try:
            pixels = project(clean, colours, self._order.frames)
        except torch.OutOfMemoryError:
            log.warning("no preview: the device is full to the brim")
            return
        with self._changed:
            self._waiting = pixels
            self._changed.notify()

    def _write_all(self) -> None:
        rev = 0
        while (pixels := self._latest()) is not None:
            try:
                self._write(pixels)
            except (OSError, DiskFull, ValueError) as error:
                log.warning("no preview: %s", error)
            else:
                rev += 1
                self._shown(rev)

    def _latest(self) -> Frames | None:
        """What to write next; None once there is nothing more to come."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._waiting is not None)
            pixels, self._waiting = self._waiting, None
            return pixels

    def _write(self, pixels: Frames) -> None:
        first, *rest = map(small, pixels)
        with atomic_path(Path(self._order.path), durable=False) as temporary:
            first.save(
                temporary,
                format="WEBP",
                save_all=True,
                append_images=rest,
                duration=max(round(1000 * self._seconds / len(pixels)), 1),
                loop=0,
                quality=QUALITY,
                method=0,
            )
