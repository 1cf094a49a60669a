"""One attempt of a job, through all its stages."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from wantui.api.job import Stage
from wantui.files import write_atomic
from wantui.pipe.messages import Completed, Generate, Report, Warned
from wantui.worker import video
from wantui.worker.channel import Attempt
from wantui.worker.clock import StageClock
from wantui.worker.condition import conditioning
from wantui.worker.decode import Frames, decode
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode, truncations
from wantui.worker.image import first_frame
from wantui.worker.load import LoadedModel
from wantui.worker.provenance import provenance

log = logging.getLogger(__name__)


def generate(
    attempt: Attempt,
    clock: StageClock,
    model: LoadedModel,
    report: Callable[[Report], None],
) -> Completed:
    """Run the stages after load, and leave the video at the order's `output`.

    Raises StopOrdered, or whatever went wrong: `failure` makes a typed error of it.
    """
    order, stop = attempt.order, attempt.stop
    params = order.params
    try:
        with clock.running(Stage.ENCODE):
            for message in truncations(model, params):
                log.warning("%s", message)
                report(Warned(job=order.job, code="prompt_truncated", message=message))
            stop.check()
            prompts = encode(model, params, stop)
            steering = conditioning(model, params, _image(order, model), stop)
        with clock.running(Stage.DENOISE, params.steps):
            latents = denoise(model, params, prompts, steering, stop=stop, on_step=clock.step)
        del prompts, steering
        clock.enter(Stage.DECODE, latents.shape[2])
        with clock.counting(Stage.WRITE):
            made = provenance(order, model.device)
            output = video.write_video(
                Path(order.output),
                _frames(attempt, clock, model, latents),
                video.Format(params.width, params.height, params.fps),
                made.model_dump(mode="json"),
            )
            write_atomic(Path(order.provenance), made.model_dump_json().encode())
    finally:
        model.placement.clear()
    log.info("wrote %s: %d bytes, %d frames", output.path, output.bytes, output.frames)
    return Completed(
        job=order.job,
        output=output,
        timings=clock.timings,
        peak_device_bytes=_peak_bytes(model.device),
    )


def _image(order: Generate, model: LoadedModel) -> Tensor | None:
    if order.image is None:
        return None
    params = order.params
    frame = first_frame(Path(order.image), params.image, params.width, params.height)
    return frame.to(model.device)


def _frames(
    attempt: Attempt, clock: StageClock, model: LoadedModel, latents: Tensor
) -> Iterator[Frames]:
    """Frames as they are decoded; the time that this takes is decode's, not its caller's."""
    chunks = decode(model, latents, attempt.stop)
    for done in itertools.count():
        with clock.counting(Stage.DECODE):
            chunk = next(chunks, None)
        if chunk is None:
            break
        yield chunk
        clock.step(done + 1, latents.shape[2])
    clock.enter(Stage.WRITE)


def _peak_bytes(device: torch.device) -> int | None:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
