"""Writing safetensors one tensor at a time, for files that do not fit in memory.

The header comes first and says where every tensor lies, so shapes and types are known before the
first tensor is read. Source: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch

from wantui.api.plan import DType

DTYPES = {DType.FLOAT32: torch.float32, DType.BFLOAT16: torch.bfloat16}
ALIGNED_BYTES = 8
"""The header is filled up with spaces to a multiple of it, and wide types come first, so that every
tensor of a map is aligned."""
PIECE_BYTES = 16 << 20
_NAMES = {DType.FLOAT32: "F32", DType.BFLOAT16: "BF16"}


@dataclass(frozen=True)
class Layout:
    """A file that is to be: its tensors in the order in which they lie in it."""

    dtypes: Mapping[str, DType]
    shapes: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, source: Path, dtype_of: Callable[[str], DType]) -> Layout:
        """The tensors of `source` in other types. Raises safetensors.SafetensorError or OSError."""
        with safetensors.safe_open(str(source), framework="pt", device="cpu") as content:
            shapes = {
                key: tuple(content.get_slice(key).get_shape())
                for key in content.keys()  # noqa: SIM118 - it is no mapping
            }
        dtypes = {key: dtype_of(key) for key in shapes}
        ordered = sorted(shapes, key=lambda key: (-DTYPES[dtypes[key]].itemsize, key))
        return cls({key: dtypes[key] for key in ordered}, shapes)

    @property
    def data_bytes(self) -> int:
        return sum(self._bytes(key) for key in self.dtypes)

    @property
    def head(self) -> bytes:
        """The header with its length before it."""
        entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        at = 0
        for key, dtype in self.dtypes.items():
            end = at + self._bytes(key)
            entries[key] = {
                "dtype": _NAMES[dtype],
                "shape": list(self.shapes[key]),
                "data_offsets": [at, end],
            }
            at = end
        text = json.dumps(entries, separators=(",", ":")).encode()
        text += b" " * (-len(text) % ALIGNED_BYTES)
        return len(text).to_bytes(8, "little") + text

    def pieces(self, source: Path) -> Iterator[memoryview]:
        """The bytes after the header, cast as they come; one tensor is in memory at a time."""
        with safetensors.safe_open(str(source), framework="pt", device="cpu") as content:
            for key, dtype in self.dtypes.items():
                tensor = content.get_tensor(key).to(DTYPES[dtype]).contiguous()
                data = memoryview(tensor.reshape(-1).view(torch.uint8).numpy())
                for at in range(0, len(data), PIECE_BYTES):
                    yield data[at : at + PIECE_BYTES]

    def _bytes(self, key: str) -> int:
        count = 1
        for length in self.shapes[key]:
            count *= length
        return count * DTYPES[self.dtypes[key]].itemsize
