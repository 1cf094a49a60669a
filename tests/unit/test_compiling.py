"""Which jobs run with compiled blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.plans import PROFILES, case
from wantui.api.job import Stage
from wantui.api.plan import Residency
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.compiling import compiles
from wantui.hardware.estimates.correction import Corrections, Factor
from wantui.hardware.estimates.seconds import stage_seconds
from wantui.hardware.estimates.site import Site
from wantui.hardware.plan import plan


def on(name: str, model: str, *, can: bool = True, **video: Any) -> Case:
    site = Site.of("GPU-1", name, PROFILES[name], compiles=can)
    return case(model, site, **video)


def test_a_long_job_is_compiled_where_the_engine_can() -> None:
    assert compiles(on("h200", "ti2v-5b"))
    assert not compiles(on("h200", "ti2v-5b", can=False))


def test_a_few_steps_are_not_worth_compiling_for() -> None:
    assert not compiles(on("h200", "t2v-a14b", steps=2))


def test_loras_are_left_as_they_are() -> None:
    assert not compiles(on("h200", "ti2v-5b", lora_bytes=10**8))


def test_it_does_not_depend_on_what_was_learned() -> None:
    """A job that is repeated is to have the same bits."""
    quick = Corrections(dict.fromkeys(Stage, Factor(memory=1.0, seconds=0.01, jobs=9)))
    assert compiles(replace(on("h200", "ti2v-5b"), corrections=quick))


def test_compiled_blocks_take_less_time_and_memory() -> None:
    plain, setup = on("h200", "ti2v-5b"), Setup(Residency.RESIDENT)
    compiled = replace(plain, compiled=True)
    seconds = [stage_seconds(each, setup, Stage.DENOISE).likely for each in (plain, compiled)]
    assert seconds[1] < 0.9 * seconds[0]
    assert plan(compiled).compiled
    assert not plan(plain).compiled
