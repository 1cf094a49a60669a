"""Muon: momentum whose matrices are made orthogonal, which a small model learns from twice as fast.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", with the
coefficients of its Newton-Schulz iteration.
"""

from __future__ import annotations

from collections.abc import Iterable

import fast
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
            alike: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    ahead = self._ahead(weight)
                    alike.setdefault((ahead.shape[0], ahead.shape[1]), []).append((weight, ahead))
            for pairs in alike.values():
                _update(pairs, group["lr"])

    def _ahead(self, weight: Tensor) -> Tensor:
        """Nesterov's momentum of a weight, as a matrix."""
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"]
        momentum.lerp_(weight.grad, 1 - MOMENTUM)  # type: ignore[arg-type]  # not None: see step
        ahead: Tensor = weight.grad.lerp(momentum, MOMENTUM)  # type: ignore[union-attr]
        return ahead.reshape(len(ahead), -1)


def _update(pairs: list[tuple[Tensor, Tensor]], lr: float) -> None:
    """Weights of one shape at once: many small matrices cost more one by one."""
    rows, columns = pairs[0][1].shape
    scale = max(1.0, rows / columns) ** 0.5
    steps = orthogonal(torch.stack([ahead for _, ahead in pairs]))
    for (weight, _), step in zip(pairs, steps, strict=True):
        weight.add_(step.reshape(weight.shape), alpha=-lr * scale)


def orthogonal(matrices: Tensor) -> Tensor:
    """About the nearest (n, rows, columns) whose singular values are all one."""
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = matrices if wide else matrices.mT
    size: Tensor = torch.linalg.matrix_norm(x, keepdim=True)
    x = (x / (size + 1e-7)).to(fast.DTYPE)
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = _A * x + (_B * square + _C * square @ square) @ x
    return (x if wide else x.mT).float()
