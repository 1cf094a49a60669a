"""How a model is loaded on a device: from counts of parameters and bytes of memory, nothing else.

What ranks plans is residency: best is that everything stays on the device, then that an expert at
work has all its blocks there, then as many of them as fit beside the video; the others stream.

On a GPU the transformers and the text encoder are bf16 and the VAE is fp32; on the CPU all is fp32,
as the reference is. A GPU before compute capability 8.0 computes bf16 slowly, yet gets it too:
fp32 would take twice the memory and make another video than every other GPU makes.

The estimates below come from published peaks, not from a GPU of ours. A model is refused only when
not even a short clip can ever fit, or the blocks that stream have no room in host memory; what
proves too large while it runs ends as OutOfMemory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from wantui.api.hardware import Gpu, Hardware
from wantui.api.lora import LoraExpert, LoraUsed
from wantui.api.model import WeightsStatus
from wantui.api.plan import DType, Plan, Residency
from wantui.catalog.recipe import Component, Recipe
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
SLOTS = 2
"""Blocks' worth of device memory through which those that do not stay are streamed."""
PINNED_SHARE = 0.75
"""Of the host's memory, what weights may hold locked: the rest is the system's and the files'."""
DEQUANTISING_BYTES = 6
"""Of each of a quantised layer's numbers while it is at work: decoded, in fp16, and cast to bf16.
Read off diffusers 0.42.1, `quantizers/gguf/utils.py`; not measured."""
UNKNOWN_GGUF_BITS = 8.5
"""Of a number in a GGUF file that is not here yet: Q8_0's, the largest that are common."""
_PATCH = 2
EXPERTS = ("transformer", "transformer_2")
VAE = "vae"


class Extent(Protocol):
    """A video's size in pixels and its length in frames: a job's parameters, a model's defaults."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def frames(self) -> int: ...


class _Video(NamedTuple):
    width: int
    height: int
    frames: int
    lora_bytes: int = 0
    """Of the LoRAs on the device while it is denoised, as they are in bf16."""

    def __str__(self) -> str:
        return f"{self.width}x{self.height} with {self.frames} frames"


class _Device(NamedTuple):
    id: str
    name: str
    total_bytes: int
    dtype: DType
    remark: str


class _Weights(NamedTuple):
    """Bytes of a model's components as they are loaded, and what an expert is made of."""

    experts: tuple[int, ...]
    vae: int
    others: tuple[int, ...]
    """The text encoder's."""
    blocks: int
    """Of an expert; 0 where nobody knows, and nothing can stream."""
    block: int

    @property
    def total(self) -> int:
        return sum(self.experts) + self.vae + sum(self.others)

    @property
    def choices(self) -> tuple[int | None, ...]:
        """Numbers of resident blocks, best first; a few less than all would save nothing."""
        return (None, *range(self.blocks - SLOTS - 1, -1, -1))

    def streamed(self, resident: int | None) -> int:
        """Bytes of an expert that wait in host memory while it is at work."""
        return 0 if resident is None else (self.blocks - resident) * self.block

    def expert(self, resident: int | None) -> int:
        """Bytes of the largest expert that are on the device while it is at work."""
        slots = 0 if resident is None else SLOTS * self.block
        return max(self.experts, default=0) - self.streamed(resident) + slots

    def stage(self, resident: int | None) -> int:
        """Bytes on the device while the largest stage is at work, where stages take turns."""
        return max(self.expert(resident), self.vae, *self.others)

    def peak(self, resident: int | None, activations: int) -> int:
        """The same with all that comes on top; a text encoder computes too little to count."""
        at_work = max(self.expert(resident), self.vae) + activations
        return CONTEXT_BYTES + max(at_work, *self.others)


def devices(hardware: Hardware) -> tuple[str, ...]:
    """The ids of the devices that jobs run on: every GPU's UUID, or the CPU where there is none."""
    return tuple(gpu.uuid for gpu in hardware.gpus) or (CPU,)


