"""Seconds that each stage takes: operations and bytes over the rates of the device.

The roofline in its plainest form, Williams, Waterman and Patterson 2009: matrix products at a share
of the device's peak, all else at its memory's rate, copies at the link's and the disk's. The share,
0.6, is what the published times of an A100 and an RTX 4090 come to.
"""

from __future__ import annotations

from wantui.api.job import Stage
from wantui.api.plan import Residency
from wantui.hardware.estimates.bar import Bar
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.decoder import Tiling, convolutions, decode_flops
from wantui.hardware.estimates.video import FLOAT32_BYTES
from wantui.hardware.estimates.work import encode_flops, forward_flops, forward_traffic

MADE_S = 1.0
"""That it takes to make a model without its weights, and to prove its files."""
EXPOSED = 0.04
"""Of a streamed block's copy, what no computing hides: it waits for a slot. Not measured."""
MEMORY_SHARE = 0.5
"""Of the memory's rate, what kernels that compute little come to. Measured on an H200: what is left
of a block once its products and attention are taken off is 11.2 ms of TI2V-5B's at 1280x704x121
and 14.1 ms of A14B's at 832x480x81."""
COMPILED_SHARE = 0.28
"""Of the bytes that those kernels move, what compiled blocks move: 3.1 ms of the 11.2."""
CONVOLUTION_SHARE = 0.24
"""Of the bf16 peak, what fp32 convolutions come to on a GPU, in TF32, which has half the rate.
Measured on an H200: TI2V-5B decodes a latent frame of 1280x704 in 0.30 s."""
LAYER_PASSES = 12
"""How often a VAE's layer reads or writes its input beside the convolution: norm, activation,
cache, padding."""
PIXELS_PER_SECOND = 15e6
"""That one processor encodes as H.264, at x264's `medium`; eight share the work."""
ENCODING_CORES = 8
_TEXT_SHARE = 0.8
"""Of a text encoder's parameters, those that are multiplied: the rest is its embedding."""

_BARS = {
    Stage.LOAD: (0.4, 1.5),
    Stage.ENCODE: (0.6, 2.0),
    Stage.DENOISE: (0.2, 0.35),
    Stage.DECODE: (0.5, 1.5),
    Stage.WRITE: (0.6, 2.0),
}
"""How much less or more, as shares, before anything was measured on this machine."""
_CPU_BARS = dict.fromkeys(Stage, (0.7, 3.0))
"""The rate of a processor that nobody measured is a guess."""
_LEARNED_BARS = (0.15, 0.25)
SURE_AFTER = 3
"""Jobs after which what was measured is believed more than the bars above."""


def stage_seconds(case: Case, setup: Setup, stage: Stage, *, again: bool = False) -> Bar:
    """`again`: of the next job of this model, when what stays in memory is not read."""
    likely = _likely(case, setup, stage, again=again)
    factor = case.corrections.factor(stage)
    below, above = (_CPU_BARS if case.site.is_cpu else _BARS)[stage]
    if factor.jobs >= SURE_AFTER:
        below, above = _LEARNED_BARS
    return Bar.about(likely * factor.seconds, below, above)


def _likely(case: Case, setup: Setup, stage: Stage, *, again: bool) -> float:
    if stage is Stage.LOAD:
        return _reload_s(case, setup.residency) if again else _load_s(case)
    if stage is Stage.ENCODE:
        return _encode_s(case)
    if stage is Stage.DENOISE:
        return _denoise_s(case, setup.residency)
    if stage is Stage.DECODE:
        return _decode_s(case, tiled=setup.tiled)
    return _write_s(case)


def _load_s(case: Case) -> float:
    """Of a model of which nothing is in memory; blocks that stream cross once more as they do."""
    profile, weights = case.site.profile, case.weights
    read = weights.on_disk / profile.disk_read_bytes_per_second
    return MADE_S + read + weights.total / profile.host_to_device_bytes_per_second


def _reload_s(case: Case, residency: Residency) -> float:
    """Where components take turns, all of them come to the device anew with each job: experts from
    host memory if their copies stay there, the rest from disk."""
    if residency.components_stay:
        return 0.0
    profile, weights = case.site.profile, case.weights
    from_disk = weights.on_disk - (weights.experts_on_disk if residency.host_copies_stay else 0)
    read = from_disk / profile.disk_read_bytes_per_second
    return read + weights.total / profile.host_to_device_bytes_per_second


def _encode_s(case: Case) -> float:
    recipe, rate = case.recipe, case.site.profile.expected_flops
    parameters = int(_TEXT_SHARE * case.weights.encoder / case.site.dtype.bytes)
    text = case.video.passes * encode_flops(parameters, recipe.limits.text_tokens) / rate
    return text + (0.6 * _decode_s(case, tiled=False) if case.encodes_video else 0.0)


def _denoise_s(case: Case, residency: Residency) -> float:
    recipe, profile = case.recipe, case.site.profile
    tokens, made_of = case.latents.tokens, case.recipe.architecture
    forwards = case.video.steps * case.video.passes
    if made_of is None:  # then nothing streams either: what is known is its weights' share
        flops = 2.0 * max(case.weights.experts, default=0) / case.site.dtype.bytes * tokens
    else:
        flops = forward_flops(
            *(made_of, tokens, recipe.limits.text_tokens),
            timestep_a_token=recipe.expand_timesteps,
        )
    moved = forward_traffic(recipe, tokens, case.site.dtype)
    moved *= COMPILED_SHARE if case.compiled else 1.0
    moving = moved / (MEMORY_SHARE * profile.memory_bytes_per_second)
    computing = flops / profile.expected_flops + moving
    streamed = case.weights.streamed(residency.resident_blocks)
    copying = streamed / profile.host_to_device_bytes_per_second
    return forwards * (max(computing, copying) + EXPOSED * copying)


def _decode_s(case: Case, *, tiled: bool) -> float:
    profile, decoder, latents = case.site.profile, case.decoder, case.latents
    share = profile.bf16_share if case.site.is_cpu else CONVOLUTION_SHARE
    computing = decode_flops(decoder, latents) / (profile.bf16_flops * share)
    numbers = sum(each.inputs * each.area * each.frames for each in convolutions(decoder))
    moved = LAYER_PASSES * FLOAT32_BYTES * numbers * latents.area * latents.frames
    whole = computing + moved / (MEMORY_SHARE * profile.memory_bytes_per_second)
    if not tiled:
        return whole
    return whole * Tiling.of(case.recipe.vae_stride[1], latents).area / latents.area


def _write_s(case: Case) -> float:
    cores = min(case.site.profile.cores, ENCODING_CORES)
    return case.video.pixels / (PIXELS_PER_SECOND * cores)
