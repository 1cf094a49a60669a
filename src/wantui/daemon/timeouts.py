"""How long a worker may be silent, and how long a step may take, until it is taken to hang.

A step is allowed a multiple of what its plan expected, for estimates are off and machines are
shared; never less than a floor. Weights are read when a component is first needed, so that any step
may be the one that waits for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wantui.api.job import Stage
from wantui.settings import WorkerSettings

COMPILING_S = 60.0
"""What the first step of a plan with compiled blocks takes more, at the most."""


@dataclass(frozen=True)
class Timeouts:
    """Those of one attempt, in seconds."""

    expected: Mapping[Stage, float]
    """By the plan's estimate, stage by stage; empty where there is none."""
    steps: int
    """Of denoising."""
    compiled: bool
    settings: WorkerSettings

    @property
    def silence_s(self) -> float:
        """Without a word, not even a heartbeat."""
        return self.settings.heartbeat_timeout_s

    def step_s(self, stage: Stage, *, first: bool) -> float:
        """For the next step of a stage, or for all of one that counts none."""
        share = max(self.steps, 1) if stage is Stage.DENOISE else 1
        expected = self.expected.get(stage, 0.0) / share + self.expected.get(Stage.LOAD, 0.0)
        allowed = max(self.settings.timeout_factor * expected, self.settings.step_timeout_s)
        compiles = self.compiled and first and stage is Stage.DENOISE
        return allowed + (COMPILING_S if compiles else 0.0)
