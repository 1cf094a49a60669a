"""Our own stages give the bits that diffusers' pipelines give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.pipelines.wan import pipeline_wan
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.tiny_models import TEXT_TOKENS
from tests.worker.orders import Tiny
from wantui.api.job import Params
from wantui.api.plan import DType, Residency
from wantui.worker.condition import conditioning
from wantui.worker.decode import decode
from wantui.worker.denoise import Expert, denoise, expert_for, scheduler_for
from wantui.worker.encode import encode, prompt_clean
from wantui.worker.image import first_frame
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.stop import StopFlag

_pipeline_wan: Any = pipeline_wan
WanPipeline: Any = diffusers.WanPipeline
WanImageToVideoPipeline: Any = diffusers.WanImageToVideoPipeline

COMBINATIONS = [
    {"guidance": 5.0, "guidance_low": 3.0, "steps": 5},
    {"guidance": 4.0, "guidance_low": 1.0, "steps": 2},
    {"guidance": 4.0, "guidance_low": 0.5, "steps": 3},
    {"guidance": 1.0, "guidance_low": 3.0, "steps": 3},
    {"guidance": 1.0, "guidance_low": 1.0, "steps": 1},
    pytest.param(
        {"guidance": 3.5, "guidance_low": 3.5, "steps": 8, "shift": 12.0}, marks=pytest.mark.slow
    ),
]


def _load(model: Tiny, dtype: DType = DType.FLOAT32) -> LoadedModel:
    key = LoadKey(model.files, dtype, Residency.RESIDENT, torch.device("cpu"))
    return load(key, StopFlag().check)


def _ours(
    model: LoadedModel, params: Params, picture: Path | None
) -> tuple[torch.Tensor, list[Image.Image]]:
    stop = StopFlag()
    image = None if picture is None else first_frame(picture, None, params.width, params.height)
    with torch.inference_mode():
        prompts = encode(model, params, stop)
        steering = conditioning(model, params, image, stop)
        latents = denoise(model, params, prompts, steering, stop=stop, on_step=lambda _state: None)
        frames = np.concatenate(list(decode(model, latents, stop)))
    return latents, [Image.fromarray(frame) for frame in frames]


def _theirs(model: Tiny, params: Params, picture: Path | None, output_type: str) -> Any:
    pipeline_class = WanPipeline if picture is None else WanImageToVideoPipeline
    pipeline = pipeline_class.from_pretrained(
        model.folder, boundary_ratio=params.boundary, expand_timesteps=model.kind == "ti2v"
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = type(pipeline.scheduler).from_config(
        pipeline.scheduler.config, flow_shift=params.shift
    )
    extra: dict[str, Any] = {}
    if picture is not None:
        with Image.open(picture) as image:
            extra["image"] = image.convert("RGB")
    return pipeline(
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
        **extra,
    ).frames


@pytest.mark.parametrize("changes", COMBINATIONS)
@pytest.mark.parametrize(
    ("kind", "with_image"), [("t2v", False), ("i2v", True), ("ti2v", False), ("ti2v", True)]
)
def test_latents_and_frames_equal_those_of_the_pipeline(
    tinies: dict[str, Tiny],
    tmp_path: Path,
    kind: str,
    with_image: bool,
    changes: dict[str, Any],
) -> None:
    model = tinies[kind]
    if model.experts == 1:
        changes = changes | {"guidance_low": None}
    params = model.params(**changes)
    picture = None
    if with_image:  # of the exact size: theirs stretches where ours cuts
        picture = tmp_path / "exact.png"
        noise = np.random.default_rng(0).integers(0, 256, (params.height, params.width, 3))
        Image.fromarray(noise.astype(np.uint8)).save(picture)

    latents, frames = _ours(_load(model), params, picture)

    assert torch.equal(latents, _theirs(model, params, picture, "latent"))
    theirs = _theirs(model, params, picture, "pil")[0]
    assert [frame.tobytes() for frame in frames] == [frame.tobytes() for frame in theirs]
    assert len(frames) == params.frames


@pytest.mark.parametrize("kind", ["t2v", "ti2v"])
def test_bf16_latents_equal_those_of_the_pipeline(tinies: dict[str, Tiny], kind: str) -> None:
    model = tinies[kind]
    params = model.params()
    latents, _frames = _ours(_load(model, DType.BFLOAT16), params, None)
    pipeline = WanPipeline.from_pretrained(
        model.folder, dtype={"default": torch.bfloat16, "vae": torch.float32}
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = type(pipeline.scheduler).from_config(
        pipeline.scheduler.config, flow_shift=params.shift
    )
    theirs = pipeline(
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
        output_type="latent",
    ).frames
    assert torch.equal(latents, theirs)


@pytest.mark.parametrize("dtype", list(DType))
@pytest.mark.parametrize("kind", ["t2v", "i2v", "ti2v"])
def test_loading_gives_the_tensors_that_from_pretrained_gives(
    tinies: dict[str, Tiny], kind: str, dtype: DType
) -> None:
    ours = _load(tinies[kind], dtype)
    theirs = WanPipeline.from_pretrained(
        tinies[kind].folder,
        dtype={"default": getattr(torch, dtype.value), "vae": torch.float32},
    )
    for name, module in ours.modules.items():
        ours.placement.bring(name)
        expected = getattr(theirs, name).state_dict(keep_vars=True)
        loaded = module.state_dict(keep_vars=True)
        assert loaded.keys() == expected.keys()
        for key, tensor in loaded.items():
            assert tensor.dtype == expected[key].dtype, (name, key)
            assert torch.equal(tensor, expected[key]), (name, key)
        assert not module.training
        assert not any(p.is_meta or p.requires_grad for p in module.parameters())
        buffers = dict(getattr(theirs, name).named_buffers())
        for key, buffer in module.named_buffers():
            assert torch.equal(buffer, buffers[key]), (name, key)


@pytest.mark.parametrize(
    ("timestep", "boundary", "expert"),
    [
        (999, None, Expert.HIGH_NOISE),
        (1, None, Expert.HIGH_NOISE),
        (875, 0.875, Expert.HIGH_NOISE),
        (874, 0.875, Expert.LOW_NOISE),
    ],
)
def test_the_boundary_itself_is_high_noise(
    timestep: float, boundary: float | None, expert: Expert
) -> None:
    assert expert_for(timestep, boundary) is expert


@pytest.mark.parametrize(
    ("boundary", "shift", "high"),
    [(0.875, 3, 13), (0.875, 5, 17), (0.875, 12, 26), (0.9, 3, 11), (0.9, 5, 15), (0.9, 12, 23)],
)
def test_of_forty_steps_the_high_noise_expert_takes_its_known_share(
    tinies: dict[str, Tiny], boundary: float, shift: float, high: int
) -> None:
    params = tinies["t2v"].params(steps=40, shift=float(shift))
    timesteps = scheduler_for(_load(tinies["t2v"]), params).timesteps.tolist()
    experts = [expert_for(timestep, boundary) for timestep in timesteps]
    assert experts.count(Expert.HIGH_NOISE) == high
    assert experts == sorted(experts, key=[Expert.HIGH_NOISE, Expert.LOW_NOISE].index)


@settings(deadline=None)
@given(st.text())
def test_a_prompt_is_cleaned_as_the_pipeline_cleans_it(text: str) -> None:
    assert prompt_clean(text) == _pipeline_wan.prompt_clean(text)
