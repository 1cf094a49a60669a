"""The demo model ships whole, small and as its script makes it, and shows something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.worker.orders import Desk, Tiny, environment
from tests.worker.process import WorkerProcess
from wantui.api.job import JobRequest, Params
from wantui.api.plan import DType, Residency
from wantui.catalog.catalog import DEMO, Catalog
from wantui.catalog.resolve import resolve
from wantui.paths import demo_weights, shipped_config
from wantui.pipe.messages import ModelFiles
from wantui.store.published import SUMS
from wantui.worker import engine
from wantui.worker.load import LoadKey, load
from wantui.worker.stop import StopFlag

MAX_BYTES = 300_000
SCRIPT = Path(__file__).parents[2] / "scripts" / "demo_model" / "make.py"
RECIPE = Catalog.load(shipped_config()).model(DEMO)


class _Demo(Tiny):
    @property
    def files(self) -> ModelFiles:
        changes = {"model": DEMO, "text_tokens": RECIPE.limits.text_tokens}
        return super().files.model_copy(update=changes)

    def params(self, **changes: Any) -> Params:
        request = JobRequest(prompt="a red cat walks on the beach at sunset", seed=3)
        return resolve(RECIPE, request, None).model_copy(update=changes)


@pytest.fixture
def demo(tmp_path: Path) -> Desk:
    return Desk(tmp_path, _Demo("ti2v", demo_weights()))


def _content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _frames(path: Path) -> npt.NDArray[np.float64]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames).astype(np.float64)


def test_its_files_are_those_of_the_recipe_and_small() -> None:
    content = _content(demo_weights())
    assert content.keys() == {*RECIPE.paths, SUMS}
    assert sum(map(len, content.values())) <= MAX_BYTES


def test_its_script_makes_the_same_bytes_again(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SCRIPT, tmp_path / "made"], check=True, env=environment())
    assert _content(tmp_path / "made") == _content(demo_weights())


@pytest.mark.parametrize("with_image", [False, True])
def test_what_it_shows_is_varied_and_moves(
    worker: WorkerProcess, demo: Desk, picture: Path, with_image: bool
) -> None:
    output = worker.complete(demo.order(image=picture if with_image else None)).output
    frames = _frames(demo.output)
    assert frames.shape == (output.frames, 128, 128, 3) == (17, 128, 128, 3)
    assert frames.std(axis=(1, 2)).mean() > 10, "flat"
    assert np.abs(np.diff(frames, axis=0)).mean() > 2, "still"
    assert frames.std(axis=3).mean() > 10, "colourless"


def test_its_parameters_are_as_many_as_the_catalog_says(demo: Desk) -> None:
    key = LoadKey(demo.model.files, DType.FLOAT32, Residency.RESIDENT, torch.device("cpu"))
    modules = load(key, StopFlag().check).modules
    counted = {name: sum(p.numel() for p in part.parameters()) for name, part in modules.items()}
    catalog = {part.name: part.parameter_count for part in RECIPE.components if part.weights}
    assert counted == catalog


def test_its_tokenizer_knows_common_words_and_spells_the_rest() -> None:
    tokenizer = engine.tokenizer(demo_weights() / "tokenizer")

    def pieces(text: str) -> list[str]:
        return list(tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids))

    assert pieces("A red cat walks") == ["▁A", "▁red", "▁cat", "▁walk", "s", "</s>"]
    assert pieces("Zürich") == ["▁", "Z", "<unk>", "r", "i", "c", "h", "</s>"]
