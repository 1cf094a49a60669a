"""Whether the packages that run models are there; found, never imported."""

from __future__ import annotations

from importlib.util import find_spec

from wantui.errors import EngineMissing

PACKAGES = ("torch", "diffusers", "transformers", "av")


def missing_packages() -> tuple[str, ...]:
    return tuple(name for name in PACKAGES if find_spec(name) is None)


def need_engine() -> None:
    """Raises EngineMissing naming the packages."""
    if missing := missing_packages():
        raise EngineMissing(
            f"the engine is not installed: no {', '.join(missing)}",
            detail={"missing": list(missing)},
        )
