"""What a way to make a video will cost, before it is made: memory, time, and how sure that is."""

from __future__ import annotations

from enum import StrEnum

from wantui.api.base import Reply, Request
from wantui.api.error import ErrorBody
from wantui.api.hardware import MemoryHolder
from wantui.api.job import Job, Stage
from wantui.api.plan import Plan


class Amount(Reply):
    """An estimate with its error bar: bytes, or seconds. The truth is meant to lie in it."""

    low: float
    likely: float
    high: float


class Share(Reply):
    """One line of a breakdown."""

    name: str
    """What takes it: `weights`, `activations`, `feature cache`, `correction` ..."""
    amount: Amount


class StageEstimate(Reply):
    """One stage of a job. Its lines add up to the whole."""

    stage: Stage
    device: Amount
    """Bytes of the device at the stage's peak; on a CPU that is host memory."""
    seconds: Amount
    parts: tuple[Share, ...]
    """What the device's bytes are made of."""


class Estimate(Reply):
    """A whole job by one plan: the first after the model was not loaded at all."""

    stages: tuple[StageEstimate, ...]
    device: Amount
    """Bytes of the device at the highest peak."""
    host: Amount
    """Bytes of host memory at the highest peak, page-locked ones among them."""
    pinned_bytes: int
    """Of those, what is page-locked for copies to the device."""
    disk: Amount
    """Bytes that the job writes: checkpoint, video, and what goes with it."""
    seconds: Amount
    """All stages together."""
    again_seconds: Amount
    """The same for the next job of this model: what stays in memory is not read again."""


class Way(Reply):
    """One lawful plan beside the others, and whether it is the one that a job would get."""

    plan: Plan
    estimate: Estimate
    chosen: bool = False
    why_not: str | None = None
    """Why it cannot be had on this machine; None for one that fits."""


class Nearest(Reply):
    """Something like it that does fit, where what was asked for does not."""

    model: str
    width: int
    height: int
    frames: int
    words: str
    """For people: `the same with 49 frames`."""


class Crowd(Reply):
    """Queued jobs like this fit a device, but not beside what others hold of it now."""

    model: str
    width: int
    height: int
    frames: int
    device: str
    missing_bytes: int
    holders: tuple[MemoryHolder, ...]
    """Who has it, the largest first; none where the driver does not tell."""

    def is_of(self, job: Job) -> bool:
        params = job.params
        wanted = (self.model, self.width, self.height, self.frames)
        return wanted == (job.model, params.width, params.height, params.frames)


class PlanRequest(Request):
    """What is to be planned. What is left out is what the model makes by default, here."""

    model: str
    """An id or alias."""
    size: str | None = None
    """WIDTHxHEIGHT in pixels."""
    frames: int | None = None
    steps: int | None = None
    quality: str = "faithful"
    device: str | None = None
    """`cpu` or a GPU's UUID; None takes the one that suits it best."""
    profile: str | None = None
    """The name of a known machine to plan for, instead of this one."""
    machine: str | None = None
    """The TOML text of a profile to plan for, instead of this machine's."""


class Plans(Reply):
    """Every way that comes into question, the best first, for one video on one device."""

    model: str
    width: int
    height: int
    frames: int
    steps: int
    device: str
    device_name: str
    profile: str
    """The profile that the rates are from."""
    synthetic: bool
    """Whether it was planned for a machine that this is not."""
    device_budget_bytes: int
    host_budget_bytes: int
    ways: tuple[Way, ...]
    refusal: ErrorBody | None = None
    """Why none of them can be had."""
    nearest: tuple[Nearest, ...] = ()
    """What could be made instead, where none can be had."""
    waits_for_memory: bool = False
    """It fits the device, but not beside what others hold of it now."""
    holders: tuple[MemoryHolder, ...] = ()
    """Who holds the device's memory now, largest first."""

    @property
    def chosen(self) -> Way | None:
        return next((way for way in self.ways if way.chosen), None)


class Verdict(StrEnum):
    """How a video fits a device, best first."""

    RESIDENT = "resident"
    """Everything stays on the device."""
    TURNS = "turns"
    """Components take turns; an expert at work is there whole."""
    STREAMS = "streams"
    """An expert's blocks stream through the device."""
    TILED = "tiled"
    """It is decoded tile by tile, whatever else."""
    NO = "no"


class Fit(Reply):
    """One cell of the matrix of what fits."""

    model: str
    width: int
    height: int
    frames: int
    verdict: Verdict
    resident_blocks: int | None = None
    """Of those that stream."""
    device_bytes: float | None = None
    """The peak that is expected; None where it does not fit."""
    missing_bytes: float | None = None
    """What the device or the host lacks; None where it fits."""
    seconds: float | None = None


class Fits(Reply):
    """Models by sizes on one device, in the catalog's order."""

    device: str
    device_name: str
    profile: str
    cells: tuple[Fit, ...]


class StageAccuracy(Reply):
    """How far estimates were from what was measured, over the jobs that are remembered."""

    device: str
    """Its name."""
    model: str
    stage: Stage
    jobs: int
    memory_error: float | None
    """The median of measured / estimated - 1; None where nothing was measured."""
    memory_spread: float | None
    """The median distance of single errors from that."""
    seconds_error: float | None
    seconds_spread: float | None
    memory_correction: float
    """What estimates of this kind are multiplied with from now on."""
    seconds_correction: float


class Accuracy(Reply):
    rows: tuple[StageAccuracy, ...]
