"""What a machine can do for a model: the plan for its official video, and why it is that one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wantui.api.hardware import DeviceClass, EngineFacts, Gpu, Hardware
from wantui.api.plan import Plan
from wantui.api.report import Suitability
from wantui.errors import DoesNotFit
from wantui.hardware.estimates.case import Case
from wantui.hardware.plan import plan_on_best
from wantui.hardware.ways import Limits

FAST_FLOAT16 = (5, 3)
"""Compute capability of the first GPUs that compute in fp16: Tegra X1, then Pascal.
Source: CUDA C++ Programming Guide, arithmetic instructions by compute capability."""

FAST_BFLOAT16 = (8, 0)
"""Of the first whose tensor cores take bf16: Ampere."""
CPU_FLOAT16 = frozenset({"avx512_fp16", "amx_fp16", "asimdhp"})
CPU_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""As the kernel calls the extensions of x86 and of Arm. Source: Linux, arch/x86/include/asm/
cpufeatures.h and Documentation/arch/arm64/elf_hwcaps.rst."""


class Judgement(NamedTuple):
    suitability: Suitability
    plan: Plan | None
    """None if it can never fit."""


def judge(cases: Sequence[tuple[Case, Limits]], hardware: Hardware) -> Judgement:
    """A model's official video on every device; by capacity, whatever others hold of it now."""
    try:
        best = plan_on_best(cases)
    except DoesNotFit as error:
        said = _suitability(hardware, _largest(hardware), error.message, fits=False)
        return Judgement(said, None)
    gpu = next((gpu for gpu in hardware.gpus if gpu.uuid == best.device), None)
    return Judgement(_suitability(hardware, gpu, best.reason, fits=True), best)


def _suitability(hardware: Hardware, gpu: Gpu | None, reason: str, *, fits: bool) -> Suitability:
    missing = (hardware.gpu_reason,) if hardware.gpu_reason else ()
    return Suitability(
        vram_sufficient=fits if hardware.gpus else None,
        cuda_available=bool(hardware.gpus) and _torch_sees_cuda(hardware.engine),
        fp16_supported=_has(hardware, gpu, FAST_FLOAT16, CPU_FLOAT16),
        bf16_supported=_has(hardware, gpu, FAST_BFLOAT16, CPU_BFLOAT16),
        recommended_profile=hardware.profile.name if hardware.profile else None,
        reasons=(reason, *missing, *hardware.gpu_notes),
    )


def _torch_sees_cuda(engine: EngineFacts | None) -> bool:
    """Taken for granted until torch was asked."""
    if engine is None:
        return True
    return any(device.kind is DeviceClass.CUDA for device in engine.devices)


def _largest(hardware: Hardware) -> Gpu | None:
    return max(hardware.gpus, key=lambda gpu: gpu.memory_total_bytes, default=None)


def _has(
    hardware: Hardware, gpu: Gpu | None, capability: tuple[int, int], extensions: frozenset[str]
) -> bool | None:
    """Whether the GPU, or the CPU where there is none, computes in a number format in hardware."""
    if hardware.accelerators:
        return None
    if gpu is None:
        known = hardware.cpu.extensions
        return not extensions.isdisjoint(known) if known else None
    if gpu.compute_capability is None:
        return None
    major, minor = gpu.compute_capability.split(".")
    return (int(major), int(minor)) >= capability
