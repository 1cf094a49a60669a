"""The three repositories as they are published: what is fetched, and what their structure tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fetcher.process import fetcher, pull
from tests.hub import File, Hub, Repository, running_hub
from tests.layouts import UNWANTED, layout_of, one_tensor
from wantui.api.download import Depth
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.paths import shipped_config
from wantui.pipe.fetch import Checked, FileToVerify, Outcome, VerifyFiles
from wantui.store.structure import problems

RECIPES = [recipe for recipe in Catalog.load(shipped_config()).recipes if recipe.repository]
SHARDS = {"t2v-a14b": (12, 12, 3), "i2v-a14b": (12, 12, 3), "ti2v-5b": (5, 3)}
T2V = next(recipe for recipe in RECIPES if recipe.id == "t2v-a14b")
SHARD = "transformer_2/diffusion_pytorch_model-00007-of-00012.safetensors"
INDEX = "transformer_2/diffusion_pytorch_model.safetensors.index.json"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


def added(hub: Hub, recipe: Recipe) -> Repository:
    assert recipe.repository is not None
    return hub.add(Repository(recipe.repository, layout_of(recipe)))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.id)
def test_a_repository_is_fetched_whole_and_nothing_besides(
    hub: Hub, tmp_path: Path, recipe: Recipe
) -> None:
    repository = added(hub, recipe)
    done = pull(hub, tmp_path, recipe.paths, repository=repository.id)
    folder = Path(done.folder)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == set(recipe.paths) == set(repository.files) - set(UNWANTED)
    shards = [part.weights.shards for part in recipe.components if part.weights]
    assert tuple(count for count in shards if count > 1) == SHARDS[recipe.id]
    assert problems(folder, recipe.paths) == {}


def written(folder: Path, files: dict[str, File]) -> Path:
    for path, file in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(file.content)
    return folder


def index_without(files: dict[str, File], shard: str) -> File:
    document = json.loads(files[INDEX].content)
    name = shard.rpartition("/")[2]
    kept = {key: value for key, value in document["weight_map"].items() if value != name}
    return File(json.dumps({**document, "weight_map": kept}).encode(), lfs=False)


@pytest.mark.parametrize(
    ("path", "content", "blamed"),
    [
        pytest.param(SHARD, one_tensor("blocks.0.weight", bytes(8)), SHARD, id="another's keys"),
        pytest.param(SHARD, b"\x08\0\0\0\0\0\0\0{}", SHARD, id="cut"),
        pytest.param(SHARD, bytes(300), SHARD, id="zeros"),
        pytest.param(SHARD, one_tensor("scaled_fp8", bytes(8)), SHARD, id="ComfyUI's fp8"),
        pytest.param(INDEX, b"{", INDEX, id="half an index"),
        pytest.param(INDEX, b'{"weight_map": {}}', INDEX, id="an empty index"),
        pytest.param(INDEX, b'{"weight_map": {"a": "../x"}}', INDEX, id="a path in an index"),
        pytest.param(INDEX, None, INDEX, id="a shard that the index does not name"),
        pytest.param("vae/config.json", b"[]", "vae/config.json", id="no object"),
        pytest.param("model_index.json", b"{}", "model_index.json", id="no components"),
    ],
)
def test_structure_blames_the_file_that_is_wrong(
    tmp_path: Path, path: str, content: bytes | None, blamed: str
) -> None:
    files = layout_of(T2V)
    files[path] = index_without(files, SHARD) if content is None else File(content)
    assert set(problems(written(tmp_path, files), T2V.paths)) == {blamed}


def test_a_download_that_is_not_whole_yet_is_blamed_for_nothing(tmp_path: Path) -> None:
    files = {path: file for path, file in layout_of(T2V).items() if path != SHARD}
    assert problems(written(tmp_path, files), T2V.paths) == {}


@pytest.mark.parametrize("depth", [Depth.CONTENT, Depth.DEEP])
def test_the_fetcher_says_of_every_file_what_it_is(hub: Hub, tmp_path: Path, depth: Depth) -> None:
    files = layout_of(T2V)
    folder = written(tmp_path / "weights", files)
    (folder / SHARD).write_bytes(files[SHARD].content[:-1] + b"\x01")
    unvouched = "vae/config.json"
    wanted = tuple(
        FileToVerify(path=path, digest=None if path == unvouched else files[path].digest)
        for path in T2V.paths
    )
    order = VerifyFiles(folder=str(folder), files=wanted, depth=depth, proven=(), threads=2)
    with fetcher(hub, tmp_path) as running:
        running.send(order)
        checked = list(running.checked())
    outcomes = {report.path: report.outcome for report in checked}
    assert outcomes.pop(SHARD) is Outcome.CORRUPT
    assert outcomes.pop(unvouched) is Outcome.SOUND
    assert set(outcomes.values()) == {Outcome.VERIFIED}
    assert len(outcomes) == len(T2V.paths) - 2
    assert all(isinstance(report, Checked) for report in checked)
    assert not hub.seen
