"""A picture sent ahead of the job that uses it."""

from __future__ import annotations

from wantui.api.base import Reply


class Upload(Reply):
    id: str
    """The sha256 of its bytes, in hex: sending the same picture twice makes one upload."""
    format: str
    """`png`, `jpeg` or `webp`."""
    bytes: int
    width: int
    height: int
    """As it is shown: EXIF orientation applied."""
