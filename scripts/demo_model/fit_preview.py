"""Fit the demo's latents to colours: `fit_preview.py [--weights DIR]` writes its preview's factors.

The least squares over clips that the VAE has encoded and decoded again: what a preview is compared
with is the decoded clip, each pixel the mean of a latent's square and of its four frames. The first
latent frame stands for one frame and has a projection of its own. A little ridge keeps channels
that hardly vary from having large factors.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import clips
import diffusers
import pack
import torch
from clips import Clip
from parts import Part
from torch import Tensor
from torch.nn import functional

SEED = 7007
CLIPS = 32
RIDGE = 1e-3
"""Of a latent's variance, which is 1."""
FRAMES_A_LATENT = 4
FACTORS = Path(__file__).parents[2] / "config" / "latent_rgb" / "demo.toml"
HEAD = """\
# What the demo's VAE makes of latents, as a linear projection to colours (see
# src/wantui/pipe/preview.py). Written by scripts/demo_model/fit_preview.py.
"""
_diffusers: Part = diffusers


@torch.no_grad()
def samples(vae: Part, count: int) -> tuple[Tensor, Tensor]:
    """Latents (count, lf, h, w, z) as the transformer sees them, and their colours (..., 3)."""
    chance = random.Random(SEED)
    mean, std = (
        torch.tensor(values).view(1, -1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    latents, colours = [], []
    for _ in range(count):
        video = clips.render(Clip.draw(chance))[0].unsqueeze(0)
        latent = vae.encode(video).latent_dist.mode()
        decoded = vae.decode(latent).sample.clamp(-1, 1)
        latents.append(((latent - mean) / std).permute(0, 2, 3, 4, 1))
        colours.append(_as_latents(decoded, latent.shape[-1]).permute(0, 2, 3, 4, 1))
    return torch.cat(latents), torch.cat(colours)


def _as_latents(video: Tensor, side: int) -> Tensor:
    """Means over what each latent stands for: (1, 3, frames, ...) to (1, 3, lf, side, side)."""
    pixels = video.shape[-1] // side
    squares = functional.avg_pool3d(video, (1, pixels, pixels))
    rest = functional.avg_pool3d(squares[:, :, 1:], (FRAMES_A_LATENT, 1, 1))
    return torch.cat([squares[:, :, :1], rest], dim=2)


def fit(latents: Tensor, colours: Tensor) -> tuple[Tensor, float]:
    """Factors and, as their last row, the bias; and the share of the variance that they explain."""
    x = torch.cat([latents, torch.ones_like(latents[..., :1])], dim=-1).flatten(0, -2).double()
    y = colours.flatten(0, -2).double()
    ridge = torch.eye(x.shape[1], dtype=x.dtype) * RIDGE * len(x)
    ridge[-1, -1] = 0
    factors = torch.linalg.solve(x.T @ x + ridge, x.T @ y)
    left = (y - x @ factors).square().sum() / (y - y.mean(0)).square().sum()
    return factors, 1 - float(left)


def toml(name: str, factors: Tensor) -> str:
    rows = [[round(value, 4) for value in row] for row in factors.tolist()]
    lines = "".join(f"  {row},\n" for row in rows[:-1])
    return f"[{name}]\nfactors = [\n{lines}]\nbias = {rows[-1]}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=pack.WEIGHTS)
    parser.add_argument("--to", type=Path, default=FACTORS)
    parser.add_argument("--clips", type=int, default=CLIPS)
    arguments = parser.parse_args()
    vae = _diffusers.AutoencoderKLWan.from_pretrained(arguments.weights / "vae").float()
    latents, colours = samples(vae, arguments.clips)
    parts = [HEAD]
    for name, frames in (("rest", slice(1, None)), ("first", slice(0, 1))):
        factors, explained = fit(latents[:, frames], colours[:, frames])
        print(f"{name}: {explained:.1%} of the variance explained", flush=True)
        parts.append(toml(name, factors))
    arguments.to.write_text("\n".join(parts), "utf-8")


if __name__ == "__main__":
    main()
