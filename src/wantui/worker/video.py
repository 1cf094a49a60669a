"""Frames to an mp4 file: 8 bits, yuv420p, BT.709, with what made it in its comment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from wantui.api.job import Output
from wantui.api.video import Codec, Encoding
from wantui.errors import CodecMissing
from wantui.files import atomic_path
from wantui.worker.decode import Frames

ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265", Codec.AV1: "libsvtav1"}
"""As ffmpeg names them; which there are depends on how PyAV was built."""
H265_TAG = "hvc1"
"""The one of the two tags that QuickTime and Safari play."""


@dataclass(frozen=True)
class Format:
    """Even sides in pixels, whole frames a second, and what encodes them."""

    width: int
    height: int
    fps: int
    encoding: Encoding


def need_codec(codec: Codec) -> None:
    """Raises CodecMissing where PyAV has no encoder for it."""
    if ENCODERS[codec] not in av.codecs_available:
        there = [known.value for known, name in ENCODERS.items() if name in av.codecs_available]
        raise CodecMissing(
            f"this PyAV cannot write {codec}: it has no {ENCODERS[codec]}",
            hint=f"send it again with --codec {there[0]}" if there else None,
            detail={"codec": codec.value, "available": there},
        )


def write_video(
    target: Path, frames: Iterable[Frames], form: Format, comment: dict[str, Any]
) -> Output:
    """Encode frames as they come, and put the whole file in place once it is complete.

    `comment` becomes JSON in the file's comment, the one field that every tool keeps. Raises
    DiskFull, and whatever `frames` raises; then nothing is left behind.
    """
    with atomic_path(target) as temporary:
        count, frames_sha256 = _encode(temporary, frames, form, _compact(comment))
        with temporary.open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        size = temporary.stat().st_size
    return Output(
        path=str(target),
        bytes=size,
        sha256=sha256,
        frames_sha256=frames_sha256,
        width=form.width,
        height=form.height,
        frames=count,
        fps=form.fps,
    )


def _compact(comment: dict[str, Any]) -> str:
    return json.dumps(comment, ensure_ascii=False, separators=(",", ":"))


def _encode(path: Path, chunks: Iterable[Frames], form: Format, comment: str) -> tuple[int, str]:
    """Returns how many frames there were, and the sha256 of their bytes."""
    count, digest = 0, hashlib.sha256()
    options = {"movflags": "+faststart"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        container.metadata["comment"] = comment
        stream = _stream(container, form)
        for chunk in chunks:
            for pixels in chunk:
                digest.update(pixels.tobytes())
                frame = _to_yuv(pixels)
                frame.pts, frame.time_base = count, Fraction(1, form.fps)
                container.mux(stream.encode(frame))
                count += 1
        container.mux(stream.encode(None))
    return count, digest.hexdigest()


def _stream(container: OutputContainer, form: Format) -> VideoStream:
    encoding = form.encoding
    options = {"crf": str(encoding.crf), "preset": encoding.preset}
    stream = container.add_stream(ENCODERS[encoding.codec], rate=form.fps, options=options)
    if not isinstance(stream, VideoStream):
        raise TypeError(f"{encoding.codec} made a {stream.type} stream")
    stream.width, stream.height, stream.pix_fmt = form.width, form.height, "yuv420p"
    if encoding.codec is Codec.H265:
        stream.codec_context.codec_tag = H265_TAG
    _tag_colours(stream)
    return stream


def _tag_colours(stream: VideoStream) -> None:
    context = stream.codec_context
    context.color_range = ColorRange.MPEG
    context.colorspace = Colorspace.ITU709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709


def _to_yuv(pixels: npt.NDArray[np.uint8]) -> av.VideoFrame:
    """Said out loud, because the automatic conversion is BT.601 whatever the stream's tag."""
    rgb = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    return rgb.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
