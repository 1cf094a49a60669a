"""What can be removed from the hub's cache, to the byte, and the removing.

A plan names files and folders; nothing that another revision or repository uses is among them,
and what cannot be read is taken for used: then there is no plan. Bytes are those of contents whose
last name goes: a hard link more, and none is freed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wantui.errors import CacheUnusable, WeightsInUse
from wantui.files import SHARED_FILE, write_atomic
from wantui.store.alone import alone
from wantui.store.cache import KEEP, STAGING, file_at, repository_folder

FOREIGN_PARTIAL = ".incomplete"
"""What huggingface_hub calls a file on its way; it goes on with none that an earlier run left."""
_PARTIAL_SUFFIXES = (FOREIGN_PARTIAL, ".part")
ABANDONED_S = 3600.0
"""A foreign partial file that nobody has written to for so long is nobody's any more."""


@dataclass(frozen=True)
class Removal:
    """What goes, in this order, and what that frees."""

    repository: str
    revisions: tuple[str, ...]
    partials: int
    """Files that are not whole."""
    orphans: int
    """Files that no revision leads to."""
    paths: tuple[Path, ...]
    """Names first and contents last, so that one cut short leaves no name without content."""
    shared: tuple[Path, ...]
    """Other repositories' names of contents that go here and stay there."""
    freed_bytes: int


@dataclass
class _Repository:
    """One repository of the cache as it is on disk."""

    folder: Path
    revisions: dict[str, set[Path]] = field(default_factory=dict)
    """Blobs that each revision leads to."""
    copies: dict[str, set[Path]] = field(default_factory=dict)
    """Files that each revision has for itself: some tools copy where others link."""
    refs: dict[Path, str] = field(default_factory=dict)
    """What each names; branches and pull requests have slashes in their names."""
    blobs: set[Path] = field(default_factory=set)
    partials: set[Path] = field(default_factory=set)
    busy: bool = False
    """Whether another tool seems to write here just now."""


def plan_removal(hub_cache: Path, repository: str, revision: str) -> Removal:
    """One revision, with the blobs that no other one of its repository leads to.

    Raises WeightsInUse if it is to be kept, and CacheUnusable.
    """
    found = _look(repository_folder(hub_cache, repository))
    if found.refs.get(found.folder / "refs" / KEEP) == revision:
        raise WeightsInUse(
            f"{repository} at {revision[:12]} is to be kept", hint="run: wantui keep MODEL --off"
        )
    return _planned(found, repository, [revision])


def plan_prune(hub_cache: Path, repository: str) -> Removal:
    """What nobody asks for: partial files, blobs without a revision, revisions without a ref.

    No download of the repository may be open: it goes on with what is here. Nothing of a
    repository that another tool writes to just now. Raises CacheUnusable.
    """
    found = _look(repository_folder(hub_cache, repository))
    if found.busy:
        return Removal(repository, (), 0, 0, (), (), 0)
    named = set(found.refs.values())
    detached = [revision for revision in found.revisions if revision not in named]
    return _planned(found, repository, detached)


def carry_out(removal: Removal, hub_cache: Path) -> None:
    """Remove what the plan names. Raises DownloadBusy if a process pulls there just now."""
    with alone(hub_cache, removal.repository):
        for path in removal.paths:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def keep(hub_cache: Path, repository: str, revision: str | None) -> None:
    """Protect a revision from removal, or, with None, no revision any more."""
    path = repository_folder(hub_cache, repository) / "refs" / KEEP
    if revision is None:
        path.unlink(missing_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, revision.encode(), SHARED_FILE)


def _planned(found: _Repository, repository: str, revisions: Iterable[str]) -> Removal:
    going = [revision for revision in revisions if revision in found.revisions]
    staying = [name for name in found.revisions if name not in going]
    needed = set[Path]().union(*(found.revisions[name] for name in staying))
    theirs = set[Path]().union(*(found.revisions[name] for name in going))
    orphans = set() if found.busy else found.blobs - needed - theirs
    files = (found.blobs & (theirs - needed)) | orphans | found.partials
    copies = set[Path]().union(*(found.copies[name] for name in going))
    names = [ref for ref, target in found.refs.items() if target in going]
    names += [found.folder / "snapshots" / name for name in going]
    names += [found.folder / "trees" / f"{name}.json" for name in going]
    whole = not staying and not found.busy and found.folder.is_dir()
    rest = [found.folder] if whole else []
    return Removal(
        repository=repository,
        revisions=tuple(going),
        partials=sum(path.suffix in _PARTIAL_SUFFIXES for path in found.partials),
        orphans=len(orphans),
        paths=(*(path for path in names if path.exists()), *sorted(files), *rest),
        shared=tuple(_shared(files, found.folder)),
        freed_bytes=_freed(files | copies),
    )


def _shared(files: Iterable[Path], folder: Path) -> Iterator[Path]:
    """One name in another repository for each file that has any."""
    for path in files:
        info = file_at(path)
        if info is None or info.st_nlink == 1:
            continue
        others = folder.parent.glob(f"models--*/blobs/{path.name}")
        for other in others:
            there = file_at(other)
            if other.parent.parent != folder and there and os.path.samestat(there, info):
                yield other
                break


def _freed(files: Iterable[Path]) -> int:
    """Bytes of the contents all of whose names are among `files`; a link to one holds nothing."""
    names: Counter[tuple[int, int]] = Counter()
    infos: dict[tuple[int, int], os.stat_result] = {}
    for path in files:
        with contextlib.suppress(OSError):
            info = path.lstat()
            names[info.st_dev, info.st_ino] += 1
            infos[info.st_dev, info.st_ino] = info
    return sum(
        info.st_size
        for key, info in infos.items()
        if stat.S_ISREG(info.st_mode) and info.st_nlink <= names[key]
    )


def _look(folder: Path) -> _Repository:
    """Raises CacheUnusable for what is there and cannot be read."""
    try:
        return _read(folder)
    except OSError as error:
        raise CacheUnusable(f"{error.filename}: {error.strerror}") from error


def _read(folder: Path) -> _Repository:
    found = _Repository(folder)
    for ref in _files_below(folder / "refs"):
        found.refs[ref] = ref.read_bytes()[:256].decode("ascii", "replace").strip()
    for blob in _entries(folder / "blobs"):
        partial = blob.name.endswith(FOREIGN_PARTIAL)
        if not partial:
            found.blobs.add(Path(blob.path))
        elif time.time() - blob.stat(follow_symlinks=False).st_mtime > ABANDONED_S:
            found.partials.add(Path(blob.path))
        else:
            found.busy = True
    for staged in _entries(folder / STAGING):
        found.partials.add(Path(staged.path))
    for snapshot in _entries(folder / "snapshots"):
        if snapshot.is_dir(follow_symlinks=False):
            files = list(_files_below(Path(snapshot.path)))
            links = [file for file in files if file.is_symlink()]
            found.revisions[snapshot.name] = {
                folder / "blobs" / link.readlink().name for link in links
            }
            found.copies[snapshot.name] = set(files) - set(links)
    return found


def _files_below(folder: Path) -> Iterator[Path]:
    """Raises OSError for a folder that cannot be read; one that is not there has none."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        else:
            yield Path(entry.path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
