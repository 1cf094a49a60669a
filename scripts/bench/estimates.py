"""Estimates beside what is known and what is measured: memory and time, with their error bars.

Without options: the published figures, and plans over synthetic machines (none of them is ours).
`--demo` runs the demo on this CPU and compares what each stage held; `--cut` a model of TI2V-5B's
widths with fewer layers, in fp32 on this CPU, since the whole one needs 32 GB; `--gpu` the 5B and
one expert of A14B at real size with random weights, in two sizes and three residencies (a GPU of
80 GB, 50 GB of disk).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import gpu as real
import published
import torch
from tests.synthetic import NAMES, synthetic
from tests.tiny_models import TEXT_TOKENS
from tests.unit.plans import CATALOG, PROFILES
from tests.worker.orders import Desk, Tiny, plan
from tests.worker.process import started

from wantui.api.job import Stage
from wantui.api.plan import Residency
from wantui.catalog.recipe import Recipe
from wantui.client import costs
from wantui.errors import DoesNotFit
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.site import Site
from wantui.hardware.estimates.video import Video, default_video
from wantui.hardware.measured import seen_bytes
from wantui.hardware.plan import plan as best_plan
from wantui.hardware.profiles import Profiles
from wantui.paths import demo_weights, shipped_config
from wantui.pipe.messages import Completed
from wantui.text import bytes_text, duration_text

SIZES = {
    "t2v-a14b": ((1280, 720, 81), (832, 480, 81)),
    "i2v-a14b": ((1280, 720, 81), (832, 480, 81)),
    "ti2v-5b": ((1280, 704, 121), (1280, 704, 33)),
}
IN_TURNS = Residency(components_stay=False)
CUT_LAYERS = 6
CUT_VIDEO = {"width": 256, "height": 256, "frames": 5}
AT_WORK = (Stage.ENCODE, Stage.DENOISE, Stage.DECODE)


def machines() -> None:
    """Plan and estimate of three models by two sizes over every synthetic machine."""
    profiles = Profiles.load(shipped_config() / "profiles")
    print("\nPlans over synthetic machines (data sheets; nobody measured them)")
    print("| machine | model | size | plan | device | host | time of a first job |")
    print("|---|---|---|---|---|---|---|")
    for name in NAMES:
        matched = profiles.match(synthetic(name).hardware)
        site = Site.of(matched.device, name, matched.profile)
        for model, sizes in SIZES.items():
            for width, height, frames in sizes:
                recipe = CATALOG.model(model)
                usual = default_video(recipe)
                video = replace(usual, width=width, height=height, frames=frames)
                planned = _planned(recipe, video, site)
                print(f"| {name} | {model} | {width}x{height}x{frames} | {planned} |")


def _planned(recipe: Recipe, video: Video, site: Site) -> str:
    try:
        chosen = best_plan(Case(recipe, None, video, site))
    except DoesNotFit as error:
        return f"- | {error.message.partition(': ')[2]} | - | -"
    device, host = (bytes_text(size or 0) for size in (chosen.peak_bytes, chosen.host_bytes))
    return f"{costs.way(chosen)} | {device} | {host} | {duration_text(chosen.seconds or 0)}"


def cpu_site() -> Site:
    return Site.of("cpu", "this CPU", PROFILES["cpu"].with_readings(memory_total_bytes=10**12))


def compare(title: str, case: Case, setup: Setup, completed: Completed) -> None:
    """A line a stage: what the worker's counters saw, beside what they were to see."""
    for peak in completed.peaks:
        if peak.stage in AT_WORK and not peak.spared:
            estimated = seen_bytes(case, setup, peak.stage)
            print(
                f"| {title} | {peak.stage} | {bytes_text(estimated)} | {bytes_text(peak.bytes)} "
                f"| {estimated / peak.bytes - 1:+.1%} |",
                flush=True,
            )


