"""A job goes on after its last kept step, to the same frames, or starts over and says so."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch

from tests.worker.loras import saved
from tests.worker.orders import Desk, Tiny, lora_file
from tests.worker.process import WorkerProcess, started
from tests.worker.test_stop import SLOW
from wantui.api.job import Params, Sampler, Stage
from wantui.api.lora import LoraExpert
from wantui.api.plan import DType, Residency
from wantui.pipe.messages import (
    Began,
    Checkpointed,
    Generate,
    LoraFile,
    Report,
    Step,
    Stop,
    Stopped,
    Warned,
)
from wantui.worker.checkpoint import CheckpointUnusable, fingerprint, read, write
from wantui.worker.condition import conditioning
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode
from wantui.worker.history import LoopState
from wantui.worker.image import first_frame
from wantui.worker.load import LoadKey, load
from wantui.worker.lora import loras_on
from wantui.worker.stop import StopFlag

STEPS = 6


@dataclass(frozen=True)
class Run:
    """A job of six steps: both experts, and the solver's warm-up and last order."""

    model: Tiny
    params: Params
    picture: Path | None = None
    residency: Residency = Residency.RESIDENT
    loras: tuple[LoraFile, ...] = ()

    def states(self, resume: LoopState | None = None) -> tuple[torch.Tensor, list[LoopState]]:
        """Final latents, and what the loop was after each step."""
        params, stop = self.params, StopFlag()
        key = LoadKey(self.model.files, DType.FLOAT32, self.residency, torch.device("cpu"))
        loaded, image = load(key, stop.check), None
        if self.picture is not None:
            image = first_frame(self.picture, None, params.width, params.height)
        states: list[LoopState] = []
        with torch.inference_mode(), loras_on(loaded, self.loras, stop.check):
            latents = denoise(
                loaded,
                params,
                encode(loaded, params, stop),
                conditioning(loaded, params, image, stop),
                stop=stop,
                on_step=states.append,
                resume=resume,
            )
        loaded.placement.close()
        return latents, states

    def goes_on_from_every_step(self, folder: Path, resumed: Residency) -> torch.Tensor:
        """See that it comes to the same latents by way of a file; returns them."""
        whole, states = self.states()
        made_by = dict.fromkeys(
            ("model", "weights", "params", "quality", "dtype", "compiled", "engine", "device"), "x"
        )
        for state in states:
            path = folder / f"{state.step}.checkpoint"
            write(path, state.on_host(), made_by)
            kept = read(path, made_by)
            assert kept is not None
            again, rest = replace(self, residency=resumed).states(kept)
            assert torch.equal(again, whole), state.step
            assert [later.step for later in rest] == list(range(state.step + 1, STEPS + 1))
        return whole


@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # diffusers' DPM++
@pytest.mark.parametrize("sampler", list(Sampler))
@pytest.mark.parametrize(
    ("kind", "with_image"), [("t2v", False), ("i2v", True), ("ti2v", False), ("ti2v", True)]
)
def test_from_every_step_the_same_latents_are_reached(
    tinies: dict[str, Tiny],
    tmp_path: Path,
    picture: Path,
    kind: str,
    with_image: bool,
    sampler: Sampler,
) -> None:
    params = tinies[kind].params(steps=STEPS, sampler=sampler)
    run = Run(tinies[kind], params, picture if with_image else None)
    run.goes_on_from_every_step(tmp_path, run.residency)


def test_with_loras_and_streamed_blocks_as_well(tinies: dict[str, Tiny], tmp_path: Path) -> None:
    model = tinies["t2v"]
    plain = Run(model, model.params(steps=STEPS))
    used = (
        lora_file(saved(tmp_path, "original"), 0.8),
        lora_file(saved(tmp_path, "kohya", 1), 0.5, LoraExpert.LOW),
    )
    streamed = Residency(1, components_stay=False, host_copies_stay=True)
    changed = replace(plain, loras=used).goes_on_from_every_step(tmp_path, streamed)
    assert not torch.equal(changed, plain.states()[0])


