"""One process at a time in what a repository has on its way, whichever daemon or tool runs it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from wantui.errors import DownloadBusy
from wantui.files import SHARED_FILE
from wantui.store.cache import LOCKS, STAGING, repository_folder


@contextlib.contextmanager
def alone(hub_cache: Path, repository: str) -> Iterator[None]:
    """While nobody else pulls into a repository or removes from it. Raises DownloadBusy.

    The lock is a file among the hub's own and stays, as they do: one that is removed can be held by
    a process that opened it before, beside another that made it anew.
    """
    path = hub_cache / LOCKS / repository_folder(hub_cache, repository).name / "wantui.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, SHARED_FILE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadBusy(f"another process pulls {repository} already") from error
        yield
    finally:
        os.close(handle)


def drop_staging(hub_cache: Path, repository: str) -> None:
    """Remove what came of files that are not whole, unless another process is bringing the rest."""
    with contextlib.suppress(DownloadBusy, OSError), alone(hub_cache, repository):
        shutil.rmtree(repository_folder(hub_cache, repository) / STAGING)
