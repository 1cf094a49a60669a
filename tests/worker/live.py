"""What real modules take, without memory: they run on the meta device, and their tensors' lives are
counted. Kernels' own workspaces are not seen."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

_DispatchMode: Any = TorchDispatchMode  # has no types


class LiveBytes(_DispatchMode):  # type: ignore[misc]
    """Counts the storages that operations make, until nobody holds them any more."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.peak = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(
        self, op: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = op(*args, **(kwargs or {}))
        for tensor in tree_iter(made):
            if isinstance(tensor, Tensor):
                self._count(tensor)
        return made

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        self._known[key] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._drop, key)

    def _drop(self, key: int) -> None:
        self.now -= self._known.pop(key, 0)


class FlashAttention(TorchFunctionMode):
    """On the meta device attention would write its scores down; no kernel that is used does."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function is torch.nn.functional.scaled_dot_product_attention:
            return torch.empty_like(kwargs["query"])
        return function(*args, **(kwargs or {}))
