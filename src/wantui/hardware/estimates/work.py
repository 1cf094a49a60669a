"""Operations and bytes moved by one forward of a Wan transformer, and by its text encoder.

Source: diffusers 0.42.1, `transformer_wan.py`; matrix products count two operations a
multiplication and addition. T2V-A14B comes to 1.7 PFLOP at 832x480 with 81 frames, and to 6.5 at
1280x720. Held by a test to what torch's own counter says of the real class.
"""

from __future__ import annotations

from wantui.api.plan import DType
from wantui.catalog.recipe import Architecture, Recipe

ELEMENTWISE_BYTES = 200.0
"""Read and written by norms, rotations, sums and activations, a hidden number of a block in bf16.
Counted from its operations; what is left of the published times of an A100 and an RTX 4090 once
matrix products are taken off fits 195."""
MODULATION_BYTES = 126.0
"""The same of a timestep a token: TI2V-5B's."""
FLOAT32_MORE = 1.6
"""By how much that is more in fp32, where what was bf16 doubles."""


def forward_flops(
    made_of: Architecture, tokens: int, text_tokens: int, *, timestep_a_token: bool = False
) -> float:
    """Of one pass of one expert; with a timestep a token each is embedded and projected anew."""
    dim, n, text = float(made_of.dim), float(tokens), float(text_tokens)
    projections = 8 * n * dim * dim
    attention = 4 * n * n * dim
    cross = 4 * n * dim * dim + 4 * text * dim * dim + 4 * n * text * dim
    feed_forward = 4 * n * dim * made_of.ffn_dim
    embedding = 2 * n * dim * (made_of.freq_dim + 7 * dim) if timestep_a_token else 0.0
    return made_of.blocks * (projections + attention + cross + feed_forward) + embedding


def forward_traffic(recipe: Recipe, tokens: int, dtype: DType) -> float:
    """Bytes of device memory that a pass reads and writes besides matrix products."""
    made_of = recipe.architecture
    if made_of is None:
        return 0.0
    per_number = ELEMENTWISE_BYTES + (MODULATION_BYTES if recipe.expand_timesteps else 0.0)
    widening = FLOAT32_MORE if dtype is DType.FLOAT32 else 1.0
    return per_number * widening * made_of.blocks * made_of.dim * float(tokens)


def encode_flops(encoder_parameters: int, text_tokens: int) -> float:
    """Of one prompt: every parameter once a token. Its embedding, a fifth of it, is looked up."""
    return 2.0 * encoder_parameters * text_tokens
