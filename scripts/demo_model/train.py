"""Train the demo model from nothing: `train.py vae`, `latents`, `transformer`, then `pack`.

Everything is kept in the folder --work, and each stage goes on from there when it is started
again. `start` fills an empty --work with the weights that ship, to train those further.
"""

from __future__ import annotations

import argparse
import math
import random
from pathlib import Path

import clips
import fast
import pack
import parts
import torch
import whole
from course import Course, averaged, begin
from flow import Lessons, Model
from latents import encode_clips, load
from torch import Tensor

SEED = 47
KL = 3e-4
SHAPE_WEIGHT = 2.0
"""Pixels of the shape count for so much more than the background's."""
WHOLE_CLIPS_FROM = 0.7
"""Small parts teach faster; the last share of the course sees what will be asked for."""


def train_vae(work: Path, minutes: float) -> None:
    vae = parts.vae().train()
    course = Course("vae", work, vae, minutes)
    chance = random.Random(SEED + course.step)
    torch.manual_seed(SEED + course.step)
    for share in course.steps():
        small = share < WHOLE_CLIPS_FROM
        videos, masks = clips.batch(chance, 8, 64, 9) if small else clips.batch(chance, 1)
        mean, log_variance = whole.encode(vae, videos)
        noise = torch.randn_like(mean) * (0.5 * log_variance).exp() if share > 0.1 else 0.0
        made = whole.decode(vae, mean + noise)
        weight = 1 + SHAPE_WEIGHT * masks
        off = made - videos
        far = (off.abs() * weight).mean() + (off.square() * weight).mean()
        kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).mean()
        course.learn(far + KL * kl, psnr=decibels(off), kl=kl.item())


def decibels(off: Tensor) -> float:
    """Peak signal-to-noise ratio of an error in [-2, 2], a range of 2."""
    return 10 * math.log10(4 / max(off.detach().square().mean().item(), 1e-12))


def encode_latents(work: Path, count: int) -> None:
    vae = parts.vae().eval()
    vae.load_state_dict(averaged(work, "vae"))
    encode_clips(vae, work / "latents", count, SEED)


def train_transformer(work: Path, minutes: float) -> None:
    fast.make_linear_layers_fast()
    model = Model().train()
    for block in model.transformer.blocks:
        block.compile(dynamic=False)
    course = Course("transformer", work, model, minutes)
    torch.manual_seed(SEED + course.step)
    lessons = Lessons(load(work / "latents"), SEED + course.step)
    for _ in course.steps():
        course.learn(lessons.loss(model))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("start", "vae", "latents", "transformer", "pack"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the whole course")
    parser.add_argument("--clips", type=int, default=8000, help="how many latents are made of")
    parser.add_argument("--to", type=Path, default=pack.WEIGHTS, help="where pack writes")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    if arguments.stage == "start":
        for name, weights in pack.unpack(pack.WEIGHTS).items():
            begin(arguments.work, name, weights)
    elif arguments.stage == "vae":
        train_vae(arguments.work, arguments.minutes)
    elif arguments.stage == "latents":
        encode_latents(arguments.work, arguments.clips)
    elif arguments.stage == "transformer":
        train_transformer(arguments.work, arguments.minutes)
    else:
        pack.pack(arguments.work, arguments.to)


if __name__ == "__main__":
    main()
