"""What nobody asks for is what Wan 2.2 does: its published table, and its own arithmetic of sizes.

Source of the table: Wan2.2, `wan/configs/`, `generate.py` and README.md.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wantui.api.job import ImageUsed, JobRequest, Params, Sampler
from wantui.catalog.catalog import Catalog
from wantui.catalog.resolve import resolve
from wantui.catalog.sizes import Size, nearest_size, size_for_image
from wantui.paths import shipped_config

CATALOG = Catalog.load(shipped_config())
MODELS = ("t2v-a14b", "i2v-a14b", "ti2v-5b")
TABLE = """
steps                    | 40                 | 40                 | 50
flow shift               | 12.0               | 5.0                | 5.0
guidance high / low      | 4.0 / 3.0          | 3.5 / 3.5          | 5.0
boundary                 | 0.875              | 0.900              | none
frames / fps             | 81 / 16            | 81 / 16            | 121 / 24
sizes | 1280x720 720x1280 832x480 480x832 | 1280x720 720x1280 832x480 480x832 | 1280x704 704x1280
VAE stride t h w         | 4 8 8              | 4 8 8              | 4 16 16
width and height times   | 16                 | 16                 | 32
frames times n, plus one | 4                  | 4                  | 4
text tokens              | 512                | 512                | 512
sampler                  | unipc              | unipc              | unipc
"""
NEGATIVE = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，"
    "低质量，JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，"
    "毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
PICTURES = st.integers(64, 8192)


def official(model: str) -> dict[str, str]:
    """A column of the table, by the names of its rows."""
    column = MODELS.index(model) + 1
    rows = (line.split("|") for line in TABLE.strip().splitlines())
    return {row[0].strip(): row[column].strip() for row in rows}


def from_a_bare_prompt(model: str) -> Params:
    recipe = CATALOG.model(model)
    image = ImageUsed(sha256="0" * 64, format="png", width=1280, height=720)
    return resolve(recipe, JobRequest(prompt="x"), image if recipe.needs_image else None)


@pytest.mark.parametrize("model", MODELS)
def test_a_bare_prompt_resolves_to_the_published_table(model: str) -> None:
    recipe, params, table = CATALOG.model(model), from_a_bare_prompt(model), official(model)
    both = (params.guidance, params.guidance_low)
    limits = recipe.limits
    assert {
        "steps": str(params.steps),
        "flow shift": f"{params.shift:.1f}",
        "guidance high / low": " / ".join(f"{one:.1f}" for one in both if one is not None),
        "boundary": "none" if params.boundary is None else f"{params.boundary:.3f}",
        "frames / fps": f"{params.frames} / {params.fps}",
        "sizes": " ".join(limits.sizes),
        "VAE stride t h w": " ".join(map(str, recipe.vae_stride)),
        "width and height times": str(limits.size_multiple),
        "frames times n, plus one": str(limits.frame_stride),
        "text tokens": str(limits.text_tokens),
        "sampler": params.sampler,
    } == table
    assert f"{params.width}x{params.height}" == table["sizes"].split()[0]
    assert params.negative_prompt == NEGATIVE
    assert CATALOG.quality(JobRequest(prompt="x").quality).faithful


def test_the_samplers_are_wans_two_and_euler() -> None:
    assert [sampler.value for sampler in Sampler] == ["unipc", "dpm++", "euler"]


def most(square: Fraction, grid: int) -> int:
    """The largest multiple of `grid` whose square is no more than this: without rounding."""
    return math.isqrt(math.floor(square)) // grid * grid


def is_edge(square: Fraction, grid: int) -> bool:
    """Whether a side is a multiple of `grid` exactly: there floats decide, upstream's and ours."""
    return most(square, grid) ** 2 == square


@given(PICTURES, PICTURES)
def test_i2v_a14b_takes_the_area_of_720p_at_the_pictures_aspect_each_side_rounded_down(
    width: int, height: int
) -> None:
    """Wan2.2, `wan/image2video.py`: sqrt(area * aspect) in whole patches of latents."""
    recipe = CATALOG.model("i2v-a14b")
    squares = Fraction(1280 * 720 * width, height), Fraction(1280 * 720 * height, width)
    assume(not any(is_edge(square, 16) for square in squares))
    wanted = Size(*(most(square, 16) for square in squares))
    assert size_for_image(recipe, width, height) == nearest_size(wanted, recipe.limits)


@given(PICTURES, PICTURES)
def test_diffusers_rounds_first_and_so_is_one_step_of_the_grid_larger_at_most(
    width: int, height: int
) -> None:
    """diffusers 0.42.1, the example in `pipeline_wan_i2v.py`, where upstream rounds last."""
    recipe = CATALOG.model("i2v-a14b")
    sides = (round(math.sqrt(1280 * 720 * aspect)) for aspect in (width / height, height / width))
    theirs = nearest_size(Size(*(side // 16 * 16 for side in sides)), recipe.limits)
    ours = size_for_image(recipe, width, height)
    assert all(abs(b - a) <= 16 for a, b in zip(ours, theirs, strict=True))


@given(PICTURES, PICTURES)
def test_ti2v_5b_rounds_one_side_fills_the_area_with_the_other_and_takes_the_truer_aspect(
    width: int, height: int
) -> None:
    """Wan2.2, `wan/utils/utils.py`, `best_output_size`."""
    recipe, area = CATALOG.model("ti2v-5b"), 1280 * 704
    aspect = Fraction(width, height)
    assume(Fraction(1, 40) < aspect < 40)  # else a side is zero upstream
    assume(not is_edge(area * aspect, 32) and not is_edge(area / aspect, 32))
    across, down = most(area * aspect, 32), most(area / aspect, 32)
    wide_first = Size(across, area // across // 32 * 32)
    tall_first = Size(area // down // 32 * 32, down)

    def distortion(size: Size) -> Fraction:
        stretch = aspect / Fraction(size.width, size.height)
        return max(stretch, 1 / stretch)

    truer = min(tall_first, wide_first, key=distortion)
    assert size_for_image(recipe, width, height) == nearest_size(truer, recipe.limits)


@pytest.mark.parametrize("model", ["i2v-a14b", "ti2v-5b"])
@given(PICTURES, PICTURES)
def test_the_official_size_keeps_nearly_all_of_a_picture(
    model: str, width: int, height: int
) -> None:
    recipe = CATALOG.model(model)
    if not 1 / 3 < width / height < 3:
        return
    used = ImageUsed(sha256="0" * 64, format="png", width=width, height=height)
    shown = resolve(recipe, JobRequest(prompt="x"), used).image
    assert shown is not None
    assert shown.shown is not None
    assert shown.shown[0] * shown.shown[1] >= 0.9 * width * height
