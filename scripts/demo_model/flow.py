"""What the transformer learns: the way from a noisy video to a clean one, told by a caption.

Flow matching as Wan does it: x = (1 - sigma) clean + sigma noise, and the model says noise - clean
at timestep 1000 sigma. In part of the batches the first latent frame is given, at timestep 0, which
is how TI2V takes an image. The others need one timestep a video, not one a token: the same numbers
for less work.
"""

from __future__ import annotations

import functools
import random

import clips
import parts
import torch
from captions import caption
from clips import Clip
from latents import Latents
from torch import Tensor, nn
from torch.nn import functional

NO_CAPTION = 0.1
"""Share of videos without one, for guidance."""
GIVEN_FIRST = 0.3
"""Share of batches whose first latent frames are given."""
SHAPE_WEIGHT = 4.0
"""Latents that see the shape count for so much more: its form is little of what is in them."""
SHIFT = 3.0
BATCH = 16


class Model(nn.Module):
    """The text encoder and the transformer, trained together."""

    def __init__(self) -> None:
        super().__init__()
        self.text_encoder = parts.text_encoder()
        self.transformer = parts.transformer()

    def forward(self, x: Tensor, times: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """`times`, 0 to 1000, has one entry a video, or one a token of each."""
        states = self.text_encoder(ids, mask).last_hidden_state * mask.unsqueeze(-1)
        out: Tensor = self.transformer(
            hidden_states=x, timestep=times, encoder_hidden_states=states, return_dict=False
        )[0]
        return out


class Lessons:
    """Draws batches, and what the model should say to each."""

    def __init__(self, latents: Latents, seed: int) -> None:
        self._latents = latents
        self._weights = 1 + SHAPE_WEIGHT * torch.stack([seen(clip) for clip in latents.clips])
        self._chance = random.Random(seed)

    def loss(self, model: Model) -> Tensor:
        chosen = [self._chance.randrange(len(self._latents.clips)) for _ in range(BATCH)]
        clean = self._latents.values[chosen]
        ids, mask = tokens_of([self._caption(self._latents.clips[index]) for index in chosen])
        noise = torch.randn_like(clean)
        u = torch.rand(BATCH, 1, 1, 1, 1)
        sigma = SHIFT * u / (1 + (SHIFT - 1) * u)
        times, unknown = 1000 * sigma.flatten(), torch.ones_like(clean[:, :1])
        if self._chance.random() < GIVEN_FIRST:
            unknown[:, :, 0] = 0
            times = 1000 * (sigma * unknown)[:, 0, :, ::2, ::2].flatten(1)  # of patches of 1x2x2
        sigmas = sigma * unknown
        said = model((1 - sigmas) * clean + sigmas * noise, times, ids, mask)
        weights = unknown * self._weights[chosen]
        off = (said - (noise - clean)).square() * weights
        loss: Tensor = off.sum() / (weights.sum() * clean.shape[1])
        return loss

    def _caption(self, clip: Clip) -> str:
        return "" if self._chance.random() < NO_CAPTION else caption(clip, self._chance)


def tokens_of(captions: list[str]) -> tuple[Tensor, Tensor]:
    """Their ids, padded, and a mask of those that count."""
    tokens = _tokenizer()(
        captions,
        padding="max_length",
        max_length=parts.TEXT_TOKENS,
        truncation=True,
        return_tensors="pt",
    )
    return tokens.input_ids, tokens.attention_mask


@functools.cache
def _tokenizer() -> parts.Part:
    return parts.tokenizer()


def seen(clip: Clip) -> Tensor:
    """Which latents see the shape, (1, frames, height, width) of 0 or 1."""
    inside = clips.render(clip)[1].unsqueeze(0)
    cells = functional.max_pool3d(inside, (1, parts.SPATIAL, parts.SPATIAL))[0]
    later = cells[:, 1:].reshape(1, -1, parts.TEMPORAL, *cells.shape[2:]).amax(2)
    return torch.cat((cells[:, :1], later), 1).ceil()
