"""Whether the packages that run models are there; found, never imported."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec

from wantui.errors import EngineMissing

PACKAGES = ("torch", "diffusers", "transformers", "av")
LORA_PACKAGES = ("peft",)
"""What a job with LoRAs needs besides."""
GGUF_PACKAGES = ("gguf",)
"""What a model with quantised weights needs besides."""


@functools.cache
def missing_packages(*more: str) -> tuple[str, ...]:
    """Looked for once: what is installed later is there after a restart."""
    return tuple(name for name in (*PACKAGES, *more) if find_spec(name) is None)


@functools.cache
def versions() -> Mapping[str, str]:
    """Of the packages that are there, as installed: what a worker that starts will run."""
    return {name: version(name) for name in PACKAGES if name not in missing_packages()}


def need_engine(*more: str) -> None:
    """Raises EngineMissing naming the packages."""
    if missing := missing_packages(*more):
        raise EngineMissing(
            f"the engine is not installed: no {', '.join(missing)}",
            detail={"missing": list(missing)},
        )
