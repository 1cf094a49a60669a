"""The hub's cache on disk: `models--Owner--Name/{refs,snapshots,blobs}`, whoever wrote it.

Source: https://huggingface.co/docs/huggingface_hub/guides/manage-cache. Other tools write here too,
and are killed while they do: whatever cannot be read counts as not there.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

STAGING = ".wantui"
"""Below a repository: files on their way, where neither the hub's client nor its prune looks."""
LOCKS = ".locks"
"""Below the cache: a folder of locks for each repository."""
PIN = "wantui-pin"
"""The ref that keeps a revision: `hf cache prune` removes snapshots without one."""
KEEP = "wantui-keep"
"""The ref of a revision that the user wants kept, whatever is removed."""
_REVISION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,254}")


class Snapshot(NamedTuple):
    """One revision of a repository, in Diffusers layout."""

    folder: Path
    revision: str
    pinned: bool = False
    """By a pull of wantui's."""
    kept: bool = False
    """By the user."""


def file_at(path: Path | str) -> os.stat_result | None:
    """The regular, non-empty file that `path` leads to; None if there is none."""
    try:
        info = os.stat(path)  # noqa: PTH116 - thousands of files: a Path for each takes longer
    except (OSError, ValueError):
        return None
    return info if stat.S_ISREG(info.st_mode) and info.st_size > 0 else None


def repository_folder(hub_cache: Path, repository: str) -> Path:
    return hub_cache / f"models--{repository.replace('/', '--')}"


def find_snapshot(hub_cache: Path, repository: str, paths: Sequence[str]) -> Snapshot | None:
    """The revision to use: the pinned one, else `main` if all `paths` are there, else the fullest.

    Another tool that asks the hub for one file moves `main` to a revision that holds just that
    file; a complete older one is better than that. On a tie it is `main`, then the newest.
    """
    folder = repository_folder(hub_cache, repository)
    snapshots = _snapshots(folder / "snapshots")
    pinned, kept, main = (_ref(folder, name) for name in (PIN, KEEP, "main"))

    def rank(snapshot: Snapshot) -> tuple[int, bool, int, str]:
        there = sum(file_at(f"{snapshot.folder}/{path}") is not None for path in paths)
        return there, snapshot.revision == main, _age_key(snapshot.folder), snapshot.revision

    if not snapshots:
        return None
    only = next(iter(snapshots.values())) if len(snapshots) == 1 else None
    chosen = snapshots.get(pinned or "") or only or max(snapshots.values(), key=rank)
    return chosen._replace(pinned=chosen.revision == pinned, kept=chosen.revision == kept)


def _ref(folder: Path, name: str) -> str | None:
    path = folder / "refs" / name
    if file_at(path) is None:
        return None
    try:
        text = path.read_bytes()[:256].decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text if _REVISION.fullmatch(text) else None


def _snapshots(folder: Path) -> dict[str, Snapshot]:
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name: Snapshot(Path(entry.path), entry.name)
                for entry in entries
                if _REVISION.fullmatch(entry.name) and entry.is_dir()
            }
    except OSError:
        return {}


def _age_key(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
