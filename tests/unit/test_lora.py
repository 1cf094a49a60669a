"""What is taken for a LoRA, and for which models: names, structure, sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.loras import (
    DIM,
    FFN,
    LAYERS,
    RANK,
    Shapes,
    diffusers_shapes,
    kohya_shapes,
    lora_file,
    original_shapes,
)
from wantui.api.adapter import LoraNaming, Noise
from wantui.catalog.catalog import Catalog
from wantui.errors import AdapterUnfit, InvalidAdapter
from wantui.paths import shipped_config
from wantui.pipe.lora_names import Piece, of_image_branch, parse_name
from wantui.store.header import Header, Tensor
from wantui.store.lora import (
    MAX_HEADER_BYTES,
    Lora,
    check_head,
    check_suffix,
    lora_of,
    noise_hint,
    read_lora,
)
from wantui.store.lora_fit import base_models

RECIPES = Catalog.load(shipped_config()).recipes
A14B = {"dim": 5120, "ffn": 13_824}
PAIRS = (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("o", "to_out.0"))
LEAVES = {
    **{f"self_attn.{theirs}": f"attn1.{ours}" for theirs, ours in PAIRS},
    **{f"cross_attn.{theirs}": f"attn2.{ours}" for theirs, ours in PAIRS},
    "cross_attn.k_img": "attn2.add_k_proj",
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
}
"""A block's linears, in the original's naming and in diffusers'."""


def read(shapes: Mapping[str, Sequence[int]], dtype: str = "F32") -> Lora:
    """As from a file of these tensors, without its bytes."""
    tensors = {name: Tensor(dtype, tuple(shape), 0, 0) for name, shape in shapes.items()}
    return lora_of(Header(tensors, {}), "some.safetensors")


def models(shapes: Shapes) -> tuple[str, ...]:
    return base_models(read(shapes), RECIPES, "some.safetensors")


@given(
    block=st.integers(0, 9999),
    leaf=st.sampled_from(sorted(LEAVES)),
    piece=st.sampled_from([Piece.DOWN, Piece.UP]),
    modern=st.booleans(),
)
def test_every_school_of_names_means_the_same_module(
    block: int, leaf: str, piece: Piece, modern: bool
) -> None:
    letter, word = ("A", "down") if piece is Piece.DOWN else ("B", "up")
    theirs, ours = f"blocks.{block}.{leaf}", f"blocks.{block}.{LEAVES[leaf]}"
    ending = f"lora_{letter}.weight" if modern else f"lora_{word}.weight"
    written = {
        f"transformer.{ours}.{ending}": LoraNaming.DIFFUSERS,
        f"base_model.model.{ours}.lora_{letter}.default.weight": LoraNaming.DIFFUSERS,
        f"{ours}.{ending}": LoraNaming.DIFFUSERS,
        f"diffusion_model.{theirs}.{ending}": LoraNaming.ORIGINAL,
        f"model.diffusion_model.{theirs}.{ending}": LoraNaming.ORIGINAL,
        f"lora_unet_{theirs.replace('.', '_')}.{ending}": LoraNaming.KOHYA,
    }
    for name, naming in written.items():
        assert parse_name(name) == (ours, piece, naming)


@given(st.text(max_size=400) | st.from_regex(r"(transformer\.|lora_unet_)?[a-z0-9_.]{0,60}"))
def test_no_name_is_too_strange_to_be_read(name: str) -> None:
    parsed = parse_name(name)
    assert parsed is None or parsed.module


@pytest.mark.parametrize(
    ("name", "module", "piece"),
    [
        ("diffusion_model.blocks.3.cross_attn.norm_q.diff", "blocks.3.attn2.norm_q", Piece.DIFF),
        ("diffusion_model.blocks.3.norm3.diff_b", "blocks.3.norm2", Piece.BIAS_DIFF),
        ("diffusion_model.head.head.diff", "proj_out", Piece.DIFF),
        ("diffusion_model.patch_embedding.diff_b", "patch_embedding", Piece.BIAS_DIFF),
        (
            "diffusion_model.time_projection.1.lora_up.weight",
            "condition_embedder.time_proj",
            Piece.UP,
        ),
        ("lora_unet_blocks_11_ffn_2.alpha", "blocks.11.ffn.net.2", Piece.ALPHA),
        ("transformer.blocks.0.attn1.to_q.lora_B.bias", "blocks.0.attn1.to_q", Piece.BIAS_DIFF),
    ],
)
def test_what_else_such_files_hold_is_known(name: str, module: str, piece: Piece) -> None:
    parsed = parse_name(name)
    assert parsed is not None
    assert (parsed.module, parsed.piece) == (module, piece)


