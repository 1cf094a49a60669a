"""The comment of an mp4 is found where it is, and garbage is never more than no comment."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.client.mp4 import MAX_BOXES, MAX_COMMENT_BYTES, PATH_TO_COMMENT, read_comment

NAMES = st.binary(min_size=4, max_size=4).filter(lambda name: name not in PATH_TO_COMMENT)
OTHERS = st.lists(st.tuples(NAMES, st.binary(max_size=20)), max_size=3)


def box(name: bytes, content: bytes, *, large: bool = False) -> bytes:
    if large:
        return (1).to_bytes(4) + name + (len(content) + 16).to_bytes(8) + content
    return (len(content) + 8).to_bytes(4) + name + content


def boxes(others: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(box(*other) for other in others)


def with_comment(text: bytes, *, kind: int = 1, large: bool = False) -> bytes:
    data = box(b"data", kind.to_bytes(4) + bytes(4) + text, large=large)
    ilst = box(b"ilst", box(b"\xa9cmt", data))
    meta = box(b"meta", bytes(4) + box(b"hdlr", bytes(25)) + ilst)
    moov = box(b"moov", box(b"mvhd", bytes(100)) + box(b"udta", meta), large=large)
    return box(b"ftyp", b"isom") + moov + box(b"mdat", bytes(50))


def read(content: bytes) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.mp4"
        path.write_bytes(content)
        return read_comment(path)


@given(st.text(), st.booleans())
def test_a_comment_is_read_whatever_the_sizes_look_like(text: str, large: bool) -> None:
    assert (
        read(with_comment(text.encode(errors="replace"), large=large))
        == text.encode(errors="replace").decode()
    )


@given(OTHERS, OTHERS, OTHERS)
def test_boxes_of_other_names_are_passed_over(
    top: list[tuple[bytes, bytes]],
    middle: list[tuple[bytes, bytes]],
    low: list[tuple[bytes, bytes]],
) -> None:
    data = box(b"data", (1).to_bytes(4) + bytes(4) + b"found")
    ilst = box(b"ilst", boxes(low) + box(b"\xa9cmt", boxes(low) + data))
    udta = box(b"udta", boxes(middle) + box(b"meta", bytes(4) + boxes(middle) + ilst))
    assert read(boxes(top) + box(b"moov", boxes(top) + udta)) == "found"


def test_a_last_box_may_reach_to_the_end_of_the_file() -> None:
    whole = with_comment(b"found")
    start = whole.index(b"moov") - 4
    moov = whole[start : whole.index(b"mdat") - 4]
    assert read(whole[:start] + bytes(4) + moov[4:]) == "found"


@given(st.binary(max_size=300))
def test_garbage_has_no_comment(content: bytes) -> None:
    assert read(content) is None


@given(st.data())
def test_a_damaged_file_has_the_comment_or_none_or_another_and_nothing_worse(
    data: st.DataObject,
) -> None:
    content = bytearray(with_comment("größe".encode()))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (bytes(content), bytes(content[:cut])):
        found = read(damaged)
        assert found is None or len(found.encode()) <= len(damaged)


@pytest.mark.parametrize("size", [0, 2, 7, 8 + 3, 2**32 - 1])
def test_a_box_that_claims_more_than_is_there_ends_the_search(size: int) -> None:
    whole = bytearray(with_comment(b"found"))
    at = whole.index(b"ilst") - 4
    whole[at : at + 4] = size.to_bytes(4)
    assert read(bytes(whole)) == ("found" if size == 0 else None)


@pytest.mark.parametrize(
    "content",
    [
        with_comment(b"x", kind=13),  # a picture
        with_comment(b"\xff\xfe"),  # not UTF-8
        with_comment(b"x" * (MAX_COMMENT_BYTES + 1)),
        box(b"free", b"") * MAX_BOXES + with_comment(b"x"),
        b"",
    ],
    ids=["another type", "no text", "too long", "too many boxes", "empty"],
)
def test_what_is_no_comment_is_none(content: bytes) -> None:
    assert read(content) is None


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        read_comment(tmp_path / "x.mp4")
