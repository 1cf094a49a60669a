"""The comment in an mp4's metadata, read without a library of codecs.

An mp4 is a tree of boxes: a size of four bytes that counts itself, a name of four, content. Source:
ISO/IEC 14496-12, section 4.2; the metadata's tree is iTunes', which every muxer writes:
`moov/udta/meta/ilst/©cmt/data`. Nothing outside of the box around it is ever read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

PATH_TO_COMMENT = (b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data")
MAX_COMMENT_BYTES = 4 << 20
MAX_BOXES = 4096
"""In one box; a video has a few, and garbage may have millions."""
_META_HEAD = 4
"""`meta` has a version and flags before its boxes."""
_DATA_HEAD = 8
"""`data` has a type and a locale before its text."""
_UTF8 = 1
"""The type of a `data` box that holds text."""
_LARGE_SIZE = 1
"""Instead of a size: it comes in eight bytes, behind the name."""
_TO_THE_END = 0
"""Instead of a size: the box ends where the box around it does."""


class _Span(NamedTuple):
    """Offsets of a box's content in the file."""

    start: int
    end: int


def read_comment(path: Path) -> str | None:
    """None if the file has no comment or is no mp4. Raises OSError for one that cannot be read."""
    with path.open("rb") as file:
        span: _Span | None = _Span(0, file.seek(0, os.SEEK_END))
        for name in PATH_TO_COMMENT:
            span = None if span is None else _child(file, span, name)
        return None if span is None else _text(file, span)


def _child(file: BinaryIO, around: _Span, wanted: bytes) -> _Span | None:
    """The content of the first box of this name; what comes before the boxes is skipped."""
    for name, content in _boxes(file, around):
        if name == wanted:
            head = _META_HEAD if name == b"meta" else 0
            return _Span(min(content.start + head, content.end), content.end)
    return None


def _boxes(file: BinaryIO, around: _Span) -> Iterator[tuple[bytes, _Span]]:
    """As long as they make sense."""
    start = around.start
    for _ in range(MAX_BOXES):
        if around.end - start < 8:
            return
        file.seek(start)
        head = file.read(16)
        size, name, length = int.from_bytes(head[:4]), head[4:8], 8
        if size == _LARGE_SIZE:
            size, length = int.from_bytes(head[8:16]), 16
        elif size == _TO_THE_END:
            size = around.end - start
        if not length <= size <= around.end - start:
            return
        yield name, _Span(start + length, start + size)
        start += size


def _text(file: BinaryIO, span: _Span) -> str | None:
    length = span.end - span.start
    if not _DATA_HEAD <= length <= _DATA_HEAD + MAX_COMMENT_BYTES:
        return None
    file.seek(span.start)
    content = file.read(length)
    if int.from_bytes(content[:4]) != _UTF8:
        return None
    try:
        return content[_DATA_HEAD:].decode("utf-8")
    except UnicodeDecodeError:
        return None
