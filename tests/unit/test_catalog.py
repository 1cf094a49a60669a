"""The catalog against the published facts: Wan2.2's `wan/configs/` and the hub's repositories."""

from __future__ import annotations

import collections
from dataclasses import dataclass

import pytest

from wantui.api.model import Limits
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.catalog.sizes import Size, nearest_size
from wantui.errors import InvalidRequest, UnknownModel
from wantui.paths import shipped_config

CATALOG = Catalog.load(shipped_config())
IDS = [recipe.id for recipe in CATALOG.recipes]

NEGATIVE = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，"
    "低质量，JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，"
    "毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)


@dataclass(frozen=True)
class Official:
    """One column of the published table; guidance is the high-noise expert's first."""

    repository: str
    pipeline: str
    expand_timesteps: bool
    steps: int
    shift: float
    guidance: tuple[float, float | None]
    boundary: float | None
    frames: int
    fps: int
    sizes: tuple[str, ...]
    vae_stride: tuple[int, int, int]
    multiple: int
    image: tuple[bool, bool]
    """Whether it takes one, whether it needs one."""
    parameters: dict[str, int]
    gigabytes: float
    shards: dict[str, int]


A14B_SIZES = ("1280x720", "720x1280", "832x480", "480x832")
SHARED = {"text_encoder": 5_680_910_336}
OFFICIAL = {
    "t2v-a14b": Official(
        repository="Wan-AI/Wan2.2-T2V-A14B-Diffusers",
        pipeline="WanPipeline",
        expand_timesteps=False,
        steps=40,
        shift=12.0,
        guidance=(4.0, 3.0),
        boundary=0.875,
        frames=81,
        fps=16,
        sizes=A14B_SIZES,
        vae_stride=(4, 8, 8),
        multiple=16,
        image=(False, False),
        parameters={
            "transformer": 14_288_491_584,
            "transformer_2": 14_288_491_584,
            "vae": 126_892_531,
            **SHARED,
        },
        gigabytes=126.2,
        shards={"transformer": 12, "transformer_2": 12, "vae": 1, "text_encoder": 3},
    ),
    "i2v-a14b": Official(
        repository="Wan-AI/Wan2.2-I2V-A14B-Diffusers",
        pipeline="WanImageToVideoPipeline",
        expand_timesteps=False,
        steps=40,
        shift=5.0,
        guidance=(3.5, 3.5),
        boundary=0.9,
        frames=81,
        fps=16,
        sizes=A14B_SIZES,
        vae_stride=(4, 8, 8),
        multiple=16,
        image=(True, True),
        parameters={
            "transformer": 14_288_901_184,
            "transformer_2": 14_288_901_184,
            "vae": 126_892_531,
            **SHARED,
        },
        gigabytes=126.2,
        shards={"transformer": 12, "transformer_2": 12, "vae": 1, "text_encoder": 3},
    ),
    "ti2v-5b": Official(
        repository="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        pipeline="WanPipeline",
        expand_timesteps=True,
        steps=50,
        shift=5.0,
        guidance=(5.0, None),
        boundary=None,
        frames=121,
        fps=24,
        sizes=("1280x704", "704x1280"),
        vae_stride=(4, 16, 16),
        multiple=32,
        image=(True, False),
        parameters={"transformer": 4_999_787_712, "vae": 704_688_668, **SHARED},
        gigabytes=34.2,
        shards={"transformer": 5, "vae": 1, "text_encoder": 3},
    ),
}


def test_these_models_exist_and_the_demo_comes_last() -> None:
    assert IDS == ["i2v-a14b", "t2v-a14b", "ti2v-5b", "demo"]
    assert set(OFFICIAL) == set(IDS) - {"demo"}


@pytest.mark.parametrize("model", OFFICIAL)
def test_the_defaults_are_the_official_ones(model: str) -> None:
    recipe, official = CATALOG.model(model), OFFICIAL[model]
    defaults = recipe.defaults
    assert (recipe.repository, recipe.pipeline) == (official.repository, official.pipeline)
    assert recipe.expand_timesteps is official.expand_timesteps
    assert defaults.steps == official.steps
    assert defaults.shift == official.shift
    assert (defaults.guidance, defaults.guidance_low) == official.guidance
    assert recipe.boundary == official.boundary
    assert (defaults.frames, defaults.fps) == (official.frames, official.fps)
    assert recipe.limits.sizes == official.sizes
    assert f"{defaults.width}x{defaults.height}" == official.sizes[0]
    assert recipe.vae_stride == official.vae_stride
    assert recipe.limits.size_multiple == official.multiple
    assert recipe.limits.text_tokens == 512
    assert recipe.sampler == "unipc"
    assert (recipe.takes_image, recipe.needs_image) == official.image
    assert defaults.negative_prompt == NEGATIVE


