"""What is said of a model and a machine: on machines that nobody has, by their data sheets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planners import planner
from tests.synthetic import synthetic
from tests.unit.machines import GIB, gpu, machine
from tests.unit.plans import status_of
from wantui.api.hardware import (
    BuiltComponent,
    DeviceClass,
    EngineDevice,
    EngineFacts,
    Hardware,
    ProfileMatch,
)
from wantui.api.report import HealthState
from wantui.catalog.catalog import Catalog
from wantui.daemon.prospects import MachineProspects
from wantui.daemon.reports import Prospect
from wantui.hardware.suitability import Judgement, judge
from wantui.paths import shipped_config

CATALOG = Catalog.load(shipped_config())
RECIPE = CATALOG.model("ti2v-5b")
WEIGHTS = status_of(RECIPE)
PLANNER = planner(Path("/nowhere"))
SEEN = EngineDevice(kind=DeviceClass.CUDA, name="NVIDIA GeForce RTX 4090")


def judged_on(hardware: Hardware) -> Judgement:
    return judge(PLANNER.official(RECIPE, WEIGHTS, hardware), hardware)


@pytest.mark.parametrize(
    ("name", "cuda", "fp16", "bf16", "enough"),
    [
        ("rtx-3060", True, True, True, True),
        ("rtx-4090", True, True, True, True),
        ("8xh100", True, True, True, True),
        ("cpu", False, False, False, None),
        ("mps", False, None, None, None),
    ],
)
def test_a_machine_is_judged_by_what_its_device_computes_in(
    name: str, *, cuda: bool, fp16: bool | None, bf16: bool | None, enough: bool | None
) -> None:
    judged = judged_on(synthetic(name).hardware).suitability
    assert judged.cuda_available is cuda
    assert (judged.fp16_supported, judged.bf16_supported) == (fp16, bf16)
    assert judged.vram_sufficient is enough
    assert judged.reasons
    assert all(judged.reasons)


def test_a_card_before_ampere_computes_in_fp16_and_has_no_bf16() -> None:
    turing = judged_on(machine(gpu(24 * GIB, capability="7.5"))).suitability
    assert (turing.fp16_supported, turing.bf16_supported) == (True, False)
    maxwell = judged_on(machine(gpu(24 * GIB, capability="5.2"))).suitability
    assert (maxwell.fp16_supported, maxwell.bf16_supported) == (False, False)
    strange = judged_on(machine(gpu(24 * GIB, capability=None))).suitability
    assert (strange.fp16_supported, strange.bf16_supported) == (None, None)


def test_too_small_a_card_is_said_with_what_is_missing() -> None:
    judged = judged_on(machine(gpu(2 * GIB)))
    assert judged.plan is None
    assert judged.suitability.vram_sufficient is False
    assert "too little" in judged.suitability.reasons[0]


def test_a_driver_that_torch_does_not_see_is_no_cuda() -> None:
    blind = EngineFacts(torch="2.13.0+cpu")
    hardware = synthetic("rtx-4090").hardware
    judged = judged_on(hardware.model_copy(update={"engine": blind}))
    assert judged.suitability.cuda_available is False
    seeing = EngineFacts(torch="2.13.0", devices=(SEEN,))
    judged = judged_on(hardware.model_copy(update={"engine": seeing}))
    assert judged.suitability.cuda_available is True


def prospect(hardware: Hardware) -> Prospect:
    return MachineProspects(PLANNER, lambda: hardware).of(RECIPE, WEIGHTS)


def built(**wrong: object) -> EngineFacts:
    """The engine has made every component as the catalog has it, but for the transformer."""
    parts = [
        BuiltComponent(
            model=RECIPE.id,
            component=part.name,
            class_name=part.class_name,
            parameter_count=part.parameter_count,
            expected_count=part.parameter_count,
        )
        for part in RECIPE.components
        if part.has_weights
    ]
    parts[0] = parts[0].model_copy(update=wrong)
    return EngineFacts(torch="2.13.0", devices=(SEEN,), components=tuple(parts))


def with_engine(engine: EngineFacts | None) -> Hardware:
    return synthetic("rtx-4090").hardware.model_copy(update={"engine": engine})


def test_a_model_is_implemented_once_the_engine_has_built_all_of_it() -> None:
    assert prospect(with_engine(None)).implemented is None
    assert prospect(with_engine(EngineFacts(torch="2.13.0", devices=(SEEN,)))).implemented is None
    whole = prospect(with_engine(built()))
    assert whole.implemented is True
    assert whole.problem is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"parameter_count": 4_999_787_711},
            "4,999,787,711 parameters, the catalog says",
        ),
        ({"parameter_count": None, "error": "ImportError: no such class"}, "no such class"),
    ],
)
def test_one_parameter_less_is_another_model(wrong: dict[str, object], said: str) -> None:
    found = prospect(with_engine(built(**wrong)))
    assert found.implemented is False
    assert found.problem is not None
    state, problem = found.problem
    assert state is HealthState.BROKEN
    assert said in problem


def test_an_engine_that_does_not_import_implements_nothing() -> None:
    found = prospect(with_engine(EngineFacts(torch=None, error="libcudart.so: not found")))
    assert found.implemented is False
    assert found.problem == (HealthState.BROKEN, "libcudart.so: not found")


def test_only_another_machine_is_judged_anew() -> None:
    """A reading is taken every second: what it says of the moment changes nothing."""
    now = synthetic("rtx-4090").hardware
    prospects = MachineProspects(PLANNER, lambda: now)
    first = prospects.of(RECIPE, WEIGHTS)
    busy = now.gpus[0].model_copy(update={"memory_used_bytes": 20 * GIB, "power_w": 400.0})
    now = now.model_copy(update={"gpus": (busy,), "measured_at": 99.0})
    assert prospects.of(RECIPE, WEIGHTS) is first
    profile = ProfileMatch(
        name="mine",
        summary="",
        why="it is yours",
        own=True,
        expected_flops=1e12,
        memory_bytes_per_second=1e12,
        host_to_device_bytes_per_second=1e10,
        disk_read_bytes_per_second=1e9,
        memory_reserve_bytes=GIB,
    )
    now = now.model_copy(update={"profile": profile})
    assert prospects.of(RECIPE, WEIGHTS).hardware.recommended_profile == "mine"
    now = now.model_copy(update={"gpus": ()})
    assert prospects.of(RECIPE, WEIGHTS).hardware.cuda_available is False
