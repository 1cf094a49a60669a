"""What of a recipe is on this disk: state, bytes and parameters, a component at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from wantui.api.model import (
    ComponentStatus,
    ConvertedStatus,
    FileStatus,
    SnapshotStatus,
    WeightsState,
    WeightsStatus,
)
from wantui.catalog.recipe import Component, Recipe
from wantui.errors import WeightsAbsent, WeightsUnreadable
from wantui.pipe.fetch import Outcome
from wantui.pipe.file import KnownFile
from wantui.pipe.messages import ConvertedFolder
from wantui.store.cache import Snapshot, file_at, find_snapshot, repository_folder
from wantui.store.header import read_header
from wantui.store.published import Published
from wantui.store.verdicts import Verdict, Verdicts

_Found = Mapping[str, os.stat_result]
"""The files that are there, by their path relative to the repository."""
NOWHERE = "/dev/null"
"""A folder that holds nothing."""
_WORST_FIRST = (WeightsState.CORRUPT, WeightsState.UNVERIFIED, WeightsState.VERIFIED)


def scan(recipe: Recipe, hub_cache: Path, demo_weights: Path, verdicts: Verdicts) -> WeightsStatus:
    """The state of a recipe's weights. Touches no network; a strange cache is no failure."""
    snapshot, also = find(recipe, hub_cache, demo_weights), _also(recipe, hub_cache)
    recipe = _located(recipe, hub_cache, also)
    folder = snapshot.folder if snapshot else None
    found = _found(folder, recipe.paths)
    files = tuple(_files(recipe, snapshot, found, verdicts))
    states = {file.path: file.state for file in files}
    components = tuple(_component(part, folder, found, states) for part in recipe.components)
    present = _bytes(found.values())
    missing = sum(part.bytes_needed - part.bytes_present for part in components)
    return WeightsStatus(
        state=worst(states.values()),
        bytes_present=present,
        bytes_needed=present + missing,
        folder=str(folder) if folder else None,
        revision=(snapshot.revision or None) if snapshot else None,
        pinned=snapshot is not None and snapshot.pinned,
        kept=snapshot is not None and snapshot.kept,
        also=also,
        components=components,
        files=files,
        get_command=recipe.get_command,
    )


def located(recipe: Recipe, weights: WeightsStatus) -> Recipe:
    """With every file at its place, as it is here."""
    return recipe.located(weights.also[0].folder) if weights.also else recipe


def _located(recipe: Recipe, hub_cache: Path, also: Sequence[SnapshotStatus]) -> Recipe:
    """With every file at its place, or, of what is not here, where none will ever be."""
    if recipe.gguf_repository is None:
        return recipe
    lacking = repository_folder(hub_cache.absolute(), recipe.gguf_repository)
    return recipe.located(also[0].folder if also else lacking)


def _also(recipe: Recipe, hub_cache: Path) -> tuple[SnapshotStatus, ...]:
    """The snapshot of the repository of its GGUF files, if they have one of their own."""
    sources = (each for each in recipe.sources if each.repository == recipe.gguf_repository)
    return tuple(
        SnapshotStatus(
            repository=source.repository,
            folder=str(snapshot.folder),
            revision=snapshot.revision,
            pinned=snapshot.pinned,
            kept=snapshot.kept,
        )
        for source in sources
        if (snapshot := find_snapshot(hub_cache.absolute(), source.repository, source.paths))
        and _travels(snapshot.folder)
    )


def weights_files(recipe: Recipe, folder: Path, verdicts: Verdicts) -> tuple[KnownFile, ...]:
    """Every file that a load needs, with what tells whether it has changed since, and its digest.

    Raises WeightsAbsent naming the first that is missing, with the command that fetches them.
    """
    folder = folder.absolute()
    return tuple(_weights_file(recipe, folder / path, verdicts) for path in recipe.paths)


def converted_folder(recipe: Recipe, part: ConvertedStatus, verdicts: Verdicts) -> ConvertedFolder:
    """A component's converted weights for a load. Raises WeightsAbsent as `weights_files` does."""
    return ConvertedFolder(
        component=part.component,
        folder=part.folder,
        kept_in_fp32=part.kept_in_fp32,
        files=tuple(
            _weights_file(recipe, Path(part.folder, file.path), verdicts) for file in part.files
        ),
    )


def _weights_file(recipe: Recipe, path: Path, verdicts: Verdicts) -> KnownFile:
    info = file_at(path)
    if info is None:
        raise WeightsAbsent(
            f"{recipe.id}: {path} is missing",
            hint=f"run: {recipe.get_command or 'pip install --force-reinstall wantui'}",
        )
    verdict = verdicts.of(info)
    return KnownFile.at(str(path), info, verdict.digest if verdict else None)


