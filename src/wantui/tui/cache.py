"""The last snapshot on disk, so that there is something to look at before the daemon answers."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError

from wantui.api.status import Status
from wantui.errors import FolderUnsafe
from wantui.files import private_folder, write_atomic
from wantui.paths import Paths

MAX_BYTES = 16 * 1024 * 1024
"""500 jobs with prompts of the longest kind stay below it."""

log = logging.getLogger(__name__)


def load(paths: Paths, socket: Path) -> Status | None:
    """The last snapshot of the daemon at `socket`; None if there is none that can be read."""
    path = _path(paths)
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        status = Status.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return status if status.hello.socket == str(socket) else None


def save(paths: Paths, status: Status) -> None:
    """Best effort: a full disk must not disturb whoever looks at the screen."""
    try:
        private_folder(paths.cache)
        write_atomic(_path(paths), status.model_dump_json().encode())
    except (OSError, FolderUnsafe) as error:
        log.warning("the last snapshot was not kept: %s", error)


def _path(paths: Paths) -> Path:
    return paths.cache / "tui-status.json"
