"""Pictures and animations for widgets that show them, as the bytes of files."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageDraw

BLUE, RED = (20, 40, 200), (220, 30, 30)


def png(width: int = 64, height: int = 36, colour: tuple[int, int, int] = RED) -> bytes:
    """In one colour."""
    return _saved(Image.new("RGB", (width, height), colour), "PNG")


def square_at(x: int, width: int = 128, height: int = 72) -> Image.Image:
    """A red square on blue, `x` pixels from the left."""
    picture = Image.new("RGB", (width, height), BLUE)
    ImageDraw.Draw(picture).rectangle((x, 20, x + 20, 40), fill=RED)
    return picture


def animation(count: int = 8, fps: int = 8) -> bytes:
    """A square that goes to the right."""
    return webp([square_at(10 * number) for number in range(count)], fps)


def webp(frames: Sequence[Image.Image], fps: int = 8) -> bytes:
    """Without loss, so that what does not move is the same to the bit."""
    first, *rest = frames
    kept = BytesIO()
    first.save(
        kept,
        format="WEBP",
        save_all=True,
        append_images=rest,
        duration=1000 // fps,
        loop=0,
        lossless=True,
    )
    return kept.getvalue()


def _saved(picture: Image.Image, form: str) -> bytes:
    kept = BytesIO()
    picture.save(kept, format=form)
    return kept.getvalue()
