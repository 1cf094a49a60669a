"""Plans on synthetic machines: never over what a device has, never worse for having more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.machines import GIB, gpu, machine
from wantui.api.hardware import Gpu, Hardware
from wantui.api.model import ComponentStatus, WeightsState, WeightsStatus
from wantui.api.plan import DType, Plan, Residency
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.errors import DoesNotFit
from wantui.hardware.plan import CONTEXT_BYTES, devices, plan
from wantui.paths import shipped_config

CATALOG = Catalog.load(shipped_config())
RECIPES = st.sampled_from(CATALOG.recipes)
GIBS = st.floats(1, 400).map(lambda gib: int(gib * GIB))


def status_of(recipe: Recipe) -> WeightsStatus:
    parts = tuple(
        ComponentStatus(
            name=part.name,
            class_name=part.class_name,
            parameter_count=part.parameter_count,
            state=WeightsState.VERIFIED,
            bytes_present=2_000_000,
            bytes_needed=2_000_000,
            missing=(),
        )
        for part in recipe.components
    )
    return WeightsStatus(
        state=WeightsState.VERIFIED,
        bytes_present=1,
        bytes_needed=1,
        folder="/w",
        revision=None,
        components=parts,
        get_command=None,
    )


def made(model: str, hardware: Hardware, device: str | None = None) -> Plan:
    recipe = CATALOG.model(model)
    return plan(recipe, status_of(recipe), hardware, device, others=CATALOG.recipes)


def fits(recipe: Recipe, hardware: Hardware, device: str | None = None) -> Plan | None:
    try:
        return plan(recipe, status_of(recipe), hardware, device)
    except DoesNotFit:
        return None


def card(gib: float, uuid: str = "GPU-1") -> Gpu:
    return gpu(int(gib * GIB), uuid)


@pytest.mark.parametrize(
    ("model", "gib", "residency"),
    [
        ("t2v-a14b", 140.4, Residency.RESIDENT),  # H200
        ("t2v-a14b", 79.6, Residency.STAGED),  # H100
        ("i2v-a14b", 39.6, Residency.STAGED),  # A100 40 GB
        ("i2v-a14b", 31.8, Residency.STAGED),  # RTX 5090
        ("ti2v-5b", 79.6, Residency.RESIDENT),
        ("ti2v-5b", 39.6, Residency.RESIDENT),
        ("ti2v-5b", 23.9, Residency.STAGED),  # RTX 4090
        ("ti2v-5b", 15.9, Residency.STAGED),
        ("demo", 1.0, Residency.RESIDENT),
    ],
)
def test_known_cards_hold_what_they_are_known_to_hold(
    model: str, gib: float, residency: Residency
) -> None:
    assert made(model, machine(card(gib))).residency is residency


@pytest.mark.parametrize(("model", "gib"), [("t2v-a14b", 23.9), ("ti2v-5b", 7.6)])
def test_cards_too_small_for_a_short_clip_are_refused(model: str, gib: float) -> None:
    with pytest.raises(DoesNotFit):
        made(model, machine(card(gib)))


def test_weights_are_counted_as_they_are_loaded() -> None:
    on_gpu = made("t2v-a14b", machine(card(140.4)))
    expert, encoder, vae = 14_288_491_584, 5_680_910_336, 126_892_531
    assert on_gpu.dtype is DType.BFLOAT16
    assert on_gpu.weights_bytes == 2 * (2 * expert + encoder) + 4 * vae
    assert on_gpu.device_bytes == on_gpu.weights_bytes
    on_cpu = made("t2v-a14b", machine(ram_bytes=256 * GIB))
    assert on_cpu.dtype is DType.FLOAT32
    assert on_cpu.weights_bytes == on_cpu.device_bytes == 4 * (2 * expert + encoder + vae)
    staged = made("t2v-a14b", machine(card(79.6)))
    assert staged.device_bytes == 2 * expert


def test_staging_needs_host_memory_for_what_waits() -> None:
    assert made("t2v-a14b", machine(card(79.6), ram_bytes=96 * GIB))
    with pytest.raises(DoesNotFit, match="host memory"):
        made("t2v-a14b", machine(card(79.6), ram_bytes=32 * GIB))
    assert made("t2v-a14b", machine(card(140.4), ram_bytes=32 * GIB))


def test_a_refusal_says_how_much_is_missing_and_which_model_fits() -> None:
    with pytest.raises(DoesNotFit) as caught:
        made("t2v-a14b", machine(card(23.9)))
    error = caught.value
    assert (
        error.message
        == "t2v-a14b needs 32.9 GB in NVIDIA GPU-1, which has 25.7 GB: 7.3 GB too little"
    )
    assert error.hint == "use a model that fits: --model ti2v-5b"
    assert error.detail["needed_bytes"] > error.detail["total_bytes"]
    with pytest.raises(DoesNotFit) as caught:
        made("ti2v-5b", machine(ram_bytes=8 * GIB))
    assert caught.value.hint == "use a model that fits: --model demo"


def test_memory_that_others_hold_now_is_no_reason_to_refuse() -> None:
    full = machine(gpu(80 * GIB, used_bytes=79 * GIB), ram_bytes=256 * GIB, available_bytes=1 * GIB)
    assert made("ti2v-5b", full).residency is Residency.RESIDENT


def test_jobs_run_on_every_gpu_or_on_the_cpu_where_there_is_none() -> None:
    assert devices(machine()) == ("cpu",)
    assert devices(machine(card(8, uuid="GPU-a"), card(8, uuid="GPU-b"))) == ("GPU-a", "GPU-b")


def test_the_device_that_holds_most_is_chosen_unless_one_is_named() -> None:
    both = machine(card(23.9, uuid="GPU-small"), card(79.6, uuid="GPU-large"))
    assert made("ti2v-5b", both).device == "GPU-large"
    assert made("ti2v-5b", both, "GPU-small").device == "GPU-small"
    assert made("ti2v-5b", both, "cpu").device == "cpu"
    with pytest.raises(DoesNotFit, match="GPU-gone"):
        made("ti2v-5b", both, "GPU-gone")


@pytest.mark.parametrize(
    ("capability", "slow"), [("7.5", True), ("8.0", False), ("12.0", False), (None, False)]
)
def test_a_gpu_that_is_slow_at_bf16_gets_it_with_a_word_of_warning(
    capability: str | None, slow: bool
) -> None:
    with_card = machine(gpu(16 * GIB, capability=capability))
    chosen = made("ti2v-5b", with_card)
    assert chosen.dtype is DType.BFLOAT16
    assert ("slow" in chosen.reason) is slow


def test_a_plan_says_when_the_default_size_may_not_fit() -> None:
    assert "default size may not fit" in made("ti2v-5b", machine(card(15.9))).reason
    assert "default size may not fit" not in made("ti2v-5b", machine(card(23.9))).reason


def test_weights_that_nobody_could_count_are_taken_by_their_size() -> None:
    demo = CATALOG.model("demo")
    parts = [part.model_copy(update={"parameter_count": None}) for part in demo.components]
    unpublished = demo.model_copy(update={"components": tuple(parts)})
    chosen = plan(unpublished, status_of(unpublished), machine(card(8)))
    assert chosen.weights_bytes == 1_000_000 * (2 + 4 + 2)


@given(RECIPES, GIBS, GIBS, st.booleans())
def test_a_plan_is_never_over_what_there_is(
    recipe: Recipe, device_bytes: int, ram_bytes: int, has_gpu: bool
) -> None:
    hardware = machine(*([gpu(device_bytes)] if has_gpu else []), ram_bytes=ram_bytes)
    chosen = fits(recipe, hardware)
    if chosen is None:
        return
    total = device_bytes if has_gpu else ram_bytes
    assert chosen.device_total_bytes == total
    assert chosen.device_bytes + CONTEXT_BYTES <= total
    assert chosen.device_bytes <= chosen.weights_bytes
    if chosen.residency is Residency.STAGED:
        assert chosen.weights_bytes + CONTEXT_BYTES <= ram_bytes
    else:
        assert chosen.device_bytes == chosen.weights_bytes


@given(RECIPES, GIBS, GIBS, GIBS, GIBS, st.booleans())
def test_more_memory_never_turns_a_fit_into_a_refusal(
    recipe: Recipe, device: int, ram: int, more_device: int, more_ram: int, has_gpu: bool
) -> None:
    def with_memory(device_bytes: int, ram_bytes: int) -> Hardware:
        return machine(*([gpu(device_bytes)] if has_gpu else []), ram_bytes=ram_bytes)

    small = fits(recipe, with_memory(device, ram))
    large = fits(recipe, with_memory(device + more_device, ram + more_ram))
    if small is not None:
        assert large is not None
        assert (small.residency, large.residency) != (Residency.RESIDENT, Residency.STAGED)


@given(GIBS, GIBS, st.booleans())
def test_the_demo_fits_everywhere(device_bytes: int, ram_bytes: int, has_gpu: bool) -> None:
    hardware = machine(*([gpu(device_bytes)] if has_gpu else []), ram_bytes=ram_bytes)
    assert fits(CATALOG.model("demo"), hardware) is not None


@given(RECIPES, st.lists(GIBS, min_size=1, max_size=4))
def test_the_chosen_device_is_never_worse_than_any_that_could_be_named(
    recipe: Recipe, sizes: list[int]
) -> None:
    hardware = machine(*(gpu(size, uuid=f"GPU-{n}") for n, size in enumerate(sizes)))
    chosen = fits(recipe, hardware)
    named = [fits(recipe, hardware, device) for device in devices(hardware)]
    assert (chosen is None) == (not any(named))
    if chosen is not None and chosen.residency is Residency.STAGED:
        assert all(one is None or one.residency is Residency.STAGED for one in named)
