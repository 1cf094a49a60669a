"""A picture becomes a first frame: upright, covering, its middle, nothing stretched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from wantui.errors import InvalidImage
from wantui.worker.image import first_frame

RED, BLUE = (255, 0, 0), (0, 0, 255)


def _halves(width: int, height: int) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (width // 2, 0, width, height))
    return picture


def _colour(frame: torch.Tensor, x: int, y: int) -> tuple[int, ...]:
    return tuple(round(float(value)) for value in (frame[0, :, y, x] + 1) * 127.5)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_every_format_gives_numbers_from_minus_one_to_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    _halves(64, 32).save(path)
    frame = first_frame(path, None, 64, 32)
    assert frame.shape == (1, 3, 32, 64)
    assert frame.dtype == torch.float32
    assert frame.min() >= -1
    assert frame.max() <= 1
    assert frame[0, 0, 16, 8] > 0.9  # red is on the left
    assert frame[0, 2, 16, 56] > 0.9


@pytest.mark.parametrize(("width", "height"), [(32, 64), (64, 32), (48, 48), (320, 16)])
def test_it_covers_the_frame_and_keeps_the_middle(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "x.png"
    _halves(100, 50).save(path)
    frame = first_frame(path, None, width, height)
    assert frame.shape == (1, 3, height, width)
    assert _colour(frame, 1, height // 2)[0] > 250
    assert _colour(frame, width - 2, height // 2)[2] > 250


def test_the_camera_s_orientation_is_followed(tmp_path: Path) -> None:
    picture = _halves(64, 32)
    exif = picture.getexif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to show it: EXIF 2.3, table 6
    picture.save(tmp_path / "x.png", exif=exif)
    frame = first_frame(tmp_path / "x.png", None, 32, 64)
    assert _colour(frame, 16, 4) == RED  # what was left is on top
    assert _colour(frame, 16, 60) == BLUE


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1"])
def test_every_kind_of_pixel_becomes_rgb(tmp_path: Path, mode: str) -> None:
    _halves(32, 32).convert("L").convert(mode).save(tmp_path / "x.png")
    assert first_frame(tmp_path / "x.png", None, 32, 32).shape == (1, 3, 32, 32)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.effect_noise((200, 200), 50).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InvalidImage, match=r"x\.jpg"):
        first_frame(path, None, 32, 32)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match="No such file"):
        first_frame(tmp_path / "x.png", None, 32, 32)
