"""One attempt of a job, through all its stages."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import torch
from torch import Tensor

import wantui
from wantui.api.job import Stage
from wantui.pipe.messages import Completed, Generate, Report, Warned
from wantui.worker import engine, video
from wantui.worker.channel import Attempt
from wantui.worker.clock import StageClock
from wantui.worker.condition import conditioning
from wantui.worker.decode import Frames, decode
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode, truncations
from wantui.worker.image import first_frame
from wantui.worker.load import LoadedModel
from wantui.worker.lora import loras_on

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
        with clock.running(Stage.DENOISE, params.steps), contextlib.ExitStack() as added:
            with clock.counting(Stage.LOAD):
                added.enter_context(loras_on(model, order.loras, stop.check))
            latents = denoise(model, params, prompts, steering, stop=stop, on_step=clock.step)
        del prompts, steering
        clock.enter(Stage.DECODE, latents.shape[2])
        with clock.counting(Stage.WRITE):
            output = video.write_video(
                Path(order.output),
                _frames(attempt, clock, model, latents),
                video.Format(params.width, params.height, params.fps),
                provenance(order, model.device),
            )
    finally:
        model.placement.clear()
    log.info("wrote %s: %d bytes, %d frames", output.path, output.bytes, output.frames)
    return Completed(
        job=order.job,
        output=output,
        timings=clock.timings,
        peak_device_bytes=_peak_bytes(model.device),
    )


def provenance(order: Generate, device: torch.device) -> dict[str, Any]:
    """What the video's comment says: enough to make the same video again."""
    return {
        "wantui": wantui.__version__,
        "job": order.job,
        "model": order.weights.model,
        "quality": order.quality,
        "faithful": order.faithful,
        "params": order.params.model_dump(mode="json"),
        "plan": order.plan.model_dump(mode="json"),
        "versions": engine.versions() | {"av": av.__version__},
        "device": device_name(device),
    }


def device_name(device: torch.device) -> str:
    """As torch names it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


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
