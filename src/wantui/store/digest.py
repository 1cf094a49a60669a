"""The digests that the hub names files by: sha256 for LFS files, git's blob sha1 for the rest.

Source: https://huggingface.co/docs/hub/repositories and git-hash-object(1): sha1 over
`blob <size>\\0` and the content. In a hub cache the digest is the blob's file name, so a file can
be verified without the network.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

CHUNK_BYTES = 4 << 20
UNVOUCHED = "0" * 64
"""Nobody says what the file must hash to: what it does hash to is its sha256."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")


def is_digest(name: str) -> bool:
    """Whether a blob's name says what its content must be."""
    return bool(_SHA256.fullmatch(name) or _GIT_SHA1.fullmatch(name))


def digest_of(path: Path, like: str, on_bytes: Callable[[int], None] | None = None) -> str:
    """The digest of a file's content, of the kind that `like` is.

    `on_bytes` is told how many more bytes were read; what it raises ends the reading. Raises
    ValueError if `like` is no digest, OSError if the file cannot be read.
    """
    if not is_digest(like):
        raise ValueError(f"{like!r} is neither a sha256 nor a git sha1")
    buffer = memoryview(bytearray(CHUNK_BYTES))
    with path.open("rb", buffering=0) as file:
        if len(like) == 64:
            state = hashlib.sha256()
        else:
            size = os.fstat(file.fileno()).st_size
            state = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        while count := file.readinto(buffer):
            state.update(buffer[:count])
            if on_bytes is not None:
                on_bytes(count)
    return state.hexdigest()
