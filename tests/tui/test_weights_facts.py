"""A model's weights to the last file, and what is asked before some come or go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests import made
from tests.tui.conftest import Unconnected
from tests.tui.screens import show, text
from tests.tui.snapshot import compare
from wantui.api.download import Download, DownloadAction, DownloadState, PullPlan, Source
from wantui.api.model import FileStatus, ModelStatus, WeightsState
from wantui.api.removal import Removal, Removals
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.keys import Keys
from wantui.tui.screens.models import model_row, no_load
from wantui.tui.tone import Tone
from wantui.tui.weights_facts import (
    cancel_question,
    moving,
    next_keys,
    nothing_to_pull,
    pull_question,
    removal_question,
    variant_facts,
    weights_facts,
)
from wantui.tui.widgets.pulling import progress_line

GB = made.GB
ACCEPT_AT = "https://hub.example/owner/repo"


def download(state: DownloadState = DownloadState.RUNNING, **fields: Any) -> Download:
    values: dict[str, Any] = {
        "model": "i2v-a14b",
        "repository": "owner/repo",
        "license": "apache-2.0",
        "bytes_done": 42 * GB,
        "bytes_total": 126 * GB,
        "created_at": made.NOW,
    }
    if state is DownloadState.RUNNING:
        values |= {"bytes_per_second": 112e6, "eta_s": 750.0}
    return Download(id=1, rev=1, state=state, **{**values, **fields})


def plan(**fields: Any) -> PullPlan:
    values: dict[str, Any] = {
        "model": "i2v-a14b",
        "repository": "owner/repo",
        "commit": "c" * 40,
        "license": "apache-2.0",
        "gated": False,
        "accept_at": None,
        "files": 23,
        "bytes_total": 126 * GB,
        "bytes_to_fetch": 84 * GB,
        "free_bytes": 400 * GB,
    }
    return PullPlan(**{**values, **fields})


def file(path: str, state: WeightsState = WeightsState.VERIFIED, **fields: Any) -> FileStatus:
    values: dict[str, Any] = {"bytes": 4_900_000_000, "digest": "ab" * 32, "checked_at": None}
    if state is WeightsState.ABSENT:
        values["bytes"] = None
    return FileStatus(path=path, state=state, **{**values, **fields})


def with_files(*files: FileStatus, id: str = "i2v-a14b") -> ModelStatus:
    model = made.model(id, WeightsState.PARTIAL)
    weights = model.weights.model_copy(update={"files": files})
    return model.model_copy(update={"weights": weights})


def test_every_file_is_listed_under_its_component_with_its_state_in_a_word() -> None:
    model = with_files(
        file("transformer/a.safetensors"),
        file("transformer/b.safetensors", WeightsState.CORRUPT, problem="it hashes to another"),
        file("transformer/c.safetensors", WeightsState.ABSENT),
        file("model_index.json", bytes=500),
    )
    told = list(weights_facts(model))
    said = [words for _, (words, _) in told]
    at = next(i for i, (name, _) in enumerate(told) if name == "component")
    assert told[at + 1][1] == ("● verified    4.9 GB a.safetensors", Tone.GOOD)
    assert told[at + 2][1] == ("✗ corrupt     4.9 GB b.safetensors", Tone.BAD)
    assert told[at + 3][1] == ("  it hashes to another", Tone.BAD)
    assert told[at + 4][1] == ("○ absent             c.safetensors", Tone.MUTED)
    assert told[at + 5][0] == "other files"
    assert said[at + 6] == "● verified     500 B model_index.json"


def test_variants_are_the_same_model_in_other_weights() -> None:
    known = [made.model(id, WeightsState.ABSENT) for id in ("t2v-a14b", "t2v-a14b:q8", "ti2v-5b")]
    assert list(variant_facts(known[0], known)) == [
        ("variants", ("t2v-a14b:q8  ○ absent  0 B of 126 GB", Tone.MUTED))
    ]
    assert list(variant_facts(known[2], known)) == []


def test_a_pull_names_license_bytes_disk_and_gating_before_it_begins() -> None:
    model = made.model("i2v-a14b", WeightsState.PARTIAL)
    assert pull_question(plan(), model).split("\n") == [
        "Pull i2v-a14b: 84.0 GB to fetch, 23 files?",
        "in all 126 GB, 400 GB free on the disk",
        "license: apache-2.0",
        "from owner/repo at cccccccccccc",
    ]
    also = Source(repository="other/gguf", commit="d" * 40, license=None, gated=False)
    gated = plan(gated=True, accept_at=ACCEPT_AT, also=(also,), license=None, free_bytes=80 * GB)
    asked = pull_question(gated, model)
    assert "license: Apache-2.0" in asked, "the catalog's, where the hub says none"
    assert "and other/gguf at dddddddddddd" in asked
    assert f"accept its terms at {ACCEPT_AT}, then: hf auth login" in asked
    assert "it does not fit: 4.0 GB more must be free" in asked


def test_what_is_there_is_not_pulled() -> None:
    assert nothing_to_pull(plan(bytes_to_fetch=0), Keys()) == (
        "i2v-a14b: all 126 GB are here; v verifies them"
    )
    assert nothing_to_pull(plan(), Keys()) == ""


def test_a_removal_is_told_to_the_byte_and_who_shares_it() -> None:
    item = Removal(
        repository="owner/repo",
        models=("i2v-a14b", "i2v-a14b:q8"),
        revisions=("c" * 40,),
        partials=0,
        orphans=0,
        freed_bytes=34_204_123_456,
    )
    removals = Removals(done=False, removals=(item,), freed_bytes=34_204_123_456)
    assert removal_question("i2v-a14b", removals).split("\n") == [
        "Remove the weights of i2v-a14b? That frees 34.2 GB.",
        "34,204,123,456 bytes, from owner/repo",
        "also used by i2v-a14b:q8",
    ]


def test_a_row_tells_rate_and_time_while_it_is_pulled() -> None:
    model = made.model("i2v-a14b", WeightsState.PARTIAL)
    cells = [text for text, _ in model_row(model, download()).cells]
    assert cells[1:3] == ["↓ 33%", "112 MB/s, 12:30"]
    paused = [text for text, _ in model_row(model, download(DownloadState.PAUSED)).cells]
    assert paused[1:3] == ["‖ 33%", "pull paused"]
    verify = download(action=DownloadAction.VERIFY, eta_s=None)
    assert moving(verify) == "112 MB/s"


@pytest.mark.parametrize(
    ("state", "keys"),
    [
        (DownloadState.QUEUED, "p pauses, c gives it up"),
        (DownloadState.RUNNING, "p pauses, c gives it up"),
        (DownloadState.PAUSED, "p goes on, c gives it up"),
        (DownloadState.COMPLETED, ""),
    ],
)
def test_a_download_says_its_keys(state: DownloadState, keys: str) -> None:
    assert next_keys(download(state), Keys()) == keys


def test_giving_a_download_up_names_what_came() -> None:
    asked = cancel_question(download())
    assert asked.startswith("Give up the pull of i2v-a14b?\n42.0 GB of 126 GB are there;")


@given(st.integers(30, 200), st.integers(0, 126 * GB), st.sampled_from(DownloadState))
def test_a_download_is_one_line_with_a_bar_where_there_is_room(
    width: int, done: int, state: DownloadState
) -> None:
    said = progress_line(download(state, bytes_done=done), width)
    drawn = [text for text, _ in said if text[:1] in ("━", "─")]
    if drawn:
        assert sum(cell_len(text) for text, _ in said) + 2 * (len(said) - 1) <= width
    assert bool(drawn) or width < 100


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (WeightsState.ABSENT, "weights of i2v-a14b are absent: d pulls them"),
        (WeightsState.PARTIAL, "weights of i2v-a14b are partial: d pulls them"),
        (WeightsState.VERIFIED, ""),
    ],
)
def test_a_model_that_cannot_be_loaded_says_the_next_key(state: WeightsState, why: str) -> None:
    assert no_load(made.model("i2v-a14b", state), Keys()) == why


def test_weights_that_nobody_has_read_are_verified_before_they_are_loaded() -> None:
    model = with_files(file("transformer/a.safetensors"))
    weights = model.weights.model_copy(update={"state": WeightsState.UNVERIFIED})
    assert no_load(model.model_copy(update={"weights": weights}), Keys()) == (
        "nobody has verified i2v-a14b yet: v does, then l loads"
    )


@pytest.mark.anyio
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_model_that_is_pulled_looks_as_it_did(
    app_alone: Unconnected, size: tuple[int, int]
) -> None:
    async with app_alone(size) as pilot:
        status = made.busy()
        pulled = status.model_copy(update={"downloads": (download(),)})
        await show(pilot, pulled, Area.MODELS)
        await pilot.press("j", "j")
        await compare(pilot, f"models-pulling-{size[0]}x{size[1]}")


@pytest.mark.anyio
async def test_the_files_of_a_model_are_a_key_away(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        names = [f"diffusion_pytorch_model-{n:05}-of-00012.safetensors" for n in range(1, 13)]
        files = [file(f"transformer/{name}") for name in names]
        model = with_files(*files, file("vae/w.safetensors", WeightsState.ABSENT))
        await show(pilot, made.status(models=(model,)), Area.MODELS)
        await pilot.press("enter")
        await compare(pilot, "models-files-80x24")
        await pilot.press("G")
        await pilot.pause()
        app = pilot.app
        assert isinstance(app, WantuiApp)
        assert "○ absent             vae/w.safetensors" in text(app)
