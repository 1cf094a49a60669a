"""What past jobs teach: by how much estimates of one kind were off, and what to multiply them with.

A kind is a device, a model and a stage. The factor is the median of measured over estimated, which
one odd job does not move; it is drawn to 1 while few jobs are known, and bounded, so that it can
mend a formula's constant but hide no mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from wantui.api.job import Stage

REMEMBERED = 20
"""Of the latest jobs of a kind; older ones are of older versions of everything."""
DOUBT = 2.0
"""Jobs' worth of belief in the formula itself."""
MEMORY_BOUNDS = (0.7, 1.5)
SECONDS_BOUNDS = (0.1, 10.0)
"""Wide: rates of disks, CPUs and laptops differ by more than any formula of ours."""


@dataclass(frozen=True, slots=True)
class Factor:
    """What a stage's estimate is multiplied with."""

    memory: float = 1.0
    seconds: float = 1.0
    jobs: int = 0


@dataclass(frozen=True)
class Corrections:
    """Of one model on one device."""

    of_stage: Mapping[Stage, Factor] = field(default_factory=dict)

    def factor(self, stage: Stage) -> Factor:
        return self.of_stage.get(stage, Factor())


def learned(ratios: Sequence[float], bounds: tuple[float, float]) -> float:
    """The factor, from measured / estimated of jobs, the latest first; 1 where there are none."""
    latest = [ratio for ratio in ratios[:REMEMBERED] if ratio > 0]
    if not latest:
        return 1.0
    drawn = median(latest) ** (len(latest) / (len(latest) + DOUBT))
    return float(min(max(drawn, bounds[0]), bounds[1]))
