"""A worker that makes one video after another stays the size it was."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import psutil
import pytest

from tests.worker.orders import Desk
from tests.worker.process import WorkerProcess, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WARM_UP = 10
MOST_GROWTH = 0.02
"""Of its resident memory after the warm-up."""


@pytest.fixture
def fresh() -> Iterator[WorkerProcess]:
    with started() as worker:
        yield worker


def _resident_bytes(worker: WorkerProcess) -> int:
    return int(psutil.Process(worker.process.pid).memory_info().rss)


def _curve(worker: WorkerProcess, desks: list[Desk], jobs: int) -> list[int]:
    """Resident memory after each job; the desks take turns, every job has a prompt of its own."""
    curve = []
    for number in range(jobs):
        desk = desks[number % len(desks)]
        order = desk.order(seed=number, prompt=f"cat {number}")
        worker.complete(order.model_copy(update={"job": number + 1}))
        desk.checkpoint.unlink()
        curve.append(_resident_bytes(worker))
    return curve


def _growth(curve: list[int]) -> float:
    settled = curve[WARM_UP - 1]
    return max(curve[-3:]) / settled - 1


def _say(what: str, curve: list[int]) -> None:
    sizes = ", ".join(f"{size / 1e6:.1f}" for size in curve[WARM_UP - 1 :: 10])
    sys.stdout.write(f"MB after {WARM_UP} {what}, and every 10 more: {sizes}\n")


def test_a_hundred_jobs_in_a_row_grow_it_by_less_than_2_percent(
    fresh: WorkerProcess, t2v: Desk
) -> None:
    curve = _curve(fresh, [t2v], 100)
    _say("jobs", curve)
    assert _growth(curve) < MOST_GROWTH, curve


def test_twenty_changes_of_the_model_grow_it_by_less_than_2_percent(
    fresh: WorkerProcess, t2v: Desk, ti2v: Desk
) -> None:
    curve = _curve(fresh, [t2v, ti2v], WARM_UP + 20)
    _say("changes of the model", curve)
    assert _growth(curve) < MOST_GROWTH, curve
