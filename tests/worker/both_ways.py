"""The same video by our own stages and by diffusers' pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from PIL import Image
from torch import Tensor

from tests.tiny_models import TEXT_TOKENS
from tests.worker.orders import Tiny
from wantui.api.job import Params, Sampler
from wantui.api.plan import DType, Residency
from wantui.pipe.messages import LoraFile
from wantui.worker.condition import conditioning
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode
from wantui.worker.history import LoopState
from wantui.worker.image import first_frame
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.lora import loras_on
from wantui.worker.stop import StopFlag

_diffusers: Any = diffusers
_SCHEDULERS = {
    Sampler.UNIPC: (_diffusers.UniPCMultistepScheduler, "flow_shift"),
    Sampler.DPM: (_diffusers.DPMSolverMultistepScheduler, "flow_shift"),
    Sampler.EULER: (_diffusers.FlowMatchEulerDiscreteScheduler, "shift"),
}
"""The class, and what it calls the flow shift."""


def loaded(
    model: Tiny, dtype: DType = DType.FLOAT32, residency: Residency = Residency.RESIDENT
) -> LoadedModel:
    return load(LoadKey(model.files, dtype, residency, torch.device("cpu")), StopFlag().check)


def latents(
    model: LoadedModel,
    params: Params,
    *loras: LoraFile,
    picture: Path | None = None,
    on_step: Callable[[LoopState], None] = lambda _state: None,
) -> Tensor:
    """Ours."""
    stop = StopFlag()
    image = None if picture is None else first_frame(picture, None, params.width, params.height)
    with torch.inference_mode():
        prompts = encode(model, params, stop)
        steering = conditioning(model, params, image, stop)
        with loras_on(model, loras, stop.check):
            return denoise(model, params, prompts, steering, stop=stop, on_step=on_step)


@dataclass(frozen=True)
class Theirs:
    pipeline: Any
    """A `WanPipeline` or `WanImageToVideoPipeline`; mypy cannot follow what they do at run time."""
    scheduler: Any
    """The published scheduler's configuration, which every sampler's is made of."""

    @classmethod
    def of(
        cls,
        model: Tiny,
        dtype: DType = DType.FLOAT32,
        *,
        with_image: bool = False,
        **components: Any,
    ) -> Theirs:
        """As diffusers' documentation loads it: the VAE in fp32 whatever the others are in."""
        name = "WanImageToVideoPipeline" if with_image else "WanPipeline"
        pipeline = getattr(_diffusers, name).from_pretrained(
            model.folder,
            dtype={"default": getattr(torch, dtype.value), "vae": torch.float32},
            expand_timesteps=model.kind == "ti2v",
            **components,
        )
        pipeline.set_progress_bar_config(disable=True)
        return cls(pipeline, pipeline.scheduler.config)

    def run(
        self,
        params: Params,
        output_type: str = "latent",
        picture: Path | None = None,
        **more: Any,
    ) -> Any:
        """A tensor of latents, or frames; `more` is for the pipeline's own call."""
        scheduler, shift = _SCHEDULERS[params.sampler]
        self.pipeline.scheduler = scheduler.from_config(self.scheduler, **{shift: params.shift})
        self.pipeline.register_to_config(boundary_ratio=params.boundary)
        if picture is not None:
            with Image.open(picture) as image:
                more["image"] = image.convert("RGB")
        return self.pipeline(
            prompt=params.prompt,
            negative_prompt=params.negative_prompt,
            height=params.height,
            width=params.width,
            num_frames=params.frames,
            num_inference_steps=params.steps,
            guidance_scale=params.guidance,
            guidance_scale_2=params.guidance_low,
            generator=torch.Generator().manual_seed(params.seed),
            max_sequence_length=TEXT_TOKENS,
            output_type=output_type,
            **more,
        ).frames
