"""One attempt of a job, through all its stages."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from torch import Tensor

from wantui.api.job import Params, Stage
from wantui.api.plan import DType
from wantui.files import write_atomic
from wantui.pipe.messages import Began, Completed, Generate, Report, Warned
from wantui.worker.channel import Attempt
from wantui.worker.checkpoint import Checkpoints
from wantui.worker.clock import StageClock
from wantui.worker.condition import conditioning
from wantui.worker.decode import Frames, decode, pieces
from wantui.worker.denoise import denoise
from wantui.worker.embeddings import Embeddings
from wantui.worker.encode import encode, truncations
from wantui.worker.history import LoopState
from wantui.worker.image import first_frame
from wantui.worker.load import LoadedModel
from wantui.worker.lora import loras_on
from wantui.worker.output import write_output
from wantui.worker.preview import showing
from wantui.worker.provenance import device_name, provenance
from wantui.worker.weights import identity

log = logging.getLogger(__name__)


def generate(
    attempt: Attempt,
    clock: StageClock,
    model: LoadedModel,
    report: Callable[[Report], None],
) -> Completed:
    """Run the stages after load, and leave the video at the order's `output`.

    What an earlier attempt kept is not done again: neither its steps nor, once all are done,
    anything before decoding. Raises StopOrdered, or whatever went wrong: `failure` makes a typed
    error of it.
    """
    order, params = attempt.order, attempt.order.params
    checkpoints = Checkpoints(order, device_name(model.device), report)
    try:
        kept = checkpoints.kept
        report(Began(job=order.job, step=kept.step if kept else 0))
        if kept is not None and kept.step == params.steps:
            latents = kept.latents
        else:
            latents = _latents(attempt, clock, model, report, checkpoints)
        clock.enter(Stage.DECODE, pieces(model, latents, tiled=order.plan.tiled_decode))
        with clock.counting(Stage.WRITE):
            made = provenance(order, model.device)
            frames = _frames(attempt, clock, model, latents)
            output = write_output(order, frames, made.model_dump(mode="json"))
            write_atomic(Path(order.provenance), made.model_dump_json().encode())
    finally:
        model.placement.clear()
    log.info("wrote %s: %d bytes, %d frames", output.path, output.bytes, output.frames)
    return Completed(
        job=order.job,
        output=output,
        timings=clock.timings,
        peaks=clock.peaks.told(),
    )


def _latents(
    attempt: Attempt,
    clock: StageClock,
    model: LoadedModel,
    report: Callable[[Report], None],
    checkpoints: Checkpoints,
) -> Tensor:
    """Encode and denoise, from where a checkpoint left off; the result is kept before it is used.

    (1, z, lf, lh, lw), fp32.
    """
    order, stop = attempt.order, attempt.stop
    params = order.params
    with clock.running(Stage.ENCODE):
        for message in truncations(model, params):
            log.warning("%s", message)
            report(Warned(job=order.job, code="prompt_truncated", message=message))
        stop.check()
        embeddings = _embeddings(order, model)
        prompts = encode(model, params, stop, embeddings)
        if not embeddings.missed and order.image is None:
            clock.peaks.spare(Stage.ENCODE)
        steering = conditioning(model, params, _image(order, model), stop)
    kept = checkpoints.kept

    def on_step(state: LoopState) -> None:
        if state.step < params.steps:  # the last one is kept once it is finished, below
            checkpoints.offer(state)
        clock.step(state.step, params.steps)

    done = kept.step if kept else 0
    with (
        clock.running(Stage.DENOISE, params.steps, done=done),
        checkpoints.writing(),
        showing(order, report) as preview,
        contextlib.ExitStack() as added,
    ):
        with clock.counting(Stage.LOAD):
            added.enter_context(loras_on(model, order.loras, stop.check))
        if order.plan.compiled:
            added.enter_context(model.compiler.running(model.blocks, _shapes(params)))
        latents = denoise(
            model,
            params,
            prompts,
            steering,
            stop=stop,
            on_step=on_step,
            resume=kept,
            preview=preview,
        )
        checkpoints.offer(LoopState(params.steps, latents, {}, {}))
    return latents


def _shapes(params: Params) -> tuple[int, int, int]:
    """All of a job that the shapes within a model's blocks depend on."""
    return params.width, params.height, params.frames


def _embeddings(order: Generate, model: LoadedModel) -> Embeddings:
    """Those that this model's encoder and tokenizer made, in this format, on such a device."""
    folder = Path(order.weights.folder)
    parts = (folder / "text_encoder", folder / "tokenizer")
    files = [file for file in order.weights.files if Path(file.path).parent in parts]
    encoder = f"{identity(files)} {order.plan.dtype} {order.weights.text_tokens}"
    return Embeddings(order.embeddings, encoder, device_name(model.device))


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
    plan = attempt.order.plan
    half = plan.decode_dtype is not DType.FLOAT32
    chunks = decode(
        model,
        latents,
        attempt.stop,
        tiled=plan.tiled_decode,
        half=half,
        on_piece=clock.step,
    )
    while True:
        with clock.counting(Stage.DECODE):
            chunk = next(chunks, None)
        if chunk is None:
            break
        yield chunk
    clock.enter(Stage.WRITE)
