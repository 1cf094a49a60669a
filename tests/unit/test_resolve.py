"""Sizes and parameters: every refusal names a value that is then taken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.api.job import MAX_SEED, ImageUsed, JobRequest, Params
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.catalog.resolve import resolve
from wantui.catalog.sizes import Size, nearest_size, parse_size, shown_of, size_for_image
from wantui.errors import InvalidRequest
from wantui.paths import shipped_config

CATALOG = Catalog.load(shipped_config())
RECIPES = st.sampled_from(CATALOG.recipes)
SIDES = st.integers(0, 99_999)
PICTURE_SIDES = st.integers(1, 50_000)


def image_for(recipe: Recipe, width: int = 640, height: int = 480) -> ImageUsed | None:
    used = ImageUsed(sha256="0" * 64, format="png", width=width, height=height)
    return used if recipe.needs_image else None


def assert_on_the_grid(recipe: Recipe, params: Params) -> None:
    limits = recipe.limits
    for side in (params.width, params.height):
        assert side % limits.size_multiple == 0
        assert side >= limits.min_side
    assert params.width * params.height <= limits.max_pixels
    assert params.frames % limits.frame_stride == 1
    assert 1 <= params.frames <= limits.max_frames
    assert 1 <= params.steps <= limits.max_steps
    assert 0 <= params.seed <= MAX_SEED
    assert (params.guidance_low is None) == (recipe.boundary is None)


def refusal(recipe: Recipe, **fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        resolve(recipe, JobRequest(prompt="a cat", **fields), image_for(recipe))
    return caught.value


@given(RECIPES, SIDES, SIDES)
def test_the_nearest_size_is_always_one_that_the_model_takes(
    recipe: Recipe, width: int, height: int
) -> None:
    near = nearest_size(Size(width, height), recipe.limits)
    assert parse_size(str(near), recipe.limits) == near


@given(RECIPES, SIDES, SIDES)
def test_a_size_is_taken_as_it_is_or_refused_never_rounded(
    recipe: Recipe, width: int, height: int
) -> None:
    asked = Size(width, height)
    try:
        taken = parse_size(str(asked), recipe.limits)
    except InvalidRequest as error:
        near = parse_size(error.detail["nearest"], recipe.limits)
    else:
        near = taken
        assert taken == asked
    assert near == nearest_size(asked, recipe.limits)


@given(RECIPES, st.text(max_size=30))
def test_what_is_no_size_is_refused_with_one_that_is(recipe: Recipe, text: str) -> None:
    try:
        parse_size(text, recipe.limits)
    except InvalidRequest as error:
        parse_size(error.detail["nearest"], recipe.limits)


@pytest.mark.parametrize("text", ["832x480", " 832X480 ", "832×480", "832*480", "0832x480"])
def test_sizes_are_read_as_people_write_them(text: str) -> None:
    assert parse_size(text, CATALOG.model("t2v-a14b").limits) == Size(832, 480)


@pytest.mark.parametrize(
    ("text", "near"),
    [("1280x721", "1280x720"), ("1x1", "128x128"), ("99999x1", "16320x128"), ("0x0", "128x128")],
)
def test_a_size_off_the_grid_names_its_neighbour(text: str, near: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_size(text, CATALOG.model("t2v-a14b").limits)
    assert caught.value.detail["nearest"] == near


@given(RECIPES, PICTURE_SIDES, PICTURE_SIDES)
def test_every_picture_gets_a_size_that_the_model_takes(
    recipe: Recipe, width: int, height: int
) -> None:
    size = size_for_image(recipe, width, height)
    assert parse_size(str(size), recipe.limits) == size


@pytest.mark.parametrize(
    ("model", "picture", "size"),
    [
        # Computed with the functions of Wan2.2 that `size_for_image` names.
        ("i2v-a14b", (1280, 720), "1280x720"),
        ("i2v-a14b", (720, 1280), "720x1280"),
        ("i2v-a14b", (1000, 1000), "960x960"),
        ("i2v-a14b", (4032, 3024), "1104x816"),
        ("ti2v-5b", (1280, 704), "1280x704"),
        ("ti2v-5b", (704, 1280), "704x1280"),
        ("ti2v-5b", (1000, 1000), "960x928"),
        ("ti2v-5b", (1920, 1080), "1248x704"),
    ],
)
def test_a_picture_gets_the_official_size(model: str, picture: tuple[int, int], size: str) -> None:
    assert str(size_for_image(CATALOG.model(model), *picture)) == size


@pytest.mark.parametrize("recipe", CATALOG.recipes, ids=lambda recipe: recipe.id)
def test_a_bare_prompt_becomes_the_official_parameters(recipe: Recipe) -> None:
    image = image_for(recipe, recipe.defaults.width, recipe.defaults.height)
    params = resolve(recipe, JobRequest(prompt="a cat"), image)
    official = recipe.defaults.model_dump()
    assert {name: getattr(params, name) for name in official} == official
    assert params.boundary == recipe.boundary
    assert params.prompt == "a cat"
    assert_on_the_grid(recipe, params)


@pytest.mark.parametrize("name", ["unipc", "dpm++", "euler", "DPM++"])
def test_a_sampler_is_taken_by_name(name: str) -> None:
    params = resolve(CATALOG.model("t2v-a14b"), JobRequest(prompt="x", sampler=name), None)
    assert params.sampler == name.lower()


@pytest.mark.parametrize(
    ("name", "near"), [("dpm", "dpm++"), ("eular", "euler"), ("UniPCM", "unipc")]
)
def test_an_unknown_sampler_is_refused_with_the_nearest(name: str, near: str) -> None:
    error = refusal(CATALOG.model("t2v-a14b"), sampler=name)
    assert error.detail["field"] == "sampler"
    assert error.detail["nearest"] == near
    assert error.detail["allowed"] == "unipc, dpm++, euler"


def test_a_seed_that_nobody_gave_is_drawn_anew() -> None:
    recipe = CATALOG.model("demo")
    seeds = {resolve(recipe, JobRequest(prompt="a cat"), None).seed for _ in range(8)}
    assert len(seeds) > 1


@given(
    recipe=RECIPES,
    width=SIDES,
    height=SIDES,
    frames=st.integers(-5, 10_000) | st.integers(),
    steps=st.integers(-5, 500) | st.integers(),
    fps=st.integers(),
    seed=st.integers(),
    guidance=st.floats(allow_nan=False, allow_infinity=False),
    shift=st.floats(allow_nan=False, allow_infinity=False),
)
def test_following_the_hints_always_ends_with_parameters_on_the_grid(
    recipe: Recipe, width: int, height: int, **numbers: float
) -> None:
    fields: dict[str, Any] = {"size": f"{width}x{height}", **numbers}
    for _ in range(len(fields) + 1):
        try:
            params = resolve(recipe, JobRequest(prompt="x", **fields), image_for(recipe))
        except InvalidRequest as error:
            fields[error.detail["field"]] = error.detail["nearest"]
        else:
            assert_on_the_grid(recipe, params)
            return
    pytest.fail(f"the hints led nowhere: {fields}")


@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [
        ("frames", 0, 1),
        ("frames", 80, 81),
        ("frames", 82, 81),
        ("frames", 1000, 257),
        ("frames", 10**400, 257),
        ("frames", -(10**400), 1),
        ("steps", 0, 1),
        ("steps", 201, 200),
        ("fps", 0, 1),
        ("seed", -1, 0),
        ("seed", 2**63, 2**63 - 1),
        ("guidance", -0.5, 0.0),
        ("guidance", 31.0, 30.0),
        ("guidance_low", 31.0, 30.0),
        ("shift", 0.0, 0.01),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_nearest_one(
    field: str, value: float, nearest: float
) -> None:
    error = refusal(CATALOG.model("t2v-a14b"), **{field: value})
    assert error.detail["field"] == field
    assert error.detail["nearest"] == nearest
    assert error.detail["allowed"]


def test_guidance_of_the_low_expert_follows_what_was_asked_of_the_high_one() -> None:
    recipe = CATALOG.model("t2v-a14b")

    def guidance(**fields: Any) -> tuple[float, float | None]:
        params = resolve(recipe, JobRequest(prompt="x", **fields), None)
        return params.guidance, params.guidance_low

    assert guidance() == (4.0, 3.0)
    assert guidance(guidance=6.0) == (6.0, 6.0)
    assert guidance(guidance_low=2.0) == (4.0, 2.0)
    assert guidance(guidance=6.0, guidance_low=2.0) == (6.0, 2.0)


def test_a_model_with_one_expert_takes_no_second_guidance() -> None:
    assert refusal(CATALOG.model("ti2v-5b"), guidance_low=2.0).detail["field"] == "guidance_low"


def test_images_are_needed_taken_or_refused_as_the_model_says() -> None:
    used = ImageUsed(sha256="0" * 64, format="png", width=480, height=832)
    request = JobRequest(prompt="x")
    with pytest.raises(InvalidRequest, match="starts from an image"):
        resolve(CATALOG.model("i2v-a14b"), request, None)
    with pytest.raises(InvalidRequest, match="takes no image"):
        resolve(CATALOG.model("t2v-a14b"), request, used)
    params = resolve(CATALOG.model("ti2v-5b"), request, used)
    assert params.image is not None
    assert params.image.sha256 == used.sha256
    assert params.height > params.width


def test_an_asked_size_beats_the_pictures() -> None:
    recipe = CATALOG.model("i2v-a14b")
    params = resolve(recipe, JobRequest(prompt="x", size="832x480"), image_for(recipe, 100, 900))
    assert (params.width, params.height) == (832, 480)
    assert params.image is not None
    assert params.image.shown == (100, 58)  # 100 * 480 / 832


@given(PICTURE_SIDES, PICTURE_SIDES, st.integers(1, 200), st.integers(1, 200))
def test_what_a_frame_shows_of_a_picture_has_its_aspect_and_touches_two_edges(
    width: int, height: int, across: int, down: int
) -> None:
    frame = Size(across * 16, down * 16)
    shown = shown_of(Size(width, height), frame)
    assert shown.width == width or shown.height == height
    assert shown.width <= width
    assert shown.height <= height
    if min(shown) > 1:
        assert abs(shown.width * frame.height - shown.height * frame.width) <= max(frame)


@pytest.mark.parametrize("prompt", ["", " \n\t", "x" * 10_001])
def test_an_empty_or_endless_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolve(CATALOG.model("demo"), JobRequest(prompt=prompt), None)
    assert caught.value.detail["field"] == "prompt"


def test_an_empty_negative_prompt_is_not_the_default_one() -> None:
    recipe = CATALOG.model("t2v-a14b")
    assert resolve(recipe, JobRequest(prompt="x", negative_prompt=""), None).negative_prompt == ""
