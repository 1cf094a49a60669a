"""Two experts, judged by what they draw: whatever takes the wrong one draws worse.

The model is the demo split by noise level, in the layout of an A14B model: each expert is silent
outside its own range and hears its prompt in its own way (scripts/demo_model/experts.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.worker.drawn import (
    BOUNDARY,
    GUIDANCE,
    GUIDANCE_LOW,
    LORAS,
    NEW_DIRECTIONS,
    RECIPE,
    asked,
    right,
    write_experts,
)
from tests.worker.orders import Desk, Tiny, lora_file
from tests.worker.process import WorkerProcess
from wantui.api.job import JobRequest, Params
from wantui.api.lora import LoraExpert
from wantui.api.plan import Residency
from wantui.catalog.resolve import resolve
from wantui.pipe.messages import LoraFile, ModelFiles

OFFICIAL = {"boundary": BOUNDARY, "guidance": GUIDANCE, "guidance_low": GUIDANCE_LOW}
ASKED = asked(seed=61, count=6)
MOST = 3 * len(ASKED)
"""What can be right: three things a clip."""
STEPS = 12
LORA = LORAS / "diagonally.safetensors"
"""A motion that the demo does not know, nor its experts."""
MOVED = asked(seed=62, count=6, directions=NEW_DIRECTIONS)


class _Experts(Tiny):
    @property
    def files(self) -> ModelFiles:
        changes = {"model": "experts", "text_tokens": RECIPE.limits.text_tokens}
        return super().files.model_copy(update=changes)

    def params(self, **changes: Any) -> Params:
        request = JobRequest(prompt=ASKED[0][1], seed=0, steps=STEPS)
        return resolve(RECIPE, request, None).model_copy(update=OFFICIAL | changes)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_experts(tmp_path_factory.mktemp("experts") / "model")


@pytest.fixture
def experts(split: Path, tmp_path: Path) -> Desk:
    return Desk(tmp_path, _Experts("t2v", split))


@pytest.fixture
def exchanged(split: Path, tmp_path: Path) -> Desk:
    """The same model, each expert in the other's folder."""
    folder = tmp_path / "exchanged"
    folder.mkdir()
    other = {"transformer": "transformer_2", "transformer_2": "transformer"}
    for part in split.iterdir():
        (folder / other.get(part.name, part.name)).symlink_to(part)
    return Desk(tmp_path, _Experts("t2v", folder))


def _right(worker: WorkerProcess, desk: Desk, **params: Any) -> int:
    """How much of what is asked for is seen, of MOST."""
    found = 0
    for seed, (clip, prompt) in enumerate(ASKED):
        desk = desk.next()
        worker.complete(desk.order(prompt=prompt, seed=seed, **params))
        found += len(right(clip, desk.output))
    return found


def test_each_at_its_own_noise_and_with_its_own_guidance_they_draw_what_is_asked_for(
    worker: WorkerProcess, experts: Desk
) -> None:
    assert _right(worker, experts) >= MOST - 1


def test_exchanged_they_draw_next_to_nothing_of_it(worker: WorkerProcess, exchanged: Desk) -> None:
    assert _right(worker, exchanged) <= MOST / 2


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"boundary": None}, id="no-boundary"),
        pytest.param({"boundary": 0.5}, id="a-boundary-too-low"),
        pytest.param({"guidance_low": GUIDANCE}, id="the-high-noise-guidance-for-both"),
        pytest.param({"guidance": 1.1, "guidance_low": GUIDANCE}, id="guidances-exchanged"),
    ],
)
def test_by_another_boundary_or_guidance_they_draw_less_of_it(
    worker: WorkerProcess, experts: Desk, wrong: dict[str, float | None]
) -> None:
    assert _right(worker, experts, **wrong) <= MOST * 0.75


def test_taking_turns_in_blocks_that_stream_they_draw_the_same_frames(
    worker: WorkerProcess, experts: Desk
) -> None:
    """The second expert is read ahead while the first is at work."""
    resident = experts.order()
    plan = resident.plan.model_copy(
        update={"residency": Residency(2, components_stay=False, host_copies_stay=True)}
    )
    streamed = experts.next().order().model_copy(update={"plan": plan})
    made = [worker.complete(order).output.frames_sha256 for order in (resident, streamed)]
    assert made[0] == made[1]
    clip, _ = ASKED[0]
    assert right(clip, experts.next().output) == {"colour", "shape", "direction"}


def _moved(worker: WorkerProcess, desk: Desk, *loras: LoraFile) -> int:
    """How many clips move as none does without the LoRA, of those that are asked to."""
    found = 0
    for seed, (clip, prompt) in enumerate(MOVED):
        desk = desk.next()
        worker.complete(desk.order(prompt=prompt, seed=seed, loras=loras))
        found += "direction" in right(clip, desk.output)
    return found


@pytest.mark.slow
def test_a_lora_at_the_high_noise_expert_decides_where_things_move(
    worker: WorkerProcess, experts: Desk
) -> None:
    assert _moved(worker, experts) == 0
    assert _moved(worker, experts, lora_file(LORA, expert=LoraExpert.HIGH)) >= len(MOVED) - 2
    assert _moved(worker, experts, lora_file(LORA, expert=LoraExpert.BOTH)) >= len(MOVED) - 1


@pytest.mark.slow
def test_at_the_low_noise_expert_alone_it_comes_too_late(
    worker: WorkerProcess, experts: Desk
) -> None:
    assert _moved(worker, experts, lora_file(LORA, expert=LoraExpert.LOW)) <= 2


def test_after_a_lora_at_any_expert_the_next_clip_is_as_if_there_had_been_none(
    worker: WorkerProcess, experts: Desk
) -> None:
    _, prompt = MOVED[0]

    def frames(*loras: LoraFile) -> str:
        order = experts.order(prompt=prompt, steps=4, loras=loras)
        return worker.complete(order).output.frames_sha256

    plain = frames()
    changed = set()
    for expert in LoraExpert:
        changed.add(frames(lora_file(LORA, expert=expert)))
        assert frames() == plain
    assert len(changed | {plain}) == 1 + len(LoraExpert)
