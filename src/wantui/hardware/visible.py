"""GPUs that whoever started us hid from us, and why a container may see none. Pure.

Source: CUDA C++ Programming Guide, CUDA environment variables; the NVIDIA container toolkit's
documentation of NVIDIA_VISIBLE_DEVICES and NVIDIA_DRIVER_CAPABILITIES.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

CUDA = "CUDA_VISIBLE_DEVICES"
CONTAINER = "NVIDIA_VISIBLE_DEVICES"
_NONE = ("", "none", "void")
_KERNEL_MODULE = "proc/driver/nvidia/version"
_SHOWN = 40


def visible(uuids: Sequence[str], environment: Mapping[str, str]) -> frozenset[str]:
    """Those that CUDA would show us, of all in PCI order.

    CUDA numbers the fastest first unless CUDA_DEVICE_ORDER says otherwise; where GPUs differ a
    number may therefore mean another one, and a UUID does not. As CUDA does, what stands after the
    first entry that names none is not looked at.
    """
    wanted = environment.get(CUDA)
    if wanted is None:
        return frozenset(uuids)
    shown: set[str] = set()
    for entry in wanted.split(","):
        named = _named(entry.strip(), uuids)
        if named is None:
            break
        shown.add(named)
    return frozenset(shown)


def _named(entry: str, uuids: Sequence[str]) -> str | None:
    """By number, or by UUID or its beginning."""
    if entry.isascii() and entry.isdecimal():
        return uuids[int(entry)] if int(entry) < len(uuids) else None
    fitting = [uuid for uuid in uuids if entry.startswith("GPU-") and uuid.startswith(entry)]
    return fitting[0] if len(fitting) == 1 else None


def hidden_by(environment: Mapping[str, str]) -> str:
    """What hides those that are not visible, for people."""
    return f"hidden by {CUDA}={environment.get(CUDA, '')[:_SHOWN]}"


def absence(failure: str, environment: Mapping[str, str], root: Path = Path("/")) -> str:
    """Why the driver's library does not answer, as far as it can be told from here."""
    container = environment.get(CONTAINER)
    if container is not None and container.strip().lower() in _NONE:
        return f"this container was started without GPUs ({CONTAINER}={container})"
    said = f"the NVIDIA driver does not answer: {failure}"
    if "not found" in failure.lower() and (root / _KERNEL_MODULE).exists():
        return (
            f"{said}; the kernel has the driver, so this is a container without its library: "
            "start it with --gpus all"
        )
    return said