def demo(folder: Path) -> None:
    """The shipped model on this CPU, small and large, each in a worker of its own."""
    recipe = CATALOG.model("demo")
    copy = folder / "demo"
    shutil.copytree(demo_weights(), copy)
    model = Tiny("ti2v", copy)
    for side, frames in ((128, 17), (256, 33)):
        video = Video(side, side, frames, steps=2)
        case = Case(recipe, None, video, cpu_site())
        desk = Desk(folder, model)
        order = desk.order(width=side, height=side, frames=frames, steps=2, guidance_low=None)
        files = order.weights.model_copy(update={"text_tokens": recipe.limits.text_tokens})
        turns = plan().model_copy(update={"residency": IN_TURNS})
        order = order.model_copy(update={"weights": files, "plan": turns})
        with started() as worker:
            completed = worker.complete(order)
        compare(f"demo {side}x{side}x{frames}, fp32", case, Setup(IN_TURNS), completed)


def like(recipe: Recipe, layers: int) -> Recipe:
    """A recipe of so many layers, with the tiny text encoder that the random models have."""
    made_of = recipe.architecture
    assert made_of is not None
    fewer = made_of.blocks - layers
    parts = []
    for part in recipe.components:
        count = part.parameter_count
        if part.name == "transformer" and count is not None:
            text = (made_of.text_dim - 32) * made_of.dim
            count -= fewer * made_of.block_parameters + text
        elif part.name == "text_encoder":
            count = 10_000
        if part.name != "transformer_2":
            parts.append(part.model_copy(update={"parameter_count": count}))
    return recipe.model_copy(
        update={
            "components": tuple(parts),
            "architecture": made_of.model_copy(update={"blocks": layers, "text_dim": 32}),
            "limits": recipe.limits.model_copy(update={"text_tokens": TEXT_TOKENS}),
        }
    )


def random_model(
    folder: Path, case: real.Case, recipe: Recipe, setup: Setup, device: torch.device
) -> None:
    """One video by a real worker, and what each stage held."""
    model = Tiny(case.kind, folder)
    shape: dict[str, Any] = dict(case.video)
    video = Video(shape["width"], shape["height"], shape["frames"], steps=1)
    site = cpu_site() if device.type == "cpu" else Site.of("GPU", "GPU", PROFILES["h100"])
    order = Desk(folder.parent, model).order(**shape, steps=1, boundary=None, guidance_low=None)
    chosen = order.plan.model_copy(
        update={
            "residency": setup.residency,
            "tiled_decode": setup.tiled,
            "dtype": site.dtype,
            "device": "cpu" if device.type == "cpu" else "GPU-0",
        }
    )
    with started() as worker:
        completed = worker.complete(order.model_copy(update={"plan": chosen}))
    title = f"{recipe.id}, {shape['width']}x{shape['height']}x{shape['frames']}"
    way = f"{title}, {site.dtype}, {costs.way(chosen)}"
    compare(way, Case(recipe, None, video, site), setup, completed)


def cut(folder: Path) -> None:
    """TI2V-5B's widths and its whole VAE, in six of its thirty layers, in fp32 on this CPU."""
    transformer: dict[str, Any] = real.SMALL.transformer | {"num_layers": CUT_LAYERS}
    case = replace(real.SMALL, transformer=transformer, video=CUT_VIDEO)
    real.build(folder / "cut", case, torch.device("cpu"))
    recipe = like(CATALOG.model("ti2v-5b"), CUT_LAYERS)
    random_model(folder / "cut", case, recipe, Setup(IN_TURNS), torch.device("cpu"))


def on_gpu(folder: Path) -> None:
    """Two models by two sizes by three residencies, each in a worker of its own."""
    device = torch.device("cuda")
    for base, name, blocks in ((real.SMALL, "ti2v-5b", 30), (real.LARGE, "t2v-a14b", 40)):
        path = folder / name
        real.build(path, base, device)
        torch.cuda.empty_cache()
        recipe = like(CATALOG.model(name), blocks)
        for frames in (base.video["frames"], 33):
            case = replace(base, video=base.video | {"frames": frames})
            for resident in (None, blocks // 2, 0):
                residency = Residency(resident, components_stay=False)
                random_model(path, case, recipe, Setup(residency), device)
        shutil.rmtree(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("demo", "cut", "gpu"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--folder", type=Path, help="where models are made; a temporary one")
    asked = parser.parse_args()
    if not (asked.demo or asked.cut or asked.gpu):
        published.table()
        published.measured()
        machines()
        return
    print("| what | stage | estimated | measured | off |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        for wanted, run in ((asked.demo, demo), (asked.cut, cut), (asked.gpu, on_gpu)):
            if wanted:
                run(Path(folder))


if __name__ == "__main__":
    main()
