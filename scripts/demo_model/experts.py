"""The demo as two experts in the layout of an A14B model: `experts.py --to DIR`, in a second.

Made of the weights that ship by solving for a few of them; nothing is trained. An expert knows its
own noise alone, and hears its prompt in its own way, so that whatever takes the wrong one, the
wrong boundary or the other's guidance draws visibly worse:

- Its timesteps are embedded as the demo's in its own range, and outside of it so that the last
  layer says the same whatever it sees: the least squares over what the embedding's last layer gets.
- Its cross-attention says more or less than the demo's of what a prompt says beyond no prompt. The
  high-noise expert hears a quarter and wants that much more guidance; the low-noise one hears two
  and a half times as much and wants none.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import diffusers
import pack
import torch
from parts import Part
from torch import Tensor

BOUNDARY = 0.875
"""Of T2V-A14B."""
GUIDANCE, GUIDANCE_LOW = 12.0, 1.0
_HEARING, _HEARING_LOW = 0.25, 2.5
"""Shares of what the demo hears."""
_TRAIN_STEPS = 1000
_OWN_WEIGHT = 10.0
"""Of a timestep in an expert's range, to one outside: what it knows must stay as it was."""
_RIDGE = 1e-3
_SHARED = ("text_encoder", "tokenizer", "scheduler", "vae")
_diffusers: Part = diffusers


def write_experts(folder: Path) -> Path:
    """The model, in a folder that does not exist yet; experts are in fp32."""
    for name in _SHARED:
        shutil.copytree(pack.WEIGHTS / name, folder / name)
    timesteps = torch.arange(_TRAIN_STEPS + 1, dtype=torch.float64)
    high = timesteps >= BOUNDARY * _TRAIN_STEPS
    for name, own, hearing in (
        ("transformer", high, _HEARING),
        ("transformer_2", ~high, _HEARING_LOW),
    ):
        expert = _diffusers.WanTransformer3DModel.from_pretrained(pack.WEIGHTS / "transformer")
        expert = expert.double()
        confine(expert, timesteps, own)
        attune(expert, hearing)
        expert.float().save_pretrained(folder / name)
    index = pack.MODEL_INDEX | {
        "boundary_ratio": BOUNDARY,
        "transformer_2": pack.MODEL_INDEX["transformer"],
    }
    del index["expand_timesteps"]
    (folder / "model_index.json").write_text(json.dumps(index, indent=1), "utf-8")
    return folder


@torch.no_grad()
def confine(expert: Part, timesteps: Tensor, own: Tensor) -> None:
    """Leave the embedding of its `own` timesteps, and make that of the others say nothing."""
    embedder = expert.condition_embedder
    frequencies = embedder.timesteps_proj(timesteps).double()
    inner = embedder.time_embedder.act(embedder.time_embedder.linear_1(frequencies))
    last = embedder.time_embedder.linear_2
    _, scale = expert.scale_shift_table[0]
    silent = -1 - scale  # the last norm is scaled by 1 + scale + embedding: by nothing
    wanted = torch.where(own.unsqueeze(1), last(inner), silent)
    weights = torch.where(own, _OWN_WEIGHT, 1.0).double().unsqueeze(1)
    inputs = torch.cat([inner, torch.ones_like(timesteps).unsqueeze(1)], 1)
    ridge = _RIDGE * torch.eye(inputs.shape[1], dtype=inputs.dtype)
    nothing = torch.zeros(len(ridge), wanted.shape[1], dtype=wanted.dtype)
    solved = torch.linalg.lstsq(
        torch.cat([inputs * weights, ridge]), torch.cat([wanted * weights, nothing])
    ).solution
    last.weight.copy_(solved[:-1].T)
    last.bias.copy_(solved[-1])


@torch.no_grad()
def attune(expert: Part, hearing: float) -> None:
    """Scale what cross-attention says about what it says of no prompt, whose states are zeros."""
    text = expert.condition_embedder.text_embedder
    nothing = text(torch.zeros(1, expert.config.text_dim, dtype=expert.dtype))[0]
    for block in expert.blocks:
        out = block.attn2.to_out[0]
        out.bias.add_((1 - hearing) * (out.weight @ block.attn2.to_v(nothing)))
        out.weight.mul_(hearing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True)
    write_experts(parser.parse_args().to)


if __name__ == "__main__":
    main()