def plan(
    recipe: Recipe,
    weights: WeightsStatus,
    hardware: Hardware,
    device: str | None = None,
    *,
    video: Extent | None = None,
    loras: Sequence[LoraUsed] = (),
    others: Sequence[Recipe] = (),
) -> Plan:
    """The best way to load `recipe` on `device`, or on the device that suits it best.

    `video` is what is to be made, by default what the model makes by default, with `loras`. Counts
    total memory: what others hold now is no reason to refuse. Raises DoesNotFit with the gigabytes
    that are missing and the largest of `others` that would fit.
    """
    wanted = devices(hardware) if device is None else (device,)
    found = [_device(hardware, name) for name in wanted]
    extent = _extent(video or recipe.defaults)._replace(lora_bytes=_lora_bytes(recipe, loras))
    plans = [made for each in found if (made := _plan_on(each, recipe, weights, hardware, extent))]
    if not plans:
        largest = max(found, key=lambda each: each.total_bytes)
        raise _does_not_fit(largest, recipe, weights, hardware, extent, others=others)
    return max(plans, key=lambda made: (*rank(made.residency), made.device_total_bytes))


def rank(residency: Residency) -> tuple[bool, float]:
    """By which plans are compared: the larger, the less has to be moved."""
    blocks = residency.resident_blocks
    return residency.components_stay, float("inf") if blocks is None else blocks


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
    device: _Device,
    recipe: Recipe,
    status: WeightsStatus | None,
    hardware: Hardware,
    video: _Video,
) -> Plan | None:
    """None if it can never fit there."""
    weights = _weights(recipe, status, device)
    if _least(recipe, weights, device) > device.total_bytes:
        return None
    activations = _activations(recipe, device, video)
    pinnable = int(PINNED_SHARE * hardware.memory.total_bytes)
    residency = _residency(weights, activations, device, pinnable)
    blocks = residency.resident_blocks
    if weights.streamed(blocks) > pinnable:
        return None
    reason = _reason(weights, residency, device)
    peak = weights.peak(blocks, activations)
    if peak > device.total_bytes:
        reason += f"; {video} may not fit, it takes about {bytes_text(peak)}"
    return Plan(
        device=device.id,
        device_name=device.name,
        dtype=device.dtype,
        residency=residency,
        weights_bytes=weights.total,
        device_bytes=weights.total if residency.components_stay else weights.stage(blocks),
        device_total_bytes=device.total_bytes,
        reason=reason + device.remark,
    )


def _residency(weights: _Weights, activations: int, device: _Device, pinnable: int) -> Residency:
    """The best that fits beside the video; where nothing does, the least there is."""
    if weights.total + CONTEXT_BYTES + activations <= device.total_bytes:
        return Residency.RESIDENT
    if device.id == CPU:  # what would stream lies in the same memory
        return Residency(components_stay=False)
    room = device.total_bytes - CONTEXT_BYTES - activations
    fitting = (blocks for blocks in weights.choices if weights.expert(blocks) <= room)
    return Residency(
        resident_blocks=next(fitting, weights.choices[-1]),
        components_stay=False,
        host_copies_stay=sum(weights.experts) <= pinnable,
    )


def _reason(weights: _Weights, residency: Residency, device: _Device) -> str:
    if device.id == CPU:
        where = "everything stays" if residency.components_stay else "the stages take turns"
        return f"no GPU is used: {where} in memory as float32"
    if residency.components_stay:
        return "all of it fits on the device"
    if residency.resident_blocks is None:
        return "not all of it fits beside the video: the stages take turns on the device"
    return (
        f"{residency.resident_blocks or 'none'} of an expert's {weights.blocks} blocks stay on the "
        "device beside the video, the others stream through it"
    )


def _least(recipe: Recipe, weights: _Weights, device: _Device) -> int:
    """Bytes of the device that a short clip takes."""
    width, height = min(
        (_sides(size) for size in recipe.limits.sizes), key=lambda sides: sides[0] * sides[1]
    )
    clip = _Video(width, height, SHORT_CLIP_FRAMES)
    blocks = None if device.id == CPU else weights.choices[-1]
    return weights.peak(blocks, _activations(recipe, device, clip))


def _weights(recipe: Recipe, status: WeightsStatus | None, device: _Device) -> _Weights:
    sizes = {
        part.name: _component_bytes(part, status, device.dtype)
        for part in recipe.components
        if part.has_weights
    }
    experts = tuple(size for name, size in sizes.items() if name in EXPERTS)
    architecture = recipe.architecture
    block = _block_bytes(recipe, sizes, device.dtype)
    return _Weights(
        experts=experts,
        vae=sizes.get(VAE, 0),
        others=tuple(size for name, size in sizes.items() if name not in {*EXPERTS, VAE}),
        blocks=architecture.blocks if architecture and block else 0,
        block=block,
    )


