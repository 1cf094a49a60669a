"""`wantui get`: the video, or what else there is to see of a job."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.command import TINY, document, wantui


def test_frames_and_thumbnail_come_over_the_socket(
    environment: dict[str, str], tmp_path: Path
) -> None:
    options = ["--png", "--codec", "hevc", "--crf", "30"]
    job = document(environment, "generate", "a red circle", *TINY, *options)
    assert job["encoding"] == {"codec": "h265", "crf": 30, "preset": "medium", "png": True}
    shown = wantui(environment, "job", str(job["id"])).stdout
    assert "h265, crf 30, medium, and PNG frames" in shown
    assert job["output"]["frames_folder"] in shown

    folder = tmp_path / "frames"
    got = wantui(environment, "get", str(job["id"]), "--frames", "-o", str(folder))
    assert got.stdout == f"{folder}\n"
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with Image.open(path) as frame:
            digest.update(np.asarray(frame).tobytes())
    assert digest.hexdigest() == job["output"]["frames_sha256"]
    again = wantui(environment, "get", str(job["id"]), "--frames", "-o", str(folder), exits=2)
    assert "is not empty" in again.stderr
    wantui(environment, "get", str(job["id"]), "--frames", "-o", str(folder), "--force")

    target = tmp_path / "small.webp"
    wantui(environment, "get", str(job["id"]), "--thumbnail", "-o", str(target))
    with Image.open(target) as thumbnail:
        assert thumbnail.size == (256, 256)
    wantui(environment, "get", str(job["id"]), "--proxy", "-o", str(target), "--force")
    with Image.open(target) as proxy:
        assert getattr(proxy, "n_frames", 1) > 1


@pytest.mark.parametrize(
    ("options", "said", "status"),
    [
        (["--frames"], "kept no frames", 1),
        (["--preview"], "has no preview: it is completed", 1),
        (["--preview", "--frames"], "one at a time", 2),
    ],
)
def test_what_is_not_there_is_named_and_nothing_is_made(
    environment: dict[str, str],
    finished: int,
    tmp_path: Path,
    options: list[str],
    said: str,
    status: int,
) -> None:
    target = tmp_path / "x"
    done = wantui(environment, "get", str(finished), *options, "-o", str(target), exits=status)
    assert said in done.stderr
    assert not list(tmp_path.iterdir())
