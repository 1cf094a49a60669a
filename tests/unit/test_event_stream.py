"""Server-sent events, read as the HTML standard says, section 9.2.6."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.client.events import RawEvent, raw_events

pytestmark = pytest.mark.anyio

LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))
EVENTS = st.lists(
    st.builds(
        RawEvent, kind=TEXT.filter(bool), data=st.lists(TEXT, min_size=1).map("\n".join), id=TEXT
    )
)


async def read(pieces: Sequence[bytes]) -> list[RawEvent]:
    async def stream() -> AsyncGenerator[bytes]:
        for piece in pieces:
            yield piece

    return [event async for event in raw_events(stream())]


def framed(event: RawEvent, end: str) -> str:
    data = [f"data: {line}" for line in event.data.split("\n")]
    return end.join([": a comment", f"event: {event.kind}", f"id: {event.id}", *data, "", ""])


@given(EVENTS, LINE_ENDS, st.lists(st.integers(min_value=0, max_value=400)))
async def test_events_come_out_as_they_went_in_wherever_the_stream_is_cut(
    events: list[RawEvent], end: str, cuts: list[int]
) -> None:
    stream = "".join(framed(event, end) for event in events).encode() + b":\n"
    places = [0, *sorted(cuts), len(stream)]
    pieces = [stream[begin:stop] for begin, stop in itertools.pairwise(places)]
    assert await read(pieces) == events


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data:no space\n\n", [RawEvent("message", "no space", "")]),
        (b"data\n\n", [RawEvent("message", "", "")]),
        (b"event: job\n\n", []),
        (b"event: job\ndata: cut off\n", []),
        (b"retry: 9\nid: a.1\n\ndata: x\n\n", [RawEvent("message", "x", "a.1")]),
        (b"id: a\0b\ndata: x\n\n", [RawEvent("message", "x", "")]),
    ],
)
async def test_the_standards_small_print_is_kept(stream: bytes, events: list[RawEvent]) -> None:
    assert await read([stream]) == events
