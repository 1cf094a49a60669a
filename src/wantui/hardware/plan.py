"""How a model is loaded on a device: from counts of parameters and bytes of memory, nothing else.

On a GPU the transformers and the text encoder are bf16 and the VAE is fp32; on the CPU all is fp32,
as the reference is. A GPU before compute capability 8.0 computes bf16 slowly, yet gets it too:
fp32 would take twice the memory and make another video than every other GPU makes.

The estimates below come from published peaks, not from a GPU of ours. A plan is refused only when
not even a short clip can ever fit; what proves too large while it runs ends as OutOfMemory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wantui.api.hardware import Gpu, Hardware
from wantui.api.model import WeightsStatus
from wantui.api.plan import DType, Plan, Residency
from wantui.catalog.recipe import Recipe
from wantui.errors import DoesNotFit
from wantui.text import bytes_text

CPU = "cpu"
CONTEXT_BYTES = 600_000_000
"""What the process itself takes of the device before any weight: CUDA's context and cuBLAS's
workspaces, or Python with torch on a CPU. Not measured on a GPU."""
ACTIVATION_BYTES_PER_TOKEN = 480_000
"""Published peaks less a bf16 expert, divided by the tokens of a forward: A14B 59.8 GB at 720p and
41.3 GB at 480p give 413,000 and 388,000, 5B 22.9 GB gives 473,000. Source: Wan2.2's README, its
table of computational efficiency. Not measured with our worker."""
SHORT_CLIP_FRAMES = 17
"""About a second, in the model's smallest official size: the least that is worth loading it for."""
FAST_BFLOAT16 = (8, 0)
"""Compute capability of the first GPUs whose tensor cores take bf16: Ampere."""
_PATCH = 2
_BYTES = {DType.FLOAT32: 4, DType.BFLOAT16: 2}


class _Device(NamedTuple):
    id: str
    name: str
    total_bytes: int
    dtype: DType
    remark: str


class _Need(NamedTuple):
    """Bytes that a model takes on a kind of device."""

    weights: int
    largest_stage: int
    """The text encoder, one expert or the VAE: the most that is at work at once."""
    short_clip: int
    """Activations and context for the least that is worth it."""
    default_video: int
    """The same for the model's official size and length."""

    @property
    def least(self) -> int:
        return self.largest_stage + self.short_clip


def devices(hardware: Hardware) -> tuple[str, ...]:
    """The ids of the devices that jobs run on: every GPU's UUID, or the CPU where there is none."""
    return tuple(gpu.uuid for gpu in hardware.gpus) or (CPU,)


def plan(
    recipe: Recipe,
    weights: WeightsStatus,
    hardware: Hardware,
    device: str | None = None,
    *,
    others: Sequence[Recipe] = (),
) -> Plan:
    """The best way to load `recipe` on `device`, or on the device that suits it best.

    Counts total memory: what others hold now is no reason to refuse. Raises DoesNotFit with the
    gigabytes that are missing and the largest of `others` that would fit.
    """
    wanted = devices(hardware) if device is None else (device,)
    found = [_device(hardware, name) for name in wanted]
    plans = [made for each in found if (made := _plan_on(each, recipe, weights, hardware))]
    if not plans:
        largest = max(found, key=lambda each: each.total_bytes)
        raise _does_not_fit(largest, recipe, weights, hardware, others)
    return max(
        plans, key=lambda made: (made.residency is Residency.RESIDENT, made.device_total_bytes)
    )


def _device(hardware: Hardware, name: str) -> _Device:
    if name == CPU:
        cpu, memory = hardware.cpu, hardware.memory
        return _Device(CPU, cpu.name, memory.total_bytes, DType.FLOAT32, "")
    for gpu in hardware.gpus:
        if gpu.uuid == name:
            return _Device(gpu.uuid, gpu.name, gpu.memory_total_bytes, DType.BFLOAT16, _remark(gpu))
    raise DoesNotFit(f"this machine has no device {name}", hint="see: wantui hw")


def _remark(gpu: Gpu) -> str:
    if gpu.compute_capability is None:
        return ""
    major, minor = gpu.compute_capability.split(".")
    if (int(major), int(minor)) >= FAST_BFLOAT16:
        return ""
    return f"; bf16 is slow on compute capability {gpu.compute_capability}"


