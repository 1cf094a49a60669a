"""The file that is written holds the colours that went in, and is whole or not there."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from wantui.client.mp4 import read_comment
from wantui.errors import DiskFull
from wantui.worker.decode import Frames
from wantui.worker.video import Format, write_video

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "grey": (128, 128, 128),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "skin": (224, 172, 105),
}
FORMAT = Format(width=64, height=32, fps=12)


def _still(colour: tuple[int, int, int], frames: int) -> Frames:
    return np.full((frames, FORMAT.height, FORMAT.width, 3), colour, dtype=np.uint8)


@pytest.mark.parametrize("name", COLOURS)
def test_a_colour_comes_back_as_it_went_in(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / "x.mp4", iter([_still(COLOURS[name], 5)]), FORMAT, {})
    with av.open(str(tmp_path / "x.mp4")) as container:
        context = container.streams.video[0].codec_context
        tags = context.color_range, context.colorspace, context.color_primaries, context.color_trc
        assert tags == (1, 1, 1, 1)  # limited range and BT.709 three times: ITU-T H.273
        for frame in container.decode(video=0):
            planes = [
                np.asarray(plane).reshape(-1, plane.line_size)[: plane.height, : plane.width]
                for plane in frame.planes
            ]
            y, u, v = (float(plane.mean()) for plane in planes)
            np.testing.assert_allclose(_bt709_to_rgb(y, u, v), COLOURS[name], atol=3)


def _bt709_to_rgb(y: float, u: float, v: float) -> tuple[float, float, float]:
    """ITU-R BT.709-6, item 3, for 8 bits in the limited range."""
    luma, cb, cr = (y - 16) * 255 / 219, (u - 128) * 255 / 224, (v - 128) * 255 / 224
    red, blue = luma + 1.5748 * cr, luma + 1.8556 * cb
    return red, (luma - 0.2126 * red - 0.0722 * blue) / 0.7152, blue


def test_frames_are_counted_hashed_and_spaced(tmp_path: Path) -> None:
    chunks = [_still((10, 20, 30), 1), _still((40, 50, 60), 4)]
    output = write_video(tmp_path / "x.mp4", iter(chunks), FORMAT, {"a": 1})
    raw = b"".join(chunk.tobytes() for chunk in chunks)
    assert output.frames_sha256 == hashlib.sha256(raw).hexdigest()
    assert (output.frames, output.fps, output.width, output.height) == (5, 12, 64, 32)
    with av.open(str(tmp_path / "x.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, [n / 12 for n in range(5)], atol=1e-3)


def test_the_index_comes_before_the_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "x.mp4", iter([_still((1, 2, 3), 5)]), FORMAT, {})
    content = (tmp_path / "x.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_the_comment_can_be_read_without_a_library_of_codecs(tmp_path: Path) -> None:
    comment = {"prompt": 'ein "roter" Fuchs \\ 🦊 \n\x00 ' + "狐" * 9000, "n": 1.1}
    write_video(tmp_path / "x.mp4", iter([_still((1, 2, 3), 5)]), FORMAT, comment)
    assert json.loads(read_comment(tmp_path / "x.mp4") or "") == comment


def test_the_same_frames_make_the_same_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 32, 64, 3)).astype(np.uint8)
    shas = {
        write_video(tmp_path / name, iter([noise]), FORMAT, {}).sha256 for name in ("a", "b", "c")
    }
    assert len(shas) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [(OSError(errno.ENOSPC, "No space left on device"), DiskFull), (ValueError("x"), ValueError)],
)
def test_what_fails_in_the_middle_leaves_nothing(
    tmp_path: Path, error: Exception, expected: type[Exception]
) -> None:
    def chunks() -> Iterator[Frames]:
        yield _still((1, 2, 3), 3)
        raise error

    with pytest.raises(expected):
        write_video(tmp_path / "x.mp4", chunks(), FORMAT, {})
    assert list(tmp_path.iterdir()) == []