@pytest.mark.parametrize(
    ("shapes", "naming", "layers"),
    [
        (diffusers_shapes(), LoraNaming.DIFFUSERS, LAYERS),
        (original_shapes(), LoraNaming.ORIGINAL, LAYERS + 2),
        (kohya_shapes(), LoraNaming.KOHYA, LAYERS),
    ],
)
def test_a_real_file_is_told_by_its_header(
    tmp_path: Path, shapes: Shapes, naming: LoraNaming, layers: int
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(lora_file(shapes, dtype="BF16"))
    lora = read_lora(path, "a.safetensors")
    assert (lora.naming, lora.rank, len(lora.layers), lora.dtype) == (naming, RANK, layers, "BF16")
    assert base_models(lora, RECIPES, "a.safetensors") == ("demo",)


def test_the_model_is_told_by_width_and_blocks() -> None:
    assert models(diffusers_shapes(16, (0, 39), **A14B)) == ("i2v-a14b", "t2v-a14b")
    assert models(diffusers_shapes(16, (0, 29), 3072, 14_336)) == ("ti2v-5b",)


def test_the_channels_tell_image_to_video_from_text_to_video() -> None:
    shapes = diffusers_shapes(16, (0,), **A14B)
    for channels, model in ((36, "i2v-a14b"), (16, "t2v-a14b")):
        patch = {
            "transformer.patch_embedding.lora_A.weight": (16, channels, 1, 2, 2),
            "transformer.patch_embedding.lora_B.weight": (5120, 16, 1, 1, 1),
        }
        assert models(shapes | patch) == (model,)
        assert models(shapes | {"transformer.patch_embedding.diff": (5120, channels, 1, 2, 2)}) == (
            model,
        )


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        (diffusers_shapes(16, (0, 29), 1536, 8960), "of dim 1536 with at least 30 blocks"),
        (diffusers_shapes(16, (40,), **A14B), "it has 40 blocks and no blocks.40.attn1.to_q"),
        (diffusers_shapes(16, (0,), 5120, 14_336), "blocks.0.ffn.net.0.proj is 13824 x 5120"),
        (
            diffusers_shapes(16, (0,), **A14B)
            | {"transformer.patch_embedding.lora_A.weight": (16, 36 * 4),
               "transformer.patch_embedding.lora_B.weight": (5120, 16)},
            "patch_embedding is 5120 x 36 x 1 x 2 x 2: the LoRA's down is 16 x 144",
        ),
        (
            diffusers_shapes() | {"transformer.blocks.0.attn1.to_q.lora_A.weight": (4, DIM, 1, 1)},
            f"the LoRA's down is 4 x {DIM} x 1 x 1",
        ),
        (
            diffusers_shapes() | {"transformer.blocks.0.attn1.to_q.diff": (DIM, DIM - 1)},
            f"the LoRA's diff is {DIM} x {DIM - 1}",
        ),
        (
            diffusers_shapes() | {"transformer.blocks.0.attn1.norm_q.lora_A.weight": (4, 1),
                                  "transformer.blocks.0.attn1.norm_q.lora_B.weight": (DIM, 4)},
            "blocks.0.attn1.norm_q",
        ),
    ],
)  # fmt: skip
def test_one_for_no_model_is_refused_with_what_was_seen(shapes: Shapes, says: str) -> None:
    with pytest.raises(AdapterUnfit) as caught:
        models(shapes)
    assert says in caught.value.message
    assert "t2v-a14b (dim 5120, 40 blocks)" in caught.value.hint
    assert set(caught.value.detail["problems"]) == {recipe.id for recipe in RECIPES}


def test_the_image_branch_of_wan_2_1_is_counted_and_not_asked_for() -> None:
    extra = {
        "diffusion_model.blocks.0.cross_attn.k_img.lora_down.weight": (4, DIM),
        "diffusion_model.blocks.0.cross_attn.k_img.lora_up.weight": (DIM, 4),
        "diffusion_model.blocks.0.cross_attn.norm_k_img.diff": (DIM,),
        "diffusion_model.img_emb.proj.1.diff_b": (1280,),
    }
    lora = read(original_shapes() | extra)
    assert lora.unused_tensors == len(extra)
    assert not any(of_image_branch(module) for module in lora.layers)
    assert models(original_shapes() | extra) == ("demo",)
    with pytest.raises(InvalidAdapter, match="no low-rank layer"):
        read(extra)