def test_what_is_read_lies_in_memory_as_the_loop_s_own_tensors_do(tmp_path: Path) -> None:
    """A map of the file would lie as it lies there: products of it may have other bits."""
    odd = LoopState(1, torch.ones(1, 2, 1, 3, 5), {"last_sample": torch.ones(7)}, {"this_order": 2})
    for name in ("x", "xyz", "x" * 9):
        made_by = dict.fromkeys(
            ("model", "weights", "params", "quality", "dtype", "compiled", "engine", "device"), name
        )
        write(tmp_path / name, odd, made_by)
        kept = read(tmp_path / name, made_by)
        assert kept is not None
        assert [t.data_ptr() % 64 for t in (kept.latents, *kept.tensors.values())] == [0, 0]


def _interrupted(worker: WorkerProcess, order: Generate, step: int) -> int:
    """Have a worker killed once it has kept `step` steps; returns how many it kept by then."""
    worker.send(order)
    while worker.wait_for(Checkpointed).step < step:
        pass
    worker.process.kill()
    kept = step
    while (report := worker.report()) is not None:
        if isinstance(report, Checkpointed):
            kept = report.step
    return kept


def _of(reports: list[Report], kind: type[Any]) -> list[Any]:
    return [report for report in reports if isinstance(report, kind)]


@pytest.mark.slow
def test_ten_kills_at_random_steps_end_in_the_frames_of_a_run_without(
    worker: WorkerProcess, t2v: Desk
) -> None:
    whole = worker.complete(t2v.order(steps=30)).output
    killed = t2v.next()
    chance = random.Random(3)
    kept = 0
    for number in range(10):
        with started() as victim:
            kept = _interrupted(victim, killed.order(steps=30), kept + chance.randint(1, 2))
        assert kept < 30, f"kill {number} came too late"
    reports = worker.run(killed.order(steps=30))
    [began] = _of(reports, Began)
    assert began.step >= kept  # one may be on disk that could not be told of any more
    assert reports[-1].output.frames_sha256 == whole.frames_sha256  # type: ignore[union-attr]


def test_a_killed_worker_costs_no_step_that_was_kept(worker: WorkerProcess, t2v: Desk) -> None:
    whole = worker.complete(t2v.order(steps=8)).output
    killed = t2v.next()
    with started() as victim:
        kept = _interrupted(victim, killed.order(steps=8), 3)
    reports = worker.run(killed.order(steps=8))
    first, *steps = [step.step for step in _of(reports, Step) if step.stage is Stage.DENOISE]
    assert first >= kept  # one may be on disk that could not be told of any more
    assert steps == list(range(first + 1, 9))
    assert reports[-1].output.frames_sha256 == whole.frames_sha256  # type: ignore[union-attr]


def test_a_stop_keeps_the_last_finished_step(worker: WorkerProcess, t2v: Desk) -> None:
    order = t2v.order(**SLOW, steps=6).model_copy(update={"checkpoint_every_s": 1000.0})
    worker.send(order)
    worker.wait_for_step("denoise", 2)
    worker.send(Stop(job=t2v.job))
    kept = worker.wait_for(Checkpointed).step
    assert worker.wait_for(Stopped).job == t2v.job
    assert kept >= 2
    reports = worker.run(order)
    assert _of(reports, Began) == [Began(job=t2v.job, step=kept)]


