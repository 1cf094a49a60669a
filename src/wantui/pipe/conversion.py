"""Converted weights: what makes one what it is, and the manifest by which it is known again.

A component's published shards are rewritten once in the format that a GPU loads them in. The
folder's name is a hash of all that decides its bytes, so that a newer revision, another format or
other modules in fp32 have a folder of their own, and what is stale is never found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pydantic import Field

from wantui.api.plan import DType
from wantui.pipe.messages import Message

FORMAT_VERSION = 1
"""Rises when the same sources would be written otherwise."""
MANIFEST = "manifest.json"
UNFINISHED = ".part"
"""Ends the name of a folder that is not whole yet."""


class Conversion(Message):
    """All that decides the bytes of one component's converted files."""

    version: int = FORMAT_VERSION
    sources: dict[str, str]
    """The digest that each of its published files has, by its name in the component's folder."""
    dtype: DType
    kept_in_fp32: tuple[str, ...]
    """Modules whose tensors stay fp32 whatever `dtype` is; any part of a tensor's name."""

    @property
    def key(self) -> str:
        """The name of its folder: a sha256 over all of the above."""
        ordered = self.model_copy(update={"sources": dict(sorted(self.sources.items()))})
        return hashlib.sha256(ordered.model_dump_json().encode()).hexdigest()

    def dtype_of(self, tensor: str) -> DType:
        """What a tensor is converted to, by its name."""
        return dtype_of(tensor, self.dtype, self.kept_in_fp32)


def dtype_of(tensor: str, dtype: DType, kept_in_fp32: Iterable[str]) -> DType:
    """`dtype`, unless a part of the tensor's name is that of a module that is kept."""
    return dtype if set(kept_in_fp32).isdisjoint(tensor.split(".")) else DType.FLOAT32


class Rewritten(Message):
    """A file that was written, hashed while it was."""

    sha256: str
    bytes: int
    mtime_ns: int


class Manifest(Message):
    """Beside the converted files, from the first of them on."""

    conversion: Conversion
    files: dict[str, Rewritten] = Field(default_factory=dict)
    """By name: those that are whole."""
