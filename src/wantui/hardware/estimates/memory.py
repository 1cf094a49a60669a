"""Bytes of a device that each stage takes, line by line.

A stage's peak is the weights that are there, what it computes with, the process's own share, and
what the allocator holds without use. On a GPU what was measured so far is TI2V-5B in bf16 on an
H200: 15.6 GB of denoising at 1280x704x121 and 11.7 GB at 704x704x61, where this says as much.
"""

from __future__ import annotations

from collections.abc import Iterator

from wantui.api.job import Stage
from wantui.hardware.estimates.activations import HISTORY, dequantising_bytes, forward_bytes
from wantui.hardware.estimates.bar import Bar, total
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.decoder import Tiling, cache_bytes, working_bytes

Parts = dict[str, Bar]
"""A breakdown: what takes it, by name. Adds up to the whole."""

CONTEXT = "CUDA context"
"""The name of the line that torch's own counters do not see."""
PROCESS = "process"
SLACK = "allocator slack"
CORRECTION = "learned correction"

_CONTEXT = Bar(0.4e9, 0.6e9, 0.9e9)
"""CUDA's context and cuBLAS's workspaces. What is left of the published peaks of an A100 once an
expert and its activations are taken off is 0.6 GB at both sizes."""
_PROCESS = Bar(0.4e9, 0.47e9, 0.6e9)
"""Python with torch and diffusers on a CPU: 385 to 470 MB, measured here after an import."""
_SLACK = (0.0, 0.05, 0.12)
"""Of what comes and goes on a GPU: blocks that torch's allocator keeps, in pieces of 2 MB."""
_HEAP = (0.0, 0.05, 0.25)
"""The same of a CPU's heap, from which big blocks go straight back."""
_ENCODER_ACTIVATIONS = (0.1, 0.3, 0.8)
"""GB that 512 tokens take in UMT5-XXL: scores of 64 heads in fp32, several times."""
FULL_ENCODER_WIDTH = 4096
_ENCODER_SHARE = 0.73
"""Of a decode's peak, what encoding a clip takes: 13.1 of 18.0 GB on the meta device."""
_COPIES = (1.0, 1.5, 2.0)
_KERNELS = Bar(0.06e9, 0.1e9, 0.15e9)
"""What a CPU's convolutions take beside their tensors: oneDNN's own layouts and what the heap
keeps, of the working set, and its kernels. Measured with the demo's VAE at 256x256 and 640x640."""
_WORKSPACES = (0.0, 0.15, 0.3)
"""What a GPU's convolutions take beside their tensors, of the working set. Measured on an H200: the
whole decode of TI2V-5B at 1280x704 took 21.3 GB beside its weights, 19.4 of them are tensors."""
_WORKSPACE = (0.15, 0.25)
"""How much less, or more, a convolution's algorithm takes than the tensors it is given."""


def stage_parts(case: Case, setup: Setup, stage: Stage) -> Parts:
    """What the device holds at the peak of a stage, with what was learned of such stages."""
    parts = _parts(case, setup, stage)
    factor = case.corrections.factor(stage).memory
    if factor != 1.0:
        parts[CORRECTION] = seen(parts).times(factor - 1.0)
    return parts


def seen(parts: Parts) -> Bar:
    """Of a breakdown, what the worker's counters can see."""
    return total(bar for name, bar in parts.items() if name != CONTEXT)


def _parts(case: Case, setup: Setup, stage: Stage) -> Parts:
    """Of the stage's phases that take turns on the device, the one that takes most."""
    phases = (_whole(case, setup, *phase) for phase in _phases(case, setup, stage))
    return max(phases, key=lambda parts: total(parts.values()).likely)


def _whole(case: Case, setup: Setup, weights: int, working: Parts) -> Parts:
    own = {PROCESS: _PROCESS} if case.site.is_cpu else {CONTEXT: _CONTEXT}
    slack = _HEAP if case.site.is_cpu else _SLACK
    moving = total(working.values()).likely
    there = case.weights.total if setup.residency.components_stay else weights
    return {
        "weights": Bar.about(there, 0.0, 0.01),
        **working,
        SLACK: Bar(*(share * moving for share in slack)),
        **own,
    }


def _phases(case: Case, setup: Setup, stage: Stage) -> Iterator[tuple[int, Parts]]:
    """The weights at work, and what they compute with."""
    weights = case.weights
    if stage is Stage.ENCODE:
        yield weights.encoder, _text(case)
        if case.encodes_video:
            yield weights.vae, _picture(case)
    elif stage is Stage.DENOISE:
        yield weights.expert(setup.residency.resident_blocks), _denoise(case)
    elif stage is Stage.DECODE:
        yield weights.vae, _decode(case, tiled=setup.tiled, half=setup.half)
    else:
        yield 0, {}


def _text(case: Case) -> Parts:
    architecture = case.recipe.architecture
    width = (architecture.text_dim if architecture else FULL_ENCODER_WIDTH) / FULL_ENCODER_WIDTH
    return {"text activations": Bar(*_ENCODER_ACTIVATIONS).times(1e9 * width)}


def _picture(case: Case) -> Parts:
    """The VAE's encoder mirrors its decoder."""
    area = case.latents.area
    whole = cache_bytes(case.decoder, area) + working_bytes(case.decoder, area)
    return {"picture's encoding": Bar.about(_ENCODER_SHARE * whole, *_WORKSPACE)}


def _denoise(case: Case) -> Parts:
    recipe, dtype = case.recipe, case.site.dtype
    tokens = case.latents.tokens
    activations = forward_bytes(recipe, tokens, dtype, compiled=case.compiled)
    parts = {
        "activations": Bar.about(activations, 0.05, 0.08),
        "latents": Bar.exactly(HISTORY * case.latents.bytes(case.decoder.latent_channels)),
    }
    if case.video.lora_bytes:
        parts["LoRAs"] = Bar.exactly(case.video.lora_bytes * dtype.bytes // 2)
    if dequantising := dequantising_bytes(recipe):
        parts["dequantising"] = Bar.about(dequantising, 0.3, 0.3)
    return parts


def _decode(case: Case, *, tiled: bool, half: bool) -> Parts:
    latents, decoder = case.latents, case.decoder
    area = latents.area
    parts: Parts = {}
    if tiled:
        tiling = Tiling.of(case.recipe.vae_stride[1], latents)
        area = min(area, tiling.side**2)
        parts["tiles' edges"] = Bar.exactly(tiling.kept_bytes(case.video.frames))
    if case.site.is_cpu:
        copies = Bar(*_COPIES).times(working_bytes(decoder, area))
        parts["convolutions' copies"] = copies + _KERNELS
    else:
        parts["workspaces"] = Bar(*_WORKSPACES).times(working_bytes(decoder, area))
    narrowing = 0.5 if half else 1.0
    return {
        "feature cache": Bar.exactly(narrowing * cache_bytes(decoder, area)),
        "decoding": Bar.about(narrowing * working_bytes(decoder, area), *_WORKSPACE),
        "latents": Bar.exactly(2 * latents.bytes(decoder.latent_channels)),
        **parts,
    }