def _plan_on(
    device: _Device, recipe: Recipe, weights: WeightsStatus | None, hardware: Hardware
) -> Plan | None:
    """None if it can never fit there."""
    need = _need(recipe, weights, device)
    host_bytes = hardware.memory.total_bytes
    full = need.default_video + (need.largest_stage if device.id != CPU else need.weights)
    if device.id == CPU:
        residency = Residency.RESIDENT
        fits = need.weights + need.short_clip <= device.total_bytes
        reason = "no GPU is used: everything stays in memory as float32"
    elif need.weights + need.default_video <= device.total_bytes:
        residency, fits = Residency.RESIDENT, True
        reason = "all of it fits on the device"
    else:
        residency = Residency.STAGED
        fits = need.least <= device.total_bytes and need.weights + CONTEXT_BYTES <= host_bytes
        reason = "not all of it fits beside a full-size video: the stages take turns on the device"
    if not fits:
        return None
    if full > device.total_bytes:
        reason += f"; the default size may not fit, it takes about {bytes_text(full)}"
    return Plan(
        device=device.id,
        device_name=device.name,
        dtype=device.dtype,
        residency=residency,
        weights_bytes=need.weights,
        device_bytes=need.weights if residency is Residency.RESIDENT else need.largest_stage,
        device_total_bytes=device.total_bytes,
        reason=reason + device.remark,
    )


def _need(recipe: Recipe, weights: WeightsStatus | None, device: _Device) -> _Need:
    parts = _component_bytes(recipe, weights, device.dtype)
    width, height, frames = recipe.defaults.width, recipe.defaults.height, recipe.defaults.frames
    small_width, small_height = min(
        (_sides(size) for size in recipe.limits.sizes), key=lambda sides: sides[0] * sides[1]
    )
    widening = _BYTES[device.dtype] // _BYTES[DType.BFLOAT16]
    return _Need(
        weights=sum(parts),
        largest_stage=max(parts, default=0),
        short_clip=CONTEXT_BYTES
        + widening * _activations(recipe, small_width, small_height, SHORT_CLIP_FRAMES),
        default_video=CONTEXT_BYTES + widening * _activations(recipe, width, height, frames),
    )


def _component_bytes(recipe: Recipe, weights: WeightsStatus | None, dtype: DType) -> list[int]:
    """Each component as it is loaded; one that nobody counted is taken to be bf16 on disk."""
    counted = {part.name: part for part in weights.components} if weights else {}
    sizes = []
    for part in recipe.components:
        if part.weights is None:
            continue
        status = counted.get(part.name)
        parameters = part.parameter_count or (status.parameter_count if status else None)
        if parameters is None:
            parameters = status.bytes_needed // 2 if status else 0
        sizes.append(parameters * (4 if part.name == "vae" else _BYTES[dtype]))
    return sizes


def _activations(recipe: Recipe, width: int, height: int, frames: int) -> int:
    stride_t, stride_h, stride_w = recipe.vae_stride
    rows, columns = height // (stride_h * _PATCH), width // (stride_w * _PATCH)
    return ((frames - 1) // stride_t + 1) * rows * columns * ACTIVATION_BYTES_PER_TOKEN


def _sides(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)


def _does_not_fit(
    device: _Device,
    recipe: Recipe,
    weights: WeightsStatus,
    hardware: Hardware,
    others: Sequence[Recipe],
) -> DoesNotFit:
    need = _need(recipe, weights, device)
    needed = need.weights + need.short_clip if device.id == CPU else need.least
    where, total = ("host memory" if device.id == CPU else device.name), device.total_bytes
    if needed <= total:  # then it is the host that cannot hold what waits for its turn
        needed, where = need.weights + CONTEXT_BYTES, "host memory"
        total = hardware.memory.total_bytes
    fitting = [
        other
        for other in others
        if other.id != recipe.id and _plan_on(device, other, None, hardware)
    ]
    best = max(
        fitting, key=lambda other: sum(_component_bytes(other, None, device.dtype)), default=None
    )
    return DoesNotFit(
        f"{recipe.id} needs {bytes_text(needed)} in {where}, which has {bytes_text(total)}: "
        f"{bytes_text(needed - total)} too little",
        hint=f"use a model that fits: --model {best.id}" if best else "see: wantui ls",
        detail={"device": device.id, "needed_bytes": needed, "total_bytes": total},
    )
