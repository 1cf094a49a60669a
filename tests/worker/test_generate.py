"""A real worker makes real videos, and says what it does."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import wantui
from tests.worker.orders import ENCODING, Desk
from tests.worker.process import WorkerProcess
from wantui.api.job import Sampler, Stage
from wantui.api.plan import Residency
from wantui.api.provenance import Provenance
from wantui.api.video import Codec
from wantui.files import TEMPORARY_SUFFIX
from wantui.pipe.messages import Completed, Loaded, Step, Unloaded, Warned


def _probe(path: Path) -> tuple[Any, list[Any]]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        stream = container.streams.video[0]
        facts = {
            "codec": stream.codec_context.name,
            "size": (stream.width, stream.height),
            "fps": stream.average_rate,
            "pixels": stream.pix_fmt,
            "comment": json.loads(container.metadata["comment"]),
        }
    return facts, frames


@pytest.mark.parametrize("kind", ["t2v", "i2v", "ti2v", "ti2v with image"])
def test_an_order_becomes_a_video(
    worker: WorkerProcess, request: pytest.FixtureRequest, picture: Path, kind: str
) -> None:
    desk: Desk = request.getfixturevalue(kind.split(maxsplit=1)[0])
    with_image = "image" in kind or kind == "i2v"
    order = desk.order(image=picture if with_image else None)
    output = worker.complete(order).output

    assert Path(output.path) == desk.output
    content = desk.output.read_bytes()
    assert output.bytes == len(content)
    assert output.sha256 == hashlib.sha256(content).hexdigest()
    facts, frames = _probe(desk.output)
    assert facts["codec"] == "h264"
    assert facts["pixels"] == "yuv420p"
    assert facts["size"] == (output.width, output.height) == (order.params.width,) * 2
    assert facts["fps"] == output.fps == order.params.fps
    assert len(frames) == output.frames == order.params.frames
    assert stat.S_IMODE(desk.output.stat().st_mode) == 0o600
    assert not list(desk.folder.glob(f".*{TEMPORARY_SUFFIX}"))


def test_every_step_of_every_stage_is_reported_in_order(worker: WorkerProcess, t2v: Desk) -> None:
    reports = worker.run(t2v.order(steps=3))
    steps = [(r.stage, r.step, r.of) for r in reports if isinstance(r, Step)]
    assert steps == [
        (Stage.LOAD, 0, 0),
        (Stage.ENCODE, 0, 0),
        *((Stage.DENOISE, step, 3) for step in range(4)),
        *((Stage.DECODE, frame, 3) for frame in range(4)),
        (Stage.WRITE, 0, 0),
    ]


def test_the_video_says_how_it_was_made(worker: WorkerProcess, t2v: Desk) -> None:
    prompt = 'ein "roter" Fuchs \\ 🦊 ' + "狐" * 9000
    order = t2v.order(prompt=prompt)
    worker.complete(order)
    comment = _probe(t2v.output)[0]["comment"]
    made = Provenance.model_validate(comment)
    assert (made.params, made.plan) == (order.params, order.plan)
    assert made.encoding == order.encoding
    assert (made.wantui, made.job) == (wantui.__version__, 1)
    assert (made.model, made.quality) == ("t2v", "faithful")
    assert made.versions.keys() == {"torch", "diffusers", "transformers", "av"}
    assert made.device == "cpu"
    files = {path: t2v.model.folder / path for path in made.weights}
    assert {str(path) for path in files.values()} == {file.path for file in order.weights.files}
    for path, digest in made.weights.items():
        assert digest == hashlib.sha256(files[path].read_bytes()).hexdigest()
    assert json.loads(t2v.provenance.read_bytes()) == comment


@pytest.mark.parametrize("sampler", [Sampler.DPM, Sampler.EULER])
def test_every_sampler_makes_another_video(
    worker: WorkerProcess, t2v: Desk, sampler: Sampler
) -> None:
    plain = worker.complete(t2v.order(steps=4)).output
    other = worker.complete(t2v.order(steps=4, sampler=sampler)).output
    assert plain.frames_sha256 != other.frames_sha256


def test_one_seed_makes_one_video_and_another_makes_another(
    worker: WorkerProcess, t2v: Desk
) -> None:
    first = worker.complete(t2v.order(seed=7)).output
    again = worker.complete(t2v.next().order(seed=7)).output
    other = worker.complete(t2v.order(seed=8)).output
    assert first.frames_sha256 == again.frames_sha256 != other.frames_sha256


def test_a_plan_that_keeps_less_on_the_device_changes_no_frame_and_loads_no_model(
    worker: WorkerProcess, t2v: Desk
) -> None:
    order = t2v.order(steps=5)
    whole = worker.complete(order).output
    for residency in (
        Residency(components_stay=False),
        Residency(0, components_stay=False),
        Residency(1, components_stay=False, host_copies_stay=True),
    ):
        plan = order.plan.model_copy(update={"residency": residency})
        reports = worker.run(order.model_copy(update={"plan": plan}))
        last = reports[-1]
        assert isinstance(last, Completed)
        assert last.output.frames_sha256 == whole.frames_sha256
        assert not [r for r in reports if isinstance(r, Loaded | Unloaded)]


@pytest.mark.parametrize("change", [{"guidance": 6.0}, {"guidance_low": 1.5}, {"shift": 9.0}])
def test_each_parameter_of_both_experts_takes_part(
    worker: WorkerProcess, t2v: Desk, change: dict[str, Any]
) -> None:
    plain = worker.complete(t2v.order(steps=5)).output
    changed = worker.complete(t2v.order(steps=5, **change)).output
    assert plain.frames_sha256 != changed.frames_sha256


def test_a_single_frame_can_be_made(worker: WorkerProcess, ti2v: Desk) -> None:
    assert worker.complete(ti2v.order(frames=1)).output.frames == 1


def test_a_loaded_model_is_kept_for_the_next_job(worker: WorkerProcess, ti2v: Desk) -> None:
    worker.complete(ti2v.order())
    reports = worker.run(ti2v.next().order(seed=1))
    assert not [r for r in reports if isinstance(r, Loaded | Unloaded)]
    last = reports[-1]
    assert isinstance(last, Completed)
    assert last.timings.load_s < 0.05
    assert last.timings.denoise_s > 0


def test_another_model_takes_the_place_of_the_loaded_one(
    worker: WorkerProcess, t2v: Desk, ti2v: Desk
) -> None:
    worker.complete(t2v.order())
    reports = worker.run(ti2v.order())
    models = [r for r in reports if isinstance(r, Loaded | Unloaded)]
    assert [(type(r), r.model) for r in models] == [(Unloaded, "t2v"), (Loaded, "ti2v")]
    loaded = models[1]
    assert isinstance(loaded, Loaded)
    assert loaded.parameters > 50_000


@pytest.mark.parametrize(
    ("changes", "cut"),
    [
        ({"prompt": "a cat", "negative_prompt": "x"}, []),
        ({"prompt": "cat " * 20, "negative_prompt": "x"}, ["prompt"]),
        ({"prompt": "a cat", "negative_prompt": "x" * 40}, ["negative prompt"]),
        ({"prompt": "a cat", "negative_prompt": "x" * 40, "guidance": 1.0}, []),
    ],
)
def test_a_prompt_that_is_longer_than_the_model_reads_is_told(
    worker: WorkerProcess, t2v: Desk, changes: dict[str, Any], cut: list[str]
) -> None:
    warnings = [r for r in worker.run(t2v.order(**changes)) if isinstance(r, Warned)]
    assert [warning.code for warning in warnings] == ["prompt_truncated"] * len(cut)
    for warning, name in zip(warnings, cut, strict=True):
        assert warning.message.startswith(f"the {name} was cut: 16 of its ")


def test_the_log_of_a_job_is_its_own(worker: WorkerProcess, t2v: Desk) -> None:
    worker.complete(t2v.order())
    other = t2v.next()
    worker.complete(other.order())
    assert "job 1, attempt 1: t2v" in t2v.log.read_text()
    assert "job 2" not in t2v.log.read_text()
    assert "job 2" in other.log.read_text()
    assert stat.S_IMODE(t2v.log.stat().st_mode) == 0o600


def test_the_picture_decides_the_video(worker: WorkerProcess, ti2v: Desk, picture: Path) -> None:
    plain = worker.complete(ti2v.order()).output
    steered = worker.complete(ti2v.order(image=picture)).output
    assert plain.frames_sha256 != steered.frames_sha256
    assert np.all([frame.std() > 0 for frame in _probe(ti2v.output)[1]])


def test_what_an_order_wants_kept_is_kept_beside_the_video(
    worker: WorkerProcess, t2v: Desk, tmp_path: Path
) -> None:
    plain = worker.complete(t2v.order()).output
    assert plain.frames_folder is None
    desk, folder = t2v.next(), tmp_path / "frames"
    encoding = ENCODING.model_copy(update={"codec": Codec.AV1, "crf": 30, "preset": "10"})
    wanted = {"encoding": encoding, "frames_folder": str(folder)}
    output = worker.complete(desk.order().model_copy(update=wanted)).output
    assert output.frames_sha256 == plain.frames_sha256
    assert output.sha256 != plain.sha256
    assert output.frames_folder == str(folder)
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with Image.open(path) as frame:
            digest.update(np.asarray(frame).tobytes())
    assert digest.hexdigest() == output.frames_sha256


def test_tiles_are_as_the_plan_says_and_in_the_comment(worker: WorkerProcess, t2v: Desk) -> None:
    order = t2v.order(width=320, frames=5, steps=1, guidance=1.0)
    whole = worker.complete(order).output
    plan = order.plan.model_copy(update={"tiled_decode": True})
    reports = worker.run(order.model_copy(update={"plan": plan}))
    steps = [(r.step, r.of) for r in reports if isinstance(r, Step) and r.stage is Stage.DECODE]
    assert steps == [(done, 4) for done in range(5)]  # two tiles of two latent frames
    last = reports[-1]
    assert isinstance(last, Completed)
    assert last.output.frames_sha256 != whole.frames_sha256
    assert _probe(t2v.output)[0]["comment"]["plan"]["tiled_decode"] is True
