"""Does the LoRA show? `evaluate_lora.py [--clips N] [--lora FILE]` asks for its motion and looks.

Without the LoRA and with it, and with it for the motions that the demo knows, which it is to leave
alone. Prompts and noise are drawn apart from those that it was made with. With --check it fails
where a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import diffusers
import pack
from clips import ALL_DIRECTIONS, DIRECTIONS, NEW_DIRECTIONS
from evaluate import GUIDANCE, SEED, Scores, from_text
from lora import LORAS
from parts import Part
from safetensors.torch import load_file

MOST_WITHOUT, LEAST_WITH = 0.1, 0.9
"""Shares of clips: that show the motion without the LoRA; with it, and of those left alone."""
_diffusers: Part = diffusers


def shown(pipeline: Part, count: int, asked: dict[str, tuple[float, float]]) -> Scores:
    return from_text(pipeline, count, GUIDANCE, SEED, asked=asked, seen=ALL_DIRECTIONS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--lora", type=Path, default=LORAS / "diagonally.safetensors")
    parser.add_argument("--check", action="store_true", help="fail below the targets")
    arguments = parser.parse_args()
    pipeline = _diffusers.WanPipeline.from_pretrained(pack.WEIGHTS)
    pipeline.set_progress_bar_config(disable=True)
    without = shown(pipeline, arguments.clips, NEW_DIRECTIONS)
    print(f"diagonally, without: {without}", flush=True)
    pipeline.load_lora_weights(load_file(arguments.lora))
    added = shown(pipeline, arguments.clips, NEW_DIRECTIONS)
    print(f"diagonally, with it: {added}", flush=True)
    known = shown(pipeline, arguments.clips, DIRECTIONS)
    print(f"what it knew, with it: {known}", flush=True)
    least = min(added.shares["direction"], known.shares["direction"])
    if arguments.check and (without.shares["direction"] > MOST_WITHOUT or least < LEAST_WITH):
        sys.exit("below the targets")


if __name__ == "__main__":
    main()
