"""`wantui generate` without a terminal: what is printed where, what is saved, what is refused."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command import TINY, WANTUI, document, wantui


def test_the_videos_path_is_alone_on_standard_out(environment: dict[str, str]) -> None:
    done = wantui(environment, "generate", "a red circle", *TINY)
    (path,) = done.stdout.splitlines()
    assert Path(path).read_bytes()[4:8] == b"ftyp"
    assert "seed 7" in done.stderr
    assert "denoise" in done.stderr
    assert "completed" in done.stderr
    assert "\r" not in done.stderr


def test_o_copies_the_video_over_the_socket(environment: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "circle.mp4"
    target.write_bytes(b"the last one")
    job = document(environment, "generate", "a red circle", *TINY, "-o", str(target))
    assert job["state"] == "completed"
    assert hashlib.sha256(target.read_bytes()).hexdigest() == job["output"]["sha256"]
    assert [file.name for file in tmp_path.iterdir()] == [target.name]


def test_the_prompt_may_come_from_standard_input_and_the_picture_from_a_file(
    environment: dict[str, str], tmp_path: Path
) -> None:
    picture = tmp_path / "first.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    options = ["--image", str(picture), "--negative", "blur", "--guidance", "4.5", "--fps", "6"]
    prompt = "ein Kreis – 红色\n".encode()
    done = wantui(environment, "generate", "-", *TINY, *options, "--detach", "--json", stdin=prompt)
    assert '"ein Kreis \\u2013 \\u7ea2\\u8272"' in done.stdout
    assert '"guidance": 4.5' in done.stdout
    assert '"negative_prompt": "blur"' in done.stdout
    assert '"fps": 6' in done.stdout
    sha256 = hashlib.sha256(picture.read_bytes()).hexdigest()
    assert f'"sha256": "{sha256}"' in done.stdout


def test_detach_prints_the_id_of_a_job_that_goes_on(environment: dict[str, str]) -> None:
    job_id = wantui(environment, "generate", "a red circle", *TINY, "--detach").stdout.strip()
    waited = document(environment, "wait", job_id)
    assert [(job["id"], job["state"]) for job in waited["jobs"]] == [(int(job_id), "completed")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--image", "/nowhere/first.png"], "there is no file /nowhere/first.png"),
        (["--image", "/"], "/ is not a file"),
        (["-o", "/nowhere/out.mp4"], "there is no folder /nowhere"),
        (["-o", "/"], "/ is a folder"),
        (["-o", "x.mp4", "--detach"], "-o saves what was waited for"),
        (["--guidance", "4,3,2"], "guidance: cannot read '4,3,2'"),
        (["--guidance", "nan"], "guidance"),
        (["--size", "33x32"], "size"),
        (["--negative", b"\xff"], "negative_prompt: it holds half of a surrogate pair"),
        (["-o", f"/{'a' * 300}.mp4"], "File name too long"),
        (["--frames", "6"], "frames"),
        (["--model", "no\x1b[31mmodel"], "model"),
    ],
)
def test_what_cannot_work_is_refused_before_there_is_a_job(
    environment: dict[str, str], options: list[str | bytes], said: str
) -> None:
    before = document(environment, "queue", "--all", "--limit", "1")["jobs"]
    refused = wantui(environment, "generate", "a red circle", *TINY, *options, exits=2)
    assert refused.stdout == ""
    error, hint = refused.stderr.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert hint.startswith("hint: ")
    assert "\x1b" not in refused.stderr
    assert document(environment, "queue", "--all", "--limit", "1")["jobs"] == before


def test_bytes_that_are_no_picture_are_refused(environment: dict[str, str], tmp_path: Path) -> None:
    fake = tmp_path / "first.png"
    fake.write_bytes(b"GIF89a, and no picture")
    refused = document(environment, "generate", "x", *TINY, "--image", str(fake), exits=2)
    assert refused["error"]["code"] == "invalid_image"


def test_a_prompt_that_is_not_utf8_is_refused(environment: dict[str, str]) -> None:
    refused = wantui(environment, "generate", "-", *TINY, stdin=b"caf\xe9", exits=2)
    assert refused.stderr.startswith("error: prompt: standard input is not UTF-8")


def test_a_cancelled_job_fails_the_command_that_waits_for_it(
    environment: dict[str, str], paused: None
) -> None:
    job_id = wantui(environment, "generate", "a red circle", *TINY, "--detach").stdout.strip()
    wantui(environment, "cancel", job_id)
    done = wantui(environment, "wait", job_id, exits=1)
    assert "cancelled" in done.stdout


def test_a_video_that_cannot_be_saved_is_said_to_be_there(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "vanishes"
    folder.mkdir()
    wantui(environment, "pause")
    command = [*WANTUI, "generate", "a red circle", *TINY, "-o", str(folder / "clip.mp4")]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        job_id = waiting.stderr.readline().split()[1].removesuffix(":")
        folder.rmdir()
        wantui(environment, "resume")
        told = waiting.stderr.read()
    assert waiting.returncode == 2
    assert f"error: job {job_id} has its video, but {folder}/clip.mp4: No such file" in told
    assert f"wantui get {job_id} -o FILE" in told
    assert wantui(environment, "get", job_id, "-o", str(tmp_path / "kept.mp4")).returncode == 0


def test_json_names_the_file_that_was_saved(environment: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    told = document(environment, "generate", "a red circle", *TINY, "-o", str(target))
    assert told["saved"] == str(target)
    assert target.is_file()
