"""What is said of weights on disk, on real caches of sparse files, healthy and strange."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import try_to_load_from_cache
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gguf_files import write_gguf
from tests.unit.hub_cache import COMMIT, OTHER, HubRepository, safetensors
from wantui.api.model import ComponentStatus, WeightsState, WeightsStatus
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.errors import WeightsAbsent
from wantui.paths import demo_weights, shipped_config
from wantui.pipe.fetch import Outcome
from wantui.pipe.file import StatKey
from wantui.store.scan import scan, weights_files
from wantui.store.structure import problems
from wantui.store.verdicts import Verdict, Verdicts


def uncounted(recipe: Recipe) -> Recipe:
    """As a user writes one whose parameters nobody published."""
    parts = [part.model_copy(update={"parameter_count": None}) for part in recipe.components]
    return recipe.model_copy(update={"components": tuple(parts)})


CATALOG = Catalog.load(shipped_config())
TI2V = CATALOG.model("ti2v-5b")
DEMO = uncounted(CATALOG.model("demo"))


def size_of(recipe: Recipe, path: str) -> int:
    """As published, in equal shards; the files besides are 10 bytes."""
    name = path.partition("/")[0]
    part = next((part for part in recipe.components if part.name == name), None)
    if part is None or part.weights is None or not path.endswith(".safetensors"):
        return 10
    assert part.weights.bytes is not None
    return part.weights.bytes // part.weights.shards + 1000  # and a header


def whole(
    hub_cache: Path, revision: str = COMMIT, recipe: Recipe = TI2V, but: tuple[str, ...] = ()
) -> HubRepository:
    assert recipe.repository is not None
    made = HubRepository(hub_cache, recipe.repository)
    for path in recipe.paths:
        if path not in but:
            made.add(path, size_of(recipe, path), revision)
    return made


def look(hub_cache: Path, recipe: Recipe = TI2V) -> WeightsStatus:
    return scan(recipe, hub_cache, hub_cache / "no-demo", Verdicts())


def part(status: WeightsStatus, name: str) -> ComponentStatus:
    return next(part for part in status.components if part.name == name)


def test_an_empty_cache_is_absent_and_says_what_is_needed(tmp_path: Path) -> None:
    status = look(tmp_path / "never made")
    assert status.state is WeightsState.ABSENT
    assert (status.folder, status.revision, status.bytes_present) == (None, None, 0)
    assert status.bytes_needed == pytest.approx(34.2e9, rel=0.002)
    assert status.get_command == "wantui pull ti2v-5b"
    assert part(status, "vae").missing == (
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    )


def test_a_whole_download_is_present_to_the_byte(tmp_path: Path) -> None:
    repository = whole(tmp_path)
    repository.ref("main")
    status = look(tmp_path)
    assert status.state is WeightsState.UNVERIFIED
    assert status.folder == str(repository.snapshot())
    assert status.revision == COMMIT
    assert {part.state for part in status.components} == {WeightsState.UNVERIFIED}
    expected = sum(size_of(TI2V, path) for path in TI2V.paths)
    assert status.bytes_present == status.bytes_needed == expected
    assert part(status, "transformer").parameter_count == 4_999_787_712


def test_the_hubs_own_client_finds_the_files_of_these_caches(tmp_path: Path) -> None:
    repository = whole(tmp_path)
    repository.ref("main")
    assert TI2V.repository is not None
    for path in TI2V.paths:
        found = try_to_load_from_cache(TI2V.repository, path, cache_dir=tmp_path)
        assert found == str(repository.snapshot() / path)


def test_a_missing_shard_makes_its_component_partial_and_is_named(tmp_path: Path) -> None:
    shard = "transformer/diffusion_pytorch_model-00003-of-00005.safetensors"
    whole(tmp_path, but=(shard,)).ref("main")
    status = look(tmp_path)
    transformer = part(status, "transformer")
    assert status.state is transformer.state is WeightsState.PARTIAL
    assert transformer.missing == (shard,)
    weights = next(part for part in TI2V.components if part.name == "transformer").weights
    assert weights is not None
    assert weights.bytes is not None
    assert transformer.bytes_needed - transformer.bytes_present == pytest.approx(
        weights.bytes / 5, abs=5000
    )
    assert part(status, "vae").state is WeightsState.UNVERIFIED


def test_a_missing_small_file_needs_no_more_bytes(tmp_path: Path) -> None:
    whole(tmp_path, but=("transformer/config.json",)).ref("main")
    transformer = part(look(tmp_path), "transformer")
    assert transformer.state is WeightsState.PARTIAL
    assert transformer.bytes_needed == transformer.bytes_present


def test_a_missing_index_alone_makes_the_model_partial(tmp_path: Path) -> None:
    whole(tmp_path, but=("model_index.json",)).ref("main")
    status = look(tmp_path)
    assert status.state is WeightsState.PARTIAL
    assert {part.state for part in status.components} == {WeightsState.UNVERIFIED}


def test_a_blob_that_two_names_of_a_component_lead_to_counts_once(tmp_path: Path) -> None:
    repository = HubRepository(tmp_path, "Wan-AI/Wan2.2-TI2V-5B-Diffusers")
    for name in ("special_tokens_map.json", "tokenizer.json"):
        repository.add(f"tokenizer/{name}", 100, blob="same")
    repository.add("tokenizer/spiece.model", 7)
    assert part(look(tmp_path), "tokenizer").bytes_present == 107


def test_the_pinned_revision_comes_before_main_and_main_before_an_older_whole_one(
    tmp_path: Path,
) -> None:
    repository = whole(tmp_path, COMMIT)
    whole(tmp_path, OTHER)
    repository.ref("main", OTHER + "\n")
    assert look(tmp_path).revision == OTHER
    repository.ref("wantui-pin", COMMIT)
    assert look(tmp_path).revision == COMMIT


def test_a_pin_whose_snapshot_is_gone_pins_nothing(tmp_path: Path) -> None:
    repository = whole(tmp_path)
    repository.ref("wantui-pin", OTHER)
    repository.ref("main")
    assert look(tmp_path).state is WeightsState.UNVERIFIED


def test_a_main_that_another_tool_moved_does_not_hide_the_whole_revision(tmp_path: Path) -> None:
    repository = whole(tmp_path, COMMIT)
    repository.add("model_index.json", 10, OTHER)
    repository.ref("main", OTHER)
    assert look(tmp_path).revision == COMMIT


def test_without_refs_it_is_the_fullest_revision_and_then_the_newest(tmp_path: Path) -> None:
    repository = whole(tmp_path, COMMIT)
    repository.add("model_index.json", 10, OTHER)
    os.utime(repository.snapshot(OTHER), (2_000_000_000, 2_000_000_000))
    assert look(tmp_path).revision == COMMIT
    whole(tmp_path, "c" * 40)
    os.utime(repository.snapshot(COMMIT), (1, 1))
    assert look(tmp_path).revision == "c" * 40


@pytest.mark.parametrize(
    "strangeness",
    ["broken link", "loop", "folder", "fifo", "empty", "unreadable folder", "a file above"],
)
def test_what_is_no_file_with_bytes_counts_as_missing(tmp_path: Path, strangeness: str) -> None:
    path = "vae/diffusion_pytorch_model.safetensors"
    repository = whole(tmp_path, but=(path,))
    repository.ref("main")
    at = repository.snapshot() / path
    if strangeness == "broken link":
        at.symlink_to("../../../blobs/gone")
    elif strangeness == "loop":
        at.symlink_to(at.name)
    elif strangeness == "folder":
        at.mkdir()
    elif strangeness == "fifo":
        os.mkfifo(at)
    elif strangeness == "empty":
        at.touch()
    elif strangeness == "unreadable folder":
        at.parent.chmod(0)
    else:
        (at.parent / "config.json").unlink()
        at.parent.rmdir()
        at.parent.touch()
    try:
        status = look(tmp_path)
    finally:
        if strangeness == "unreadable folder":
            at.parent.chmod(0o700)
    assert status.state is WeightsState.PARTIAL
    assert path in part(status, "vae").missing


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../etc", b"a/b", b"x" * 400, b"\0"])
def test_a_ref_that_makes_no_sense_is_no_ref(tmp_path: Path, content: bytes) -> None:
    repository = whole(tmp_path)
    repository.ref("main", content)
    repository.ref("wantui-pin", content)
    assert look(tmp_path).state is WeightsState.UNVERIFIED


def test_refs_and_snapshots_of_the_wrong_kind_are_no_failure(tmp_path: Path) -> None:
    repository = whole(tmp_path)
    (repository.folder / "refs" / "main").mkdir(parents=True)
    os.mkfifo(repository.folder / "refs" / "wantui-pin")
    (repository.folder / "snapshots" / "a-file").touch()
    (repository.folder / "snapshots" / ("c" * 40)).symlink_to("nowhere")
    (repository.folder / "snapshots" / os.fsdecode(b"\xff\xfe")).mkdir()
    (repository.folder / "blobs" / "x.1234abcd.incomplete").touch()
    assert look(tmp_path).state is WeightsState.UNVERIFIED


def test_a_snapshots_folder_that_is_a_file_is_an_empty_cache(tmp_path: Path) -> None:
    repository = HubRepository(tmp_path, "Wan-AI/Wan2.2-TI2V-5B-Diffusers")
    repository.folder.mkdir()
    (repository.folder / "snapshots").touch()
    assert look(tmp_path).state is WeightsState.ABSENT


def test_a_cache_whose_path_no_json_can_carry_is_absent(tmp_path: Path) -> None:
    hub_cache = tmp_path / os.fsdecode(b"\xff")
    whole(hub_cache).ref("main")
    status = look(hub_cache)
    assert status.state is WeightsState.ABSENT
    assert status.model_dump_json()


@settings(max_examples=40)
@given(there=st.sets(st.sampled_from(TI2V.paths)))
def test_state_and_missing_agree_with_the_files_there(
    tmp_path_factory: pytest.TempPathFactory, there: set[str]
) -> None:
    hub_cache = tmp_path_factory.mktemp("cache")
    whole(hub_cache, but=tuple(set(TI2V.paths) - there))
    status = look(hub_cache)
    missing = {path for part in status.components for path in part.missing}
    assert missing == set(TI2V.paths) - there - {"model_index.json"}
    assert (status.state is WeightsState.ABSENT) == (not there)
    assert (status.state is WeightsState.UNVERIFIED) == (there == set(TI2V.paths))
    assert status.bytes_present <= status.bytes_needed


def demo_folder(folder: Path) -> Path:
    """Weights of the demo's recipe: 10 + 6 + 8 parameters."""
    shapes = {"transformer": [10], "vae": [2, 3], "text_encoder": [8]}
    for path in DEMO.paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        content = safetensors({"w": shapes[path.split("/")[0]]}) if "safetensors" in path else b"{}"
        target.write_bytes(content)
    return folder


