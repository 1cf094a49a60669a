"""Log files: the daemon's own, rotated, and reading any of ours piece by piece."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
from pathlib import Path
from typing import BinaryIO

from wantui.api.log import LogText
from wantui.errors import UnknownLog
from wantui.files import private_folder
from wantui.log_lines import LineFormatter
from wantui.paths import Paths
from wantui.settings import LogSettings

PIECE_BYTES = 64 * 1024
PROCESSES = ("daemon", "worker", "fetcher", "hooks")
"""Whose logs are kept beside those of jobs."""
JOB_LOG = "log.txt"


def start_logging(paths: Paths, settings: LogSettings) -> None:
    """Send everything logged in this process to `daemon.log`."""
    private_folder(paths.logs)
    handler = logging.handlers.RotatingFileHandler(
        paths.logs / "daemon.log",
        maxBytes=settings.file_bytes,
        backupCount=settings.backups,
        encoding="utf-8",
    )
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def rotated(path: Path, settings: LogSettings) -> Path:
    """A log that another process appends to: moved aside here, before that process starts."""
    try:
        if path.stat().st_size > settings.file_bytes:
            _make_way(path, settings.backups)
    except FileNotFoundError:
        pass
    except OSError as error:
        logging.getLogger(__name__).warning("%s grows on: %s", path, error)
    return path


def _make_way(path: Path, backups: int) -> None:
    """worker.log becomes worker.log.1, that .2, and so on; the oldest goes."""
    for number in range(backups, 0, -1):
        newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        with contextlib.suppress(FileNotFoundError):
            newer.replace(path.with_name(f"{path.name}.{number}"))
    path.unlink(missing_ok=True)


def log_path(paths: Paths, name: str) -> Path:
    """One of `PROCESSES`, or a job's id. Raises UnknownLog."""
    if name in PROCESSES:
        return paths.logs / f"{name}.log"
    if name.isascii() and name.isdigit() and len(name) < 19:
        return paths.job(int(name)) / JOB_LOG
    raise UnknownLog("there is no such log")


def read_log(path: Path, name: str, offset: int | None, before: int | None = None) -> LogText:
    """From `offset`, at most PIECE_BYTES; without one, the last part from a line's start.

    The last part of what is before `before`, if that is given, which is a line's start.
    """
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            if offset is None:
                start, piece = _last_part(log, size if before is None else before, size)
            else:
                start = offset if offset <= size else 0  # it was rotated: start over
                log.seek(start)
                piece = log.read(PIECE_BYTES)
    except FileNotFoundError:
        return LogText(name=name, text="", offset=0, next_offset=0)
    whole = piece if before is not None else piece[: piece.rfind(b"\n") + 1] or piece
    return LogText(
        name=name,
        text=whole.decode("utf-8", "replace"),
        offset=start,
        next_offset=start + len(whole),
    )


def _last_part(log: BinaryIO, end: int, size: int) -> tuple[int, bytes]:
    """Where whole lines before `end` start, and what they are; nothing before a rotated log."""
    if end > size:
        return 0, b""
    start = max(end - PIECE_BYTES, 0)
    log.seek(start)
    piece = log.read(end - start)
    cut = piece.find(b"\n") + 1 if start > 0 else 0
    if cut == len(piece):  # one line, and a long one
        cut = 0
    return start + cut, piece[cut:]
