"""An order to stop is followed within a step, decodes nothing, and keeps the model."""

from __future__ import annotations

from typing import Any

from tests.worker.orders import Desk
from tests.worker.process import WorkerProcess
from wantui.api.job import Stage
from wantui.files import TEMPORARY_SUFFIX
from wantui.pipe.messages import Completed, Loaded, Report, Step, Stop, Stopped

SLOW: dict[str, Any] = {"width": 256, "height": 256, "frames": 33}
"""2304 tokens: a step takes long enough to stop inside it."""


def _rest(worker: WorkerProcess) -> list[Report]:
    reports: list[Report] = []
    while not (reports and isinstance(reports[-1], Completed | Stopped)):
        report = worker.report()
        assert report is not None
        reports.append(report)
    return reports


def _leftovers(desk: Desk) -> list[str]:
    """What is there besides logs and what the next attempt goes on from."""
    kept = {".log", ".checkpoint", ".safetensors"}
    files = (path for path in desk.folder.rglob("*") if path.is_file())
    return [path.name for path in files if path.suffix not in kept]


def test_denoising_stops_within_a_step_and_the_model_stays(
    worker: WorkerProcess, t2v: Desk
) -> None:
    worker.send(t2v.order(**SLOW, steps=200))
    worker.wait_for_step(Stage.DENOISE, 1)
    worker.send(Stop(job=t2v.job))
    *steps, last = _rest(worker)
    assert isinstance(last, Stopped)
    assert last.job == t2v.job
    assert len(steps) <= 1, "it went on after the step that was under way"
    assert _leftovers(t2v) == []

    reports = worker.run(t2v.next().order())
    assert isinstance(reports[-1], Completed)
    assert not [report for report in reports if isinstance(report, Loaded)]


def test_decoding_stops_and_leaves_nothing(worker: WorkerProcess, t2v: Desk) -> None:
    worker.send(t2v.order(**SLOW, steps=1))
    worker.wait_for_step(Stage.DECODE, 1)
    worker.send(Stop(job=t2v.job))
    *_steps, last = _rest(worker)
    assert isinstance(last, Stopped)
    assert not [name for name in _leftovers(t2v) if name.endswith(TEMPORARY_SUFFIX)]
    assert not t2v.output.exists()


def test_a_job_that_waits_its_turn_can_be_stopped(worker: WorkerProcess, t2v: Desk) -> None:
    behind = t2v.next()
    worker.send(t2v.order(steps=20))
    worker.send(behind.order())
    worker.send(Stop(job=behind.job))
    assert worker.wait_for(Completed).job == t2v.job
    *steps, last = _rest(worker)
    assert last == Stopped(job=behind.job)
    assert [step.stage for step in steps if isinstance(step, Step)] in (
        [Stage.LOAD],
        [Stage.LOAD, Stage.ENCODE],
    )


def test_stopping_a_job_that_is_not_there_stops_no_other(worker: WorkerProcess, t2v: Desk) -> None:
    worker.complete(t2v.order())
    worker.send(Stop(job=t2v.job))
    worker.send(Stop(job=99))
    worker.complete(t2v.order())
