"""All that stays of a finished job: the video, its thumbnail and proxy, its frames if asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wantui.api.job import Output
from wantui.pipe.messages import Generate
from wantui.worker.decode import Frames
from wantui.worker.pictures import Middle, keep_png, write_thumbnail
from wantui.worker.proxy import Sampled, write_proxy
from wantui.worker.video import Format, write_video


def write_output(order: Generate, chunks: Iterator[Frames], comment: dict[str, Any]) -> Output:
    """Write frames as they come; once the video is there, the preview has had its day.

    Raises what `write_video` and `keep_png` raise.
    """
    params, middle = order.params, Middle(order.params.frames)
    sampled = Sampled(params.frames, params.fps)
    form = Format(params.width, params.height, params.fps, order.encoding)
    with contextlib.ExitStack() as kept:
        if order.frames_folder is not None:
            chunks = kept.enter_context(keep_png(Path(order.frames_folder), chunks))
        passing = sampled.passing(middle.passing(chunks))
        output = write_video(Path(order.output), passing, form, comment)
    thumbnail = write_thumbnail(Path(order.thumbnail), middle.frame)
    proxy = write_proxy(Path(order.proxy), sampled)
    if order.preview is not None:
        with contextlib.suppress(OSError):  # it is in nobody's way
            Path(order.preview.path).unlink()
    pictures = {"thumbnail": thumbnail, "proxy": proxy, "frames_folder": order.frames_folder}
    return output.model_copy(update=pictures)
