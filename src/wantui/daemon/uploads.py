"""Pictures sent ahead of their jobs, kept under the digest of their bytes.

Only headers are read here; pixels are decoded in the worker, which may die of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Container
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from wantui.api.job import ImageUsed
from wantui.api.upload import Upload
from wantui.errors import InvalidImage, UnknownUpload
from wantui.files import private_folder, write_atomic
from wantui.settings import LimitSettings

FORMATS = ("PNG", "JPEG", "WEBP")
ALLOWED = "PNG, JPEG or WebP"
KEEP_S = 24 * 3600
"""Uploads that no job took are removed after a day."""
_ORIENTATION_TAG = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that swap width and height: Exif 2.3, tag 274."""
_DIGEST_CHARACTERS = 64

Image.MAX_IMAGE_PIXELS = None  # `[limits] image_pixels` is the one limit


class _Header(NamedTuple):
    format: str
    width: int
    height: int


class Uploads:
    def __init__(self, folder: Path, limits: LimitSettings) -> None:
        self._folder = folder
        self._limits = limits

    def start(self) -> None:
        """Make the folder."""
        private_folder(self._folder)

    def tidy(self, needed: Container[str]) -> None:
        """Remove what no job took in a day, but for those that are `needed`, by their ids."""
        old = time.time() - KEEP_S
        for path in self._folder.iterdir():
            if path.name in needed:
                continue
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < old:
                    path.unlink()

    def keep(self, content: bytes) -> Upload:
        """Check a picture's header and keep it. Raises InvalidImage or DiskFull."""
        digest = hashlib.sha256(content).hexdigest()
        header = self._header(BytesIO(content))
        path = self._folder / digest
        if path.exists():
            os.utime(path)  # a day from now
        else:
            write_atomic(path, content)
        return Upload(
            id=digest,
            format=header.format,
            bytes=len(content),
            width=header.width,
            height=header.height,
        )

    def keep_copy(self, path: Path, upload_id: str) -> bool:
        """Keep a picture that lies elsewhere, if it is still the one that this id means."""
        try:
            content = path.read_bytes()
        except OSError:
            return False
        if hashlib.sha256(content).hexdigest() != upload_id:
            return False
        self.keep(content)
        return True

    def used(self, upload_id: str) -> ImageUsed:
        """What a job records of its picture. Raises UnknownUpload."""
        path = self.path(upload_id)
        os.utime(path)  # a day from its last use
        header = self._header(path)
        return ImageUsed(
            sha256=upload_id, format=header.format, width=header.width, height=header.height
        )

    def path(self, upload_id: str) -> Path:
        """Raises UnknownUpload; an id that is no digest reaches no file."""
        path = self._folder / upload_id
        digest = len(upload_id) == _DIGEST_CHARACTERS and set(upload_id) <= set("0123456789abcdef")
        if not digest or not path.is_file():
            raise UnknownUpload("there is no such upload")
        return path

    def _header(self, picture: Path | BytesIO) -> _Header:
        try:
            with Image.open(picture, formats=FORMATS) as image:
                width, height = image.size
                sideways = _is_sideways(image)
                name = (image.format or "").lower()
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            raise InvalidImage.for_field(
                "image", "the bytes are no picture that can be read", allowed=ALLOWED
            ) from error
        most = self._limits.image_pixels
        if width * height > most:
            raise InvalidImage.for_field(
                "image", f"{width}x{height} are too many pixels", allowed=f"{most} pixels"
            )
        return _Header(name, height, width) if sideways else _Header(name, width, height)


def _is_sideways(image: Image.Image) -> bool:
    """From the EXIF data in the header; a PNG that has it behind its pixels is left unread."""
    if image.format == "PNG" and "exif" not in image.info:
        return False
    return image.getexif().get(_ORIENTATION_TAG) in _SIDEWAYS
