"""Bytes that one forward of a Wan transformer takes beside its weights.

Source: diffusers 0.42.1, `transformer_wan.py`, read line by line: what is alive at the two places
where most is. Attention that never writes its scores down (SDPA's flash, cuDNN and memory-efficient
kernels, and the CPU's) adds only its output, which is counted. A test runs the real class at the
real sizes on the meta device, and holds these counts to within 2 %.
"""

from __future__ import annotations

from wantui.api.plan import DType
from wantui.catalog.recipe import Architecture, Recipe

UNKNOWN_BYTES_PER_TOKEN = 200_000
"""Where nobody wrote down what the transformer is made of: TI2V-5B's in bf16, the most of any."""
DEQUANTISING_BYTES = 6
"""Of each of a quantised layer's numbers while it is at work: decoded, in fp16, and cast to bf16.
Read off diffusers 0.42.1, `quantizers/gguf/utils.py`; not measured."""
HISTORY = 8
"""Tensors of latents that are alive between steps, all fp32: the solver's outputs and last sample,
the noise, the velocities of both passes, what the transformer is given."""


def forward_bytes(recipe: Recipe, tokens: int, dtype: DType, *, compiled: bool = False) -> int:
    """At a forward's peak, without attention's scores; `tokens` are the video's.

    Of compiled blocks what is fp32 in between is never written down: two hidden states and the wide
    layer twice are left, and the six scales and shifts as projected. Measured on an H200, 36 to 38
    bytes a hidden number of TI2V-5B, where this says 37.
    """
    made_of = recipe.architecture
    if made_of is None:
        return tokens * UNKNOWN_BYTES_PER_TOKEN * dtype.bytes // DType.BFLOAT16.bytes
    if compiled:
        per_number = _feed_forward(made_of, dtype, hidden_states=2)
    else:
        per_number = max(_residual(dtype), _feed_forward(made_of, dtype, hidden_states=4))
    if recipe.expand_timesteps:
        per_number += _modulation(dtype, compiled=compiled)
    return int(tokens * made_of.dim * per_number)


def dequantising_bytes(recipe: Recipe) -> int:
    """Of the largest layer of a quantised expert while it is at work."""
    if recipe.architecture is None or not recipe.is_quantised:
        return 0
    return DEQUANTISING_BYTES * recipe.architecture.dim * recipe.architecture.ffn_dim


def _residual(dtype: DType) -> float:
    """Bytes a hidden number where a block's last sum is made: the block's input, the hidden state,
    its norm, both branches' outputs; and in fp32 the two factors and the product."""
    widened = 0 if dtype is DType.FLOAT32 else DType.FLOAT32.bytes
    return 5 * dtype.bytes + 2 * DType.FLOAT32.bytes + widened


def _feed_forward(made_of: Architecture, dtype: DType, *, hidden_states: int) -> float:
    """Bytes a hidden number within the feed-forward: hidden states, and its wide layer twice."""
    return dtype.bytes * (hidden_states + 2 * made_of.ffn_dim / made_of.dim)


def _modulation(dtype: DType, *, compiled: bool) -> float:
    """Bytes a hidden number of a timestep a token: six scales and shifts as projected, the same in
    fp32 with the block's table added, and the embedding itself."""
    return 7 * dtype.bytes + (0 if compiled else 6 * DType.FLOAT32.bytes)
