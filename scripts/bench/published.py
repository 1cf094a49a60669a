"""Published peaks and times of Wan's own code beside the same first principles applied to it.

Source of the figures: Wan2.2's README, its table of computational efficiency. Wan's code is not
ours: it gives every token its own timestep in all models, in fp32, and rotates in fp64, so that a
forward of it takes 90 bytes a hidden number where ours takes 22 (A14B) or 65 (5B). Read off
`wan/modules/model.py`, while keys are rotated: e0 24, e with the block's table 24, the embedding 4,
the hidden state 4 and its norm 4, queries, keys and values 6, rotated queries 4, and 20 of the
rotation in fp64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tests.unit.plans import CATALOG, PROFILES

from wantui.api.job import Stage
from wantui.api.plan import DType, Residency
from wantui.hardware.estimates.bar import total
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.decoder import cache_bytes, working_bytes
from wantui.hardware.estimates.memory import CONTEXT, SLACK, stage_parts
from wantui.hardware.estimates.site import Site
from wantui.hardware.estimates.video import Latents, Video
from wantui.hardware.estimates.weights import weight_bytes
from wantui.hardware.estimates.work import forward_flops

GIB = 2**30
HIDDEN_BYTES = 90.0
"""Of Wan's own forward, a hidden number: as above."""
CONTEXT_BYTES = 0.6e9
GPUS_OF_A_NODE = 8


@dataclass(frozen=True)
class Published:
    """One cell of the table."""

    profile: str
    model: str
    video: Video
    seconds: float
    peak_gib: float
    """The table says GB. As GiB the two peaks of A14B on an A100 differ by 90.6 bytes a hidden
    number, which is what the code takes, and leave 0.6 GB beside an expert; as GB by 84, and leave
    1.4 GB less than an expert has."""
    gpus: int = 1
    held_out: bool = False


_720P, _480P = Video(1280, 720, 81, 40), Video(832, 480, 81, 40)
_704P = Video(1280, 704, 121, 50)
ROWS = (
    Published("rtx-4090", "ti2v-5b", _704P, 534.7, 22.9),
    Published("a100", "t2v-a14b", _480P, 785.7, 41.3),
    Published("a100", "t2v-a14b", _720P, 2735.7, 59.8),
    Published("a100", "i2v-a14b", _720P, 2810.9, 59.7),
    Published("h100", "t2v-a14b", _480P, 326.9, 41.3, held_out=True),
    Published("h100", "t2v-a14b", _720P, 1041.5, 59.8, held_out=True),
    Published("h100", "i2v-a14b", _720P, 1055.9, 59.7, held_out=True),
    Published("h100", "t2v-a14b", _480P, 51.5, 26.3, gpus=8, held_out=True),
    Published("h100", "t2v-a14b", _720P, 155.1, 37.1, gpus=8, held_out=True),
    Published("h100", "i2v-a14b", _720P, 159.0, 37.0, gpus=8, held_out=True),
)


@dataclass(frozen=True)
class Fitted:
    """What the rows that are not held out say, by least squares of relative errors."""

    matrix_share: float
    """Of the bf16 peak, what matrix products come to."""
    elementwise_bytes: float
    """Moved a hidden number of a block."""


def fit() -> Fitted:
    """The profiles' `bf16_share` and `work.ELEMENTWISE_BYTES` come from this."""
    shown = [row for row in ROWS if not row.held_out]
    parts = np.array([_seconds_parts(row) for row in shown])
    whole = np.array([row.seconds for row in shown])
    inverse_share, elementwise = np.linalg.lstsq(
        parts / whole[:, None], np.ones(len(shown)), rcond=None
    )[0]
    return Fitted(1 / inverse_share, elementwise)


def seconds(row: Published, fitted: Fitted) -> float:
    """All of it taken for denoising, which is nine tenths; an eighth of it on eight GPUs."""
    computing, moving = _seconds_parts(row)
    return (computing / fitted.matrix_share + moving * fitted.elementwise_bytes) / row.gpus


def _seconds_parts(row: Published) -> tuple[float, float]:
    """Seconds at the whole bf16 peak, and for each byte moved a hidden number of a block."""
    recipe, profile = CATALOG.model(row.model), PROFILES[row.profile]
    made_of = recipe.architecture
    assert made_of is not None
    tokens = Latents.of(recipe, row.video).tokens
    forwards = row.video.steps * row.video.passes
    flops = forwards * forward_flops(made_of, tokens, recipe.limits.text_tokens)
    hidden = forwards * made_of.blocks * made_of.dim * float(tokens)
    return flops / profile.bf16_flops, hidden / profile.memory_bytes_per_second


