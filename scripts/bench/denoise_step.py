"""A faithful denoise step against the diffusers pipeline's: the same bits, and in what time."""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import diffusers
import torch
from row import median, row
from tests.tiny_models import text_image_to_video
from tests.worker.both_ways import Theirs, latents, loaded
from tests.worker.orders import Tiny

from wantui.api.job import Params
from wantui.worker.load import LoadedModel

ROUNDS = 8
STEPS = 8

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
    stamps: list[float] = []
    made = latents(model, params, on_step=lambda _state: stamps.append(time.perf_counter()))
    return made, steps_s(stamps)


def theirs(pipeline: Theirs, params: Params) -> tuple[torch.Tensor, list[float]]:
    stamps: list[float] = []

    def on_step(_pipeline: object, _step: int, _time: object, _given: object) -> dict[str, Any]:
        stamps.append(time.perf_counter())
        return {}

    made: torch.Tensor = pipeline.run(
        params, callback_on_step_end=on_step, callback_on_step_end_tensor_inputs=[]
    )
    return made, steps_s(stamps)


def main() -> None:
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        model = build(Path(folder))
        params = model.params(width=256, height=256, frames=17, steps=STEPS)
        mine, pipeline = loaded(model), Theirs.of(model)
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):  # in turns, so that what else the machine does hits both
            our_latents, our_times = ours(mine, params)
            their_latents, their_times = theirs(pipeline, params)
            if not torch.equal(our_latents, their_latents):
                sys.exit("the latents differ from the pipeline's")
            times[0].extend(our_times)
            times[1].extend(their_times)
    our_step_s, reference_s = (median(each) for each in times)
    row(
        "faithful denoise step vs the diffusers pipeline's, same bits, CPU fp32",
        f"{our_step_s * 1000:.0f} ms",
        f"{reference_s * 1000:.0f} ms",
        f"{our_step_s / reference_s:.2f}x",
        "<= 1.02x",
    )


if __name__ == "__main__":
    main()