def find(recipe: Recipe, hub_cache: Path, demo_weights: Path) -> Snapshot | None:
    """Where a recipe's weights are, if any of them are."""
    if recipe.repository is None:
        folder = Path(recipe.folder).expanduser() if recipe.folder else demo_weights
        snapshot = Snapshot(folder.absolute(), "") if folder.is_dir() else None
    else:
        snapshot = find_snapshot(hub_cache.absolute(), recipe.repository, recipe.repository_paths)
    return snapshot if snapshot and _travels(snapshot.folder) else None


def _travels(folder: Path) -> bool:
    """Whether JSON can carry the name: a path need not be UTF-8."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        return False
    return True


def _found(folder: Path | None, paths: Iterable[str]) -> _Found:
    """Without a folder only what is elsewhere."""
    root = str(folder) if folder else NOWHERE
    looked = ((path, file_at(os.path.join(root, path))) for path in paths)  # noqa: PTH118 - as there
    return {path: info for path, info in looked if info is not None}


def _files(
    recipe: Recipe, snapshot: Snapshot | None, found: _Found, verdicts: Verdicts
) -> Iterable[FileStatus]:
    published = Published(snapshot or Snapshot(Path(NOWHERE), ""))
    for path in recipe.paths:
        info = found.get(path)
        if info is None:
            yield FileStatus(
                path=path, state=WeightsState.ABSENT, bytes=None, digest=None, checked_at=None
            )
        else:
            yield file_status(path, info, published.digest(path), verdicts.of(info))


def file_status(
    path: str, info: os.stat_result, digest: str | None, verdict: Verdict | None
) -> FileStatus:
    """What is there, in the light of what reading it has shown."""
    state, problem = WeightsState.UNVERIFIED, None
    checked_at = verdict.checked_at if verdict else None
    if verdict is not None and verdict.outcome is Outcome.CORRUPT:
        state, problem = WeightsState.CORRUPT, verdict.problem
    elif verdict is not None and digest is not None and verdict.digest is not None:
        if verdict.digest == digest:
            state = WeightsState.VERIFIED
        elif len(verdict.digest) == len(digest):
            state, problem = WeightsState.CORRUPT, "it is another file than the publisher lists"
        else:  # it was hashed the other way, before anyone said what it must be
            checked_at = None
    return FileStatus(
        path=path,
        state=state,
        bytes=info.st_size,
        digest=digest,
        read_digest=verdict.digest if verdict and digest is None else None,
        checked_at=checked_at,
        problem=problem,
    )


def _component(
    part: Component, folder: Path | None, found: _Found, states: Mapping[str, WeightsState]
) -> ComponentStatus:
    there = {path: found[path] for path in part.paths if path in found}
    missing = tuple(path for path in part.paths if path not in found)
    present = _bytes(there.values())
    return ComponentStatus(
        name=part.name,
        class_name=part.class_name,
        parameter_count=_parameter_count(part, folder, there, missing),
        state=worst([states[path] for path in part.paths]),
        bytes_present=present,
        bytes_needed=present + _bytes_missing(part, there, missing),
        missing=missing,
    )


def worst(files: Iterable[WeightsState]) -> WeightsState:
    """Of several files: what must be mended first."""
    states = set(files)
    if WeightsState.CORRUPT in states:
        return WeightsState.CORRUPT
    if WeightsState.ABSENT in states:
        return WeightsState.ABSENT if len(states) == 1 else WeightsState.PARTIAL
    return next(state for state in _WORST_FIRST if state in states)


def _bytes(files: Iterable[os.stat_result]) -> int:
    """Of the distinct files: two names may be links to one blob."""
    return sum({(info.st_dev, info.st_ino): info.st_size for info in files}.values())


def _bytes_missing(part: Component, there: _Found, missing: tuple[str, ...]) -> int:
    """What is published less what is there; files besides the tensors are too small to matter."""
    if part.weights is None or not any(_holds_tensors(path) for path in missing):
        return 0
    have = _bytes(info for path, info in there.items() if _holds_tensors(path))
    return max((part.weights.bytes or 0) - have, 0)


def _holds_tensors(path: str) -> bool:
    return path.endswith(".safetensors")


def _parameter_count(
    part: Component, folder: Path | None, there: _Found, missing: tuple[str, ...]
) -> int | None:
    """The recipe's, else counted from the headers once all of them are there and sound."""
    if part.parameter_count is not None or part.weights is None or folder is None or missing:
        return part.parameter_count
    shards = [(path, info) for path, info in there.items() if _holds_tensors(path)]
    try:
        return sum(
            _counted(folder / path, info.st_size, info.st_mtime_ns, info.st_ino)
            for path, info in shards
        )
    except WeightsUnreadable:
        return None


@lru_cache(maxsize=256)
def _counted(path: Path, size: int, mtime_ns: int, inode: int) -> int:  # noqa: ARG001 - the key
    return read_header(path).parameter_count


def revisions_of(recipe: Recipe, weights: WeightsStatus) -> dict[str, str]:
    """Those that are here, by repository."""
    found = {each.repository: each.revision for each in weights.also}
    if recipe.repository is not None and weights.revision is not None:
        found[recipe.repository] = weights.revision
    return found
