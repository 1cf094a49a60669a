"""Where a waiting job is to stand."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from wantui.api.base import Request


class End(StrEnum):
    TOP = "top"
    BOTTOM = "bottom"


class Move(Request):
    """One of these four. A job goes among those of its own owner: owners take turns."""

    before: int | None = None
    """Right before this job, with its priority."""
    after: int | None = None
    """Right after this job, with its priority."""
    to: Annotated[End | None, Field(strict=False)] = None
    """Before or after all of the others."""
    priority: int | None = None
    """-100 to 100; among those of it the job keeps its rank."""
