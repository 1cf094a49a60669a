"""Muon: momentum whose matrices are made orthogonal, which a small model learns from twice as fast.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", with the
coefficients of its Newton-Schulz iteration.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

MOMENTUM = 0.95
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """For weights of two and more dimensions; a convolution's kernel counts as (out, rest)."""

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, group["lr"])

    def _update(self, weight: Tensor, lr: float) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"]
        momentum.lerp_(weight.grad, 1 - MOMENTUM)  # type: ignore[arg-type]  # not None: see step
        ahead = weight.grad.lerp(momentum, MOMENTUM)  # type: ignore[union-attr]
        matrix = ahead.reshape(len(ahead), -1)
        scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        weight.add_(orthogonal(matrix).reshape(weight.shape), alpha=-lr * scale)


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix whose singular values are all one."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x: Tensor = wide / (wide.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = _A * x + (_B * square + _C * square @ square) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T
