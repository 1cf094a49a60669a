"""What `python -m wantui.worker probe` is asked: one JSON document each way, and nothing else.

The answer is an `api.hardware.EngineFacts`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class ComponentToBuild(BaseModel):
    """One component of a model, to be built without memory and counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    component: str
    class_name: str
    config: dict[str, Any]
    """What of its published `config.json` decides its shape."""
    expected_count: int | None
    """The catalog's number of parameters."""


class ProbeOrder(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    components: tuple[ComponentToBuild, ...] = ()
