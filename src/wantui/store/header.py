"""The header of a safetensors file, read strictly. Structure only: it says nothing of content.

Source: https://github.com/huggingface/safetensors#format. Two things that the reference library
lets pass are refused here as well: duplicate keys and white space before the header.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from wantui.errors import WeightsUnreadable
from wantui.text import one_line

MAX_HEADER_BYTES = 100_000_000
_LENGTH_BYTES = 8
_METADATA = "__metadata__"
_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "BOOL": 8, "U8": 8, "I8": 8,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


class Tensor(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    begin: int
    """Of its bytes, from the end of the header; `end` is one past the last."""
    end: int


@dataclass(frozen=True)
class Header:
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @property
    def parameter_count(self) -> int:
        return sum(math.prod(tensor.shape) for tensor in self.tensors.values())


def read_header(path: Path) -> Header:
    """Raises WeightsUnreadable naming the file and what is wrong with its structure."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            data_bytes = size - _LENGTH_BYTES - length
            if length > MAX_HEADER_BYTES or data_bytes < 0:
                raise _Malformed(f"its header claims {length} bytes of {size}")
            return _parse(file.read(length), data_bytes)
    except _Malformed as problem:
        raise WeightsUnreadable(f"{path} is not a safetensors file: {problem}") from problem
    except OSError as error:
        raise WeightsUnreadable(f"{path}: {error.strerror}") from error


class _Malformed(Exception):
    pass


def _parse(raw: bytes, data_bytes: int) -> Header:
    if not raw.startswith(b"{"):
        raise _Malformed("its header is no JSON object")
    try:
        entries = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _Malformed("its header is no JSON") from error
    metadata = entries.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise _Malformed(f"{_METADATA} does not map strings to strings")
    tensors = {name: _tensor(name, entry) for name, entry in entries.items()}
    _check_layout(tensors, data_bytes)
    return Header(tensors, metadata)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise _Malformed("a key of its header occurs twice")
    return entries


def _tensor(name: str, entry: object) -> Tensor:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _Malformed(f"{_shown(name)} is no tensor")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise _Malformed(f"{_shown(name)} has an unknown dtype")
    if not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
        raise _Malformed(f"{_shown(name)} has no lawful shape or offsets")
    tensor = Tensor(dtype, tuple(shape), offsets[0], offsets[1])
    if (tensor.end - tensor.begin) * 8 != math.prod(tensor.shape) * _BITS[dtype]:
        raise _Malformed(f"{_shown(name)} has bytes for another shape")
    return tensor


def _sizes(value: object) -> bool:
    return isinstance(value, list) and all(
        type(number) is int and 0 <= number < 1 << 63 for number in value
    )


def _check_layout(tensors: Mapping[str, Tensor], data_bytes: int) -> None:
    """The tensors fill the file from the header to its end, without a gap or an overlap."""
    at = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != at:
            raise _Malformed(f"there is a gap or an overlap before {_shown(name)}")
        at = tensor.end
    if at != data_bytes:
        raise _Malformed(f"its tensors end at {at} of {data_bytes} bytes")


def _shown(name: str) -> str:
    return repr(one_line(name, 80))
