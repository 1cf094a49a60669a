"""Asking the engine what it knows of the machine, in a process of its own that ends."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wantui import __version__
from wantui.api.hardware import EngineFacts
from wantui.catalog.recipe import Component, Recipe
from wantui.daemon.engine import missing_packages
from wantui.pipe.probe import ComponentToBuild, ProbeOrder

TIMEOUT_S = 300.0
"""Importing torch from a cold disk is slow."""
_PACKAGES = (
    *("torch", "diffusers", "transformers", "peft", "gguf", "triton"),
    *("flash-attn", "sageattention", "xformers"),
)
"""Those that the answer depends on."""
_ENVIRONMENT = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "PYTORCH_ENABLE_MPS_FALLBACK")

log = logging.getLogger(__name__)


def order_of(recipes: Iterable[Recipe], demo_weights: Path) -> ProbeOrder:
    """Every component that a shipped recipe, or a file beside its weights, gives a shape."""
    return ProbeOrder(components=tuple(_to_build(recipes, demo_weights)))


def key_of(order: ProbeOrder) -> str:
    """Changes when another answer may be expected: with the environment or the catalog."""
    packages = {name: found for name in _PACKAGES if (found := _version(name))}
    hiding = {name: os.environ.get(name) for name in _ENVIRONMENT}
    known = [__version__, sys.executable, packages, hiding, order.model_dump()]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


async def ask_engine(order: ProbeOrder, log_file: Path) -> EngineFacts:
    """Takes seconds. What keeps the engine from answering is its `error`; never raises."""
    if missing := missing_packages():
        return EngineFacts(torch=None, error=f"the engine is not installed: no {missing[0]}")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            said = await _said(order, log_file)
        return EngineFacts.model_validate_json(said)
    except TimeoutError:
        problem = f"the engine did not answer in {TIMEOUT_S:g} s"
    except ValidationError:
        problem = f"the engine died when it was asked: see {log_file}"
    except OSError as error:
        problem = f"the engine cannot be asked: {error}"
    log.warning("%s", problem)
    return EngineFacts(torch=None, error=problem)


async def _said(order: ProbeOrder, log_file: Path) -> bytes:
    """Raises OSError. Who is cancelled takes the process along."""
    with log_file.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "wantui.worker", "probe"),
            *("--parent", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
    try:
        said, _ = await process.communicate(order.model_dump_json().encode())
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    return said


def _to_build(recipes: Iterable[Recipe], demo_weights: Path) -> Iterator[ComponentToBuild]:
    for recipe in recipes:
        for part in recipe.components:
            config = _config(recipe, part, demo_weights)
            if config is not None and part.has_weights:
                yield ComponentToBuild(
                    model=recipe.id,
                    component=part.name,
                    class_name=part.class_name,
                    config=config,
                    expected_count=part.parameter_count,
                )


def _config(recipe: Recipe, part: Component, demo_weights: Path) -> dict[str, Any] | None:
    """The catalog's; else the file's, of the demo and of a folder of the user's own."""
    if part.config is not None or recipe.repository is not None:
        return part.config
    folder = Path(recipe.folder).expanduser() if recipe.folder else demo_weights
    try:
        found = json.loads((folder / part.name / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
