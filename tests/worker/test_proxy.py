"""The proxy of a clip: which frames it has, how long they are shown, and that it is a courtesy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wantui.worker.decode import Frames
from wantui.worker.proxy import MOST_FRAMES, SIDE, Sampled, write_proxy


def fading(count: int) -> list[Frames]:
    """A frame a chunk, each a little brighter."""
    return [np.full((1, 36, 64, 3), number % 256, np.uint8) for number in range(count)]


def sampled(count: int, fps: int) -> Sampled:
    made = Sampled(count, fps)
    assert sum(map(len, made.passing(fading(count)))) == count
    return made


def levels(made: Sampled) -> list[int]:
    return [int(np.asarray(picture)[0, 0, 0]) for picture in made.pictures]


@pytest.mark.parametrize(
    ("count", "fps", "first", "frame_ms"),
    [
        (17, 8, [0, 1, 2, 3], 125),
        (81, 16, [0, 2, 4, 6], 125),
        (121, 24, [0, 3, 6, 9], 125),
        (50, 12, [0, 2, 3, 5], 125),
        (5, 4, [0, 1, 2, 3], 250),
        (1, 16, [0], 125),
    ],
)
def test_frames_are_evenly_apart_and_the_whole_takes_as_long_as_the_clip(
    count: int, fps: int, first: list[int], frame_ms: int
) -> None:
    made = sampled(count, fps)
    assert levels(made)[:4] == first
    assert made.frame_ms == frame_ms
    assert abs(len(made.pictures) * made.frame_ms - 1000 * count / fps) <= made.frame_ms


def test_a_long_clip_has_frames_further_apart() -> None:
    made = sampled(2000, 16)
    assert len(made.pictures) == MOST_FRAMES
    assert made.frame_ms == round(2000 / 16 / MOST_FRAMES * 1000)


def test_it_is_an_animation_that_is_small(tmp_path: Path) -> None:
    made = Sampled(9, 8)
    list(made.passing([np.random.default_rng(1).integers(0, 255, (9, 360, 640, 3), np.uint8)]))
    assert write_proxy(tmp_path / "p.webp", made) == str(tmp_path / "p.webp")
    with Image.open(tmp_path / "p.webp") as written:
        assert (written.format, written.size) == ("WEBP", (SIDE, 108))
        assert getattr(written, "n_frames", 1) == 9
    assert [path.name for path in tmp_path.iterdir()] == ["p.webp"]


def test_what_is_small_already_is_not_made_larger() -> None:
    assert sampled(5, 8).pictures[0].size == (64, 36)


def test_no_video_is_lost_for_want_of_a_proxy(tmp_path: Path) -> None:
    assert write_proxy(tmp_path / "none" / "p.webp", sampled(5, 8)) is None
    assert write_proxy(tmp_path / "p.webp", Sampled(5, 8)) is None
