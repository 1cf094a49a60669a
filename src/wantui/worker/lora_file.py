"""A LoRA file as the changes that it makes to a transformer's modules, in diffusers' names.

Names are read by `pipe.lora_names`, as they were when the daemon took the file in: diffusers' own
converters know no more of them, demand every module of every block from kohya's files, and drop
what they have no place for. Alphas are worked into the matrices as theirs do, to the bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import safetensors
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from wantui.errors import AdapterUnusable, WeightsChanged, WeightsUnreadable
from wantui.pipe.lora_names import Piece, TensorName, of_image_branch, parse_name
from wantui.pipe.messages import LoraFile
from wantui.text import one_line
from wantui.worker.weights import check_unchanged

_METADATA = "lora_adapter_metadata"
"""Where diffusers saves the configuration that it trained with, as JSON."""
_PREFIX = "transformer."


class Scaling(BaseModel):
    """What diffusers' trainers save of a PEFT configuration; the rest of it decides no number."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    r: int
    lora_alpha: float
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}
    use_rslora: bool = False


class _Content(Protocol):
    """An open safetensors file, of which its library has no types."""

    def keys(self) -> list[str]: ...

    def get_tensor(self, name: str) -> Tensor: ...


@dataclass
class Change:
    """Of one module: a low-rank product, what is added as it is, or both."""

    down: Tensor | None = None
    """rank x in; a convolution's kernel is written out behind."""
    up: Tensor | None = None
    """out x rank."""
    alpha: float | None = None
    diff: Tensor | None = None
    """Added to the weight, or to the parameter that the name is of."""
    bias_diff: Tensor | None = None

    def take(self, piece: Piece, tensor: Tensor) -> None:
        match piece:
            case Piece.DOWN:
                self.down = tensor
            case Piece.UP:
                self.up = tensor
            case Piece.ALPHA:
                self.alpha = float(tensor.item())
            case Piece.DIFF:
                self.diff = tensor
            case Piece.BIAS_DIFF:
                self.bias_diff = tensor

    @property
    def is_pair(self) -> bool:
        return self.down is not None and self.up is not None

    @property
    def is_half(self) -> bool:
        return (self.down is None) != (self.up is None)


@dataclass(frozen=True)
class LoraTensors:
    """All changes of one file, by module."""

    changes: Mapping[str, Change] = field(default_factory=dict)
    scaling: Scaling | None = None
    """None: every product is added as it is."""


def read(lora: LoraFile, check_stop: Callable[[], None]) -> LoraTensors:
    """Every tensor of the file, but those for an image branch that Wan 2.2 does not have.

    `check_stop` is called before each and ends the reading by raising. Raises AdapterUnusable.
    """
    path = lora.file.path
    try:
        check_unchanged([lora.file])
        with safetensors.safe_open(path, framework="pt", device="cpu") as content:
            scaling = _scaling(lora, content.metadata() or {})
            changes = _changes(lora, content, check_stop)
        check_unchanged([lora.file])
    except (safetensors.SafetensorError, OSError) as error:
        raise unusable(lora, str(error)) from error
    except (WeightsChanged, WeightsUnreadable) as error:
        raise unusable(lora, error.message, hint="add it again: wantui lora add") from error
    if any(change.alpha is not None for change in changes.values()):
        scaling = None  # the file says twice how it is scaled: what lies by the tensors counts
    for module, change in changes.items():
        if change.is_half:
            raise unusable(lora, f"{module} has one half of its pair")
        _work_alpha_in(change)
    return LoraTensors(changes, scaling)


def unusable(lora: LoraFile, problem: str, hint: str | None = None) -> AdapterUnusable:
    return AdapterUnusable(
        f"the LoRA {one_line(lora.used.name, 80)}: {problem}",
        hint=hint,
        detail={"adapter": lora.used.sha256},
    )


def _changes(
    lora: LoraFile, content: _Content, check_stop: Callable[[], None]
) -> dict[str, Change]:
    changes: dict[str, Change] = {}
    for key in content.keys():  # noqa: SIM118 - it is no mapping
        check_stop()
        name = _named(lora, key)
        if of_image_branch(name.module):
            continue
        tensor = content.get_tensor(key)
        if tensor.dtype.itemsize == 1:
            tensor = tensor.float()  # nothing is computed in fp8
        changes.setdefault(name.module, Change()).take(name.piece, tensor)
    return changes


def _named(lora: LoraFile, key: str) -> TensorName:
    name = parse_name(key)
    if name is None:
        raise unusable(lora, f"it is not known what {one_line(key, 200)!r} is for")
    return name


def _scaling(lora: LoraFile, metadata: Mapping[str, str]) -> Scaling | None:
    raw = metadata.get(_METADATA)
    if raw is None:
        return None
    try:
        entries = json.loads(raw)
        if not isinstance(entries, dict):
            raise unusable(lora, f"its {_METADATA} is no object")
        return Scaling.model_validate(
            {str(key).removeprefix(_PREFIX): value for key, value in entries.items()}
        )
    except (ValueError, RecursionError, ValidationError) as error:
        raise unusable(lora, f"its {_METADATA} cannot be read") from error


def _work_alpha_in(change: Change) -> None:
    """Scale a pair by alpha / rank, shared out by powers of two.

    Source: diffusers 0.42.1, `loaders/lora_conversion_utils.py`, `get_alpha_scales`.
    """
    if change.alpha is None or change.down is None or change.up is None:
        return
    down, up = change.alpha / change.down.shape[0], 1.0
    while down * 2 < up:
        down, up = down * 2, up / 2
    change.down = change.down * down
    change.up = change.up * up
