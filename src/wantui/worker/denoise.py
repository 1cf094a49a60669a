"""The denoising loop: from noise to latents that the VAE can decode.

Source: diffusers 0.42.1, `pipelines/wan/pipeline_wan.py` and `pipeline_wan_i2v.py`, `__call__`;
equal to the bit in fp32 on a CPU.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import torch
from torch import Tensor

from wantui.api.job import Params
from wantui.errors import GenerationFailed, LatentsNotFinite
from wantui.worker import engine
from wantui.worker.condition import Conditioning, latent_shape
from wantui.worker.encode import PromptEmbeddings
from wantui.worker.history import LoopState
from wantui.worker.load import LoadedModel
from wantui.worker.preview import Preview, clean_estimate
from wantui.worker.stop import StopFlag


class Expert(enum.Enum):
    """Which of Wan 2.2's two transformers denoises a step; the value is the component's name."""

    HIGH_NOISE = "transformer"
    LOW_NOISE = "transformer_2"


def expert_for(timestep: float, boundary: float | None) -> Expert:
    """Pick the expert for a timestep in [0, 1000]; from `boundary` times 1000 noise is high.

    Source: Wan2.2, wan/text2video.py. A model with one expert has no boundary.
    """
    if boundary is None or timestep >= boundary * 1000:
        return Expert.HIGH_NOISE
    return Expert.LOW_NOISE


def scheduler_for(model: LoadedModel, params: Params) -> engine.Scheduler:
    """A fresh scheduler with the job's shift, whatever the folder's configuration says."""
    scheduler = engine.SAMPLERS[params.sampler].made(model.scheduler_config, params.shift)
    scheduler.set_timesteps(params.steps, device=model.device)
    scheduler.set_begin_index(0)  # otherwise equal timesteps, at a high shift, confuse it
    return scheduler


def initial_noise(model: LoadedModel, params: Params) -> Tensor:
    """The seed's only use: fp32 noise of the latents' shape, drawn on the device."""
    generator = torch.Generator(model.device).manual_seed(params.seed)
    shape = latent_shape(model, params)
    noise: Tensor = engine.randn_tensor(
        shape, generator=generator, device=model.device, dtype=torch.float32
    )
    return noise


def denoise(
    model: LoadedModel,
    params: Params,
    prompts: PromptEmbeddings,
    conditioning: Conditioning,
    *,
    stop: StopFlag,
    on_step: Callable[[LoopState], None],
    resume: LoopState | None = None,
    preview: Preview | None = None,
) -> Tensor:
    """Latents (1, z, lf, lh, lw) in fp32; `on_step` is told what the loop is after each step.

    With `resume` it goes on from there, to the same bits. Raises LatentsNotFinite naming the step,
    StopOrdered between two blocks.
    """
    scheduler = scheduler_for(model, params)
    if resume is None:
        done, latents = 0, initial_noise(model, params)
    else:
        done, latents = resume.step, resume.restore(scheduler, model.device)
    last = expert_for(float(scheduler.timesteps[-1]), params.boundary)
    steps = list(zip(scheduler.timesteps, scheduler.timesteps.tolist(), strict=True))
    last = expert_for(steps[-1][1], params.boundary)
    for step, (t, time) in enumerate(steps[done:], start=done + 1):
        expert = expert_for(time, params.boundary)
        transformer = _transformer(model, expert)
        model.placement.bring(expert.value)
        model.placement.expect(last.value)
        inputs = {
            "hidden_states": conditioning.model_input(latents).to(transformer.dtype),
            "timestep": conditioning.timestep(t),
        }
        with stop.guard(transformer.blocks):
            velocity = _velocity(transformer, inputs, prompts, _guidance(params, expert))
        if engine.SAMPLERS[params.sampler].rounds_latents:
            velocity = velocity.float()  # more exact than the pipeline, whose latents turn bf16
        latents = scheduler.step(velocity, t, latents, return_dict=False)[0]
        if not torch.isfinite(latents).all():  # also waits for the device: the step is done
            raise LatentsNotFinite(
                f"step {step} of {params.steps} made numbers that are not finite",
                detail={"step": step},
            )
        if preview is not None and preview.due():
            preview.offer(conditioning.finish(clean_estimate(scheduler, latents, velocity)))
        on_step(LoopState.of(step, latents, scheduler))
    return conditioning.finish(latents)


def _transformer(model: LoadedModel, expert: Expert) -> engine.Transformer:
    if expert is Expert.HIGH_NOISE:
        return model.transformer
    if model.transformer_2 is None:
        raise GenerationFailed(f"{model.key.files.model} has one expert, but a boundary was given")
    return model.transformer_2


def _guidance(params: Params, expert: Expert) -> float:
    if expert is Expert.LOW_NOISE and params.guidance_low is not None:
        return params.guidance_low
    return params.guidance


def _velocity(
    transformer: engine.Transformer,
    inputs: dict[str, Tensor],
    prompts: PromptEmbeddings,
    guidance: float,
) -> Tensor:
    """Two passes of one video, never one of two: a batch has other bits."""

    def predict(text: Tensor) -> Tensor:
        out: Tensor = transformer(**inputs, encoder_hidden_states=text, return_dict=False)[0]
        return out

    positive = predict(prompts.positive)
    if prompts.negative is None:
        return positive
    negative = predict(prompts.negative)
    return negative + guidance * (positive - negative)