@pytest.mark.parametrize("model", OFFICIAL)
def test_the_components_are_as_published(model: str) -> None:
    recipe, official = CATALOG.model(model), OFFICIAL[model]
    weighed = {part.name: part for part in recipe.components if part.weights}
    assert {name: part.parameter_count for name, part in weighed.items()} == official.parameters
    published = 0
    for name, part in weighed.items():
        assert part.weights is not None
        assert part.weights.shards == official.shards[name]
        assert part.weights.bytes is not None
        width = 2 if name == "text_encoder" else 4
        assert part.weights.bytes == official.parameters[name] * width
        published += part.weights.bytes
    assert published / 1e9 == pytest.approx(official.gigabytes, abs=0.05)
    assert {part.name for part in recipe.components} - set(weighed) == {"tokenizer", "scheduler"}


def test_the_files_are_named_as_on_the_hub() -> None:
    paths = CATALOG.model("t2v-a14b").paths
    assert paths[0] == "model_index.json"
    for path in (
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model-00003-of-00003.safetensors",
        "text_encoder/model.safetensors.index.json",
        "tokenizer/spiece.model",
        "transformer/diffusion_pytorch_model-00001-of-00012.safetensors",
        "transformer_2/diffusion_pytorch_model.safetensors.index.json",
        "vae/diffusion_pytorch_model.safetensors",
    ):
        assert path in paths
    assert len(paths) == len(set(paths)) == 41


@pytest.mark.parametrize("recipe", CATALOG.recipes, ids=IDS)
def test_a_models_own_defaults_and_sizes_are_within_its_limits(recipe: Recipe) -> None:
    limits, defaults = recipe.limits, recipe.defaults
    assert limits.min_side % limits.size_multiple == 0
    assert limits.size_multiple % recipe.vae_stride[1] == 0
    assert limits.max_frames % limits.frame_stride == defaults.frames % limits.frame_stride == 1
    assert limits.frame_stride == recipe.vae_stride[0]
    assert defaults.frames <= limits.max_frames
    assert defaults.steps <= limits.max_steps
    assert f"{defaults.width}x{defaults.height}" in limits.sizes
    for text in limits.sizes:
        size = Size(*map(int, text.split("x")))
        assert nearest_size(size, limits) == size


@pytest.mark.parametrize("recipe", CATALOG.recipes, ids=IDS)
def test_every_field_of_a_recipes_limits_is_known(recipe: Recipe) -> None:
    assert recipe.limits.model_fields_set == set(Limits.model_fields)


def test_every_name_resolves_whatever_its_case_and_means_one_model() -> None:
    names = [(name, recipe) for recipe in CATALOG.recipes for name in (recipe.id, *recipe.aliases)]
    for name, recipe in names:
        assert CATALOG.model(name.upper()) is recipe
    meant = collections.defaultdict(set)
    for name, recipe in names:
        meant[name.casefold()].add(recipe.id)
    assert all(len(ids) == 1 for ids in meant.values())


@pytest.mark.parametrize("model", OFFICIAL)
def test_old_names_resolve(model: str) -> None:
    task = model.replace("a14b", "A14B").replace("5b", "5B")
    for name in (OFFICIAL[model].repository, task, f"wan_implementation:{task}"):
        assert CATALOG.model(name).id == model


def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownModel) as caught:
        CATALOG.model("t2v-14b\x1b[31m")
    assert caught.value.detail["nearest"] == "t2v-a14b"
    assert "\x1b" not in caught.value.message


def test_faithful_is_the_first_quality_and_an_unknown_one_is_refused() -> None:
    assert CATALOG.qualities[0].id == "faithful"
    assert CATALOG.quality("faithful").faithful
    with pytest.raises(InvalidRequest) as caught:
        CATALOG.quality("faithfull")
    assert caught.value.detail["nearest"] == "faithful"


def test_only_the_demo_ships_with_wantui() -> None:
    assert [recipe.id for recipe in CATALOG.recipes if recipe.get_command is None] == ["demo"]
    assert CATALOG.model("ti2v-5b").get_command == "wantui pull ti2v-5b"
