"""Does the demo do as it is told? `evaluate.py [--clips N]` asks it for clips and looks at them.

Prompts and seeds are drawn apart from those that it was trained with. Text: colour, shape and
direction as detect.py reads them from the frames, with and without guidance. Image: the given first
frame is kept, and the direction followed. With --check it fails where a target is missed.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import clips
import diffusers
import pack
import torch
from captions import caption
from clips import DIRECTIONS, Clip
from detect import Directions, Seen, look
from parts import Part
from PIL import Image
from torch import Tensor
from train import decibels

SEED = 52_711
"""Of the prompts and the noise that are reported on, and that nothing was chosen by."""
CHOSEN_ON = 9001
"""Of those that the demo's guidance was chosen on: choose by these, with --seed."""
LEAST_SHARE, LEAST_RECONSTRUCTION_DB, LEAST_KEPT_DB = 0.9, 27.0, 24.0
"""Targets: of each text attribute and the direction from an image, the VAE and the first frame."""
STEPS, GUIDANCE, TEXT_TOKENS = 20, 3.0, 64
TOGETHER = 8
_diffusers: Part = diffusers


@dataclass
class Scores:
    """Shares of clips, 0 to 1."""

    clips: int
    hits: Counter[str]

    @property
    def shares(self) -> dict[str, float]:
        return {name: self.hits[name] / self.clips for name in ("colour", "shape", "direction")}

    @property
    def worst(self) -> float:
        return min(self.shares.values())

    @property
    def mean(self) -> float:
        return sum(self.shares.values()) / len(self.shares)

    def __str__(self) -> str:
        return "  ".join(f"{name} {share:.1%}" for name, share in self.shares.items())


def from_text(
    pipeline: Part,
    count: int,
    guidance: float,
    seed: int = SEED,
    *,
    asked: Iterable[str] = DIRECTIONS,
    seen: Directions = DIRECTIONS,
) -> Scores:
    """Of `count` prompts for the directions that are `asked`; `seen` are those that may be."""
    chance = random.Random(seed)
    hits: Counter[str] = Counter()
    for start in range(0, count, TOGETHER):
        wanted = [Clip.draw(chance, asked) for _ in range(min(TOGETHER, count - start))]
        prompts = [caption(clip, chance) for clip in wanted]
        generators = [torch.Generator().manual_seed(seed + start + n) for n in range(len(wanted))]
        made = generate(pipeline, prompts, generators, guidance)
        for clip, frames in zip(wanted, made, strict=True):
            hits += compare(clip, look(frames, seen))
    return Scores(count, hits)


def compare(clip: Clip, seen: Seen | None) -> Counter[str]:
    names = ("colour", "shape", "direction")
    return Counter(name for name in names if seen and getattr(seen, name) == getattr(clip, name))


def generate(
    pipeline: Part, prompts: list[str], generators: list[torch.Generator], guidance: float
) -> Tensor:
    """(prompts, frames, 3, height, width) in 0 to 1."""
    made: Tensor = pipeline(
        prompt=prompts,
        negative_prompt=[""] * len(prompts),
        height=clips.SIDE,
        width=clips.SIDE,
        num_frames=clips.FRAMES,
        num_inference_steps=STEPS,
        guidance_scale=guidance,
        max_sequence_length=TEXT_TOKENS,
        generator=generators,
        output_type="pt",
    ).frames
    return made


def from_image(pipeline: Part, count: int, seed: int = SEED) -> tuple[float, float]:
    """How well the first frame is kept, in decibels, and the share that goes the right way."""
    chance = random.Random(seed + 1)
    kept, right = 0.0, 0
    go_on = with_image(pipeline)
    for number in range(count):
        clip = Clip.draw(chance)
        first = (clips.render(clip)[0][:, 0] + 1) / 2
        made = go_on(first, caption(clip, chance), seed + number)
        kept += decibels((made[0] - first) * 2) / count
        right += compare(clip, look(made))["direction"]
    return kept, right / count


def with_image(pipeline: Part) -> Callable[[Tensor, str, int], Tensor]:
    """What goes on from a first frame, (3, side, side), with a prompt and a seed."""
    from_picture = _diffusers.WanImageToVideoPipeline(
        **{name: pipeline.components[name] for name in pipeline.components},
        image_encoder=None,
        image_processor=None,
        expand_timesteps=True,
    )
    from_picture.set_progress_bar_config(disable=True)

    def go_on(first: Tensor, prompt: str, seed: int) -> Tensor:
        made: Tensor = from_picture(
            image=Image.fromarray((first.permute(1, 2, 0) * 255).round().byte().numpy()),
            prompt=prompt,
            negative_prompt="",
            height=clips.SIDE,
            width=clips.SIDE,
            num_frames=clips.FRAMES,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            max_sequence_length=TEXT_TOKENS,
            generator=torch.Generator().manual_seed(seed),
            output_type="pt",
        ).frames[0]
        return made

    return go_on


@torch.no_grad()
def reconstruction(pipeline: Part, count: int, seed: int = SEED) -> float:
    """Of the VAE, in decibels over whole clips."""
    chance = random.Random(seed + 2)
    total = 0.0
    for _ in range(count):
        video = clips.render(Clip.draw(chance))[0].unsqueeze(0)
        latent = pipeline.vae.encode(video).latent_dist.mode()
        total += decibels(pipeline.vae.decode(latent).sample - video) / count
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--weights", type=Path, default=pack.WEIGHTS)
    parser.add_argument("--seed", type=int, default=SEED, help=f"{CHOSEN_ON} to choose by")
    parser.add_argument("--check", action="store_true", help="fail below the targets")
    arguments = parser.parse_args()
    pipeline = _diffusers.WanPipeline.from_pretrained(arguments.weights)
    pipeline.set_progress_bar_config(disable=True)
    few = max(arguments.clips // 5, 1)
    vae = reconstruction(pipeline, few, arguments.seed)
    print(f"VAE: {vae:.1f} dB over {few} clips", flush=True)
    guided = from_text(pipeline, arguments.clips, GUIDANCE, arguments.seed)
    print(f"text: {guided}", flush=True)
    free = from_text(pipeline, few, 1.0, arguments.seed)
    print(f"text without guidance: {free}", flush=True)
    kept, right = from_image(pipeline, few, arguments.seed)
    print(f"image: first frame {kept:.1f} dB, direction {right:.1%}", flush=True)
    good = vae >= LEAST_RECONSTRUCTION_DB and kept >= LEAST_KEPT_DB
    good = good and min(guided.worst, right) >= LEAST_SHARE
    if arguments.check and not (good and free.mean < guided.mean):
        sys.exit("below the targets")


if __name__ == "__main__":
    main()
