"""Our own stages give the bits that diffusers' pipelines give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.wan import pipeline_wan
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.worker.both_ways import Theirs, latents, loaded
from tests.worker.orders import Tiny
from wantui.api.plan import DType
from wantui.worker.decode import decode
from wantui.worker.denoise import Expert, expert_for, scheduler_for
from wantui.worker.encode import prompt_clean
from wantui.worker.stop import StopFlag

_pipeline_wan: Any = pipeline_wan

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

    ours, theirs = loaded(model), Theirs.of(model, with_image=with_image)
    made = latents(ours, params, picture=picture)
    assert torch.equal(made, theirs.run(params, picture=picture))
    with torch.inference_mode():
        frames = np.concatenate(list(decode(ours, made, StopFlag())))
    expected = theirs.run(params, "pil", picture)[0]
    assert [frame.tobytes() for frame in frames] == [frame.tobytes() for frame in expected]
    assert len(frames) == params.frames


@pytest.mark.parametrize("kind", ["t2v", "ti2v"])
def test_bf16_latents_equal_those_of_the_pipeline(tinies: dict[str, Tiny], kind: str) -> None:
    model = tinies[kind]
    params = model.params()
    made = latents(loaded(model, DType.BFLOAT16), params)
    assert torch.equal(made, Theirs.of(model, DType.BFLOAT16).run(params))


@pytest.mark.parametrize("dtype", list(DType))
@pytest.mark.parametrize("kind", ["t2v", "i2v", "ti2v"])
def test_loading_gives_the_tensors_that_from_pretrained_gives(
    tinies: dict[str, Tiny], kind: str, dtype: DType
) -> None:
    ours, theirs = loaded(tinies[kind], dtype), Theirs.of(tinies[kind], dtype).pipeline
    for name, module in ours.modules.items():
        ours.placement.bring(name)
        expected = getattr(theirs, name).state_dict(keep_vars=True)
        there = module.state_dict(keep_vars=True)
        assert there.keys() == expected.keys()
        for key, tensor in there.items():
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
    timesteps = scheduler_for(loaded(tinies["t2v"]), params).timesteps.tolist()
    experts = [expert_for(timestep, boundary) for timestep in timesteps]
    assert experts.count(Expert.HIGH_NOISE) == high
    assert experts == sorted(experts, key=[Expert.HIGH_NOISE, Expert.LOW_NOISE].index)


@settings(deadline=None)
@given(st.text())
def test_a_prompt_is_cleaned_as_the_pipeline_cleans_it(text: str) -> None:
    assert prompt_clean(text) == _pipeline_wan.prompt_clean(text)
