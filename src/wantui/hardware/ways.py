"""The ways to carry a job out that come into question, and which of them a device has room for.

What is ranked is residency, and whether the VAE decodes tile by tile: that gives other pixels, so
that every way without tiles comes before all with them, and other arithmetic, where a job allows
it, after all. Among equals the quicker one is better,
for every job after the first; all else is the user's to choose.

What stays on the device, components or blocks, leaves free what the profile reserves. A stage that
must be there whole may fill that too, and needs no slack, which an allocator gives back before it
fails: it is refused only if the device itself is too small.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from wantui.api.job import Stage
from wantui.api.plan import Residency
from wantui.hardware.estimates.bar import total
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.decoder import Tiling
from wantui.hardware.estimates.host import pinned_bytes
from wantui.hardware.estimates.memory import SLACK, stage_parts
from wantui.hardware.estimates.site import PINNED_SHARE
from wantui.hardware.estimates.whole import host_peak, seconds, stage_peak
from wantui.text import bytes_text

IN_TURNS = Residency(components_stay=False)
HOST = "host"
Limits = Mapping[str, float]
"""Bytes that an estimate must stay below since that much proved too much: by the stage's name, and
by `host` for host memory beside a GPU."""
NO_LIMITS: Limits = {}


@dataclass(frozen=True)
class Lack:
    """Why a way cannot be had."""

    needed_bytes: float
    has_bytes: float
    where: str
    """`device` or `host`."""
    proved: bool = False
    """It was tried on this machine, and ran out of memory."""

    @property
    def missing_bytes(self) -> float:
        return max(self.needed_bytes - self.has_bytes, 0.0)

    def __str__(self) -> str:
        if self.proved:
            return f"as much ran out of memory here before: about {bytes_text(self.needed_bytes)}"
        place = "the device" if self.where == "device" else "host memory"
        return f"it needs {bytes_text(self.needed_bytes)}, {place} has {bytes_text(self.has_bytes)}"


class Rank(NamedTuple):
    """By which ways are compared: the smaller, the better."""

    half: bool
    tiled: bool
    again_s: float
    first_s: float
    pinned_bytes: int


def rank(case: Case, setup: Setup) -> Rank:
    return Rank(
        setup.half,
        setup.tiled,
        seconds(case, setup, again=True).likely,
        seconds(case, setup).likely,
        pinned_bytes(case, setup),
    )


def candidates(case: Case, limits: Limits = NO_LIMITS) -> tuple[Setup, ...]:
    """Every way that may be the best of its kind, the most demanding first."""
    residencies = _in_turns(case, limits)
    resident = (Setup(Residency.RESIDENT),)
    whole = tuple(Setup(residency) for residency in residencies)
    tiled = tuple(Setup(residency, tiled=True) for residency in residencies)
    lossless = (*resident, *whole, *(tiled if _has_tiles(case) else ()))
    if not case.may_degrade:
        return lossless
    return (*lossless, *(Setup(each, _has_tiles(case), half=True) for each in residencies))


def best(case: Case, limits: Limits = NO_LIMITS, *, tiles: bool = True) -> Setup | None:
    """The way that a job gets; None if the device or the host has room for none.

    `tiles`: whether tiled decoding may be taken.
    """
    allowed = _allowed(case, limits, tiles=tiles)
    fitting = [setup for setup in allowed if lack(case, setup, limits) is None]
    return min(fitting, key=lambda setup: rank(case, setup), default=None)


def _allowed(case: Case, limits: Limits, *, tiles: bool) -> list[Setup]:
    return [setup for setup in candidates(case, limits) if tiles or not setup.tiled]


def lack(case: Case, setup: Setup, limits: Limits = NO_LIMITS) -> Lack | None:
    """What there is too little of, the largest part of it; None for a way that can be had."""
    return max(_lacks(case, setup, limits), key=lambda one: one.missing_bytes, default=None)


def least_lack(case: Case, limits: Limits = NO_LIMITS, *, tiles: bool = True) -> Lack | None:
    """Of the way that is nearest to fitting; None if one does. `tiles` as in `best`."""
    known = [lack(case, setup, limits) for setup in _allowed(case, limits, tiles=tiles)]
    lacks = [one for one in known if one is not None]
    return min(lacks, key=lambda one: one.missing_bytes) if len(lacks) == len(known) else None


def _lacks(case: Case, setup: Setup, limits: Limits) -> Iterator[Lack]:
    site = case.site
    for stage in Stage:
        yield from _device_lacks(case, setup, stage, limits)
    if site.is_cpu:
        return
    pinned = pinned_bytes(case, setup)
    if pinned > site.pinnable_bytes:
        yield Lack(pinned / PINNED_SHARE, site.host_bytes, "host")
    needed = host_peak(case, setup).likely
    if needed > site.host_bytes:
        yield Lack(needed, site.host_bytes, "host")
    if needed >= limits.get(HOST, needed + 1):
        yield Lack(needed, limits[HOST], "host", proved=True)


def _device_lacks(case: Case, setup: Setup, stage: Stage, limits: Limits) -> Iterator[Lack]:
    parts = stage_parts(case, setup, stage)
    needed = total(parts.values()).likely
    if needed >= limits.get(stage, needed + 1):
        yield Lack(needed, limits[stage], "device", proved=True)
    room = case.site.device_bytes
    if not _by_choice(case, setup, stage):
        room, needed = case.site.capacity_bytes, needed - parts[SLACK].likely
    if needed > room:
        yield Lack(needed, room, "device")


def _by_choice(case: Case, setup: Setup, stage: Stage) -> bool:
    """Whether a stage takes more of the device than it must: a leaner way would do."""
    residency = setup.residency
    if residency.components_stay:
        return True
    is_least = case.site.is_cpu or residency.resident_blocks == case.weights.choices[-1]
    return stage is Stage.DENOISE and not is_least


def _in_turns(case: Case, limits: Limits) -> tuple[Residency, ...]:
    """On a CPU what would stream, or wait, lies in the same memory."""
    if case.site.is_cpu:
        return (IN_TURNS,)
    blocks, encoder = most_resident(case, limits), encoder_streams(case, limits)
    return tuple(
        Residency(blocks, components_stay=False, host_copies_stay=stay, encoder_streams=encoder)
        for stay in (True, False)
    )


def encoder_streams(case: Case, limits: Limits = NO_LIMITS) -> bool:
    """Whether the text encoder has to, where components take turns: it is too large as a whole."""
    if case.site.is_cpu or not case.weights.encoder_blocks:
        return False
    return any(_device_lacks(case, Setup(IN_TURNS), Stage.ENCODE, limits))


def most_resident(case: Case, limits: Limits = NO_LIMITS) -> int | None:
    """As many of an expert's blocks as fit beside the video, None for all; else as few as can be.

    Each block less takes less of the device, so that the first that fits is found by halving.
    """
    budget = min(case.site.device_bytes, limits.get(Stage.DENOISE, float("inf")) - 1)
    choices = case.weights.choices

    def fits(blocks: int | None) -> bool:
        setup = Setup(Residency(resident_blocks=blocks, components_stay=False))
        return stage_peak(case, setup, Stage.DENOISE).likely <= budget

    return choices[min(bisect_left(choices, True, key=fits), len(choices) - 1)]


def _has_tiles(case: Case) -> bool:
    """Whether a picture is larger than one tile."""
    latents = case.latents
    tiling = Tiling.of(case.recipe.vae_stride[1], latents)
    return max(latents.rows, latents.columns) > tiling.side
