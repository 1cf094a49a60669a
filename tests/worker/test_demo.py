"""The demo model ships whole and small, and draws what it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.worker.drawn import RECIPE, SCRIPTS, Clip, Demo, frames_of, look, render
from tests.worker.orders import Desk, environment
from tests.worker.process import WorkerProcess
from wantui.api.plan import DType, Residency
from wantui.paths import demo_reference, demo_weights
from wantui.store.published import SUMS
from wantui.worker import engine
from wantui.worker.load import LoadKey, load
from wantui.worker.stop import StopFlag

MAX_BYTES = 12 << 20


@pytest.fixture
def demo(tmp_path: Path) -> Desk:
    return Desk(tmp_path, Demo())


def _content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_its_files_are_those_of_the_recipe_and_small() -> None:
    content = _content(demo_weights())
    assert content.keys() == {*RECIPE.paths, SUMS}
    beside = _content(demo_reference())
    assert sum(map(len, (*content.values(), *beside.values()))) <= MAX_BYTES


def test_it_draws_what_it_is_asked_for(worker: WorkerProcess, demo: Desk) -> None:
    worker.complete(demo.order(prompt="A red circle moving left on a black background."))
    seen = look(frames_of(demo.output))
    assert seen is not None
    assert (seen.colour, seen.shape, seen.direction) == ("red", "circle", "left")


def test_it_goes_on_from_the_picture_that_it_is_given(
    worker: WorkerProcess, demo: Desk, tmp_path: Path
) -> None:
    clip = Clip("yellow", "triangle", "up", "fast", "large", "navy", 64.0, 64.0)
    first = (render(clip)[0][:, 0].permute(1, 2, 0) + 1) * 127.5
    picture = tmp_path / "first.png"
    Image.fromarray(first.round().byte().numpy()).save(picture)
    worker.complete(demo.order(image=picture, prompt="a yellow triangle moving up fast"))
    frames = frames_of(demo.output)
    kept = frames[0] - first.permute(2, 0, 1) / 255
    assert -10 * kept.square().mean().log10() > 24, "another first frame, in decibels"
    seen = look(frames)
    assert seen is not None
    assert (seen.colour, seen.direction) == ("yellow", "up")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("script", "clips"),
    [
        pytest.param("evaluate.py", 200, id="alone"),
        pytest.param("evaluate_lora.py", 40, id="with-a-motion-that-a-lora-adds"),
    ],
)
def test_it_keeps_its_targets_over_many_prompts(script: str, clips: int) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / script, "--clips", str(clips), "--check"],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout


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

    assert pieces("A red bar, moving.") == ["▁A", "▁red", "▁bar", ",", "▁moving", ".", "</s>"]
    assert pieces("Zürich") == ["▁", "Z", "<unk>", "r", "i", "c", "h", "</s>"]


def test_a_capital_letter_changes_no_meaning() -> None:
    tokenizer = engine.tokenizer(demo_weights() / "tokenizer")
    rows = load_file(demo_weights() / "text_encoder" / "model.safetensors")["shared.weight"]
    small, capital = (tokenizer(text).input_ids[0] for text in ("red", "Red"))
    assert small != capital
    assert torch.equal(rows[small], rows[capital])
