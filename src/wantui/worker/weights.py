"""Weights on disk: safetensors in one file or in shards, proven by their headers, then mapped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import safetensors
import torch
from torch import nn

from wantui.errors import WeightsChanged, WeightsUnreadable
from wantui.pipe.file import KnownFile, StatKey

_SHOWN_KEYS = 3
_READ_AHEAD_BYTES = 128 << 10
"""Of one request: what Linux reads of a file at once by default; it may cut off a longer one."""


def check_unchanged(files: Iterable[KnownFile]) -> None:
    """See that every file is still the one that the order was made for.

    Raises WeightsUnreadable if one is missing, WeightsChanged if one is another.
    """
    for file in files:
        try:
            now = Path(file.path).stat()  # follows the hub cache's links, as the store does
        except OSError as error:
            raise WeightsUnreadable(f"{file.path}: {error.strerror}") from error
        if not file.is_still(now):
            raise WeightsChanged(f"{file.path} has changed since this was ordered")


def identity(files: Iterable[KnownFile]) -> str:
    """A digest of what these files hold: of their own digests, or of which files they are."""
    keys = sorted((short(Path(file.path)), file.digest or _unread(file.key)) for file in files)
    return hashlib.sha256(json.dumps(keys).encode()).hexdigest()


def _unread(key: StatKey) -> str:
    """Without the device: a disk may have another number after each start of the machine."""
    return f"{key.size} {key.mtime_ns} {key.inode}"


def read_json(path: Path) -> dict[str, Any]:
    """A component's configuration. Raises WeightsUnreadable naming the file."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsUnreadable(f"{short(path)}: {error}") from error
    if not isinstance(content, dict):
        raise WeightsUnreadable(f"{short(path)}: not a JSON object")
    return content


def weight_files(folder: Path, stem: str) -> list[Path]:
    """The component's one file, or the shards that its index names."""
    single = folder / f"{stem}.safetensors"
    index = folder / f"{stem}.safetensors.index.json"
    if not index.exists():
        return [single]
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise WeightsUnreadable(f"{short(index)}: it has no weight_map")
    return [folder / name for name in sorted(set(names.values()))]


@dataclass(frozen=True)
class Expected:
    """What the files of one component have to hold, and what they may lack or hold besides."""

    shapes: Mapping[str, tuple[int, ...]]
    may_miss: frozenset[str] = frozenset()
    """Keys that are tied to another."""
    may_ignore: tuple[str, ...] = ()
    """Patterns of keys that are of no use."""


def locate(files: Sequence[Path], expected: Expected) -> dict[str, Path]:
    """Which file holds each tensor, from the files' headers: no tensor is read.

    Every key must be there with the module's shape, and no other. Raises WeightsUnreadable naming
    the file and the tensor.
    """
    located: dict[str, Path] = {}
    for file in files:
        with _opened(file) as content:
            for key in content.keys():  # noqa: SIM118 - it is no mapping
                if is_wanted(file, key, tuple(content.get_slice(key).get_shape()), expected):
                    located[key] = file
    check_complete(_folder(files), located.keys(), expected)
    return located


def check_complete(where: str, found: AbstractSet[str], expected: Expected) -> None:
    """Raises WeightsUnreadable naming `where`, and the tensors that are not there."""
    if missing := expected.shapes.keys() - found - expected.may_miss:
        raise WeightsUnreadable(f"{where}: the weights lack {_some(missing)}")


def is_wanted(file: Path, key: str, shape: tuple[int, ...], expected: Expected) -> bool:
    """Whether a tensor is the module's. Raises WeightsUnreadable if it is nobody's, or no fit."""
    if key not in expected.shapes:
        if any(re.search(pattern, key) for pattern in expected.may_ignore):
            return False
        raise WeightsUnreadable(f"{short(file)}: {key} is not part of the model")
    if shape != expected.shapes[key]:
        raise WeightsUnreadable(
            f"{short(file)}: {key} is {list(shape)}, not {list(expected.shapes[key])}"
        )
    return True


class Safetensors:
    """Tensors of files that were proven by their headers, to be cast to what `dtype_of` says."""

    def __init__(self, located: Mapping[str, Path], dtype_of: Callable[[str], torch.dtype]) -> None:
        self._located = located
        self._dtype_of = dtype_of

    def files(self, keys: Iterable[str]) -> set[Path]:
        return {self._located[key] for key in keys}

    def absent(self, key: str, shape: Iterable[int]) -> nn.Parameter:
        """As the parameter will be, on the meta device."""
        tensor = torch.empty(tuple(shape), dtype=self._dtype_of(key), device="meta")
        return self.dressed(key, tensor)

    def dressed(self, key: str, tensor: torch.Tensor) -> nn.Parameter:  # noqa: ARG002 - all are alike
        """A parameter in the memory of a tensor that this key was read to."""
        if isinstance(tensor, nn.Parameter):
            return tensor
        return nn.Parameter(tensor, requires_grad=False)

    def read(self, keys: Iterable[str]) -> Iterator[tuple[str, torch.Tensor]]:
        """Tensors in the type they have on disk: maps of their file, so that nothing is copied.

        File by file, whatever the order of `keys`. Raises WeightsUnreadable naming the file.
        """
        by_file: dict[Path, list[str]] = {}
        for key in keys:
            by_file.setdefault(self._located[key], []).append(key)
        for file, its_keys in by_file.items():
            with _opened(file) as content:
                for key in its_keys:
                    yield key, content.get_tensor(key)


def read_ahead(files: Collection[Path]) -> threading.Thread | None:
    """Let the kernel read whole files from their beginnings, in a thread that nobody has to join.

    What touches a map waits for 128 KiB at a time, this keeps the disk busy. None where the files
    are larger than the memory that is free: the first would be gone before they are used.
    """
    free = psutil.virtual_memory().available
    if sys.platform != "linux" or sum(_size(file) for file in files) > free:
        return None
    thread = threading.Thread(target=_advise, args=(files,), name="read ahead", daemon=True)
    thread.start()
    return thread


def _advise(files: Iterable[Path]) -> None:
    if sys.platform == "linux":
        for file in files:
            with contextlib.suppress(OSError), file.open("rb") as content:
                for offset in range(0, _size(file), _READ_AHEAD_BYTES):
                    os.posix_fadvise(
                        content.fileno(), offset, _READ_AHEAD_BYTES, os.POSIX_FADV_WILLNEED
                    )


def _size(file: Path) -> int:
    """0 if it is not there: who reads it will say so."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """A `safetensors.safe_open`, which knows the header and maps the rest."""
    try:
        with safetensors.safe_open(str(file), framework="pt", device="cpu") as content:
            yield content
    except (safetensors.SafetensorError, OSError) as error:
        raise WeightsUnreadable(f"{short(file)}: {error}") from error


def _folder(files: Iterable[Path]) -> str:
    return ", ".join(sorted({file.parent.name for file in files}))


def short(path: Path) -> str:
    """Component and file, as people know it from the hub."""
    return f"{path.parent.name}/{path.name}"


def _some(keys: Iterable[str]) -> str:
    ordered = sorted(keys)
    rest = len(ordered) - _SHOWN_KEYS
    return ", ".join(ordered[:_SHOWN_KEYS]) + (f" and {rest} more" if rest > 0 else "")
