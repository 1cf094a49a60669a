"""Every sampler gives the latents that diffusers' pipeline gives with the same scheduler."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from tests.worker.both_ways import Theirs, latents, loaded
from tests.worker.orders import Tiny
from wantui.api.job import Params, Sampler
from wantui.api.plan import DType
from wantui.worker.denoise import scheduler_for
from wantui.worker.load import LoadedModel

# diffusers' DPM++ copies a tensor into an array in a way that numpy means to end
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Way(NamedTuple):
    """One of the four ways to make a video."""

    kind: str
    with_image: bool


WAYS = (Way("t2v", False), Way("i2v", True), Way("ti2v", False), Way("ti2v", True))
STEPS = (1, 2, 3, 5, 8)
GUIDANCE: tuple[tuple[float, float | None], ...] = (
    (5.0, 3.0),  # both experts guided
    (4.0, 1.0),
    (4.0, 0.5),
    (1.0, 3.0),  # whether there is guidance at all is the high-noise expert's to say
    (1.0, 1.0),
    (5.0, None),  # the low-noise expert's is the high one's
)
SHAPES = ((1, 1, 9), (2, 1, 5), (1, 3, 1), (2, 2, 17))
"""Width and height in a model's smallest side, and frames."""
BOUNDARIES = (0.0, 0.5, 0.875, 0.999, 1.0)
"""From the high-noise expert alone to the low-noise one alone."""
QUICK = (Sampler.DPM, Sampler.EULER)
"""`test_arithmetic` holds UniPC, frames and all."""


class Both:
    """One tiny model, loaded by us and as diffusers' pipelines."""

    def __init__(self, tiny: Tiny) -> None:
        self.tiny = tiny
        self._ours: dict[DType, LoadedModel] = {}
        self._theirs: dict[tuple[bool, DType], Theirs] = {}

    def ours(self, params: Params, picture: Path | None, dtype: DType) -> torch.Tensor:
        if dtype not in self._ours:
            self._ours[dtype] = loaded(self.tiny, dtype)
        return latents(self._ours[dtype], params, picture=picture)

    def theirs(self, params: Params, picture: Path | None, dtype: DType) -> torch.Tensor:
        key = picture is not None, dtype
        if key not in self._theirs:
            self._theirs[key] = Theirs.of(self.tiny, dtype, with_image=picture is not None)
        made: torch.Tensor = self._theirs[key].run(params, picture=picture)
        return made


@pytest.fixture(scope="module")
def both(tinies: dict[str, Tiny]) -> dict[str, Both]:
    return {kind: Both(tiny) for kind, tiny in tinies.items()}


def assert_equal(
    both: Both, folder: Path, way: Way, dtype: DType = DType.FLOAT32, **changes: Any
) -> None:
    if both.tiny.experts == 1:
        changes |= {"guidance_low": None, "boundary": None}
    params = both.tiny.params(**changes)
    picture = None
    if way.with_image:  # of the exact size: theirs stretches where ours cuts
        picture = folder / "exact.png"
        noise = np.random.default_rng(0).integers(0, 256, (params.height, params.width, 3))
        Image.fromarray(noise.astype(np.uint8)).save(picture)
    ours = both.ours(params, picture, dtype)
    assert ours.dtype is torch.float32
    assert torch.equal(ours, both.theirs(params, picture, dtype)), changes


@pytest.mark.parametrize("sampler", QUICK)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_latents_equal_those_of_the_pipeline(
    both: dict[str, Both], tmp_path: Path, way: Way, sampler: Sampler
) -> None:
    assert_equal(both[way.kind], tmp_path, way, sampler=sampler)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("sampler", Sampler)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_latents_equal_over_steps_guidance_and_shifts(
    both: dict[str, Both], tmp_path: Path, way: Way, sampler: Sampler
) -> None:
    shifts = cycle((1.0, 3.0, 5.0, 12.0))
    for steps, (high, low) in zip(cycle(STEPS), GUIDANCE * 2):
        changes: dict[str, Any] = {
            "steps": steps,
            "guidance": high,
            "guidance_low": low,
            "shift": next(shifts),
        }
        assert_equal(both[way.kind], tmp_path, way, sampler=sampler, **changes)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("sampler", Sampler)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_latents_equal_over_shapes_and_boundaries(
    both: dict[str, Both], tmp_path: Path, way: Way, sampler: Sampler
) -> None:
    side = both[way.kind].tiny.params().width
    for (across, down, frames), boundary in zip(cycle(SHAPES), BOUNDARIES * 2):
        shape = {"width": across * side, "height": down * side, "frames": frames}
        changes: dict[str, Any] = {**shape, "boundary": boundary, "steps": 4}
        assert_equal(both[way.kind], tmp_path, way, sampler=sampler, **changes)


@pytest.mark.parametrize("sampler", [Sampler.UNIPC, Sampler.DPM])
def test_multistep_latents_of_bf16_experts_equal_those_of_the_pipeline(
    both: dict[str, Both], tmp_path: Path, sampler: Sampler
) -> None:
    assert_equal(both["t2v"], tmp_path, WAYS[0], DType.BFLOAT16, sampler=sampler)


def test_euler_keeps_latents_of_bf16_experts_in_fp32_where_the_pipeline_rounds_them(
    both: dict[str, Both],
) -> None:
    params = both["t2v"].tiny.params(sampler=Sampler.EULER, steps=5)
    ours = both["t2v"].ours(params, None, DType.BFLOAT16)
    theirs = both["t2v"].theirs(params, None, DType.BFLOAT16)
    assert (ours.dtype, theirs.dtype) == (torch.float32, torch.bfloat16)
    assert not torch.equal(ours, ours.bfloat16().float())
    torch.testing.assert_close(ours, theirs.float(), atol=0.1, rtol=0.1)


@pytest.mark.parametrize("sampler", Sampler)
def test_the_shift_that_counts_is_the_jobs_and_the_process_is_a_flow(
    both: dict[str, Both], sampler: Sampler
) -> None:
    """A folder may hold the configuration of another scheduler, or one without a word on flows."""
    tiny = both["t2v"].tiny
    model = loaded(tiny)
    timesteps = []
    for config in (dict(model.scheduler_config), {"_class_name": "UniPCMultistepScheduler"}):
        model.scheduler_config.clear()
        model.scheduler_config.update(config)
        for shift in (3.0, 12.0):
            params = tiny.params(sampler=sampler, shift=shift, steps=10)
            timesteps.append(scheduler_for(model, params).timesteps.tolist())
    first, shifted, *same = timesteps
    assert same == [first, shifted]
    assert all(before <= after for before, after in zip(first, shifted, strict=True))
    assert first[5] < shifted[5]