def test_the_shipped_demo_is_whole_and_has_the_parameters_that_the_catalog_says(
    tmp_path: Path,
) -> None:
    told = scan(CATALOG.model("demo"), tmp_path, demo_weights(), Verdicts())
    assert told.state is WeightsState.UNVERIFIED
    assert scan(DEMO, tmp_path, demo_weights(), Verdicts()).components == told.components


def test_parameters_that_nobody_published_are_counted_from_the_files(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path / "weights")
    status = scan(DEMO, tmp_path / "hub", folder, Verdicts())
    assert status.state is WeightsState.UNVERIFIED
    assert (status.folder, status.revision, status.get_command) == (str(folder), None, None)
    assert {part.name: part.parameter_count for part in status.components} == {
        "transformer": 10,
        "vae": 6,
        "text_encoder": 8,
        "tokenizer": None,
        "scheduler": None,
    }


def test_damaged_weights_are_counted_as_unknown(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path)
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"damaged")
    status = scan(DEMO, tmp_path / "hub", folder, Verdicts())
    assert part(status, "vae").parameter_count is None
    assert part(status, "transformer").parameter_count == 10


def test_a_demo_that_did_not_ship_is_absent(tmp_path: Path) -> None:
    status = scan(DEMO, tmp_path, tmp_path / "absent", Verdicts())
    assert (status.state, status.folder) == (WeightsState.ABSENT, None)


