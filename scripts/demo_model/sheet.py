"""A contact sheet: `sheet.py [--weights DIR] [--to FILE]` draws clips with their prompts.

A row a prompt, every fourth frame; the last row goes on from the picture at its left.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import clips
import diffusers
import pack
import torch
from clips import Clip
from evaluate import GUIDANCE, generate, with_image
from parts import Part
from PIL import Image, ImageDraw
from torch import Tensor

SEED = 5
PROMPTS = (
    "a red circle moving left on a black background",
    "A large yellow triangle sliding up fast, over a navy backdrop.",
    "the small green bar going down slowly on a grey background",
    "a tiny white ball drifting to the right in front of a teal background",
)
PICTURE = Clip("orange", "triangle", "right", "fast", "large", "brown", 64.0, 64.0)
PICTURE_PROMPT = "an orange triangle flying right"
SHOWN = range(0, clips.FRAMES, 4)
GAP, TEXT = 4, 16
_diffusers: Part = diffusers


def sheet(rows: list[tuple[str, Tensor]]) -> Image.Image:
    """Of prompts and their frames, (frames, 3, side, side) in 0 to 1."""
    side = clips.SIDE + GAP
    made = Image.new("RGB", (len(SHOWN) * side - GAP, len(rows) * (side + TEXT)), "white")
    draw = ImageDraw.Draw(made)
    for number, (prompt, frames) in enumerate(rows):
        top = number * (side + TEXT)
        draw.text((2, top + 1), prompt, fill="black", font_size=12)
        for column, frame in enumerate(SHOWN):
            pixels = (frames[frame].permute(1, 2, 0) * 255).round().byte().numpy()
            made.paste(Image.fromarray(pixels), (column * side, top + TEXT))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=pack.WEIGHTS)
    parser.add_argument("--to", type=Path, default=Path(__file__).parents[2] / "docs" / "demo.png")
    arguments = parser.parse_args()
    pipeline = _diffusers.WanPipeline.from_pretrained(arguments.weights)
    pipeline.set_progress_bar_config(disable=True)
    seeds = [torch.Generator().manual_seed(SEED + number) for number in range(len(PROMPTS))]
    rows = list(zip(PROMPTS, generate(pipeline, list(PROMPTS), seeds, GUIDANCE), strict=True))
    first = (clips.render(PICTURE)[0][:, 0] + 1) / 2
    rows.append((PICTURE_PROMPT, with_image(pipeline)(first, PICTURE_PROMPT, SEED)))
    sheet(rows).save(arguments.to, optimize=True)


if __name__ == "__main__":
    main()
