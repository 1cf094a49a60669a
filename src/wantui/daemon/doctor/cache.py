"""Weights on disk: what is bad, what is half there, what nobody needs, and the demo's own bytes."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wantui.api.doctor import Finding, error, ok, warn
from wantui.api.model import WeightsState, WeightsStatus
from wantui.catalog.recipe import Recipe
from wantui.errors import CacheUnusable, WeightsInUse
from wantui.store.digest import digest_of
from wantui.store.published import SUMS
from wantui.store.removal import plan_prune
from wantui.text import bytes_text

REINSTALL = "pip install --force-reinstall --no-deps wantui"
LEFT_BYTES = 1 << 30
"""Of leftovers, from which they are worth a word."""


def check_models(known: Sequence[tuple[Recipe, WeightsStatus]]) -> Iterator[Finding]:
    """Every model of the catalog, with its weights as they were last read."""
    bad = 0
    for recipe, weights in known:
        for finding in _of_model(recipe, weights):
            bad += 1
            yield finding
    here = [recipe.id for recipe, weights in known if weights.state.usable]
    if not bad:
        yield ok("weights", f"whole: {', '.join(here) or 'none'}")


def check_leftovers(left_bytes: int, hub_cache: str) -> Finding:
    """What no revision, download or model leads to any more."""
    told = f"{bytes_text(left_bytes)} of weights are needed by nothing"
    if left_bytes >= LEFT_BYTES:
        return warn("leftovers", told, where=hub_cache, fix="wantui prune")
    return ok("leftovers", told, hub_cache)


def check_demo(folder: Path) -> Finding:
    """Its bytes against the digests that ship beside them: 12 MB, read now."""
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
        listed = [(digest, name) for digest, _, name in (line.partition("  ") for line in lines)]
        bad = [name for digest, name in listed if digest_of(folder / name, digest) != digest]
    except (OSError, ValueError) as failure:
        what = f"the demo's weights cannot be read: {failure}"
        return error("weights", what, where=str(folder), fix=REINSTALL)
    if bad or not listed:
        what = f"{', '.join(bad) or SUMS} of the demo is not what ships"
        return error("weights", what, where=str(folder), fix=REINSTALL)
    return ok("weights", f"the demo's {len(listed)} files are what ships", str(folder))


def check_hub_cache(folder: Path) -> Iterator[Finding]:
    """The hub's own folder, which other tools use too; it need not be there yet."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        fix = f"sudo chown {os.getuid()} {shlex.quote(str(nearest))}"
        yield error("weights", "you may not write here: pulls fail", where=str(nearest), fix=fix)


def leftovers(hub_cache: Path, repositories: Iterable[str]) -> Iterator[tuple[int, Finding | None]]:
    """Bytes of each repository that a prune would free, or what keeps it from being read."""
    for repository in repositories:
        try:
            yield plan_prune(hub_cache, repository).freed_bytes, None
        except WeightsInUse:
            continue
        except CacheUnusable as failure:
            fix = f"wantui verify {repository}"
            yield 0, error("leftovers", failure.message, where=repository, fix=fix)


def _of_model(recipe: Recipe, weights: WeightsStatus) -> Iterator[Finding]:
    where = weights.folder or ""
    repair = f"wantui repair {recipe.id}" if recipe.sources else REINSTALL
    for file in weights.bad:
        what = f"{file.path} of {recipe.id} is bad: {file.problem}"
        fix = repair if recipe.brings(file.path) or not recipe.sources else "get that file again"
        yield error("weights", what, where=where, fix=fix)
    if weights.state is WeightsState.PARTIAL:
        missing = weights.bytes_needed - weights.bytes_present
        what = f"{recipe.id} is not whole: {bytes_text(missing)} are missing"
        fix = f"wantui pull {recipe.id}" if recipe.sources else repair
        yield warn("weights", what, where=where, fix=fix)
    for part in weights.converted:
        if not part.state.usable:
            what = f"the converted {part.component} of {recipe.id} is bad and not used"
            yield warn("weights", what, where=part.folder, fix=f"wantui convert {recipe.id}")