def peak_gib(row: Published) -> float:
    """Of one GPU: the larger of denoising and decoding, which take turns."""
    recipe = CATALOG.model(row.model)
    made_of, decoder = recipe.architecture, recipe.decoder
    assert made_of is not None
    assert decoder is not None
    weights = weight_bytes(recipe, None, DType.BFLOAT16)
    latents = Latents.of(recipe, row.video)
    hidden = float(latents.tokens) * made_of.dim
    if row.gpus == 1:
        denoise = max(weights.experts) + HIDDEN_BYTES * hidden
    else:  # every parameter in eight parts; the timesteps are projected whole, the rest is shared
        whole = 24.0 + 4.0
        denoise = (sum(weights.experts) + weights.encoder) / row.gpus
        denoise += (whole + (HIDDEN_BYTES - whole) / row.gpus) * hidden
    clip = 2 * 3 * 4 * row.video.pixels  # in fp32, and once more as it grows by a chunk
    decode = weights.vae + cache_bytes(decoder, latents.area)
    decode += working_bytes(decoder, latents.area) + clip
    return (CONTEXT_BYTES + max(denoise, decode)) / GIB


H200 = (
    ("denoise, all blocks stay, plain", (1280, 704, 121), None, False, 15.6),
    ("denoise, all blocks stay, compiled", (1280, 704, 121), None, True, 13.2),
    ("denoise, 15 of 30 stay, compiled", (1280, 704, 121), 15, True, 8.9),
    ("denoise, none stays, compiled", (1280, 704, 121), 0, True, 4.0),
    ("denoise, all blocks stay, plain", (704, 704, 61), None, False, 11.7),
    ("denoise, all blocks stay, compiled", (704, 704, 61), None, True, 11.0),
    ("denoise, 15 of 30 stay, compiled", (704, 704, 61), 15, True, 6.7),
    ("denoise, none stays, compiled", (704, 704, 61), 0, True, 1.8),
)
"""Measured by `gpu.py` on one NVIDIA H200, 2026-11-27 (RESULTS.md): GB that torch had allocated at
most, of TI2V-5B with random weights. The first formula was written before it was known."""


def measured() -> None:
    """Estimates beside those peaks, without what torch's counter of allocations cannot see."""
    print("\nTI2V-5B, measured on an NVIDIA H200 (GB allocated by torch)")
    print("| stage | size | estimated | measured | off |\n|---|---|---|---|---|")
    recipe = CATALOG.model("ti2v-5b")
    for name, (width, height, frames), blocks, compiled, gb in H200:
        video = Video(width, height, frames, 50)
        site = Site.of("GPU", "H200", PROFILES["h200"])
        case = Case(recipe, None, video, site, compiled=compiled)
        setup = Setup(Residency(blocks, components_stay=False))
        parts = stage_parts(case, setup, Stage.DENOISE)
        held = total(bar for part, bar in parts.items() if part not in (CONTEXT, SLACK)).likely
        size = f"{width}x{height}x{frames}"
        print(f"| {name} | {size} | {held / 1e9:.1f} | {gb} | {held / 1e9 / gb - 1:+.1%} |")


def table() -> None:
    """Every published cell, what first principles say of it, and why they differ where they do."""
    fitted = fit()
    print("\nPublished by Wan, of its own code, and the same first principles for that code")
    print(
        f"Fitted on the rows of the RTX 4090 and the A100 alone: matrix products at "
        f"{fitted.matrix_share:.3f} of the peak, {fitted.elementwise_bytes:.0f} bytes moved a "
        "hidden number of a block. Nothing was fitted to peaks."
    )
    print("| GPU | model | size | published | first principles | off | peak | ours | off | |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        time_s, gib = seconds(row, fitted), peak_gib(row)
        gpus = f"{row.gpus} x {row.profile}" if row.gpus > 1 else row.profile
        size = f"{row.video.width}x{row.video.height}x{row.video.frames}"
        print(
            f"| {gpus} | {row.model} | {size} | {row.seconds:.0f} s | {time_s:.0f} s "
            f"| {time_s / row.seconds - 1:+.0%} | {row.peak_gib} GiB | {gib:.1f} GiB "
            f"| {gib / row.peak_gib - 1:+.0%} | {'held out' if row.held_out else 'fitted'} |"
        )
    print(WHY)


WHY = """
Where and why they differ:
- One H100 takes longer than its data sheet says by the share of an A100: its matrix units are 3.2
  times an A100's, its memory 1.6 times, its clocks fall under load, and what does not scale
  (experts moved to and from the GPU between stages, decoding, the text) is a larger part of a
  shorter run, most of all at 480p. One H100 measured would give its profile a share of its own.
- Its peaks are an A100's to the last digit, as the estimate's are: bytes depend on no rate.
- Eight H100: an eighth of one GPU's time; the all-to-all copies of Ulysses and FSDP's gathers are
  not counted, nor is the decode that one of them does alone. Of the peak, FSDP's gathered blocks
  and the buffers of those copies are missing. wantui makes a video on one GPU: no plan rests on it.
- The RTX 4090's peak is its decode's, 24.6 GB of a card of 25.8: near its end an allocator
  frees what it only keeps; what kernels take for themselves nobody published."""
