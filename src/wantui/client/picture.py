"""Reading the picture of an image-to-video job on the machine where its path means something."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

from wantui.errors import InvalidImage
from wantui.text import bytes_text


def read_picture(path: Path, limit: int) -> bytes:
    """The file's bytes, at most `limit`; the daemon judges them. Raises InvalidImage."""
    size = check_picture(path)
    with _told(path):
        path = path.expanduser()
        if size > limit:
            raise InvalidImage(f"{path} has {bytes_text(size)}; {bytes_text(limit)} are allowed")
        return path.read_bytes()


def check_picture(path: Path) -> int:
    """See that there is such a file; returns its bytes. Raises InvalidImage."""
    with _told(path):
        info = path.expanduser().stat()
        if not stat.S_ISREG(info.st_mode):
            raise InvalidImage(f"{path} is not a file")
        return info.st_size


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Why a file cannot be had, as InvalidImage."""
    try:
        yield
    except FileNotFoundError as error:
        raise InvalidImage(f"there is no file {path}") from error
    except OSError as error:
        raise InvalidImage(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RuntimeError) as error:  # a null character; a user who has no home
        raise InvalidImage(f"cannot read {path}: {error}") from error
