"""A faithful denoise step against the diffusers pipeline's: the same bits, and in what time."""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import diffusers
import torch
from row import median, row
from tests.tiny_models import TEXT_TOKENS, text_image_to_video
from tests.worker.orders import Tiny

from wantui.api.job import Params
from wantui.api.plan import DType, Residency
from wantui.worker.condition import conditioning
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.stop import StopFlag

ROUNDS = 8
STEPS = 8

Pipeline: TypeAlias = Any
"""A `diffusers.WanPipeline`; its methods are made at run time, where mypy cannot follow."""
_diffusers: Any = diffusers


def build(folder: Path) -> Tiny:
    """TI2V with a transformer that works for a while: 11 million parameters."""
    text_image_to_video(folder)
    torch.manual_seed(1)
    _diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=6,
        attention_head_dim=64,
        in_channels=48,
        out_channels=48,
        text_dim=32,
        freq_dim=256,
        ffn_dim=1024,
        num_layers=5,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    ).save_pretrained(folder / "transformer")
    for shard in (folder / "transformer").glob("*-of-*"):
        shard.unlink()
    (folder / "transformer" / "diffusion_pytorch_model.safetensors.index.json").unlink()
    return Tiny("ti2v", folder)


def steps_s(stamps: list[float]) -> list[float]:
    """From one step's end to the next's; before the first one there is more than a step."""
    return [after - before for before, after in pairwise(stamps)]


def ours(model: LoadedModel, params: Params) -> tuple[torch.Tensor, list[float]]:
    stop = StopFlag()
    stamps: list[float] = []
    with torch.inference_mode():
        latents = denoise(
            model,
            params,
            encode(model, params, stop),
            conditioning(model, params, None, stop),
            stop=stop,
            on_step=lambda _state: stamps.append(time.perf_counter()),
        )
    return latents, steps_s(stamps)


def theirs(pipeline: Pipeline, params: Params) -> tuple[torch.Tensor, list[float]]:
    stamps: list[float] = []

    def on_step(_pipeline: Pipeline, _step: int, _time: object, _given: object) -> dict[str, Any]:
        stamps.append(time.perf_counter())
        return {}

    latents: torch.Tensor = pipeline(
        prompt=params.prompt,
        negative_prompt=params.negative_prompt,
        height=params.height,
        width=params.width,
        num_frames=params.frames,
        num_inference_steps=params.steps,
        guidance_scale=params.guidance,
        generator=torch.Generator().manual_seed(params.seed),
        max_sequence_length=TEXT_TOKENS,
        output_type="latent",
        callback_on_step_end=on_step,
        callback_on_step_end_tensor_inputs=[],
    ).frames
    return latents, steps_s(stamps)


def pipeline_of(model: Tiny, params: Params) -> Pipeline:
    pipeline = _diffusers.WanPipeline.from_pretrained(model.folder, expand_timesteps=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = type(pipeline.scheduler).from_config(
        pipeline.scheduler.config, flow_shift=params.shift
    )
    return pipeline


def main() -> None:
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        model = build(Path(folder))
        params = model.params(width=256, height=256, frames=17, steps=STEPS)
        key = LoadKey(model.files, DType.FLOAT32, Residency.RESIDENT, torch.device("cpu"))
        loaded = load(key, StopFlag().check)
        pipeline = pipeline_of(model, params)
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):  # in turns, so that what else the machine does hits both
            our_latents, our_times = ours(loaded, params)
            their_latents, their_times = theirs(pipeline, params)
            if not torch.equal(our_latents, their_latents):
                sys.exit("the latents differ from the pipeline's")
            times[0].extend(our_times)
            times[1].extend(their_times)
    mine, reference = (median(each) for each in times)
    row(
        "faithful denoise step vs the diffusers pipeline's, same bits, CPU fp32",
        f"{mine * 1000:.0f} ms",
        f"{reference * 1000:.0f} ms",
        f"{mine / reference:.2f}x",
        "<= 1.02x",
    )


if __name__ == "__main__":
    main()
