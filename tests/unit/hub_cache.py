"""Builds hub caches as huggingface_hub lays them out, with sparse files of any size."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COMMIT = "a" * 40
OTHER = "b" * 40


def safetensors(tensors: Mapping[str, Sequence[int]], padding: int = 0) -> bytes:
    """A lawful file of zeros: every tensor F32, in the order given."""
    header: dict[str, Any] = {}
    at = 0
    for name, shape in tensors.items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode() + b" " * padding
    return len(raw).to_bytes(8, "little") + raw + bytes(at)


class HubRepository:
    """`models--Owner--Name` in a cache."""

    def __init__(self, hub_cache: Path, repository: str) -> None:
        self.folder = hub_cache / f"models--{repository.replace('/', '--')}"

    def snapshot(self, revision: str = COMMIT) -> Path:
        return self.folder / "snapshots" / revision

    def ref(self, name: str, content: str | bytes = COMMIT) -> None:
        path = self.folder / "refs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def add(self, path: str, size: int = 10, revision: str = COMMIT, blob: str = "") -> Path:
        """A sparse blob of `size` bytes and the link to it; returns the blob."""
        blobs = self.folder / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        stored = blobs / (blob or hashlib.sha256(f"{revision}/{path}".encode()).hexdigest())
        with stored.open("ab") as file:
            file.truncate(size)
        link = self.snapshot(revision) / path
        link.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * (2 + path.count("/"))
        link.symlink_to(f"{up}blobs/{stored.name}")
        return stored
