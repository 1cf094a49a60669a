"""Whether the packages that run models are there; found, never imported."""

from __future__ import annotations

import functools
from importlib.util import find_spec

from wantui.errors import EngineMissing

PACKAGES = ("torch", "diffusers", "transformers", "av")
LORA_PACKAGES = ("peft",)
"""What a job with LoRAs needs besides."""


@functools.cache
def missing_packages(*more: str) -> tuple[str, ...]:
    """Looked for once: what is installed later is there after a restart."""
    return tuple(name for name in (*PACKAGES, *more) if find_spec(name) is None)


def need_engine(*more: str) -> None:
    """Raises EngineMissing naming the packages."""
    if missing := missing_packages(*more):
        raise EngineMissing(
            f"the engine is not installed: no {', '.join(missing)}",
            detail={"missing": list(missing)},
        )