def test_weights_files_are_absolute_with_the_stat_of_what_they_lead_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = whole(tmp_path)
    monkeypatch.chdir(tmp_path)
    files = weights_files(TI2V, repository.snapshot().relative_to(tmp_path), Verdicts())
    assert [file.path for file in files] == [
        str(repository.snapshot() / path) for path in TI2V.paths
    ]
    for file in files:
        assert file.is_still(Path(file.path).resolve().stat())


def test_a_file_that_went_is_named_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    repository = whole(tmp_path, but=("vae/config.json", "scheduler/scheduler_config.json"))
    with pytest.raises(WeightsAbsent, match=r"vae/config\.json") as caught:
        weights_files(TI2V, repository.snapshot(), Verdicts())
    assert "wantui pull ti2v-5b" in caught.value.hint


def quantised(file: Path) -> Recipe:
    """TI2V-5B with its expert in this GGUF file."""
    entry = TI2V.model_dump(mode="json")
    entry["components"][0] |= {"weights": None, "gguf": str(file)}
    return Recipe.model_validate({**entry, "id": "q8"})


def test_a_gguf_file_outside_of_the_repository_is_part_of_the_model(tmp_path: Path) -> None:
    """In the snapshot of another repository its link says what it must hash to."""
    other = HubRepository(tmp_path, "Someone/GGUF")
    blob = other.add("HighNoise/q8.gguf", 1234)
    recipe = quantised(other.snapshot() / "HighNoise" / "q8.gguf")
    repository = HubRepository(tmp_path, TI2V.repository or "")
    for path in recipe.repository_paths:
        repository.add(path)
    verdicts = Verdicts()
    verdicts.learn(Verdict(StatKey.of(blob.stat()), Outcome.VERIFIED, blob.name, None, 1.0))
    status = scan(recipe, tmp_path, tmp_path / "no-demo", verdicts)
    expert = part(status, "transformer")
    assert (expert.missing, expert.bytes_present) == ((), 1234 + 10)
    assert expert.parameter_count == 4_999_787_712
    found = next(file for file in status.files if file.path.endswith("q8.gguf"))
    assert (found.state, found.digest) == (WeightsState.VERIFIED, blob.name)
    assert status.state is WeightsState.UNVERIFIED
    wanted = weights_files(recipe, repository.snapshot(), verdicts)
    assert found.path in [file.path for file in wanted]


def test_a_gguf_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    recipe = quantised(tmp_path / "q8.gguf")
    repository = HubRepository(tmp_path, TI2V.repository or "")
    for path in recipe.repository_paths:
        repository.add(path)
    status = look(tmp_path, recipe)
    assert status.state is WeightsState.PARTIAL
    assert part(status, "transformer").missing == (str(tmp_path / "q8.gguf"),)


def test_the_structure_of_a_gguf_file_is_looked_at_wherever_it_is(tmp_path: Path) -> None:
    sound, cut = tmp_path / "elsewhere.gguf", tmp_path / "model" / "q8" / "a.gguf"
    for path in (sound, cut):
        write_gguf(path, {"w": np.ones((2, 64), np.float32)}, name=str)
    cut.write_bytes(cut.read_bytes()[:-40])
    (tmp_path / "model" / "model_index.json").write_text('{"vae": ["diffusers", "V"]}')
    found = problems(tmp_path / "model", ["model_index.json", str(sound), "q8/a.gguf"])
    assert found.keys() == {"q8/a.gguf"}
    assert "'w' ends at" in found["q8/a.gguf"]
