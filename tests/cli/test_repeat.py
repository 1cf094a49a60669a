"""`wantui generate --from FILE.mp4` makes the same frames again, and says where it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.command import TINY, document, wantui
from tests.running import RunningDaemon
from wantui.client.mp4 import read_comment


@pytest.fixture
def clip(environment: dict[str, str], tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A video with odd values, and its job."""
    path = tmp_path / "clip.mp4"
    options = ["--guidance", "4.7", "--shift", "3.3", "--fps", "6", "--sampler", "dpm++"]
    words = ['a "red" 狐\non two lines', "--negative", "", "-o", str(path)]
    return path, document(environment, "generate", *words, *TINY[:-2], *options)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "first.png"
    gradient = Image.linear_gradient("L").resize((96, 64))
    Image.merge("RGB", (gradient, gradient, gradient.rotate(90))).save(path)
    return path


def altered(clip: Path, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same video with another comment of the same length."""
    told = read_comment(clip)
    assert told is not None
    made = json.loads(told)
    change(made)
    new = json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()
    old = told.encode()
    assert len(new) <= len(old)
    path = folder / "altered.mp4"
    path.write_bytes(clip.read_bytes().replace(old, new.ljust(len(old))))
    return path


def test_a_repeat_has_the_frames_of_the_first(
    environment: dict[str, str], clip: tuple[Path, dict[str, Any]]
) -> None:
    path, first = clip
    done = wantui(environment, "generate", "--from", str(path), "--json")
    again = json.loads(done.stdout)
    assert again["id"] != first["id"]
    assert again["params"] == first["params"]
    assert again["output"]["frames_sha256"] == first["output"]["frames_sha256"]
    assert f"the same frames as job {first['id']}'s" in done.stderr
    assert "warning: made" not in done.stderr
    assert "instead of" not in done.stderr


def test_what_is_given_beside_it_takes_the_place_of_the_clips_and_is_said(
    environment: dict[str, str], clip: tuple[Path, dict[str, Any]]
) -> None:
    path, first = clip
    options = ["--steps", "3", "--sampler", "euler", "--detach", "--json"]
    done = wantui(environment, "generate", "a fox", "--from", str(path), *options)
    params = json.loads(done.stdout)["params"]
    changed = {"prompt": "a fox", "steps": 3, "sampler": "euler"}
    assert params == first["params"] | changed
    told = [line for line in done.stderr.splitlines() if "instead of" in line]
    assert told == [
        'prompt: a fox instead of the clip\'s a "red" 狐 on two lines',
        "steps: 3 instead of the clip's 2",
        "sampler: euler instead of the clip's dpm++",
    ]


def test_what_differs_here_is_told_before_anything_is_made(
    environment: dict[str, str], clip: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    def older(made: dict[str, Any]) -> None:
        made["wantui"] = "0"
        made["versions"]["torch"] = "1.9"
        made["plan"]["device_name"] = "GPU"
        made["weights"]["vae/config.json"] = "ab" * 32

    path = altered(clip[0], tmp_path, older)
    done = wantui(environment, "generate", "--from", str(path), "--hold")
    told = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert [line.removeprefix("warning: ").split(",")[0] for line in told] == [
        "made by wantui 0",
        "made with torch 1.9",
        "made on GPU",
        "made with other weights: vae/config.json of demo",
        "an exact repeat is not guaranteed",
    ]
    wantui(environment, "cancel", done.stdout.strip())


def test_a_picture_comes_from_the_folder_of_the_job_that_had_it(
    environment: dict[str, str], daemon: RunningDaemon, picture: Path, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    words = ["it moves", "--image", str(picture), "-o", str(path)]
    first = document(environment, "generate", *words, *TINY)
    upload = daemon.paths.uploads / first["params"]["image"]["sha256"]
    upload.unlink()  # as if a day had gone by
    picture.unlink()
    done = wantui(environment, "generate", "--from", str(path), "--json")
    again = json.loads(done.stdout)
    assert again["params"] == first["params"]
    assert again["output"]["frames_sha256"] == first["output"]["frames_sha256"]
    assert f"the same frames as job {first['id']}'s" in done.stderr


def test_a_picture_that_is_nowhere_is_asked_for_and_checked(
    environment: dict[str, str], daemon: RunningDaemon, picture: Path, tmp_path: Path
) -> None:
    path, kept = tmp_path / "clip.mp4", picture.read_bytes()
    words = ["it moves", "--image", str(picture), "-o", str(path)]
    first = document(environment, "generate", *words, *TINY)
    sha256 = first["params"]["image"]["sha256"]
    for copy in (daemon.paths.uploads / sha256, *daemon.paths.jobs.glob("*/image.png")):
        if copy.exists() and copy.read_bytes() == kept:
            copy.unlink()
    asked = document(environment, "generate", "--from", str(path), exits=2)
    assert asked["error"]["code"] == "invalid_image"
    assert f"give it: --image FILE, the one with sha256 {sha256}" in asked["error"]["hint"]

    other = tmp_path / "other.png"
    Image.new("RGB", (96, 64), "red").save(other)
    repeat = ("generate", "--from", str(path), "--image")
    refused = document(environment, *repeat, str(other), exits=2)
    assert "not the picture" in refused["error"]["message"]
    again = document(environment, *repeat, str(picture))
    assert again["output"]["frames_sha256"] == first["output"]["frames_sha256"]


@pytest.mark.parametrize("content", [b"", b"no mp4", None], ids=["empty", "garbage", "absent"])
def test_what_is_no_video_of_ours_is_refused(
    environment: dict[str, str], tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "x.mp4"
    if content is not None:
        path.write_bytes(content)
    refused = document(environment, "generate", "--from", str(path), exits=2)
    assert refused["error"]["code"] == "invalid_request"
    assert str(path) in refused["error"]["message"]


def test_without_a_prompt_there_must_be_a_clip(environment: dict[str, str]) -> None:
    refused = document(environment, "generate", exits=2)
    assert refused["error"]["message"] == "there is no prompt"
