"""What a worker says while it works and while it does not."""

from __future__ import annotations

import select

from tests.worker.orders import Desk
from tests.worker.process import WorkerProcess
from tests.worker.test_stop import SLOW
from wantui.api.job import Stage
from wantui.pipe.messages import Heartbeat, Load, Loaded, LoadEnded, Step, Stop, Stopped
from wantui.worker.pulse import BEAT_S


def test_it_beats_while_a_step_runs_and_says_which(t2v: Desk, worker: WorkerProcess) -> None:
    worker.send(t2v.order(**SLOW, steps=200))
    worker.wait_for_step(Stage.DENOISE, 1)
    last = 1
    while not isinstance(report := worker.report(), Heartbeat):
        assert report is not None
        last = report.step if isinstance(report, Step) else last
    assert (report.stage, report.step, report.of) == (Stage.DENOISE, last, 200)
    worker.send(Stop(job=t2v.order().job))
    worker.wait_for(Stopped)


def test_an_idle_worker_is_silent(t2v: Desk, worker: WorkerProcess) -> None:
    worker.complete(t2v.order())
    assert not select.select([worker.socket], [], [], 2.5 * BEAT_S)[0]


def test_a_model_is_loaded_without_a_job_and_the_next_job_does_not_load_it(
    t2v: Desk, ti2v: Desk, worker: WorkerProcess
) -> None:
    worker.complete(ti2v.order())  # so that another model is loaded, whatever ran before
    order = t2v.order()
    worker.send(Load(weights=order.weights, plan=order.plan))
    assert worker.wait_for(Loaded).model == order.weights.model
    assert worker.wait_for(LoadEnded).error is None
    reports = worker.run(order)
    assert not any(isinstance(report, Loaded) for report in reports)


def test_weights_that_do_not_load_are_told_and_cost_no_worker(
    t2v: Desk, worker: WorkerProcess
) -> None:
    order = t2v.order()
    gone = order.weights.model_copy(update={"folder": "/nowhere", "model": "gone", "files": ()})
    worker.send(Load(weights=gone, plan=order.plan))
    failed = worker.wait_for(LoadEnded)
    assert failed.error is not None
    assert not failed.ends
    worker.complete(order)
