"""Plans on synthetic machines: never over what a device has, never worse for having more."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.machines import GIB, gpu, machine
from wantui.api.hardware import Gpu, Hardware
from wantui.api.lora import LoraExpert, LoraUsed
from wantui.api.model import ComponentStatus, WeightsState, WeightsStatus
from wantui.api.plan import DType, Plan, Residency
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.errors import DoesNotFit
from wantui.hardware.plan import (
    ACTIVATION_BYTES_PER_TOKEN,
    CONTEXT_BYTES,
    PINNED_SHARE,
    SLOTS,
    Extent,
    devices,
    plan,
    rank,
)
from wantui.paths import shipped_config

CATALOG = Catalog.load(shipped_config())
RECIPES = st.sampled_from(CATALOG.recipes)
GIBS = st.floats(1, 400).map(lambda gib: int(gib * GIB))


class Video(NamedTuple):
    width: int
    height: int
    frames: int


TRANSFORMER = "WanTransformer3DModel"
SMALL = Video(832, 480, 81)
VIDEOS = st.builds(
    Video,
    st.sampled_from([128, 832, 1280, 1920]),
    st.sampled_from([128, 480, 720, 1088]),
    st.sampled_from([1, 17, 81, 257]),
)


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


def made(
    model: str, hardware: Hardware, device: str | None = None, video: Extent | None = None
) -> Plan:
    recipe = CATALOG.model(model)
    return plan(recipe, status_of(recipe), hardware, device, video=video, others=CATALOG.recipes)


def fits(
    recipe: Recipe, hardware: Hardware, device: str | None = None, video: Extent | None = None
) -> Plan | None:
    try:
        return plan(recipe, status_of(recipe), hardware, device, video=video)
    except DoesNotFit:
        return None


def blocks_of(recipe: Recipe) -> int:
    assert recipe.architecture is not None
    return recipe.architecture.blocks


def card(gib: float, uuid: str = "GPU-1") -> Gpu:
    return gpu(int(gib * GIB), uuid)


TURNS = Residency(components_stay=False, host_copies_stay=True)


def streams(blocks: int) -> Residency:
    return Residency(blocks, components_stay=False, host_copies_stay=True)


@pytest.mark.parametrize(
    ("model", "gib", "residency"),
    [
        ("t2v-a14b", 140.4, Residency.RESIDENT),  # H200
        ("t2v-a14b", 79.6, TURNS),  # H100
        ("i2v-a14b", 39.6, streams(5)),  # A100 40 GB
        ("i2v-a14b", 31.8, streams(0)),  # RTX 5090
        ("ti2v-5b", 79.6, Residency.RESIDENT),
        ("ti2v-5b", 39.6, Residency.RESIDENT),
        ("ti2v-5b", 23.9, TURNS),  # RTX 4090
        ("ti2v-5b", 15.9, streams(7)),
        ("demo", 1.0, Residency.RESIDENT),
    ],
)
def test_known_cards_hold_what_they_are_known_to_hold(
    model: str, gib: float, residency: Residency
) -> None:
    assert made(model, machine(card(gib))).residency == residency


def test_a_plan_is_for_the_video_that_is_to_be_made() -> None:
    assert made("t2v-a14b", machine(card(79.6)), video=SMALL).residency == Residency.RESIDENT
    assert made("t2v-a14b", machine(card(31.8)), video=SMALL).residency == streams(22)
    chosen = made("ti2v-5b", machine(card(15.9)), video=Video(1280, 704, 17))
    assert chosen.residency == TURNS


def lora(size: int, expert: LoraExpert = LoraExpert.BOTH) -> LoraUsed:
    return LoraUsed(sha256="a", name="l", bytes=size, rank=64, strength=1.0, expert=expert)


def test_loras_take_room_beside_an_expert_on_both_if_they_are_for_both() -> None:
    recipe, hardware = CATALOG.model("t2v-a14b"), machine(card(31.8))

    def blocks(*loras: LoraUsed) -> int | None:
        chosen = plan(recipe, status_of(recipe), hardware, video=SMALL, loras=loras)
        return chosen.residency.resident_blocks

    block = 2 * 351_394_304
    assert blocks() == 22
    assert blocks(lora(block, LoraExpert.HIGH)) == 21
    assert blocks(lora(block)) == 20
    assert blocks(lora(block, LoraExpert.HIGH), lora(block, LoraExpert.LOW)) == 20


@pytest.mark.parametrize(("model", "gib"), [("t2v-a14b", 7.6), ("ti2v-5b", 7.6)])
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
    in_turns = made("t2v-a14b", machine(card(79.6)))
    assert in_turns.device_bytes == 2 * expert
    streamed = made("t2v-a14b", machine(card(31.8)), video=SMALL)
    block = 351_394_304
    assert streamed.device_bytes == 2 * (expert - (40 - 22 - SLOTS) * block)


def test_experts_wait_in_host_memory_where_it_is_large_enough() -> None:
    assert made("t2v-a14b", machine(card(79.6), ram_bytes=96 * GIB)).residency == TURNS
    small = made("t2v-a14b", machine(card(79.6), ram_bytes=32 * GIB))
    assert small.residency == Residency(components_stay=False)


def test_blocks_that_stream_need_host_memory() -> None:
    assert made("t2v-a14b", machine(card(39.6), ram_bytes=36 * GIB))
    with pytest.raises(DoesNotFit) as caught:
        made("t2v-a14b", machine(card(39.6), ram_bytes=24 * GIB))
    assert (
        caught.value.message
        == "t2v-a14b needs 32.8 GB in host memory for 1280x720 with 81 frames, "
        "which has 25.8 GB: 7.0 GB too little"
    )
    assert made("t2v-a14b", machine(card(39.6), ram_bytes=24 * GIB), video=SMALL)


def test_on_a_cpu_the_stages_take_turns_where_not_all_of_it_fits() -> None:
    assert made("ti2v-5b", machine(ram_bytes=128 * GIB)).residency == Residency.RESIDENT
    in_turns = made("ti2v-5b", machine(ram_bytes=48 * GIB))
    assert in_turns.residency == Residency(components_stay=False)
    assert in_turns.device_bytes < in_turns.weights_bytes


def test_a_refusal_says_how_much_is_missing_and_which_model_fits() -> None:
    with pytest.raises(DoesNotFit) as caught:
        made("t2v-a14b", machine(card(7.6)))
    error = caught.value
    assert (
        error.message
        == "t2v-a14b needs 12.0 GB in NVIDIA GPU-1, which has 8.2 GB: 3.8 GB too little"
    )
    assert error.hint == "use a model that fits: --model demo"
    assert error.detail["needed_bytes"] > error.detail["total_bytes"]
    with pytest.raises(DoesNotFit) as caught:
        made("ti2v-5b", machine(ram_bytes=8 * GIB))
    assert caught.value.hint == "use a model that fits: --model demo"


def test_memory_that_others_hold_now_is_no_reason_to_refuse() -> None:
    full = machine(gpu(80 * GIB, used_bytes=79 * GIB), ram_bytes=256 * GIB, available_bytes=1 * GIB)
    assert made("ti2v-5b", full).residency == Residency.RESIDENT


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


def test_a_plan_says_when_the_video_may_not_fit() -> None:
    reason = made("ti2v-5b", machine(card(11.9))).reason
    assert reason == (
        "none of an expert's 30 blocks stay on the device beside the video, the others stream "
        "through it; 1280x704 with 121 frames may not fit, it takes about 16.5 GB"
    )
    assert "may not fit" not in made("ti2v-5b", machine(card(11.9)), video=SMALL).reason


def test_weights_that_nobody_could_count_are_taken_by_their_size() -> None:
    demo = CATALOG.model("demo")
    parts = [part.model_copy(update={"parameter_count": None}) for part in demo.components]
    unpublished = demo.model_copy(update={"components": tuple(parts)})
    chosen = plan(unpublished, status_of(unpublished), machine(card(8)))
    assert chosen.weights_bytes == 1_000_000 * (2 + 4 + 2)


@given(RECIPES, GIBS, GIBS, st.booleans(), VIDEOS)
def test_a_plan_is_lawful_and_never_over_what_there_is(
    recipe: Recipe, device_bytes: int, ram_bytes: int, has_gpu: bool, video: Video
) -> None:
    hardware = machine(*([gpu(device_bytes)] if has_gpu else []), ram_bytes=ram_bytes)
    chosen = fits(recipe, hardware, video=video)
    if chosen is None:
        return
    total = device_bytes if has_gpu else ram_bytes
    assert chosen.device_total_bytes == total
    assert chosen.device_bytes + CONTEXT_BYTES <= total
    assert chosen.device_bytes <= chosen.weights_bytes
    residency = chosen.residency
    if residency.components_stay:
        assert residency == Residency.RESIDENT
        assert chosen.device_bytes == chosen.weights_bytes
        assert "may not fit" not in chosen.reason
    if residency.resident_blocks is not None:
        assert has_gpu
        assert 0 <= residency.resident_blocks < blocks_of(recipe) - SLOTS
    assert _pinned(recipe, residency) <= PINNED_SHARE * ram_bytes


def _pinned(recipe: Recipe, residency: Residency) -> int:
    """Bytes that an expert's streamed blocks hold of the host, or all that the experts do."""
    experts = [part for part in recipe.components if part.class_name == TRANSFORMER]
    if residency.host_copies_stay:
        return sum(2 * (part.parameter_count or 0) for part in experts)
    if residency.resident_blocks is None or recipe.architecture is None:
        return 0
    streamed = recipe.architecture.blocks - residency.resident_blocks
    return 2 * streamed * recipe.architecture.block_parameters


