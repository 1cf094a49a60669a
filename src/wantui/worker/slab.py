"""A block's tensors in one flat buffer, which goes to a device in one copy."""

from __future__ import annotations

import logging
import math
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wantui.text import bytes_text

ALIGNMENT_BYTES = 256
"""Of each tensor in its buffer: what CUDA's own allocator gives, and more than any kernel asks."""
HOST_ALIGNMENT_BYTES = 64
"""Of what torch allocates on a CPU."""

log = logging.getLogger(__name__)

_cuda: Any = torch.cuda  # parts of it have no types


@dataclass(frozen=True)
class Place:
    """Where one tensor lies in a flat buffer."""

    offset: int
    """In bytes."""
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def end(self) -> int:
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Layout:
    """How tensors of whatever types lie one after the other; equal for equal blocks."""

    places: tuple[Place, ...]

    @classmethod
    def of(cls, tensors: Iterable[Tensor]) -> Layout:
        """Every tensor aligned."""
        return cls._of((0, tuple(tensor.shape), tensor.dtype) for tensor in tensors)

    @classmethod
    def aligned_as(cls, tensors: Iterable[Tensor]) -> Layout:
        """Every tensor as far from an aligned address as it is where it lies now, on a CPU.

        A matrix product there may have other bits a few bytes on, and maps of files lie as they
        lie in the file.
        """
        return cls._of(
            (tensor.data_ptr() % HOST_ALIGNMENT_BYTES, tuple(tensor.shape), tensor.dtype)
            for tensor in tensors
        )

    @classmethod
    def _of(cls, tensors: Iterable[tuple[int, tuple[int, ...], torch.dtype]]) -> Layout:
        """Of each its distance from an aligned address, in bytes."""
        places: list[Place] = []
        offset = 0
        for distance, shape, dtype in tensors:
            places.append(Place(offset + distance, shape, dtype))
            offset = math.ceil(places[-1].end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        return cls(tuple(places))

    @property
    def nbytes(self) -> int:
        return max((place.end for place in self.places), default=0)

    def parameters(self, buffer: Tensor) -> list[nn.Parameter]:
        """The tensors as parameters in the memory of `buffer`: uint8, `nbytes` or more."""
        views = (
            buffer[place.offset : place.end].view(place.dtype).view(place.shape)
            for place in self.places
        )
        return [nn.Parameter(view, requires_grad=False) for view in views]


class Slab:
    """Host memory of a layout's exact size, page-locked where a GPU is to read it.

    Torch's own allocator of page-locked memory rounds to powers of two: 1024 MiB for a block of
    A14B, which has 670.
    """

    def __init__(self, layout: Layout, device: torch.device) -> None:
        self.layout = layout
        self.buffer = torch.empty(layout.nbytes, dtype=torch.uint8)
        self.parameters = layout.parameters(self.buffer)
        if device.type == "cuda" and _page_lock(self.buffer):
            weakref.finalize(self, _unlock, self.buffer).atexit = False


def _page_lock(buffer: Tensor) -> bool:
    """Whether the driver did; without it copies are slower and wait, and no less right."""
    error = int(_cuda.cudart().cudaHostRegister(buffer.data_ptr(), buffer.nbytes, 0))
    if error:
        log.warning("%s could not be page-locked: CUDA error %d", bytes_text(buffer.nbytes), error)
    return error == 0


def _unlock(buffer: Tensor) -> None:
    _cuda.cudart().cudaHostUnregister(buffer.data_ptr())
