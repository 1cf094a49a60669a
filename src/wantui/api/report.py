"""What a model's status tells besides its weights: code, machine, and how it has done so far."""

from __future__ import annotations

from enum import StrEnum

from wantui.api.base import Reply


class Tally(Reply):
    """Generations: jobs that a worker took on and that ended, but for those that were cancelled."""

    generations: int = 0
    successes: int = 0
    failures: int = 0
    success_rate: float | None = None
    """0 to 1; None before the first."""
    mean_seconds: float | None = None
    """Of the successes: how long a worker was at it, all attempts together."""


class Metrics(Tally):
    """Of all time, and lately."""

    last_day: Tally = Tally()
    """The 24 hours up to now."""
    last_week: Tally = Tally()
    """The seven days up to now."""


class HealthState(StrEnum):
    """The first of these that holds is what keeps a model from being used, or what is doubtful."""

    CORRUPT = "corrupt"
    """A file is known to be bad."""
    BROKEN = "broken"
    """The engine is not there, or does not build what the catalog says."""
    UNFIT = "unfit"
    """It can never fit this machine, however it is loaded."""
    INCOMPLETE = "incomplete"
    """Weights are missing."""
    UNVERIFIED = "unverified"
    """Weights that nobody has proven: that is done before they are first loaded."""
    READY = "ready"


class Health(Reply):
    """Whether a model can be used, and since when that is known."""

    state: HealthState = HealthState.READY
    last_error: str | None
    """What is wrong, for people: the first bad file's problem before anything else."""
    last_verified_at: float | None
    """When the file that was proven longest ago was; None unless all are."""
    checked_at: float | None = None
    """When the files were last looked at."""


class Suitability(Reply):
    """What this machine can do for a model, at the model's official size and length."""

    vram_sufficient: bool | None = None
    """Whether a GPU can ever hold what some plan needs of it; None without any GPU."""
    cuda_available: bool = False
    fp16_supported: bool | None = None
    """By the device that it would run on, in hardware; None where nobody tells."""
    bf16_supported: bool | None = None
    recommended_profile: str | None = None
    """What the machine is planned by."""
    reasons: tuple[str, ...] = ()
    """How it would be loaded and why so, or what is missing; a sentence each, for people."""
