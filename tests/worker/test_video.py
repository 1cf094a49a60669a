"""The file that is written holds the colours that went in, and is whole or not there."""

from __future__ import annotations

import errno
import hashlib
import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.worker.orders import ENCODING
from wantui.api.video import Codec, Encoding
from wantui.client.mp4 import read_comment
from wantui.errors import CodecMissing, DiskFull
from wantui.worker.decode import Frames
from wantui.worker.pictures import Middle, keep_png, write_thumbnail
from wantui.worker.video import ENCODERS, Format, need_codec, write_video

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "grey": (128, 128, 128),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "skin": (224, 172, 105),
}
FORMAT = Format(width=64, height=32, fps=12, encoding=ENCODING)


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


NAMES = {Codec.H264: ("h264", "avc1"), Codec.H265: ("hevc", "hvc1"), Codec.AV1: ("av1", "av01")}


def _noise(frames: int) -> Frames:
    return np.random.default_rng(0).integers(0, 256, (frames, 32, 64, 3)).astype(np.uint8)


@pytest.mark.parametrize("codec", Codec)
def test_each_codec_writes_what_players_take_and_the_same_bytes_again(
    tmp_path: Path, codec: Codec
) -> None:
    preset = "8" if codec is Codec.AV1 else "medium"
    encoding = Encoding(codec=codec, crf=30, preset=preset, png=False)
    form = replace(FORMAT, encoding=encoding)
    one, two = (
        write_video(tmp_path / name, iter([_noise(9)]), form, {"a": "ä"}) for name in ("1", "2")
    )
    assert one.sha256 == two.sha256
    assert one.frames_sha256 == hashlib.sha256(_noise(9).tobytes()).hexdigest()
    with av.open(str(tmp_path / "1")) as container:
        context = container.streams.video[0].codec_context
        assert (context.codec.canonical_name, context.codec_tag) == NAMES[codec]
        assert (context.pix_fmt, context.colorspace, context.color_range) == ("yuv420p", 1, 1)
        assert json.loads(container.metadata["comment"]) == {"a": "ä"}
        assert len(list(container.decode(video=0))) == 9


@pytest.mark.parametrize("codec", Codec)
def test_a_better_crf_takes_more_bytes(tmp_path: Path, codec: Codec) -> None:
    preset = "8" if codec is Codec.AV1 else "medium"
    sizes = []
    for crf in (10, 40):
        encoding = Encoding(codec=codec, crf=crf, preset=preset, png=False)
        form = replace(FORMAT, encoding=encoding)
        sizes.append(write_video(tmp_path / "x", iter([_noise(5)]), form, {}).bytes)
    assert sizes[0] > 1.5 * sizes[1]


def test_a_codec_that_pyav_lacks_is_named_with_one_that_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for codec in Codec:
        need_codec(codec)
    monkeypatch.setitem(ENCODERS, Codec.AV1, "librav1e")  # which this PyAV was built without
    with pytest.raises(CodecMissing) as caught:
        need_codec(Codec.AV1)
    assert caught.value.hint == "send it again with --codec h264"
    assert caught.value.detail == {"codec": "av1", "available": ["h264", "h265"]}


def _thirds() -> list[Frames]:
    return [_still((n, 2 * n, 3 * n), 1 if n == 0 else 4) for n in (0, 40, 80)]


def test_frames_are_kept_as_they_were_before_the_codec(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "00099.png").write_bytes(b"of an attempt that ended")
    with keep_png(folder, iter(_thirds())) as passing:
        for count, chunk in zip((1, 5, 9), passing, strict=True):  # as they come
            assert len(list(folder.iterdir())) == count
            assert chunk.shape[1:] == (32, 64, 3)
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == [f"{n:05}.png" for n in range(1, 10)]
    for path, frame in zip(paths, np.concatenate(_thirds()), strict=True):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with Image.open(path) as kept:
            np.testing.assert_array_equal(np.asarray(kept), frame)


def test_of_a_video_that_failed_no_frames_stay(tmp_path: Path) -> None:
    seen: list[str] = []

    def chunks() -> Iterator[Frames]:
        yield _still((1, 2, 3), 1)
        seen.extend(path.name for path in tmp_path.iterdir())
        raise ValueError("x")

    def keep() -> None:
        with keep_png(tmp_path, chunks()) as passing:
            list(passing)

    with pytest.raises(ValueError, match="x"):
        keep()
    assert seen == ["00001.png"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("count", "brightness"), [(1, 0), (5, 40), (9, 40)])
def test_the_thumbnail_is_of_the_middle(tmp_path: Path, count: int, brightness: int) -> None:
    middle, chunks = Middle(count), _thirds()[: (count + 3) // 4]
    assert sum(map(len, middle.passing(iter(chunks)))) == count
    assert write_thumbnail(tmp_path / "t.webp", middle.frame) == str(tmp_path / "t.webp")
    with Image.open(tmp_path / "t.webp") as picture:
        assert picture.size == (256, 128)
        mean = np.asarray(picture.convert("RGB")).reshape(-1, 3).mean(0)
    np.testing.assert_allclose(mean, (brightness, 2 * brightness, 3 * brightness), atol=4)


def test_no_video_is_lost_for_want_of_a_thumbnail(tmp_path: Path) -> None:
    assert write_thumbnail(tmp_path / "none" / "t.webp", _noise(1)[0]) is None


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
