"""A network of a model: its module is always there, its weights only while they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from wantui.worker.slab import Layout
from wantui.worker.weights import read_ahead

CheckStop = Callable[[], None]
"""Called before each tensor that is read; ends the loading by raising."""


class Weights(Protocol):
    """A component's tensors on disk, by the module's keys, and what they are in memory."""

    def files(self, keys: Iterable[str]) -> set[Path]:
        """Where they are."""

    def absent(self, key: str, shape: Iterable[int]) -> nn.Parameter:
        """On the meta device, with the type and shape that the parameter will have in memory."""

    def read(self, keys: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """One at a time; maps of their files where nothing has to be decoded."""

    def dressed(self, key: str, tensor: Tensor) -> nn.Parameter:
        """What the module takes, in the memory of the tensor."""


@dataclass(frozen=True)
class Pack:
    """Tensors that move together: those of one block, or all that are in no block."""

    keys: tuple[str, ...]
    layout: Layout
    block: nn.Module | None


class Component:
    """A module made on the meta device, and where its tensors are on disk.

    A parameter that is not in memory is on the meta device, in the type that it will have. Where a
    parameter belongs is settled here once: an adapter may move the module that has it, but not the
    parameter. `check_files` raises if the files are not those that were planned with.
    """

    def __init__(
        self,
        module: nn.Module,
        weights: Weights,
        check_files: Callable[[], None],
        blocks: Sequence[nn.Module] = (),
    ) -> None:
        self.module = module
        self._weights = weights
        self._check_files = check_files
        self._places = _places(module)
        self._absent = {
            key: weights.absent(key, module.get_parameter(key).shape) for key in self._places
        }
        self.packs = self._packs(blocks)
        """Those of the blocks first, in the blocks' order."""
        for pack in self.packs:
            self.take_away(pack)

    def _packs(self, blocks: Sequence[nn.Module]) -> tuple[Pack, ...]:
        owner = {
            id(module): index for index, block in enumerate(blocks) for module in block.modules()
        }
        rest = len(blocks)
        keys: list[list[str]] = [[] for _ in range(rest + 1)]
        for key, ((module, _attribute), *_others) in self._places.items():
            keys[owner.get(id(module), rest)].append(key)
        return tuple(
            Pack(tuple(its), Layout.of(self._absent[key] for key in its), block)
            for its, block in zip(keys, (*blocks, None), strict=True)
        )

    def read(self, pack: Pack, check_stop: CheckStop) -> Iterator[tuple[str, Tensor]]:
        """A pack's tensors, one at a time, in the types they will have.

        Those that need no cast are maps of their files. Raises WeightsUnreadable, WeightsChanged.
        """
        self._check_files()
        for key, tensor in self._weights.read(pack.keys):
            check_stop()
            yield key, tensor.to(self._absent[key].dtype)
        self._check_files()

    def read_ahead(self, packs: Iterable[Pack]) -> None:
        """Say that these packs are going to be read now."""
        files = self._weights.files(key for pack in packs for key in pack.keys)
        if files:
            read_ahead(sorted(files))

    def put(self, pack: Pack, parameters: Sequence[nn.Parameter]) -> None:
        """Make these the module's, in the order of the pack's keys."""
        for key, parameter in zip(pack.keys, parameters, strict=True):
            self.put_one(key, parameter)

    def put_one(self, key: str, tensor: Tensor) -> None:
        """Have the module compute with it; a tied one in all its places."""
        self._set(key, self._weights.dressed(key, tensor))

    def take_away(self, pack: Pack) -> None:
        """The pack's parameters are not in memory any more."""
        for key in pack.keys:
            self._set(key, self._absent[key])

    def _set(self, key: str, parameter: nn.Parameter) -> None:
        for module, attribute in self._places[key]:
            setattr(module, attribute, parameter)


def _places(module: nn.Module) -> dict[str, list[tuple[nn.Module, str]]]:
    """Each parameter's modules and attributes, by its first name; a tied one has several."""
    places: dict[int, tuple[str, list[tuple[nn.Module, str]]]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        owner, _, attribute = name.rpartition(".")
        _first, its = places.setdefault(id(parameter), (name, []))
        its.append((module.get_submodule(owner), attribute))
    return dict(places.values())
