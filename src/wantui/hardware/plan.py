"""How a model is loaded on a device for one video: the best way that there is room for. Pure.

On a GPU the transformers and the text encoder are bf16 and the VAE is fp32; on the CPU all is fp32,
as the reference is. A GPU before compute capability 8.0 computes bf16 slowly, yet gets it too:
fp32 would take twice the memory and make another video than every other GPU makes.

A job is refused only against all the memory that there is. What the estimates miss is left free by
the profile; what proves too large all the same ends as OutOfMemory, and is planned anew below that.
"""

from __future__ import annotations

from collections.abc import Iterable

from wantui.api.hardware import Hardware
from wantui.api.plan import DType, Plan
from wantui.errors import DoesNotFit
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.whole import host_peak, peak, seconds
from wantui.hardware.ways import NO_LIMITS, Limits, Rank, best, least_lack, rank
from wantui.text import bytes_text

CPU = "cpu"


def devices(hardware: Hardware) -> tuple[str, ...]:
    """The ids of the devices that jobs run on: every GPU's UUID, or the CPU where there is none."""
    return tuple(gpu.uuid for gpu in hardware.gpus) or (CPU,)


def plan(case: Case, limits: Limits = NO_LIMITS, *, tiles: bool = True) -> Plan:
    """The best way for one video on one device.

    Raises DoesNotFit with the bytes that are missing. `tiles` as in `best`.
    """
    setup = best(case, limits, tiles=tiles)
    if setup is None:
        raise does_not_fit(case, limits, tiles=tiles)
    return made(case, setup)


def plan_on_best(cases: Iterable[tuple[Case, Limits]]) -> Plan:
    """On the device that suits it best. Raises DoesNotFit naming the largest."""
    known = sorted(cases, key=lambda one: -one[0].site.device_bytes)
    ranked: list[tuple[Rank, int, Case, Setup]] = []
    for order, (case, limits) in enumerate(known):
        if (setup := best(case, limits)) is not None:
            ranked.append((rank(case, setup), order, case, setup))
    if not ranked:
        raise does_not_fit(*known[0])
    _rank, _order, case, setup = min(ranked, key=lambda one: one[:2])
    return made(case, setup)


def made(case: Case, setup: Setup) -> Plan:
    """A way, as it is ordered and told."""
    site, weights = case.site, case.weights
    needs = peak(case, setup)
    return Plan(
        device=site.device,
        device_name=site.device_name,
        dtype=site.dtype,
        residency=setup.residency,
        tiled_decode=setup.tiled,
        decode_dtype=DType.BFLOAT16 if setup.half else DType.FLOAT32,
        compiled=case.compiled,
        weights_bytes=weights.total,
        device_bytes=weights.on_device(setup.residency),
        device_total_bytes=site.profile.memory_total_bytes,
        peak_bytes=min(round(needs.likely), site.capacity_bytes),  # slack is what is left, at most
        host_bytes=round(host_peak(case, setup).likely),
        seconds=seconds(case, setup).likely,
        reason=_reason(case, setup, needs.high),
    )


def does_not_fit(case: Case, limits: Limits = NO_LIMITS, *, tiles: bool = True) -> DoesNotFit:
    """Why not even the way that is nearest to fitting can be had. `tiles` as in `best`."""
    site = case.site
    lacking = least_lack(case, limits, tiles=tiles)
    if lacking is None:
        raise AssertionError("it does fit")
    where = site.device_name if lacking.where == "device" else "host memory"
    name = "host memory" if site.is_cpu else where
    missing = bytes_text(lacking.missing_bytes)
    return DoesNotFit(
        f"{case.recipe.id} needs {bytes_text(lacking.needed_bytes)} of {name} for {case.video}, "
        f"which has {bytes_text(lacking.has_bytes)}: {missing} too little",
        detail={
            "device": site.device,
            "needed_bytes": round(lacking.needed_bytes),
            "total_bytes": round(lacking.has_bytes),
        },
    )


def _reason(case: Case, setup: Setup, at_most: float) -> str:
    tiles = "; it is decoded in tiles, or decoding would not fit" if setup.tiled else ""
    if setup.half:
        tiles += "; it is decoded in bfloat16, as it allows"
    doubt = ""
    if at_most > case.site.profile.memory_total_bytes:
        doubt = f"; it may not fit: it could take {bytes_text(at_most)}"
    encoder = ""
    if setup.residency.encoder_streams:
        encoder = "; the text encoder's blocks stream through it"
    return _residency_reason(case, setup) + encoder + tiles + doubt + _remark(case)


def _residency_reason(case: Case, setup: Setup) -> str:
    residency = setup.residency
    if case.site.is_cpu:
        where = "everything stays" if residency.components_stay else "the stages take turns"
        return f"no GPU is used: {where} in memory as float32"
    if residency.components_stay:
        return "all of it fits on the device"
    if residency.resident_blocks is None:
        return "not all of it fits beside the video: the stages take turns on the device"
    return (
        f"{residency.resident_blocks or 'none'} of an expert's {case.weights.blocks} blocks stay "
        "on the device beside the video, the others stream through it"
    )


def _remark(case: Case) -> str:
    if case.site.is_cpu or case.site.profile.dtypes.bf16:
        return ""
    return "; bf16 is slow on this device"
