"""Ways to compute attention, tried on a small problem: which work here, how exactly, how fast."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from wantui.api.hardware import AttentionBackend
from wantui.text import one_line
from wantui.worker import engine

SHAPE = (1, 256, 4, 128)
"""Batch, tokens, heads, a head's width: Wan's width, and small enough for any device."""
TIMED_SHAPE = (1, 8192, 24, 128)
"""Long enough to fill a GPU, in the 5B model's heads: 50 MB each of queries, keys and values."""
NOT_TIMED = ("flex", "_native_math")
"""Those that write out all scores, which takes gigabytes."""
TIMED_RUNS = 5
LONGEST_REASON = 160
SEED = 0


def try_backends(device: torch.device, dtype: torch.dtype) -> Iterator[AttentionBackend]:
    """Each that diffusers knows and that needs nothing from a hub.

    Their errors are against fp32 on the same numbers; on a GPU each is timed.
    """
    small = _numbers(SHAPE, device, dtype)
    exact = _reference(small)
    timed = _numbers(TIMED_SHAPE, device, dtype) if device.type == "cuda" else None
    for name in engine.attention_backends():
        yield _tried(name, small, exact, timed)


def _tried(
    name: str, small: list[Tensor], exact: Tensor, timed: list[Tensor] | None
) -> AttentionBackend:
    try:
        made = engine.attend(name, small)
        error = float((made.float() - exact).norm() / exact.norm())
        rate = None if timed is None or name in NOT_TIMED else _rate(name, timed)
    except Exception as failure:  # noqa: BLE001 - told: kernels fail each in their own way
        reason = one_line(str(failure) or type(failure).__name__, LONGEST_REASON)
        return AttentionBackend(name=name, available=False, reason=reason)
    if not math.isfinite(error):
        return AttentionBackend(name=name, available=False, reason="it gives no numbers")
    return AttentionBackend(
        name=name, available=True, relative_error=error, operations_per_second=rate
    )


def _numbers(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> list[Tensor]:
    """Queries, keys and values, the same on every device."""
    generator = torch.Generator().manual_seed(SEED)
    made = (torch.randn(shape, generator=generator) for _ in range(3))
    return [tensor.to(device, dtype) for tensor in made]


def _reference(numbers: list[Tensor]) -> Tensor:
    """softmax(Q K^T / sqrt(width)) V in fp32, tokens before heads as diffusers has them."""
    query, key, value = (tensor.float().transpose(1, 2) for tensor in numbers)
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    return (scores.softmax(-1) @ value).transpose(1, 2)


def _rate(name: str, numbers: list[Tensor]) -> float:
    """Operations a second: 4 tokens^2 heads width, of two matrix products."""
    batch, tokens, heads, width = numbers[0].shape
    engine.attend(name, numbers)
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(TIMED_RUNS):
        engine.attend(name, numbers)
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / TIMED_RUNS
    return float(4 * batch * tokens**2 * heads * width / seconds)
