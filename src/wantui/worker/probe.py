"""What only the engine knows of this machine: torch's build, its devices, ways to attend, and which
components can be built.

`python -m wantui.worker probe` reads a `ProbeOrder` from standard input and writes `EngineFacts` to
standard output. Nothing here takes memory for weights, or asks a hub.
"""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from wantui.api.hardware import (
    AttentionBackend,
    BuiltComponent,
    DeviceClass,
    EngineDevice,
    EngineFacts,
)
from wantui.pipe.probe import ComponentToBuild, ProbeOrder
from wantui.text import one_line
from wantui.worker import engine
from wantui.worker.attending import try_backends

LONGEST_REASON = 200

_BUILDERS: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    "WanTransformer3DModel": engine.meta_transformer,
    "AutoencoderKLWan": engine.meta_vae,
    "UMT5EncoderModel": engine.meta_text_encoder,
}


def probe(order: ProbeOrder) -> EngineFacts:
    """Look once; takes seconds, of which most are the engine's import."""
    devices = tuple(_devices())
    return EngineFacts(
        torch=torch.__version__,
        cuda=torch.version.cuda,
        hip=torch.version.hip,
        cudnn=_cudnn(),
        devices=devices,
        attention=tuple(_attention(devices)),
        components=tuple(_build_all(order)),
        probed_at=time.time(),
    )


def _devices() -> Iterator[EngineDevice]:
    if torch.cuda.is_available():
        kind = DeviceClass.ROCM if torch.version.hip else DeviceClass.CUDA
        for index in range(torch.cuda.device_count()):
            told = torch.cuda.get_device_properties(index)
            yield EngineDevice(
                kind=kind,
                name=one_line(told.name),
                memory_total_bytes=told.total_memory,
                compute_capability=None if torch.version.hip else f"{told.major}.{told.minor}",
            )
    if torch.backends.mps.is_available():
        yield EngineDevice(
            kind=DeviceClass.MPS,
            name=_apple_chip(),
            memory_total_bytes=torch.mps.recommended_max_memory(),
        )


def _apple_chip() -> str:
    command = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return platform.machine()
    return one_line(told.stdout)


def _cudnn() -> str | None:
    cudnn: Any = torch.backends.cudnn
    return str(cudnn.version()) if cudnn.is_available() else None


def _attention(devices: tuple[EngineDevice, ...]) -> Iterator[AttentionBackend]:
    kinds = {device.kind for device in devices}
    if DeviceClass.CUDA in kinds or DeviceClass.ROCM in kinds:
        yield from try_backends(torch.device("cuda", 0), torch.bfloat16)
    else:
        yield from try_backends(torch.device("cpu"), torch.float32)


def _build_all(order: ProbeOrder) -> Iterator[BuiltComponent]:
    """Models share components: each of a kind is built once."""
    built: dict[str, int | str] = {}
    for part in order.components:
        key = json.dumps([part.class_name, part.config], sort_keys=True)
        if key not in built:
            built[key] = _count(part)
        outcome = built[key]
        yield BuiltComponent(
            model=part.model,
            component=part.component,
            class_name=part.class_name,
            parameter_count=outcome if isinstance(outcome, int) else None,
            expected_count=part.expected_count,
            error=outcome if isinstance(outcome, str) else None,
        )


def _count(part: ComponentToBuild) -> int | str:
    """How many parameters it has, or why it cannot be built."""
    builder = _BUILDERS.get(part.class_name)
    if builder is None:
        return f"this engine has no {part.class_name}"
    try:
        return engine.parameter_count(builder(part.config))
    except Exception as error:  # noqa: BLE001 - told: whatever a library makes of a configuration
        return one_line(f"{type(error).__name__}: {error}", LONGEST_REASON)
