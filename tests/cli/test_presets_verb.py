"""`wantui presets` and `generate --preset`: saved by name, options over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command import document, wantui
from wantui.client.presets import Presets
from wantui.paths import Paths

TINY = {"model": "demo", "size": "32x32", "frames": 5, "steps": 2}


@pytest.fixture
def presets(environment: dict[str, str]) -> Presets:
    kept = Presets(Paths.from_environment(environment).presets)
    kept.path.unlink(missing_ok=True)
    return kept


def test_options_go_over_a_preset(environment: dict[str, str], presets: Presets) -> None:
    presets.save("small", {**TINY, "prompt": "boats", "seed": 3, "mood": "grim"})
    done = wantui(environment, "generate", "--preset", "small", "--steps", "3", "--hold", "--json")
    assert '"prompt": "boats"' in done.stdout
    assert '"steps": 3' in done.stdout
    assert '"seed": 3' in done.stdout
    assert "mood means nothing here" in done.stderr


def test_a_preset_may_have_a_picture_and_a_count(
    environment: dict[str, str], presets: Presets, tmp_path: Path
) -> None:
    picture = tmp_path / "red.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    presets.save("three", {**TINY, "image": str(picture), "count": 3, "seed": 3})
    jobs = document(environment, "generate", "boats", "--preset", "three", "--hold")["jobs"]
    assert [job["params"]["seed"] for job in jobs] == [3, 4, 5]
    assert {job["params"]["image"]["format"] for job in jobs} == {"png"}


def test_a_job_s_request_becomes_a_preset_that_makes_more_of_it(
    environment: dict[str, str], presets: Presets
) -> None:
    options = ["--model", "demo", "--size", "32x32", "--frames", "5", "--steps", "2", "--seed", "7"]
    job = document(environment, "generate", "boats", *options, "--hold")
    assert "no presets" in wantui(environment, "presets").stderr
    wantui(environment, "presets", "save", "more", str(job["id"]))
    refused = wantui(environment, "presets", "save", "more", str(job["id"]), exits=2)
    assert "--force replaces it" in refused.stderr
    assert "boats" in wantui(environment, "presets", "ls").stdout
    assert 'size = "32x32"' in wantui(environment, "presets", "show", "more").stdout
    again = document(environment, "generate", "--preset", "more", "--seed", "7", "--hold")
    assert again["params"] == job["params"]
    assert again["encoding"] == job["encoding"]
    wantui(environment, "presets", "rm", "more")
    assert document(environment, "presets", "ls")["presets"] == {}


@pytest.mark.parametrize(
    ("fields", "options", "said"),
    [
        ({}, ["--preset", "nobody", "x"], "no preset is called 'nobody'"),
        (TINY, ["--preset", "p"], "there is no prompt"),
        (TINY, ["--preset", "p", "--file", "jobs.toml"], "--preset is for one prompt"),
        ({**TINY, "count": "many"}, ["--preset", "p", "x"], "count is no number of jobs"),
        ({**TINY, "loras": 5}, ["--preset", "p", "x"], "loras are no list of LoRAs"),
        ({**TINY, "steps": "many"}, ["--preset", "p", "x"], "steps"),
    ],
)
def test_what_cannot_be_is_told(
    environment: dict[str, str],
    presets: Presets,
    fields: dict[str, object],
    options: list[str],
    said: str,
) -> None:
    presets.save("p", fields)
    done = wantui(environment, "generate", *options, "--hold", exits=2)
    assert said in done.stderr


def test_a_broken_file_is_told_with_its_line(environment: dict[str, str], presets: Presets) -> None:
    presets.path.parent.mkdir(parents=True, exist_ok=True)
    presets.path.write_text("[a]\nb = \n", "utf-8")
    try:
        done = wantui(environment, "presets", exits=2)
        assert "presets.toml: " in done.stderr
        assert "line 2" in done.stderr
    finally:
        presets.path.unlink()
