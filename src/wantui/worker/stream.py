"""The blocks of a network that do not stay on the device come to it while others compute.

Each has its weights in a slab of host memory. Two slots on the device take turns: while a block
computes in one, the next is copied into the other on a second stream. What a slot held is
overwritten, never copied back. On a CPU a slot is another buffer and a copy is done when it
returns; the rest is the same code.

Hooks see to it all. They run in `Module.__call__`: who compiles a block compiles its `forward`,
and the hooks stay outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from wantui.worker.slab import Layout, Slab

SLOTS = 2

_cuda: Any = torch.cuda  # parts of it have no types


def streamed_blocks(blocks: int, resident: int | None) -> tuple[int, ...]:
    """Which of a network's blocks stream where only `resident` stay on the device.

    They lie as far apart as they can: each is copied while those before it compute.
    """
    streamed = 0 if resident is None else max(0, blocks - resident)
    return tuple(i for i in range(blocks) if (i + 1) * streamed // blocks > i * streamed // blocks)


@dataclass(frozen=True)
class StreamedBlock:
    """A block, its weights, and how its module is given other parameters."""

    module: nn.Module
    slab: Slab
    put: Callable[[Sequence[nn.Parameter]], None]


class BlockStreamer:
    """Brings each block's weights before its forward, for as long as it is started.

    Blocks run in the order they are given in, again and again; any other order, or a forward that
    ends in the middle, costs a copy that is waited for.
    """

    def __init__(self, blocks: Sequence[StreamedBlock], device: torch.device) -> None:
        self._blocks = blocks
        self._device = device
        self._copies = _Copies(device)
        self._slots: list[_Slot] = []
        self._hooks: list[RemovableHandle] = []

    def start(self) -> None:
        """Take the slots' memory, and copy the first blocks."""
        if not self._blocks:
            return
        size = max(block.slab.layout.nbytes for block in self._blocks)
        for _ in range(min(SLOTS, len(self._blocks))):
            self._slots.append(_Slot(torch.empty(size, dtype=torch.uint8, device=self._device)))
        self._see_to(0)
        self._see_to(self._next(0), keep=0)
        for index, block in enumerate(self._blocks):  # last: a copy that fails leaves no hook
            self._hooks.append(block.module.register_forward_pre_hook(self._before(index)))
            self._hooks.append(block.module.register_forward_hook(self._after(index)))

    def stop(self) -> None:
        """Leave the blocks as they were found: with their weights in host memory."""
        for hook in self._hooks:
            hook.remove()
        self._copies.finish()
        for slot in self._slots:
            self._take_back(slot)
        self._hooks.clear()
        self._slots.clear()

    def _before(self, index: int) -> Callable[[nn.Module, object], None]:
        def before_forward(_module: nn.Module, _inputs: object) -> None:
            slot = self._see_to(index, keep=self._next(index))
            self._see_to(self._next(index), keep=index)
            self._copies.wait_for(slot.copied)
            self._blocks[index].put(slot.parameters(self._blocks[index].slab.layout))
            slot.lent = True

        return before_forward

    def _after(self, index: int) -> Callable[[nn.Module, object, object], None]:
        def after_forward(_module: nn.Module, _inputs: object, _output: object) -> None:
            self._take_back(self._see_to(index))
            ahead = self._next(index)
            self._see_to(self._next(ahead), keep=ahead)

        return after_forward

    def _next(self, index: int) -> int:
        """After the last one comes the first, of the next forward."""
        return (index + 1) % len(self._blocks)

    def _see_to(self, index: int, keep: int | None = None) -> _Slot:
        """The slot that a block is in or is copied to: never the one that holds `keep`."""
        for slot in self._slots:
            if slot.holds == index:
                return slot
        slot = next(slot for slot in self._slots if keep is None or slot.holds != keep)
        self._take_back(slot)
        slab = self._blocks[index].slab
        slot.holds = index
        slot.copied = self._copies.start(slab.buffer, slot.buffer[: slab.layout.nbytes])
        return slot

    def _take_back(self, slot: _Slot) -> None:
        """See that no module has parameters in a slot."""
        if slot.lent and slot.holds is not None:
            block = self._blocks[slot.holds]
            block.put(block.slab.parameters)
        slot.lent = False


class _Slot:
    """Room for one block on the device."""

    def __init__(self, buffer: Tensor) -> None:
        self.buffer = buffer
        self.holds: int | None = None
        """The block whose weights are here, or on their way."""
        self.copied: torch.cuda.Event | None = None
        """When they are here; None is now."""
        self.lent = False
        """Whether that block's module has its parameters here."""
        self._parameters: dict[Layout, list[nn.Parameter]] = {}

    def parameters(self, layout: Layout) -> list[nn.Parameter]:
        if layout not in self._parameters:
            self._parameters[layout] = layout.parameters(self.buffer)
        return self._parameters[layout]


class _Copies:
    """Copies to the device beside its computing, on a stream of their own."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = _cuda.Stream(device) if device.type == "cuda" else None

    def start(self, source: Tensor, into: Tensor) -> torch.cuda.Event | None:
        """Begin once all that was asked of the device so far is done: it may be reading `into`."""
        if self._stream is None:
            into.copy_(source)
            return None
        copied: torch.cuda.Event = _cuda.Event()
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            into.copy_(source, non_blocking=True)
            copied.record(self._stream)
        return copied

    def wait_for(self, copied: torch.cuda.Event | None) -> None:
        """Let the device's computing wait, not the caller."""
        if copied is not None:
            torch.cuda.current_stream(self._device).wait_event(copied)

    def finish(self) -> None:
        """Wait until no copy reads host memory any more."""
        if self._stream is not None:
            self._stream.synchronize()
