"""What a stage held is told of that stage, and not of those before it."""

from __future__ import annotations

import torch

from tests.worker.orders import Desk
from tests.worker.process import WorkerProcess
from wantui.api.job import Stage
from wantui.worker.peaks import Peaks

MANY_BYTES = 400_000_000


def test_a_stage_does_not_answer_for_the_one_before_it() -> None:
    peaks = Peaks()
    peaks.enter(Stage.ENCODE)
    held = torch.ones(MANY_BYTES, dtype=torch.uint8)
    peaks.enter(Stage.DENOISE)
    del held
    peaks.enter(Stage.DECODE)
    peaks.enter(Stage.WRITE)
    told = {peak.stage: peak.bytes for peak in peaks.told()}
    assert list(told) == [Stage.ENCODE, Stage.DENOISE, Stage.DECODE, Stage.WRITE]
    assert told[Stage.ENCODE] > told[Stage.DECODE] + 0.9 * MANY_BYTES


def test_a_worker_tells_them_and_which_stage_had_nothing_to_do(
    worker: WorkerProcess, t2v: Desk
) -> None:
    first, second = (worker.complete(desk.order()).peaks for desk in (t2v, t2v.next()))
    assert {peak.stage for peak in first} == set(Stage)
    spared = [[peak.stage for peak in peaks if peak.spared] for peaks in (first, second)]
    assert spared == [[], [Stage.ENCODE]]  # its prompts were kept