def test_latents_are_kept_before_they_are_decoded(worker: WorkerProcess, ti2v: Desk) -> None:
    whole = worker.complete(ti2v.order(steps=2)).output
    reports = worker.run(ti2v.order(steps=2))
    stages = {step.stage for step in _of(reports, Step)}
    assert stages == {Stage.LOAD, Stage.DECODE, Stage.WRITE}
    assert _of(reports, Began) == [Began(job=1, step=2)]
    assert reports[-1].output.frames_sha256 == whole.frames_sha256  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 8}, "set of parameters"),
        ({"prompt": "a blue cat"}, "set of parameters"),
        ({"steps": 3}, "set of parameters"),
        ({"shift": 6.0}, "set of parameters"),
    ],
)
def test_another_job_s_checkpoint_is_not_gone_on_from(
    worker: WorkerProcess, t2v: Desk, changes: dict[str, Any], said: str
) -> None:
    worker.complete(t2v.order(steps=2))
    order = t2v.order(**{"steps": 2} | changes)
    reports = worker.run(order)
    [warned] = [warned for warned in _of(reports, Warned) if warned.code == "started_over"]
    assert said in warned.message
    assert _of(reports, Began) == [Began(job=1, step=0)]
    fresh = t2v.next().order(**{"steps": 2} | changes)
    expected = worker.complete(fresh).output
    assert reports[-1].output.frames_sha256 == expected.frames_sha256  # type: ignore[union-attr]


def test_the_frame_rate_may_change(worker: WorkerProcess, t2v: Desk) -> None:
    worker.complete(t2v.order(steps=2))
    assert _of(worker.run(t2v.order(steps=2, fps=12)), Began) == [Began(job=1, step=2)]


@pytest.mark.parametrize("damage", ["cut", "emptied", "scribbled"])
def test_a_damaged_checkpoint_is_started_over_from(
    worker: WorkerProcess, t2v: Desk, damage: str
) -> None:
    whole = worker.complete(t2v.order(steps=2)).output
    content = bytearray(t2v.checkpoint.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "emptied":
        content.clear()
    else:
        content[9:40] = b"#" * 31
    t2v.checkpoint.write_bytes(content)
    reports = worker.run(t2v.order(steps=2))
    assert "started_over" in [warning.code for warning in _of(reports, Warned)]
    assert reports[-1].output.frames_sha256 == whole.frames_sha256  # type: ignore[union-attr]


def test_a_checkpoint_that_cannot_be_written_fails_no_job(worker: WorkerProcess, t2v: Desk) -> None:
    nowhere = t2v.folder / "missing" / "checkpoint"
    order = t2v.order(steps=4).model_copy(update={"checkpoint": str(nowhere)})
    reports = worker.run(order)
    assert [w.code for w in _of(reports, Warned)].count("no_checkpoint") == 1
    assert t2v.output.exists()


def test_where_weights_are_is_not_part_of_a_fingerprint(t2v: Desk) -> None:
    order = t2v.order()
    staged = order.plan.model_copy(update={"residency": Residency(0, components_stay=False)})
    elsewhere = order.model_copy(update={"plan": staged, "attempt": 2})
    assert fingerprint(order, "cpu") == fingerprint(elsewhere, "cpu")
    changed: dict[str, Any] = {"quality": "other"}
    assert fingerprint(order, "cpu") != fingerprint(order.model_copy(update=changed), "cpu")


def test_how_a_model_is_run_and_with_what_is_part_of_it(t2v: Desk, tmp_path: Path) -> None:
    order = t2v.order()
    shorter = order.weights.model_copy(update={"text_tokens": 8})
    before, after = (
        fingerprint(each, "cpu") for each in (order, order.model_copy(update={"weights": shorter}))
    )
    assert [name for name in before if before[name] != after[name]] == ["model"]
    with_lora = order.model_copy(update={"loras": (lora_file(saved(tmp_path, "kohya")),)})
    assert "peft" in fingerprint(with_lora, "cpu")["engine"]
    assert "peft" not in before["engine"]
    assert "wantui" in before["engine"]


def test_a_checkpoint_names_the_part_that_is_another(tmp_path: Path, t2v: Desk) -> None:
    path, made_by = tmp_path / "checkpoint", fingerprint(t2v.order(), "cpu")
    write(path, LoopState(1, torch.zeros(1), {}, {}), made_by)
    with pytest.raises(CheckpointUnusable, match="another device"):
        read(path, made_by | {"device": "NVIDIA H100"})
    with pytest.raises(CheckpointUnusable, match="another model and quality"):
        read(path, made_by | {"model": "x", "quality": "y"})
    with safetensors.safe_open(str(path), framework="pt") as content:
        assert json.loads(content.metadata()["wantui"])["step"] == 1
