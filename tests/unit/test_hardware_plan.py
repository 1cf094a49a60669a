"""Plans on synthetic machines: never over what a device has, never worse for having more."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.machines import gpu, machine
from tests.unit.plans import CATALOG, GB, TRANSFORMER, case, cpu_site, gpu_site, profile, status_of
from wantui.api.job import Stage
from wantui.api.model import ConvertedStatus, WeightsState
from wantui.api.plan import DType, Plan, Residency
from wantui.catalog.recipe import Recipe
from wantui.errors import DoesNotFit
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.site import PINNED_SHARE, Site
from wantui.hardware.estimates.video import Video
from wantui.hardware.estimates.weights import SLOTS, weight_bytes
from wantui.hardware.estimates.whole import host_peak, peak, seconds
from wantui.hardware.ladder import limits_after, setup_of, told
from wantui.hardware.nearest import nearest
from wantui.hardware.plan import devices, plan, plan_on_best
from wantui.hardware.shown import fit, ways
from wantui.hardware.ways import NO_LIMITS, Limits, best, candidates, lack, rank

RECIPES = st.sampled_from(CATALOG.recipes)
GBS = st.floats(1, 400).map(lambda gb: int(gb * GB))
SMALL = (832, 480)
VIDEOS = st.builds(
    Video,
    st.sampled_from([128, 832, 1280, 1920]),
    st.sampled_from([128, 480, 704, 1088]),
    st.sampled_from([1, 17, 81, 257]),
    steps=st.sampled_from([1, 4, 40]),
    passes=st.sampled_from([1, 2]),
    lora_bytes=st.sampled_from([0, 700_000_000]),
)
TURNS = Residency(components_stay=False, host_copies_stay=True)


def made(one: Case, limits: Limits = NO_LIMITS) -> Plan | None:
    try:
        return plan(one, limits)
    except DoesNotFit:
        return None


def site_of(has_gpu: bool, device_bytes: int, ram_bytes: int) -> Site:
    return gpu_site(device_bytes, ram_bytes) if has_gpu else cpu_site(ram_bytes)


def case_of(recipe: Recipe, video: Video, site: Site) -> Case:
    return Case(recipe, status_of(recipe), video, site)


def streams(blocks: int, *, host: bool = True) -> Residency:
    return Residency(blocks, components_stay=False, host_copies_stay=host)


def blocks_of(recipe: Recipe) -> int:
    assert recipe.architecture is not None
    return recipe.architecture.blocks


@pytest.mark.parametrize(
    ("model", "machine_name", "residency", "tiled"),
    [
        ("t2v-a14b", "h200", Residency.RESIDENT, False),
        ("t2v-a14b", "h100", TURNS, False),
        ("i2v-a14b", "rtx-4090", streams(18, host=False), False),
        ("t2v-a14b", "rtx-4080", streams(6, host=False), True),
        ("ti2v-5b", "h100", Residency.RESIDENT, False),
        ("ti2v-5b", "rtx-4090", TURNS, False),
        ("ti2v-5b", "rtx-4080", streams(27), True),
        ("demo", "rtx-4060-laptop", Residency.RESIDENT, False),
    ],
)
def test_known_machines_hold_what_first_principles_say(
    model: str, machine_name: str, residency: Residency, tiled: bool
) -> None:
    chosen = plan(case(model, machine_name))
    assert (chosen.residency, chosen.tiled_decode) == (residency, tiled)


def test_a_plan_is_for_the_video_that_is_to_be_made() -> None:
    site = gpu_site(32 * GB)
    large = plan(case("t2v-a14b", site)).residency.resident_blocks
    small = plan(case("t2v-a14b", site, SMALL)).residency.resident_blocks
    assert large is not None
    assert small is not None
    assert 0 < large < small < 40
    assert plan(case("ti2v-5b", gpu_site(40 * GB))).residency == TURNS
    assert plan(case("ti2v-5b", gpu_site(40 * GB), SMALL)).residency == Residency.RESIDENT


def test_loras_take_room_beside_an_expert() -> None:
    site = gpu_site(32 * GB)
    block = weight_bytes(CATALOG.model("t2v-a14b"), None, DType.BFLOAT16).block

    def blocks(lora_bytes: int) -> int:
        found = plan(case("t2v-a14b", site, SMALL, lora_bytes=lora_bytes))
        assert found.residency.resident_blocks is not None
        return found.residency.resident_blocks

    assert blocks(3 * block) in (blocks(0) - 3, blocks(0) - 4)


def test_weights_are_counted_as_they_are_loaded() -> None:
    expert, encoder, vae = 14_288_491_584, 5_680_910_336, 126_892_531
    on_gpu = plan(case("t2v-a14b", "h200"))
    assert on_gpu.dtype is DType.BFLOAT16
    least = 2 * (2 * expert + encoder) + 4 * vae
    assert least < on_gpu.weights_bytes < least * 1.002  # some modules stay fp32
    assert on_gpu.device_bytes == on_gpu.weights_bytes
    on_cpu = plan(case("t2v-a14b", cpu_site(256 * GB)))
    assert on_cpu.dtype is DType.FLOAT32
    assert on_cpu.weights_bytes == on_cpu.device_bytes == 4 * (2 * expert + encoder + vae)
    in_turns = plan(case("t2v-a14b", "h100"))
    assert in_turns.device_bytes == pytest.approx(2 * expert, rel=0.003)


def test_a_load_reads_what_was_converted() -> None:
    recipe = CATALOG.model("ti2v-5b")
    published = weight_bytes(recipe, status_of(recipe), DType.BFLOAT16)
    converted = ConvertedStatus(
        component="transformer",
        dtype=DType.BFLOAT16,
        kept_in_fp32=(),
        state=WeightsState.VERIFIED,
        bytes=10 * GB,
        folder="/c",
        files=(),
    )

    def on_disk(state: WeightsState) -> int:
        changed = converted.model_copy(update={"state": state})
        return weight_bytes(
            recipe, status_of(recipe, converted=(changed,)), DType.BFLOAT16
        ).experts_on_disk

    assert published.experts_on_disk == pytest.approx(20 * GB, rel=0.001)
    assert on_disk(WeightsState.VERIFIED) == 10 * GB
    assert on_disk(WeightsState.CORRUPT) == published.experts_on_disk


def test_experts_wait_in_host_memory_where_it_is_large_enough() -> None:
    assert plan(case("t2v-a14b", gpu_site(80 * GB, 96 * GB))).residency == TURNS
    small = plan(case("t2v-a14b", gpu_site(80 * GB, 32 * GB))).residency
    assert small == Residency(components_stay=False)


def test_blocks_that_stream_need_host_memory() -> None:
    assert plan(case("t2v-a14b", gpu_site(24 * GB, 48 * GB)))
    with pytest.raises(DoesNotFit) as caught:
        plan(case("t2v-a14b", gpu_site(24 * GB, 20 * GB)))
    assert "of host memory for 1280x720 with 81 frames, which has 20.0 GB" in caught.value.message


def test_on_a_cpu_the_stages_take_turns_where_not_all_of_it_fits() -> None:
    assert plan(case("ti2v-5b", cpu_site(128 * GB))).residency == Residency.RESIDENT
    in_turns = plan(case("ti2v-5b", cpu_site(64 * GB)))
    assert in_turns.residency == Residency(components_stay=False)
    assert in_turns.device_bytes < in_turns.weights_bytes


def test_a_refusal_says_how_much_is_missing_and_what_would_fit() -> None:
    one = case("t2v-a14b", "rtx-3060")
    with pytest.raises(DoesNotFit) as caught:
        plan(one)
    detail = caught.value.detail
    assert detail["needed_bytes"] > detail["total_bytes"] == 32 * GB
    assert "too little" in caught.value.message
    found = nearest(one, CATALOG.recipes)
    assert found[0].words == f"the same with {found[0].frames} frames"
    assert found[1].words == "the same at 832x480"
    assert found[-1].model == "ti2v-5b"
    for other in found:
        instead = case(other.model, "rtx-3060", (other.width, other.height), other.frames)
        assert best(instead) is not None
    fewer = case("t2v-a14b", "rtx-3060", frames=found[0].frames + 4)
    assert best(fewer) is None


def test_where_no_video_fits_another_model_is_named() -> None:
    (only,) = nearest(case("ti2v-5b", gpu_site(4 * GB)), CATALOG.recipes)
    assert only.model == "demo"


def test_a_text_encoder_that_is_too_large_streams() -> None:
    """Its blocks are all that its parameters are, but for an embedding and the last norm."""
    one = case("ti2v-5b", gpu_site(8 * GB))
    weights, embedding = one.weights, 2 * (256_384 * 4096 + 4096)
    assert weights.encoder_blocks * weights.encoder_block == weights.encoder - embedding
    chosen = plan(one)
    assert chosen.residency.encoder_streams
    assert "the text encoder's blocks stream" in chosen.reason
    assert chosen.device_bytes < weights.encoder
    assert chosen.host_bytes is not None
    assert chosen.host_bytes > weights.pinned(chosen.residency) > weights.encoder - embedding
    whole = Setup(replace(chosen.residency, encoder_streams=False), chosen.tiled_decode)
    assert lack(one, whole) is not None
    assert seconds(one, setup_of(chosen)).likely > seconds(one, whole).likely
    assert not plan(case("ti2v-5b", gpu_site(13 * GB))).residency.encoder_streams


def test_an_encode_that_ran_out_streams_the_encoder() -> None:
    one = case("ti2v-5b", gpu_site(13 * GB))
    first = plan(one)
    limits = limits_after(one, first, Stage.ENCODE, 0, {}, of_host=False)
    second = plan(one, limits)
    assert second.residency == replace(first.residency, encoder_streams=True)
    assert "text encoder" in told(first, second, Stage.ENCODE)
    with pytest.raises(DoesNotFit):
        plan(one, limits_after(one, second, Stage.ENCODE, 0, limits, of_host=False))


def test_jobs_run_on_every_gpu_or_on_the_cpu_where_there_is_none() -> None:
    assert devices(machine()) == ("cpu",)
    assert devices(machine(gpu(GB, "GPU-a"), gpu(GB, "GPU-b"))) == ("GPU-a", "GPU-b")


def test_the_device_that_is_quickest_for_it_is_chosen() -> None:
    sites = [replace(gpu_site(gb * GB), device=f"GPU-{gb}") for gb in (24, 80)]
    cases = [(case("ti2v-5b", site), NO_LIMITS) for site in sites]
    assert plan_on_best(cases).device == "GPU-80"
    with pytest.raises(DoesNotFit, match="ti2v-5b needs"):
        plan_on_best([(case("ti2v-5b", gpu_site(4 * GB)), NO_LIMITS)])


@pytest.mark.parametrize("bf16", [True, False])
def test_a_gpu_that_is_slow_at_bf16_gets_it_with_a_word_of_warning(bf16: bool) -> None:
    slow = profile("16gb", dtypes={"bf16": bf16, "fp16": True, "fp8": False})
    chosen = plan(case("ti2v-5b", Site.of("GPU-1", "A GPU", slow)))
    assert chosen.dtype is DType.BFLOAT16
    assert ("slow" in chosen.reason) is not bf16


def test_a_plan_says_when_the_video_may_not_fit() -> None:
    assert "it may not fit" in plan(case("ti2v-5b", "rtx-4090")).reason
    assert "it may not fit" not in plan(case("ti2v-5b", "a100")).reason


def test_weights_that_nobody_could_count_are_taken_by_their_size() -> None:
    demo = CATALOG.model("demo")
    parts = [part.model_copy(update={"parameter_count": None}) for part in demo.components]
    unpublished = demo.model_copy(update={"components": tuple(parts), "architecture": None})
    assert plan(case(unpublished, gpu_site(8 * GB))).weights_bytes == 1_000_000 * (2 + 4 + 2)


def test_planning_takes_less_than_ten_milliseconds() -> None:
    took = []
    for model in ("t2v-a14b", "i2v-a14b", "ti2v-5b"):
        for gb in (12, 16, 24, 32, 80):
            one = case(model, gpu_site(gb * GB))
            start = time.perf_counter()
            made(one)
            took.append(time.perf_counter() - start)
    assert median(took) < 0.010


@given(RECIPES, GBS, GBS, st.booleans(), VIDEOS)
def test_a_plan_is_lawful_and_never_over_what_there_is(
    recipe: Recipe, device_bytes: int, ram_bytes: int, has_gpu: bool, video: Video
) -> None:
    site = site_of(has_gpu, device_bytes, ram_bytes)
    one = case_of(recipe, video, site)
    chosen = made(one)
    if chosen is None:
        return
    assert chosen.peak_bytes is not None
    assert chosen.peak_bytes <= chosen.device_total_bytes == site.capacity_bytes
    assert chosen.device_bytes <= chosen.weights_bytes
    residency, setup = chosen.residency, setup_of(chosen)
    likely = min(peak(one, setup).likely, site.capacity_bytes)
    assert likely == pytest.approx(chosen.peak_bytes, abs=1)
    if residency.components_stay:
        assert residency == Residency.RESIDENT
        assert not chosen.tiled_decode
        assert chosen.peak_bytes <= site.device_bytes
    if residency.resident_blocks is not None:
        assert has_gpu
        assert 0 <= residency.resident_blocks < blocks_of(recipe) - SLOTS
    if has_gpu:
        assert one.weights.pinned(residency) <= PINNED_SHARE * ram_bytes
        assert host_peak(one, setup).likely <= ram_bytes


@given(RECIPES, GBS, GBS, VIDEOS)
def test_what_may_not_be_decoded_in_tiles_is_planned_without_or_refused(
    recipe: Recipe, device_bytes: int, ram_bytes: int, video: Video
) -> None:
    one = case_of(recipe, video, gpu_site(device_bytes, ram_bytes))
    if best(one, tiles=False) is not None:
        assert not plan(one, tiles=False).tiled_decode
        return
    with pytest.raises(DoesNotFit) as refused:
        plan(one, tiles=False)
    assert refused.value.detail["needed_bytes"] > refused.value.detail["total_bytes"]


@given(RECIPES, GBS, GBS, GBS, GBS, st.booleans(), VIDEOS)
def test_more_memory_never_gives_a_refusal_tiles_or_a_slower_plan(
    recipe: Recipe,
    device: int,
    ram: int,
    more_device: int,
    more_ram: int,
    has_gpu: bool,
    video: Video,
) -> None:
    small = case_of(recipe, video, site_of(has_gpu, device, ram))
    large = case_of(recipe, video, site_of(has_gpu, device + more_device, ram + more_ram))
    before, after = best(small), best(large)
    if before is None:
        return
    assert after is not None
    assert after.tiled <= before.tiled
    for again in (True, False):
        was = seconds(small, before, again=again).likely
        assert seconds(large, after, again=again).likely <= was * (1 + 1e-9)


@given(RECIPES, GBS, GBS, VIDEOS, VIDEOS)
def test_a_smaller_video_never_gets_a_refusal_tiles_or_fewer_blocks(
    recipe: Recipe, device_bytes: int, ram_bytes: int, one: Video, other: Video
) -> None:
    site = gpu_site(device_bytes, ram_bytes)
    shape = (min(one.width, other.width), min(one.height, other.height))
    smaller = replace(one, width=shape[0], height=shape[1], frames=min(one.frames, other.frames))
    less, more = (best(case_of(recipe, video, site)) for video in (smaller, one))
    if more is None:
        return
    assert less is not None
    assert less.tiled <= more.tiled
    assert _blocks(recipe, less) >= _blocks(recipe, more)


def _blocks(recipe: Recipe, setup: Setup) -> int:
    resident = setup.residency.resident_blocks
    return blocks_of(recipe) if resident is None else resident


@given(RECIPES, GBS, VIDEOS)
def test_as_many_blocks_stay_as_fit_beside_the_video(
    recipe: Recipe, device_bytes: int, video: Video
) -> None:
    one = case_of(recipe, video, gpu_site(device_bytes, 4000 * GB))
    chosen = best(one)
    if chosen is None or chosen.residency.components_stay:
        return
    site = replace(one.site, capacity_bytes=one.site.device_bytes)
    strict = replace(one, site=site)
    for blocks in one.weights.choices:
        setup = Setup(replace(chosen.residency, resident_blocks=blocks), chosen.tiled)
        if _blocks(recipe, setup) > _blocks(recipe, chosen):
            assert lack(strict, setup) is not None


@given(GBS, GBS, st.booleans())
def test_the_demo_fits_everywhere(device_bytes: int, ram_bytes: int, has_gpu: bool) -> None:
    site = site_of(has_gpu, device_bytes, max(ram_bytes, 4 * GB))
    assert best(case("demo", site)) is not None


@given(RECIPES, GBS, GBS, VIDEOS)
def test_every_way_that_is_shown_is_priced_and_the_chosen_one_is_the_best(
    recipe: Recipe, device_bytes: int, ram_bytes: int, video: Video
) -> None:
    one = case_of(recipe, video, gpu_site(device_bytes, ram_bytes))
    shown = ways(one)
    assert {way.plan.residency for way in shown} >= {s.residency for s in candidates(one)}
    can = [way for way in shown if way.why_not is None]
    assert [way.chosen for way in can] == [True] + [False] * (len(can) - 1) if can else True
    assert not any(way.chosen for way in shown if way.why_not)
    for way in shown:
        for amount in (way.estimate.device, way.estimate.host, way.estimate.seconds):
            assert 0 < amount.low <= amount.likely <= amount.high
        for stage in way.estimate.stages:
            assert sum(part.amount.likely for part in stage.parts) == pytest.approx(
                stage.device.likely
            )
    cell = fit(one)
    assert (cell.missing_bytes is None) is bool(can)


@given(RECIPES, GBS, GBS, st.booleans(), VIDEOS, st.data())
def test_the_ladder_goes_down_and_ends(
    recipe: Recipe,
    device_bytes: int,
    ram_bytes: int,
    has_gpu: bool,
    video: Video,
    data: st.DataObject,
) -> None:
    """Whatever stage runs out of memory, again and again, tiles are taken only for decoding."""
    one = case_of(recipe, video, site_of(has_gpu, device_bytes, ram_bytes))
    limits: Limits = {}
    stages = (Stage.ENCODE, Stage.DENOISE, Stage.DECODE)
    chosen = made(one, limits)
    for _ in range(80):
        if chosen is None:
            return
        stage = data.draw(st.sampled_from(stages))
        limits = limits_after(one, chosen, stage, 0, limits, of_host=False)
        following = made(one, limits)
        if following is not None:
            assert rank(one, setup_of(following)) > rank(one, setup_of(chosen))
            assert told(chosen, following, stage)
            if stage is Stage.DENOISE and not has_gpu:
                assert following.tiled_decode == chosen.tiled_decode
        chosen = following
    raise AssertionError("the ladder has no end")


def test_a_denoise_that_ran_out_gets_fewer_blocks_and_a_decode_gets_tiles() -> None:
    one = case("t2v-a14b", gpu_site(32 * GB), SMALL)
    first = plan(one)
    limits = limits_after(one, first, Stage.DENOISE, 0, {}, of_host=False)
    second = plan(one, limits)
    assert first.residency.resident_blocks is not None
    assert second.residency.resident_blocks is not None
    assert second.residency.resident_blocks < first.residency.resident_blocks
    assert not second.tiled_decode
    lacking = limits_after(one, first, Stage.DENOISE, 6 * GB, {}, of_host=False)
    third = plan(one, lacking).residency.resident_blocks
    assert third is not None
    assert third < second.residency.resident_blocks - 5
    decode = limits_after(one, second, Stage.DECODE, 0, limits, of_host=False)
    assert plan(one, decode).tiled_decode
    assert plan(one, decode).residency == second.residency


def test_other_arithmetic_is_only_taken_where_it_is_allowed_and_nothing_else_is_left() -> None:
    strict = case("ti2v-5b", gpu_site(24 * GB))
    lenient = replace(strict, may_degrade=True)
    assert best(lenient) == best(strict)
    limits: Limits = {}
    chosen = plan(strict)
    while not chosen.tiled_decode:
        limits = limits_after(strict, chosen, Stage.DECODE, 0, limits, of_host=False)
        chosen = plan(strict, limits)
    last = limits_after(strict, chosen, Stage.DECODE, 0, limits, of_host=False)
    with pytest.raises(DoesNotFit, match="too little"):
        plan(strict, last)
    degraded = plan(lenient, last)
    assert degraded.decode_dtype is DType.BFLOAT16
    assert degraded.tiled_decode
    assert "not faithful" in told(chosen, degraded, Stage.DECODE)


def quantised(bytes_here: int | None) -> Case:
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
    known = status.model_copy(update={"components": tuple(there)})
    return replace(case(recipe, "a100"), status=known)


def test_quantised_experts_take_what_their_files_have() -> None:
    published, absent = case("t2v-a14b", "a100").weights, quantised(None).weights
    assert quantised(8 * GB).weights.experts == (8 * GB, 8 * GB)
    assert 8 * GB < absent.experts[0] < published.experts[0]
    assert quantised(8 * GB).weights.encoder == published.encoder


def test_they_stay_where_published_ones_stream_and_stream_where_they_do_not_fit() -> None:
    middle, small = gpu_site(28 * GB), gpu_site(13 * GB)
    video = replace(case("t2v-a14b", middle).video, width=832, height=480)
    streamed = plan(case("t2v-a14b", middle, SMALL)).residency.resident_blocks
    assert streamed is not None
    whole = replace(quantised(8 * GB), site=middle, video=video)
    assert plan(whole).residency.resident_blocks is None
    larger = replace(quantised(12 * GB), site=small, video=video)
    few = plan(larger).residency.resident_blocks
    assert few is not None
    assert 0 < few < 40


def test_beside_others_a_video_that_only_tiles_would_let_fit_is_refused_with_what_is_missing() -> (
    None
):
    whole = case("t2v-a14b", gpu_site(80 * GB))
    only_tiles = 0
    for free in range(1, 80):
        site = replace(whole.site, device_bytes=free * GB, capacity_bytes=free * GB)
        crowded = replace(whole, site=site)
        if best(crowded, tiles=False) is None and best(crowded) is not None:
            only_tiles += 1
            with pytest.raises(DoesNotFit) as refused:
                plan(crowded, tiles=False)
            assert refused.value.detail["needed_bytes"] > refused.value.detail["total_bytes"]
    assert only_tiles
