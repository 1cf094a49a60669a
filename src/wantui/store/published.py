"""The digests that a snapshot's files must have, as far as this disk knows them.

Three things vouch for a file: the listing that huggingface_hub keeps of a commit, the name of the
blob that the file is a link to, and the list of digests beside weights that ship with wantui.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from wantui.store.cache import Snapshot, file_at
from wantui.store.digest import is_digest

SUMS = "SHA256SUMS"
"""As sha256sum(1) writes it: `<digest>  <path>` a line."""
_TREE_VERSION = 1


class Published:
    """Who vouches for the files of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._folder = str(snapshot.folder)
        tree = snapshot.folder.parent.parent / "trees" / f"{snapshot.revision}.json"
        self._listed = _read(tree, _tree) if snapshot.revision else {}
        self._listed = self._listed or _read(snapshot.folder / SUMS, _sums)

    def digest(self, path: str) -> str | None:
        """What the content of `path` must hash to; None if nobody says.

        One that is whole may lie in another snapshot.
        """
        if listed := self._listed.get(path):
            return listed
        try:
            target = os.readlink(os.path.join(self._folder, path))  # noqa: PTH115, PTH118 - as `file_at`
        except OSError:
            return None
        folder, _, name = target.rpartition("/")
        return name if folder.endswith("/blobs") and is_digest(name) else None


def _read(path: Path, parse: Callable[[Path, int, int], Mapping[str, str]]) -> Mapping[str, str]:
    info = file_at(path)
    return parse(path, info.st_mtime_ns, info.st_size) if info else {}


@lru_cache(maxsize=32)
def _tree(path: Path, mtime_ns: int, size: int) -> Mapping[str, str]:  # noqa: ARG001 - the key
    try:
        document = json.loads(path.read_bytes())
        if document["format_version"] != _TREE_VERSION:
            return {}
        files: dict[str, dict[str, object]] = document["files"]
        digests = {
            name: str(entry.get("lfs_sha256") or entry.get("blob_id"))
            for name, entry in files.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: digest for name, digest in digests.items() if is_digest(digest)}


@lru_cache(maxsize=32)
def _sums(path: Path, mtime_ns: int, size: int) -> Mapping[str, str]:  # noqa: ARG001 - the key
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition("  ") for line in lines)
    return {name: digest for digest, _, name in pairs if is_digest(digest)}
