"""Pictures as cells: their colours, their size, what is painted of the next frame, and its cost."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.tui.drawn import BLUE, RED, animation, png, square_at, webp
from wantui.errors import InvalidImage
from wantui.tui.mosaic import (
    APART,
    Cell,
    Depth,
    Mosaic,
    changed,
    cost,
    film,
    fit,
    rgb,
    runs,
)

cells = st.tuples(st.integers(0, 3), st.integers(0, 3))


@st.composite
def pairs_of_frames(draw: st.DrawFn) -> tuple[Mosaic, Mosaic]:
    width, height = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    line = st.lists(cells, min_size=width, max_size=width).map(tuple)
    frame = st.lists(line, min_size=height, max_size=height).map(tuple)
    return Mosaic(draw(frame), Depth.TRUE), Mosaic(draw(frame), Depth.TRUE)


@given(pairs_of_frames())
def test_what_is_painted_over_one_frame_makes_the_other(pair: tuple[Mosaic, Mosaic]) -> None:
    before, now = pair
    screen = [list(line) for line in before.lines]
    for line, first, width in changed(before, now):
        assert 0 <= first < first + width <= len(screen[line])
        assert screen[line][first] != now.lines[line][first]
        screen[line][first : first + width] = now.lines[line][first : first + width]
    assert tuple(map(tuple, screen)) == now.lines


@given(pairs_of_frames())
def test_spans_are_further_apart_than_moving_is_worth(pair: tuple[Mosaic, Mosaic]) -> None:
    spans = list(changed(*pair))
    for one, other in pairwise(spans):
        assert one.line < other.line or other.first - (one.first + one.width - 1) > APART


@given(pairs_of_frames())
def test_nothing_that_changed_costs_nothing_and_all_else_something(
    pair: tuple[Mosaic, Mosaic],
) -> None:
    before, now = pair
    assert cost(now, now) == 0
    assert (cost(before, now) > 0) == (before.lines != now.lines)


@given(st.lists(cells, max_size=40))
def test_runs_are_the_cells_again(line: list[Cell]) -> None:
    found = list(runs(line))
    assert [cell for cell, length in found for _ in range(length)] == line
    assert all(one[0] != other[0] for one, other in pairwise(found))


@given(*(st.integers(1, 4000) for _ in range(2)), *(st.integers(1, 300) for _ in range(2)))
def test_a_picture_fills_its_room_one_way_and_keeps_its_aspect(
    width: int, height: int, columns: int, lines: int
) -> None:
    used_columns, used_lines = fit(width, height, (columns, lines))
    assert 1 <= used_columns <= columns
    assert 1 <= used_lines <= lines
    assert used_columns == columns or used_lines == lines
    if used_columns > 8 and used_lines > 4:
        assert used_columns / (2 * used_lines) == pytest.approx(width / height, rel=0.15)


def colours(mosaic: Mosaic) -> set[tuple[int, int, int]]:
    return {rgb(pixel) for line in mosaic.lines for cell in line for pixel in cell}


def test_upper_and_lower_half_are_the_pixels_of_the_picture() -> None:
    picture = Image.new("RGB", (2, 4))
    wanted = [(10 * n, 5 * n, 250 - n) for n in range(8)]
    picture.putdata(wanted)
    kept = BytesIO()
    picture.save(kept, format="PNG")
    (frame,) = film(kept.getvalue(), (2, 2), Depth.TRUE).frames
    got = [
        [[rgb(upper) for upper, _ in line], [rgb(lower) for _, lower in line]]
        for line in frame.lines
    ]
    assert [pixel for line in got for half in line for pixel in half] == wanted


@pytest.mark.parametrize("depth", [Depth.EIGHT_BIT, Depth.SIXTEEN])
def test_only_colours_are_used_that_the_terminal_has(depth: Depth) -> None:
    gradient = Image.linear_gradient("L").convert("RGB")
    kept = BytesIO()
    gradient.save(kept, format="PNG")
    (frame,) = film(kept.getvalue(), (40, 20), depth).frames
    levels = {0, 85, 170, 255} if depth is Depth.SIXTEEN else {0, 95, 135, 175, 215, 255}
    greys = set(range(8, 248, 10)) if depth is Depth.EIGHT_BIT else set()
    used = colours(frame)
    assert len(used) > 3
    for red, green, blue in used:
        assert {red, green, blue} <= levels | greys
        assert {red, green, blue} <= levels or red == green == blue


def dots_of(frame: Mosaic) -> int:
    return sum(dots.bit_count() for line in frame.lines for dots, _ in line)


@pytest.mark.parametrize(("grey", "share"), [(0, 0.0), (64, 0.25), (128, 0.5), (255, 1.0)])
def test_as_many_dots_are_lit_as_the_picture_is_bright(grey: int, share: float) -> None:
    content = png(40, 40, (grey, grey, grey))
    (frame,) = film(content, (10, 5), Depth.DOTS).frames
    lit = dots_of(frame) / (8 * 50)
    assert lit == pytest.approx(share, abs=0.07)
    (inverted,) = film(content, (10, 5), Depth.DOTS, light=True).frames
    assert dots_of(inverted) / (8 * 50) == pytest.approx(1 - share, abs=0.07)


def test_dots_are_where_the_picture_is_bright() -> None:
    picture = Image.new("L", (4, 8), 0)
    picture.putpixel((3, 0), 255)
    picture.putpixel((0, 7), 255)
    kept = BytesIO()
    picture.save(kept, format="PNG")
    (frame,) = film(kept.getvalue(), (2, 2), Depth.DOTS).frames
    assert [[chr(0x2800 + dots) for dots, _ in line] for line in frame.lines] == [
        ["⠀", "⠈"],
        ["⡀", "⠀"],
    ]


def test_an_animation_has_its_frames_its_speed_and_what_one_costs() -> None:
    moving = film(animation(8, fps=8), (64, 20), Depth.TRUE)
    assert len(moving.frames) == 8
    assert moving.fps == pytest.approx(8)
    assert colours(moving.frames[0]) >= {BLUE, RED}
    turns = [cost(moving.frames[n - 1], moving.frames[n]) for n in range(8)]
    assert min(turns) > 0
    assert moving.frame_bytes == pytest.approx(sum(turns) / 8)


def test_a_picture_is_a_film_of_one_frame_that_costs_nothing_more() -> None:
    still = film(png(), (20, 10), Depth.TRUE)
    assert (len(still.frames), still.fps, still.frame_bytes) == (1, 0.0, 0.0)
    assert colours(still.frames[0]) == {RED}


def test_what_a_codec_leaves_of_noise_is_not_painted_but_what_changes_slowly_is() -> None:
    def grey(level: int) -> Image.Image:
        return Image.new("RGB", (32, 32), (level, level, level))

    noisy = film(webp([grey(100 + 4 * (n % 2)) for n in range(6)]), (16, 8), Depth.TRUE)
    assert {colour for frame in noisy.frames for colour in colours(frame)} == {(100, 100, 100)}
    fading = film(webp([grey(100 + 4 * n) for n in range(12)]), (16, 8), Depth.TRUE)
    (last,) = colours(fading.frames[-1])
    assert 132 <= last[0] <= 144


def test_fewer_colours_and_dots_cost_less() -> None:
    content = webp(
        [square_at(10 * n).rotate(3 * n, resample=Image.Resampling.BICUBIC) for n in range(6)]
    )
    costs = [film(content, (64, 18), depth).frame_bytes for depth in Depth]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < costs[0] / 3


@given(st.binary(max_size=300))
def test_bytes_that_are_no_picture_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidImage):
        film(content, (10, 5), Depth.TRUE)


@pytest.mark.parametrize("whole", [png(), animation()], ids=["png", "webp"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_broken_picture_is_refused_or_shown_but_never_worse(
    whole: bytes, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytes([whole[cut] ^ data.draw(st.integers(1, 255))])
    for content in (whole[:cut], whole[:cut] + flipped + whole[cut + 1 :]):
        try:
            made = film(content, (10, 5), Depth.TRUE)
        except InvalidImage:
            continue
        assert made.frames


def test_a_picture_larger_than_anyone_looks_at_is_refused_before_it_is_decoded() -> None:
    kept = BytesIO()
    Image.new("1", (8001, 8000)).save(kept, format="PNG")
    with pytest.raises(InvalidImage, match="8001x8000 is too large"):
        film(kept.getvalue(), (10, 5), Depth.TRUE)
