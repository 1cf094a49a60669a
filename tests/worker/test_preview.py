"""What is shown before the video is there: the clean estimate, and never at the job's cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from tests.worker.orders import Desk
from tests.worker.process import WorkerProcess
from wantui.catalog.catalog import Catalog
from wantui.catalog.preview import latent_rgb
from wantui.files import TEMPORARY_SUFFIX
from wantui.paths import shipped_config
from wantui.pipe.messages import Completed, Generate, Previewed, Stop, Stopped
from wantui.pipe.preview import LatentRgb, PreviewOrder, Projection
from wantui.worker.preview import Preview, clean_estimate, project

_diffusers: Any = diffusers
RECIPES = [recipe for recipe in Catalog.load(shipped_config()).recipes if recipe.latent_rgb]
FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 5.0}
SAMPLERS: dict[str, Any] = {
    "unipc": lambda: _diffusers.UniPCMultistepScheduler(**FLOW),
    "dpm++": lambda: _diffusers.DPMSolverMultistepScheduler(**FLOW),
    "euler": lambda: _diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0),
}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # DPM++'s own
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_clean_video_is_seen_through_the_noise_from_the_first_step(sampler: str) -> None:
    scheduler = SAMPLERS[sampler]()
    scheduler.set_timesteps(8)
    scheduler.set_begin_index(0)
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 1, 4, 3, 2, 2, generator=generator)
    latents = noise
    for t in scheduler.timesteps:
        latents = scheduler.step(noise - clean, t, latents, return_dict=False)[0]
        estimate = clean_estimate(scheduler, latents, noise - clean)
        torch.testing.assert_close(estimate, clean, atol=1e-3, rtol=0)


def _colours(first: bool) -> LatentRgb:
    swapped = Projection(factors=((0.0, 0.0, 1.0), (1.0, 0.0, 0.0)), bias=(0.0, 0.5, 0.0))
    rest = Projection(factors=((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)), bias=(0.0, -1.0, 0.0))
    return LatentRgb(rest=rest, first=swapped if first else None)


def test_latents_become_the_colours_of_their_factors() -> None:
    latents = torch.zeros(1, 2, 9, 2, 3)
    latents[0, 0] = torch.linspace(-1, 1, 9).view(9, 1, 1)
    latents[0, 1, :, 1] = 7.0
    shown = project(latents, _colours(first=True), frames=3)
    assert shown.shape == (3, 2, 3, 3)
    assert shown[0, 0, 0].tolist() == [128, 191, 0]  # the first latent, by its own factors
    assert shown[1, 0, 0].tolist() == [128, 0, 128]  # the one in the middle
    assert shown[2, 0, 0].tolist() == [255, 0, 128]  # the last
    assert shown[2, 1, 0].tolist() == [255, 0, 255]  # beyond white is white
    alike = project(latents, _colours(first=False), frames=3)
    assert alike[0, 0, 0].tolist() == [0, 0, 128]
    assert len(project(latents[:, :, :2], _colours(first=True), frames=5)) == 2


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.id)
def test_the_shipped_factors_fit_the_latents_of_their_model(recipe: Any) -> None:
    colours = latent_rgb(recipe.latent_rgb)
    for projection in filter(None, (colours.rest, colours.first)):
        assert len(projection.factors) == recipe.architecture.out_channels


def _with_preview(desk: Desk, order: PreviewOrder | None = None, **params: Any) -> Generate:
    return desk.order(**params).model_copy(update={"preview": order or desk.preview()})


@pytest.mark.parametrize("kind", ["t2v", "ti2v"])
def test_a_job_is_seen_while_it_is_denoised(
    worker: WorkerProcess, request: pytest.FixtureRequest, kind: str
) -> None:
    desk: Desk = request.getfixturevalue(kind)
    worker.send(_with_preview(desk, steps=200))
    assert worker.wait_for(Previewed).rev == 1
    worker.send(Stop(job=1))
    worker.wait_for(Stopped)
    with Image.open(desk.preview().path) as shown:
        assert (shown.format, shown.size, getattr(shown, "n_frames", 1)) == ("WEBP", (256, 256), 2)
    assert not list(desk.folder.glob(f".*{TEMPORARY_SUFFIX}"))


def test_a_preview_changes_no_frame_and_gives_way_to_the_thumbnail(
    worker: WorkerProcess, ti2v: Desk
) -> None:
    reports = worker.run(_with_preview(ti2v, steps=6))
    revs = [report.rev for report in reports if isinstance(report, Previewed)]
    assert revs
    assert revs == list(range(1, len(revs) + 1))
    last = reports[-1]
    assert isinstance(last, Completed)
    assert not Path(ti2v.preview().path).exists()
    assert last.output.thumbnail is not None
    with Image.open(last.output.thumbnail) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (256, 256))
    plain = worker.complete(ti2v.next().order(steps=6)).output
    assert last.output.frames_sha256 == plain.frames_sha256


def test_no_job_fails_for_want_of_a_preview(
    worker: WorkerProcess, t2v: Desk, tmp_path: Path
) -> None:
    nowhere = t2v.preview().model_copy(update={"path": str(tmp_path / "none" / "x.webp")})
    two_channels = t2v.preview().model_copy(update={"latent_rgb": _colours(first=False)})
    for order in (nowhere, two_channels):
        reports = worker.run(_with_preview(t2v, order))
        assert isinstance(reports[-1], Completed), reports[-1]
        assert not [report for report in reports if isinstance(report, Previewed)]
    assert "no preview: " in t2v.log.read_text()


def test_of_more_than_can_be_written_the_latest_is(tmp_path: Path) -> None:
    shown: list[int] = []
    path = tmp_path / "preview.webp"
    order = PreviewOrder(path=str(path), latent_rgb=_colours(first=False), frames=1, per_second=1e9)
    with Preview(order, 1.0, shown.append) as preview:
        for brightness in range(50):
            assert preview.due()
            preview.offer(torch.full((1, 2, 1, 4, 4), brightness / 49))
    assert shown == list(range(1, len(shown) + 1))
    assert 1 <= len(shown) <= 50
    with Image.open(path) as last:
        red, green, blue = np.asarray(last.convert("RGB")).reshape(-1, 3).mean(0)
    assert red > 240
    assert green < 15
    assert blue > 240
    assert list(tmp_path.iterdir()) == [path]


def test_previews_keep_their_distance(tmp_path: Path) -> None:
    order = PreviewOrder(
        path=str(tmp_path / "x.webp"), latent_rgb=_colours(first=False), frames=1, per_second=1e-6
    )
    with Preview(order, 1.0, lambda _rev: None) as preview:
        assert preview.due()
        preview.offer(torch.zeros(1, 2, 1, 4, 4))
        assert not preview.due()
