"""A job's progress: its share, its pace, and how long it still takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.api.job import Stage
from wantui.daemon.progress import Meter


def test_the_pace_is_measured_from_the_first_step_of_a_stage() -> None:
    meter = Meter()
    meter.read(Stage.LOAD, 1, 2, now=0.0)
    first = meter.read(Stage.DENOISE, 4, 20, now=10.0)  # a checkpoint spared it four
    assert first.step_s is None
    assert first.eta_s is None
    later = meter.read(Stage.DENOISE, 8, 20, now=16.0)
    assert later.step_s == 1.5
    assert later.eta_s is not None
    assert later.eta_s > 12 * 1.5, "decoding and writing come after it"


@given(st.integers(1, 99), st.floats(0.001, 1000))
def test_what_is_left_is_never_less_than_the_steps_that_are(step: int, pace_s: float) -> None:
    meter = Meter()
    meter.read(Stage.DENOISE, 0, 100, now=0.0)
    now = meter.read(Stage.DENOISE, step, 100, now=step * pace_s)
    assert now.step_s == pytest.approx(pace_s)
    assert now.eta_s is not None
    assert now.eta_s >= (100 - step) * pace_s * 0.999


def test_a_stage_that_counts_no_steps_has_no_pace() -> None:
    meter = Meter()
    meter.read(Stage.WRITE, 0, 0, now=0.0)
    assert meter.read(Stage.WRITE, 0, 0, now=5.0).step_s is None


def test_a_new_preview_leaves_the_rest_as_it_is() -> None:
    meter = Meter()
    meter.read(Stage.DENOISE, 0, 20, now=0.0)
    before = meter.read(Stage.DENOISE, 5, 20, now=5.0)
    shown = meter.previewed(3)
    assert shown == before.model_copy(update={"preview_rev": 3})
    assert meter.read(Stage.DENOISE, 6, 20, now=6.0).preview_rev == 3