def _block_bytes(recipe: Recipe, sizes: Mapping[str, int], dtype: DType) -> int:
    """Of a block of the largest expert; 0 where nobody knows. Those of a GGUF file are not equal:
    its share of the file's bytes.
    """
    experts = [part for part in recipe.components if part.name in EXPERTS and part.has_weights]
    largest = max(experts, key=lambda part: sizes[part.name], default=None)
    if recipe.architecture is None or largest is None:
        return 0
    parameters = recipe.architecture.block_parameters
    if largest.gguf is None:
        return parameters * dtype.bytes
    return parameters * sizes[largest.name] // (largest.parameter_count or 1)


def _component_bytes(part: Component, weights: WeightsStatus | None, dtype: DType) -> int:
    """As it is loaded; one that nobody counted is taken to be bf16 on disk.

    Quantised tensors are in memory as they are in their file.
    """
    counted = {status.name: status for status in weights.components} if weights else {}
    status = counted.get(part.name)
    if part.gguf is not None:
        guess = int((part.parameter_count or 0) * UNKNOWN_GGUF_BITS / 8)
        return status.bytes_present if status and not status.missing else guess
    parameters = part.parameter_count or (status.parameter_count if status else None)
    if parameters is None:
        parameters = status.bytes_needed // 2 if status else 0
    return parameters * (DType.FLOAT32 if part.name == VAE else dtype).bytes


def _activations(recipe: Recipe, device: _Device, video: _Video) -> int:
    """What a forward takes beside the model's own weights."""
    stride_t, stride_h, stride_w = recipe.vae_stride
    rows, columns = video.height // (stride_h * _PATCH), video.width // (stride_w * _PATCH)
    tokens = ((video.frames - 1) // stride_t + 1) * rows * columns
    widening = device.dtype.bytes // DType.BFLOAT16.bytes
    activations = widening * (tokens * ACTIVATION_BYTES_PER_TOKEN + video.lora_bytes)
    return activations + _dequantising(recipe)


def _lora_bytes(recipe: Recipe, loras: Iterable[LoraUsed]) -> int:
    """Those of both experts lie on the device from the first step on. Files are taken for bf16."""
    both = 2 if recipe.has_two_experts else 1
    return sum(lora.bytes * (both if lora.expert is LoraExpert.BOTH else 1) for lora in loras)


def _dequantising(recipe: Recipe) -> int:
    """Bytes that the largest layer of a quantised expert takes while it is at work."""
    if recipe.architecture is None or not recipe.is_quantised:
        return 0
    return DEQUANTISING_BYTES * recipe.architecture.dim * recipe.architecture.ffn_dim


def _extent(video: Extent) -> _Video:
    return _Video(video.width, video.height, video.frames)


def _sides(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)


def _does_not_fit(
    device: _Device,
    recipe: Recipe,
    status: WeightsStatus,
    hardware: Hardware,
    video: _Video,
    *,
    others: Sequence[Recipe],
) -> DoesNotFit:
    weights = _weights(recipe, status, device)
    needed, total = _least(recipe, weights, device), device.total_bytes
    where = "host memory" if device.id == CPU else device.name
    if needed <= total:  # then it is the host that cannot hold what streams
        total = hardware.memory.total_bytes
        residency = _residency(weights, _activations(recipe, device, video), device, total)
        needed = int(weights.streamed(residency.resident_blocks) / PINNED_SHARE)
        where = f"host memory for {video}"
    fitting = [
        other
        for other in others
        if other.id != recipe.id
        and _plan_on(device, other, None, hardware, _extent(other.defaults))
    ]
    best = max(fitting, key=lambda other: _weights(other, None, device).total, default=None)
    return DoesNotFit(
        f"{recipe.id} needs {bytes_text(needed)} in {where}, which has {bytes_text(total)}: "
        f"{bytes_text(needed - total)} too little",
        hint=f"use a model that fits: --model {best.id}" if best else "see: wantui ls",
        detail={"device": device.id, "needed_bytes": needed, "total_bytes": total},
    )
