"""How much memory each stage of an attempt held at most.

On a GPU by torch's own allocator, which does not see CUDA's context; on a CPU by what was resident
of the process. Source: torch 2.13, `torch.cuda.memory`; proc(5), `clear_refs` and `VmHWM`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch

from wantui.api.job import Stage
from wantui.pipe.messages import StagePeak

_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
_STATUS = Path("/proc/self/status")


class Peaks:
    """Told of each stage as it begins; a stage that comes again keeps its higher peak."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._peaks: dict[Stage, StagePeak] = {}
        self._spared: set[Stage] = set()

    def enter(self, stage: Stage) -> None:
        if stage is self._stage:
            return
        self._close()
        self._stage = stage
        _reset()

    def spare(self, stage: Stage) -> None:
        """It had nothing to do: what it held says nothing of others like it."""
        self._spared.add(stage)

    def told(self) -> tuple[StagePeak, ...]:
        """All that is known by now, in the order of the stages."""
        self._close()
        self._stage = None
        return tuple(self._peaks[stage] for stage in Stage if stage in self._peaks)

    def _close(self) -> None:
        if self._stage is None or (read := _read()) is None:
            return
        held, allocated = read
        before = self._peaks.get(self._stage)
        if before is None or held > before.bytes:
            self._peaks[self._stage] = StagePeak(
                stage=self._stage,
                bytes=held,
                allocated_bytes=allocated,
                spared=self._stage in self._spared,
            )


def _reset() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return
    with contextlib.suppress(OSError):  # a kernel or a container that does not let us
        _CLEAR_REFS.write_text(_RESET_PEAK)


def _read() -> tuple[int, int | None] | None:
    """Bytes held at most since the reset, and those of them that were in use on a GPU."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved(), torch.cuda.max_memory_allocated()
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name == "VmHWM":
                return int(value.split()[0]) * 1024, None
    return None