@given(RECIPES, GIBS, VIDEOS)
def test_as_many_blocks_stay_as_fit_beside_the_video(
    recipe: Recipe, device_bytes: int, video: Video
) -> None:
    chosen = fits(recipe, machine(gpu(device_bytes), ram_bytes=4000 * GIB), video=video)
    if chosen is None or chosen.residency.components_stay:
        return
    blocks = blocks_of(recipe)
    lawful = [*range(max(0, blocks - SLOTS)), blocks]
    room = device_bytes - CONTEXT_BYTES - _activations(recipe, video)
    fitting = [n for n in lawful if _expert(recipe, n) <= room]
    resident = chosen.residency.resident_blocks
    assert (blocks if resident is None else resident) == max(fitting, default=lawful[0])


def _expert(recipe: Recipe, resident: int) -> int:
    """Bytes of an expert with so many blocks on the device, and two slots if any streams."""
    assert recipe.architecture is not None
    whole = 2 * max(
        part.parameter_count or 0 for part in recipe.components if part.class_name == TRANSFORMER
    )
    streamed = recipe.architecture.blocks - resident
    return whole - 2 * max(0, streamed - SLOTS) * recipe.architecture.block_parameters


def _activations(recipe: Recipe, video: Video) -> int:
    t, h, w = recipe.vae_stride
    patches = (video.height // (2 * h)) * (video.width // (2 * w))
    return ((video.frames - 1) // t + 1) * patches * ACTIVATION_BYTES_PER_TOKEN


@given(RECIPES, GIBS, GIBS, GIBS, GIBS, st.booleans(), VIDEOS)
def test_more_memory_never_gives_a_refusal_or_fewer_resident_blocks(
    recipe: Recipe,
    device: int,
    ram: int,
    more_device: int,
    more_ram: int,
    has_gpu: bool,
    video: Video,
) -> None:
    def with_memory(device_bytes: int, ram_bytes: int) -> Hardware:
        return machine(*([gpu(device_bytes)] if has_gpu else []), ram_bytes=ram_bytes)

    small = fits(recipe, with_memory(device, ram), video=video)
    large = fits(recipe, with_memory(device + more_device, ram + more_ram), video=video)
    if small is not None:
        assert large is not None
        assert rank(small.residency) <= rank(large.residency)


@given(RECIPES, GIBS, GIBS, VIDEOS, VIDEOS)
def test_a_smaller_video_never_gets_fewer_resident_blocks(
    recipe: Recipe, device_bytes: int, ram_bytes: int, one: Video, other: Video
) -> None:
    hardware = machine(gpu(device_bytes), ram_bytes=ram_bytes)
    smaller = Video(*map(min, one, other))
    plans = [fits(recipe, hardware, video=video) for video in (smaller, one)]
    if plans[1] is not None:
        assert plans[0] is not None
        assert rank(plans[0].residency) >= rank(plans[1].residency)


@given(GIBS, GIBS, st.booleans())
def test_the_demo_fits_everywhere(device_bytes: int, ram_bytes: int, has_gpu: bool) -> None:
    hardware = machine(*([gpu(device_bytes)] if has_gpu else []), ram_bytes=ram_bytes)
    assert fits(CATALOG.model("demo"), hardware) is not None


@given(RECIPES, st.lists(GIBS, min_size=1, max_size=4), VIDEOS)
def test_the_chosen_device_is_never_worse_than_any_that_could_be_named(
    recipe: Recipe, sizes: list[int], video: Video
) -> None:
    hardware = machine(*(gpu(size, uuid=f"GPU-{n}") for n, size in enumerate(sizes)))
    chosen = fits(recipe, hardware, video=video)
    named = [fits(recipe, hardware, device, video) for device in devices(hardware)]
    assert (chosen is None) == (not any(named))
    if chosen is not None:
        assert all(one is None or rank(one.residency) <= rank(chosen.residency) for one in named)


def quantised(bytes_here: int | None) -> tuple[Recipe, WeightsStatus]:
    """T2V-A14B whose experts are in GGUF files of this size; None: they are not here yet."""
    base = CATALOG.model("t2v-a14b")
    parts = [
        part.model_copy(update={"weights": None, "gguf": f"/{part.name}.gguf"})
        if part.class_name == TRANSFORMER
        else part
        for part in base.components
    ]
    recipe = base.model_copy(update={"components": tuple(parts)})
    status = status_of(recipe)
    there = [
        part.model_copy(update={"bytes_present": bytes_here or 0, "missing": missing})
        if part.class_name == TRANSFORMER
        else part
        for part in status.components
        for missing in [() if bytes_here else (f"/{part.name}.gguf",)]
    ]
    return recipe, status.model_copy(update={"components": tuple(there)})


def test_quantised_experts_take_what_their_files_have() -> None:
    recipe, status = quantised(8 * GIB)
    base = CATALOG.model("t2v-a14b")
    published = plan(base, status_of(base), machine(gpu(80 * GIB)))
    made = plan(recipe, status, machine(gpu(80 * GIB)))
    experts = [part for part in base.components if part.class_name == TRANSFORMER]
    bf16 = sum(2 * (part.parameter_count or 0) for part in experts)
    assert made.weights_bytes == published.weights_bytes - bf16 + 2 * 8 * GIB
    absent = plan(*quantised(None), machine(gpu(80 * GIB)))
    assert made.weights_bytes < absent.weights_bytes < published.weights_bytes


def test_they_stay_where_published_ones_stream_and_stream_where_they_do_not_fit() -> None:
    recipe, status = quantised(8 * GIB)
    base = CATALOG.model("t2v-a14b")
    middle, small = machine(gpu(28 * GIB)), machine(gpu(12 * GIB))
    streamed = plan(base, status_of(base), middle, video=SMALL).residency.resident_blocks
    assert streamed is not None
    assert plan(recipe, status, middle, video=SMALL).residency.resident_blocks is None
    few = plan(recipe, status, small, video=Video(832, 480, 17)).residency.resident_blocks
    assert few is not None
    assert 0 < few < 40
