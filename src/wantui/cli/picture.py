"""Reading the picture of an image-to-video job on the machine where its path means something."""

from __future__ import annotations

import stat
from pathlib import Path

from wantui.errors import InvalidImage
from wantui.paths import Paths
from wantui.settings import load_settings
from wantui.text import bytes_text


def read_picture(path: Path) -> bytes:
    """The file's bytes; the daemon judges them. Raises InvalidImage naming the path."""
    allowed = load_settings(Paths.from_environment()).limits.image_bytes
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise InvalidImage(f"{path} is not a file")
        if info.st_size > allowed:
            raise InvalidImage(
                f"{path} has {bytes_text(info.st_size)}; {bytes_text(allowed)} are allowed"
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidImage(f"there is no file {path}") from error
    except OSError as error:
        raise InvalidImage(f"cannot read {path}: {error.strerror}") from error
