"""The header of a GGUF file, read strictly: which tensors it has, in which types, and where.

The store judges a file by it and the worker loads by it. No field of a header is believed: nothing
is read, and no memory taken, beyond what the file itself has and a limit allows.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from wantui.errors import WeightsUnreadable
from wantui.text import one_line

SUFFIX = ".gguf"
MAGIC = b"GGUF"
MAX_HEADER_BYTES = 64 << 20
"""Those of Wan's transformers take 100 KB; a tokenizer, which they lack, takes a few MB."""
_VERSIONS = (2, 3)
_ALIGNMENT = "general.alignment"
_DEFAULT_ALIGNMENT = 32
_MAX_ALIGNMENT = 1 << 16
_MAX_NAME_BYTES = 1024
_MAX_DIMENSIONS = 8
"""ggml has four; the patch embedding of a video model has five."""
_LEAST_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8
_LEAST_PAIR_BYTES = 8 + 4 + 1


class Encoding(NamedTuple):
    """How ggml encodes numbers: so many of a row in so many bytes."""

    name: str
    block: int
    nbytes: int


ENCODINGS: Mapping[int, Encoding] = {
    number: Encoding(*encoding)
    for number, encoding in {
        0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
        6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40),
        10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
        13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
        16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
        19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
        22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
        26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56),
        30: ("BF16", 1, 2),
    }.items()
}  # fmt: skip
"""By ggml's numbers."""
_STRING, _ARRAY = 8, 9
_VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Of metadata, by the specification's numbers of types."""
_UINT32 = 4


class Tensor(NamedTuple):
    encoding: int
    """A key of `ENCODINGS`."""
    shape: tuple[int, ...]
    """As torch has it: the file lists it from the last dimension on."""
    begin: int
    """Of its bytes in the file."""
    nbytes: int

    @property
    def byte_shape(self) -> tuple[int, ...]:
        """With its last dimension in bytes."""
        _name, block, nbytes = ENCODINGS[self.encoding]
        return (*self.shape[:-1], self.shape[-1] // block * nbytes)


def read_header(path: Path) -> Mapping[str, Tensor]:
    """The tensors by their names. Raises WeightsUnreadable naming the file and what is wrong."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return _tensors(_Fields(file, min(size, MAX_HEADER_BYTES)), size)
    except _Malformed as problem:
        raise WeightsUnreadable(f"{path} is no sound GGUF file: {problem}") from problem
    except OSError as error:
        raise WeightsUnreadable(f"{path}: {error.strerror}") from error


class _Malformed(Exception):
    pass


@dataclass
class _Fields:
    """A header's fields, one after another, and how many bytes of it there can be."""

    file: BinaryIO
    limit: int
    at: int = 0

    @property
    def left(self) -> int:
        return self.limit - self.at

    def take(self, count: int) -> bytes:
        self._pass(count)
        content = self.file.read(count)
        if len(content) < count:
            raise _Malformed("it ends within its header")
        return content

    def skip(self, count: int) -> None:
        self._pass(count)
        self.file.seek(count, os.SEEK_CUR)

    def _pass(self, count: int) -> None:
        if count > self.left:
            raise _Malformed("its header ends beyond the file, or is larger than any")
        self.at += count

    def number(self, nbytes: int) -> int:
        return int.from_bytes(self.take(nbytes), "little")

    def name(self) -> str:
        length = self.number(8)
        if not 0 < length <= _MAX_NAME_BYTES:
            raise _Malformed(f"a name of it has {length} bytes")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise _Malformed("a name of it is no UTF-8") from None


def _tensors(fields: _Fields, size: int) -> dict[str, Tensor]:
    if fields.left < len(MAGIC) or fields.take(len(MAGIC)) != MAGIC:
        raise _Malformed("it does not begin with GGUF")
    if (version := fields.number(4)) not in _VERSIONS:
        raise _Malformed(f"its version is {version}, and 2 and 3 are read")
    count, pairs = fields.number(8), fields.number(8)
    if pairs * _LEAST_PAIR_BYTES + count * _LEAST_TENSOR_BYTES > fields.left:
        raise _Malformed(f"it claims {count} tensors and {pairs} keys, which it has no bytes for")
    alignment = _alignment(fields, pairs)
    tensors: dict[str, Tensor] = {}
    for _ in range(count):
        name, tensor = _entry(fields)
        if name in tensors:
            raise _Malformed(f"{_shown(name)} is there twice")
        if tensor.begin % alignment:
            raise _Malformed(f"{_shown(name)} is not aligned to {alignment} bytes")
        tensors[name] = tensor
    data = math.ceil(fields.at / alignment) * alignment
    placed = {name: each._replace(begin=data + each.begin) for name, each in tensors.items()}
    _check_layout(placed, size)
    return placed


def _alignment(fields: _Fields, pairs: int) -> int:
    """Of tensors; all other metadata is passed over."""
    alignment = _DEFAULT_ALIGNMENT
    for _ in range(pairs):
        key, kind = fields.name(), fields.number(4)
        if key == _ALIGNMENT and kind == _UINT32:
            alignment = fields.number(4)
        else:
            _skip_value(fields, kind)
    if not 0 < alignment <= _MAX_ALIGNMENT or alignment % 8:
        raise _Malformed(f"its tensors are aligned to {alignment} bytes")
    return alignment


def _skip_value(fields: _Fields, kind: int) -> None:
    if kind != _ARRAY:
        _skip_values(fields, kind, 1)
        return
    items, count = fields.number(4), fields.number(8)
    _skip_values(fields, items, count)


def _skip_values(fields: _Fields, kind: int, count: int) -> None:
    if kind in _VALUE_BYTES:
        fields.skip(count * _VALUE_BYTES[kind])
    elif kind == _STRING:
        for _ in range(count):  # each takes 8 bytes at the least: a false count ends soon
            fields.skip(fields.number(8))
    else:
        raise _Malformed(f"its metadata has values of type {kind}")


def _entry(fields: _Fields) -> tuple[str, Tensor]:
    """A tensor's name, and where it is from the first tensor on."""
    name, rank = fields.name(), fields.number(4)
    if not 0 < rank <= _MAX_DIMENSIONS:
        raise _Malformed(f"{_shown(name)} has {rank} dimensions")
    shape = tuple(reversed([fields.number(8) for _ in range(rank)]))
    number, offset = fields.number(4), fields.number(8)
    encoding = ENCODINGS.get(number)
    if encoding is None:
        raise _Malformed(f"{_shown(name)} is of the unknown type {number}")
    if 0 in shape or shape[-1] % encoding.block:
        raise _Malformed(f"{_shown(name)} is {list(shape)}, which {encoding.name} cannot be")
    nbytes = math.prod(shape) // encoding.block * encoding.nbytes
    return name, Tensor(number, shape, offset, nbytes)


def _check_layout(tensors: Mapping[str, Tensor], size: int) -> None:
    """No tensor lies in another, nor beyond the file's end."""
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].begin):
        if tensor.begin < end:
            raise _Malformed(f"{_shown(name)} lies within another tensor")
        end = tensor.begin + tensor.nbytes
        if end > size:
            raise _Malformed(f"{_shown(name)} ends at {end} of {size} bytes")


def _shown(name: str) -> str:
    return repr(one_line(name, 80))
