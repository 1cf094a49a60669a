"""LoRAs of a job: what a client asks for, and what that turned out to be."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from wantui.api.base import Reply, Request

MAX_STRENGTH = 10.0
"""Either way: below zero a LoRA takes away what it was trained to add."""
MAX_LORAS = 16
"""Of one job."""


class LoraExpert(StrEnum):
    """Which expert of a model a LoRA is added to."""

    HIGH = "high"
    """The high-noise one."""
    LOW = "low"
    BOTH = "both"
    """Or the only one, of a model that has one."""

    def meets(self, other: LoraExpert) -> bool:
        """Whether some expert is meant by both."""
        return self is other or LoraExpert.BOTH in (self, other)


class LoraUse(Request):
    """A LoRA that a job is to use."""

    adapter: Annotated[str, Field(min_length=1, max_length=1000)]
    """The name of one that is kept, its id, or what only its id begins with."""
    strength: Annotated[float, Field(ge=-MAX_STRENGTH, le=MAX_STRENGTH)] = 1.0
    """What its change of the weights is multiplied with."""
    expert: Annotated[LoraExpert, Field(strict=False)] = LoraExpert.BOTH


class LoraUsed(Reply):
    """A LoRA that takes part in a job's pixels."""

    sha256: str
    """Of its file: the adapter's id."""
    name: str
    """What it was called then."""
    bytes: int
    rank: int
    strength: float
    expert: LoraExpert
