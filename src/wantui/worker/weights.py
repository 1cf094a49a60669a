"""From safetensors on disk into the parameters of a module that was built without memory.

A module is made on the meta device and its parameters are replaced by the file's tensors, which
are maps of the file where no cast is needed: nothing is initialised only to be overwritten.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import nn

from wantui.errors import WeightsChanged, WeightsUnreadable
from wantui.pipe.messages import WeightsFile

_SHOWN_KEYS = 3


def check_unchanged(files: Iterable[WeightsFile]) -> None:
    """See that every file is still the one that the order was made for.

    Raises WeightsUnreadable if one is missing, WeightsChanged if one has another size, time or
    inode.
    """
    for file in files:
        try:
            now = Path(file.path).stat()  # follows the hub cache's links, as the store does
        except OSError as error:
            raise WeightsUnreadable(f"{file.path}: {error.strerror}") from error
        if (now.st_size, now.st_mtime_ns, now.st_ino) != (file.size, file.mtime_ns, file.inode):
            raise WeightsChanged(f"{file.path} has changed since the job was planned")


def identity(files: Iterable[WeightsFile]) -> str:
    """A digest of which files these are, whatever their order."""
    keys = sorted((file.path, file.size, file.mtime_ns, file.inode) for file in files)
    return hashlib.sha256(json.dumps(keys).encode()).hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """A component's configuration. Raises WeightsUnreadable naming the file."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsUnreadable(f"{_short(path)}: {error}") from error
    if not isinstance(content, dict):
        raise WeightsUnreadable(f"{_short(path)}: not a JSON object")
    return content


def weight_files(folder: Path, stem: str) -> list[Path]:
    """The component's one file, or the shards that its index names."""
    single = folder / f"{stem}.safetensors"
    index = folder / f"{stem}.safetensors.index.json"
    if not index.exists():
        return [single]
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise WeightsUnreadable(f"{_short(index)}: it has no weight_map")
    return [folder / name for name in sorted(set(names.values()))]


@dataclass(frozen=True)
class Filling:
    """How the tensors of one module are to come out of their files."""

    dtype_of: Callable[[str], torch.dtype]
    device: torch.device
    check_stop: Callable[[], None]
    """Called before each tensor; ends the load by raising."""
    may_miss: frozenset[str] = frozenset()
    """Keys that are tied to another."""
    may_ignore: tuple[str, ...] = ()
    """Patterns of keys that are of no use."""


def fill(module: nn.Module, files: Iterable[Path], how: Filling) -> None:
    """Give `module` its tensors; one at a time is read and cast.

    Every key must be there with the module's shape, and no other. Raises WeightsUnreadable naming
    the file and the tensor.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        try:
            tensors |= _read(file, expected, how)
        except (safetensors.SafetensorError, OSError) as error:
            raise WeightsUnreadable(f"{_short(file)}: {error}") from error
    if missing := expected.keys() - tensors.keys() - how.may_miss:
        raise WeightsUnreadable(f"{_folder(files)}: the weights lack {_some(missing)}")
    module.load_state_dict(tensors, assign=True, strict=False)


def _read(
    file: Path, expected: Mapping[str, tuple[int, ...]], how: Filling
) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    with safetensors.safe_open(str(file), framework="pt", device="cpu") as content:
        for key in content.keys():  # noqa: SIM118 - it is no mapping
            how.check_stop()
            if key not in expected:
                if any(re.search(pattern, key) for pattern in how.may_ignore):
                    continue
                raise WeightsUnreadable(f"{_short(file)}: {key} is not part of the model")
            shape = tuple(content.get_slice(key).get_shape())
            if shape != expected[key]:
                raise WeightsUnreadable(
                    f"{_short(file)}: {key} is {list(shape)}, not {list(expected[key])}"
                )
            tensors[key] = content.get_tensor(key).to(how.dtype_of(key)).to(how.device)
    return tensors


def _folder(files: Iterable[Path]) -> str:
    return ", ".join(sorted({file.parent.name for file in files}))


def _short(path: Path) -> str:
    """Component and file, as people know it from the hub."""
    return f"{path.parent.name}/{path.name}"


def _some(keys: Iterable[str]) -> str:
    ordered = sorted(keys)
    rest = len(ordered) - _SHOWN_KEYS
    return ", ".join(ordered[:_SHOWN_KEYS]) + (f" and {rest} more" if rest > 0 else "")