Q = "transformer.blocks.0.attn1.to_q"


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({}, "no low-rank layer"),
        ({"transformer.blocks.0.attn1.norm_q.diff": (DIM,)}, "no low-rank layer"),
        ({f"{Q}.lora_A.weight": (4, DIM)}, "has its down half alone"),
        ({f"{Q}.lora_B.weight": (DIM, 4)}, "has its up half alone"),
        ({f"{Q}.lora_A.weight": (4, DIM), f"{Q}.lora_B.weight": (DIM, 8)}, "two ranks, 4 and 8"),
        ({f"{Q}.lora_A.weight": (0, DIM), f"{Q}.lora_B.weight": (DIM, 0)}, "has the shapes"),
        ({f"{Q}.lora_A.weight": (FFN,), f"{Q}.lora_B.weight": (DIM, 4)}, "has the shapes"),
        ({f"{Q}.alpha": ()}, "an alpha that scales nothing"),
        (diffusers_shapes() | {f"{Q}.alpha": (2,)}, "an alpha that scales nothing"),
        (diffusers_shapes() | kohya_shapes(), "blocks.0.attn1.to_q twice"),
        ({f"{Q}.weight": (DIM, DIM)}, "no LoRA for a Wan transformer"),
        ({"model.diffusion_model.input_blocks.1.lora_A.weight": (4, 4)}, "no LoRA for a Wan"),
        (diffusers_shapes() | {f"{Q}.dora_scale": (DIM,)}, "a DoRA"),
        ({f"{Q}.lora_magnitude_vector": (DIM,)}, "a DoRA"),
        ({"lora_unet_blocks_0_self_attn_q.hada_w1_a": (4, 4)}, "a LoHa"),
        ({"lora_unet_blocks_0_self_attn_q.lokr_w1": (4, 4)}, "a LoKr"),
        ({"lora_te1_layers_0_mlp_fc1.lora_down.weight": (4, 4)}, "for a text encoder"),
        ({"transformer_2.blocks.0.attn1.to_q.lora_A.weight": (4, DIM)}, "for both experts"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_the_reason(shapes: Shapes, says: str) -> None:
    with pytest.raises(InvalidAdapter, match=says):
        read(shapes)


def test_a_tensor_of_whole_numbers_is_refused() -> None:
    with pytest.raises(InvalidAdapter, match="is U8, no float"):
        read(diffusers_shapes(), dtype="U8")


@pytest.mark.parametrize("file", ["a.pt", "a.PT", "a.Pth", "a.BIN", "a.ckpt", "a.gguf", "a", ""])
def test_a_suffix_of_another_format_is_refused_whatever_its_case(file: str) -> None:
    with pytest.raises(InvalidAdapter, match=r"is not a \.safetensors file"):
        check_suffix(file)
    check_suffix("a.SafeTensors")


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"PK\x03\x04\x00\x00\x00\x00\x08", "a PyTorch pickle"),
        (b"\x80\x02}q\x00(X\x05\x00", "a pickle"),
        (b"GGUF\x03\x00\x00\x00\x00", "a GGUF file"),
        (b"", "does not begin as"),
        (b"\x10\0\0\0\0\0\0\0[", "does not begin as"),
        ((MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b"{", "does not begin as"),
    ],
)
def test_a_pickle_is_known_by_its_first_bytes(head: bytes, says: str) -> None:
    with pytest.raises(InvalidAdapter, match=says):
        check_head(head, "a.safetensors")


def test_a_header_as_long_as_a_pickle_begins_is_no_pickle() -> None:
    check_head((0x0280).to_bytes(8, "little") + b"{", "a.safetensors")


def test_a_damaged_file_is_named_as_people_call_it(tmp_path: Path) -> None:
    path = tmp_path / ".incoming"
    path.write_bytes(lora_file(diffusers_shapes())[:-1])
    with pytest.raises(InvalidAdapter) as caught:
        read_lora(path, "mine.safetensors")
    assert caught.value.message.startswith("'mine.safetensors' is not a safetensors file: ")


@pytest.mark.parametrize(
    ("file", "hint"),
    [
        ("wan22_HIGH.safetensors", Noise.HIGH),
        ("high_noise_model.safetensors", Noise.HIGH),
        ("Wan2.2-I2V-A14B-lownoise-lora.safetensors", Noise.LOW),
        ("loras/low/style.safetensors", Noise.LOW),
        ("high_and_low.safetensors", None),
        ("slowmotion_highway.safetensors", None),
        ("style.safetensors", None),
    ],
)
def test_a_name_hints_at_the_expert(file: str, hint: Noise | None) -> None:
    assert noise_hint(file) is hint
