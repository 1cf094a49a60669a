"""Bytes of host memory and of disk that a job takes."""

from __future__ import annotations

from wantui.hardware.estimates.bar import Bar
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.decoder import PIXEL_CHANNELS

_PROCESS = Bar(1.5e9, 2.5e9, 4.0e9)
"""A worker with CUDA's libraries; not measured on a GPU."""
_READING = Bar(0.0, 0.3e9, 1.0e9)
"""A tensor at a time, cast on its way to the device: the largest of A14B has 71 M numbers."""
_FRAMES = 8
"""Of the clip, on their way to the encoder."""
CHECKPOINT_TENSORS = 4
"""Of latents that a checkpoint has: UniPC's three, and the latents."""
_VIDEO_BITS = Bar(0.01, 0.08, 0.5)
"""Of a pixel in H.264 at a crf of 17: by what moves in it."""
_PICTURES = 2e6
"""Preview, thumbnail and proxy."""


def host_bytes(case: Case, setup: Setup) -> Bar:
    """On a machine with a GPU; page-locked weights among them."""
    frame = case.video.width * case.video.height * PIXEL_CHANNELS
    frames = case.video.frames if setup.tiled else _FRAMES  # tiles are put together here
    return (
        _PROCESS + _READING + Bar.exactly(pinned_bytes(case, setup)) + Bar.exactly(frames * frame)
    )


def pinned_bytes(case: Case, setup: Setup) -> int:
    """Page-locked; nothing is on a CPU."""
    return 0 if case.site.is_cpu else case.weights.pinned(setup.residency)


def disk_bytes(case: Case) -> Bar:
    """Written while the job runs: a checkpoint is replaced by a whole new one."""
    latents = case.latents.bytes(case.decoder.latent_channels)
    return Bar.exactly(2 * CHECKPOINT_TENSORS * latents + _PICTURES) + _VIDEO_BITS.times(
        case.video.pixels / 8
    )
