"""From whatever an attempt raised to a typed error, and whether the worker can go on after it."""

from __future__ import annotations

import errno
import re
from typing import Any

import torch

from wantui.api.job import Stage
from wantui.errors import DeviceLost, DiskFull, GenerationFailed, OutOfMemory, WantuiError
from wantui.text import bytes_text

_ASKED_FOR = re.compile(
    r"[Tt]ried to allocate (?P<number>[\d.]+) ?(?P<unit>bytes|[KMGT]iB)", re.ASCII
)
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_CPU_ALLOCATOR = "DefaultCPUAllocator"
_LOST = ("CUDA error", "an illegal memory access was encountered", "unspecified launch failure")
"""As torch says it, and, of a compiled block, Triton: in the driver's own words."""


def typed(error: Exception, stage: Stage) -> WantuiError:
    """The error to report; one that was raised as typed stays what it is."""
    if isinstance(error, WantuiError):
        return error
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or _CPU_ALLOCATOR in str(error):
        return _out_of_memory(error, stage)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no space left on the device: {error.filename or 'in ' + stage}")
    if ends_worker(error):
        return DeviceLost(
            f"the device was lost in {stage}: {_first_line(error)}", detail={"stage": stage.value}
        )
    return GenerationFailed(
        f"{type(error).__name__} in {stage}: {error}", detail={"stage": stage.value}
    )


def ends_worker(error: Exception) -> bool:
    """Whether the device's context is lost: after such an error every later call fails too."""
    if isinstance(error, DeviceLost):
        return True
    if isinstance(error, torch.OutOfMemoryError):
        return False
    return isinstance(error, torch.AcceleratorError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _LOST)
    )


def _out_of_memory(error: Exception, stage: Stage) -> OutOfMemory:
    detail: dict[str, Any] = {"stage": stage.value}
    message = f"{stage} ran out of memory"
    if asked := _ASKED_FOR.search(str(error)):
        detail["needed"] = int(float(asked["number"]) * _UNITS[asked["unit"]])
        message += f": it needed {bytes_text(detail['needed'])} more"
    detail["host"] = not isinstance(error, torch.OutOfMemoryError)
    if torch.cuda.is_available() and not detail["host"]:
        detail["free"], _total = torch.cuda.mem_get_info()
        message += f", {bytes_text(detail['free'])} were free"
    return OutOfMemory(message, detail=detail)


def _first_line(error: Exception) -> str:
    """Without torch's advice on how to debug kernels."""
    return next(iter(str(error).splitlines()), type(error).__name__)
