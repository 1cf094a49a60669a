"""LoRAs change what diffusers' own loading changes, to the bit, and leave no trace."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.loras import diffusers_shapes
from tests.worker import loras
from tests.worker.both_ways import Theirs, latents, loaded
from tests.worker.orders import Desk, Tiny, lora_file
from tests.worker.process import WorkerProcess
from wantui.api.job import Params
from wantui.api.lora import LoraExpert
from wantui.api.plan import DType, Residency
from wantui.errors import AdapterUnusable
from wantui.pipe.messages import LoraFile
from wantui.worker.load import LoadedModel
from wantui.worker.lora import loras_on, shifted
from wantui.worker.stop import StopFlag, StopOrdered

HIGH, LOW, BOTH = LoraExpert.HIGH, LoraExpert.LOW, LoraExpert.BOTH


def theirs(model: Tiny, params: Params, used: list[LoraFile], dtype: DType) -> Tensor:
    """As diffusers' documentation loads LoRAs into the experts of Wan 2.2."""
    both = Theirs.of(model, dtype)
    pipeline = both.pipeline
    for component, expert, second in (("transformer", HIGH, False), ("transformer_2", LOW, True)):
        names, strengths = [], []
        for number, lora in enumerate(used):
            if not expert.meets(lora.used.expert) or getattr(pipeline, component) is None:
                continue
            names.append(f"{component}_{number}")
            strengths.append(lora.used.strength)
            extra = {"load_into_transformer_2": True} if second else {}
            pipeline.load_lora_weights(lora.file.path, adapter_name=names[-1], **extra)
        if names:
            getattr(pipeline, component).set_adapters(names, strengths)
    frames: Tensor = both.run(params)
    return frames


Uses = list[tuple[str, int, float, LoraExpert]]
"""Naming, seed, strength, expert."""
USES: dict[str, Uses] = {
    "one for both": [("diffusers", 0, 1.0, BOTH)],
    "one for high noise alone": [("original", 0, 0.7, HIGH)],
    "one for low noise alone": [("kohya", 0, -0.4, LOW)],
    "one for each": [("original", 0, 1.0, HIGH), ("original", 1, 1.0, LOW)],
    "several on each": [
        ("diffusers", 0, 0.5, BOTH),
        ("original", 1, 1.2, HIGH),
        ("kohya", 2, 0.3, BOTH),
    ],
}


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")  # theirs, of a second one
@pytest.mark.parametrize(
    ("uses", "dtype"),
    [
        pytest.param(
            uses,
            dtype,
            id=f"{name}-{dtype.value}",
            marks=[pytest.mark.slow] if dtype is DType.BFLOAT16 and len(uses) < 3 else [],
        )
        for name, uses in USES.items()
        for dtype in DType
    ],
)
def test_latents_equal_those_of_the_pipeline_with_its_own_loading(
    tinies: dict[str, Tiny], tmp_path: Path, uses: Uses, dtype: DType
) -> None:
    model = tinies["t2v"]
    params = model.params(steps=4)
    used = [
        lora_file(loras.saved(tmp_path, naming, seed), strength, expert)
        for naming, seed, strength, expert in uses
    ]
    ours = loaded(model, dtype)
    plain = latents(ours, params)
    changed = latents(ours, params, *used)
    assert torch.equal(changed, theirs(model, params, used, dtype))
    assert not torch.equal(changed, plain)
    assert torch.equal(latents(ours, params), plain)


@pytest.mark.parametrize("naming", loras.NAMINGS)
def test_the_only_expert_of_a_model_takes_them_likewise(
    tinies: dict[str, Tiny], tmp_path: Path, naming: str
) -> None:
    model = tinies["ti2v"]
    used = [lora_file(loras.saved(tmp_path, naming), 0.8)]
    ours = latents(loaded(model), model.params(), *used)
    assert torch.equal(ours, theirs(model, model.params(), used, DType.FLOAT32))


@pytest.mark.parametrize("prefix", ["transformer.", ""])
def test_the_scale_that_diffusers_saves_beside_the_tensors_counts(
    tinies: dict[str, Tiny], tmp_path: Path, prefix: str
) -> None:
    model = tinies["ti2v"]
    content = loras.tensors(diffusers_shapes(dim=loras.DIM, ffn=loras.FFN), 0)
    config = {"r": 4, "lora_alpha": 6, "alpha_pattern": {"blocks.1.attn1.to_q": 3}, "peft_type": 1}
    metadata = {"lora_adapter_metadata": json.dumps({f"{prefix}{k}": v for k, v in config.items()})}
    with_scale, without = tmp_path / "with.safetensors", tmp_path / "without.safetensors"
    save_file(content, with_scale, metadata)
    for name, tensor in content.items():
        if "lora_B" in name:
            tensor.mul_((3 if "blocks.1.attn1.to_q" in name else 6) / 4)
    save_file(content, without)
    transformer = loaded(model)
    params = model.params(steps=1)
    scaled = latents(transformer, params, lora_file(with_scale))
    torch.testing.assert_close(scaled, latents(transformer, params, lora_file(without)))
    assert not torch.equal(scaled, latents(transformer, params))


def weights_with(model: LoadedModel, changes: dict[str, Tensor]) -> LoadedModel:
    model.placement.bring("transformer")
    parameters = dict(model.transformer.named_parameters())
    for name, change in changes.items():
        parameter = parameters[name]
        parameter.data = parameter.data + change.reshape(parameter.shape)
    return model


@pytest.mark.parametrize(
    ("name", "shape", "parameter"),
    [
        ("blocks.0.norm3.diff", (24,), "blocks.0.norm2.weight"),
        ("blocks.1.self_attn.norm_q.diff", (24,), "blocks.1.attn1.norm_q.weight"),
        ("blocks.0.norm3.diff_b", (24,), "blocks.0.norm2.bias"),
        ("time_projection.1.diff_b", (144,), "condition_embedder.time_proj.bias"),
        ("blocks.0.modulation.diff", (1, 6, 24), "blocks.0.scale_shift_table"),
        ("head.modulation.diff", (1, 2, 24), "scale_shift_table"),
        ("head.head.diff", (192, 24), "proj_out.weight"),
        ("patch_embedding.diff", (24, 48, 1, 2, 2), "patch_embedding.weight"),
    ],
)
def test_a_difference_is_added_to_what_it_is_of_as_if_the_weights_had_it(
    tinies: dict[str, Tiny], tmp_path: Path, name: str, shape: tuple[int, ...], parameter: str
) -> None:
    """diffusers leaves most of these out."""
    model = tinies["ti2v"]
    params = model.params(steps=1)
    content = loras.tensors(diffusers_shapes(dim=loras.DIM, ffn=loras.FFN, blocks=[0]), 0)
    difference = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 0.2
    plain = lora_file(loras.save(tmp_path / "plain.safetensors", content), 0.5)
    both = content | {f"diffusion_model.{name}": difference}
    changed = lora_file(loras.save(tmp_path / "changed.safetensors", both), 0.5)
    ours = latents(loaded(model), params, changed)
    expected = latents(weights_with(loaded(model), {parameter: difference * 0.5}), params, plain)
    assert torch.equal(ours, expected)
    assert not torch.equal(ours, latents(loaded(model), params, plain))


def test_fp8_files_and_convolutions_are_added_as_well(
    tinies: dict[str, Tiny], tmp_path: Path
) -> None:
    model = tinies["ti2v"]
    params = model.params(steps=1)
    down = torch.randn(4, 48, 1, 2, 2, generator=torch.Generator().manual_seed(0)) * 0.2
    up = torch.randn(24, 4, 1, 1, 1, generator=torch.Generator().manual_seed(1)) * 0.2
    content = {
        "transformer.patch_embedding.lora_A.weight": down,
        "transformer.patch_embedding.lora_B.weight": up,
        "transformer.patch_embedding.alpha": torch.tensor(2.0),
    }
    path = loras.save(tmp_path / "fp8.safetensors", content, torch.float8_e4m3fn)
    ours = latents(loaded(model), params, lora_file(path))
    halves = [tensor.to(torch.float8_e4m3fn).float() for tensor in (up, down)]
    product = torch.einsum("or,ri->oi", halves[0].flatten(1), halves[1].flatten(1)) * (2 / 4)
    changed = weights_with(loaded(model), {"patch_embedding.weight": product})
    torch.testing.assert_close(ours, latents(changed, params))
    assert not torch.equal(ours, latents(loaded(model), params))


def test_a_convolution_s_halves_that_are_flattened_are_refused_as_diffusers_does(
    tinies: dict[str, Tiny], tmp_path: Path
) -> None:
    """Before the worker is asked `lora add` refuses them, by the same rule."""
    model = tinies["ti2v"]
    content = {
        "transformer.patch_embedding.lora_A.weight": torch.ones(4, 48 * 4),
        "transformer.patch_embedding.lora_B.weight": torch.ones(24, 4),
    }
    path = loras.save(tmp_path / "flat.safetensors", content)
    with (
        pytest.raises(AdapterUnusable, match="patch_embedding is 24 x 48 x 1 x 2 x 2, not"),
        loras_on(loaded(model), [lora_file(path)], StopFlag().check),
    ):
        raise AssertionError("it was added")
    with pytest.raises(RuntimeError, match="size mismatch"):
        Theirs.of(model).pipeline.load_lora_weights(path)


def trace(module: Any) -> dict[str, Any]:
    """All that one could find of a LoRA: modules, parameters, hooks and attributes."""
    return {
        name: (
            id(part),
            [(key, id(parameter)) for key, parameter in part._parameters.items()],
            len(part._forward_hooks) + len(part._forward_pre_hooks),
            sorted(vars(part)),
        )
        for name, part in module.named_modules()
    }


def every_way(folder: Path) -> list[LoraFile]:
    shifting = loras.tensors(diffusers_shapes(dim=loras.DIM, ffn=loras.FFN), 3)
    shifting["diffusion_model.blocks.0.norm3.diff"] = torch.ones(24)
    return [
        lora_file(loras.saved(folder, "original", 1)),
        lora_file(loras.saved(folder, "kohya", 2), 0.5),
        lora_file(loras.save(folder / "shifting.safetensors", shifting), 0.5, HIGH),
    ]


def test_nothing_of_a_lora_is_left_after_the_job(tinies: dict[str, Tiny], tmp_path: Path) -> None:
    model = loaded(tinies["t2v"])
    used = every_way(tmp_path)
    with loras_on(model, used, StopFlag().check):  # what is made at a first use is made
        pass
    before = [trace(model.transformer), trace(model.transformer_2)]
    with loras_on(model, used, StopFlag().check):
        assert [trace(model.transformer), trace(model.transformer_2)] != before
    assert [trace(model.transformer), trace(model.transformer_2)] == before


def test_nothing_is_left_after_a_stop_in_the_middle(
    tinies: dict[str, Tiny], tmp_path: Path
) -> None:
    model = loaded(tinies["t2v"])
    used = every_way(tmp_path)
    with loras_on(model, used, StopFlag().check):
        pass
    before = trace(model.transformer)

    left = iter(range(150, 0, -1))

    def check() -> None:
        """Stops while the last file is read."""
        if next(left) == 1:
            raise StopOrdered

    with pytest.raises(StopOrdered), loras_on(model, used, check):
        raise AssertionError("it was not stopped")
    assert trace(model.transformer) == before


def test_a_stop_in_a_streamed_block_leaves_no_trace_either(
    tinies: dict[str, Tiny], tmp_path: Path
) -> None:
    tiny, used = tinies["t2v"], every_way(tmp_path)
    params = tiny.params(steps=2)
    plain, changed = latents(loaded(tiny), params), latents(loaded(tiny), params, *used)
    streamed = Residency(0, components_stay=False, host_copies_stay=True)
    model = loaded(tiny, residency=streamed)
    for number in (0, 1):  # of the block, and of the pass
        left = iter(range(number))

        def stop_there(*_forward: object, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise StopOrdered

        hook = model.transformer.blocks[number].ffn.register_forward_pre_hook(stop_there)
        with pytest.raises(StopOrdered):
            latents(model, params, *used)
        hook.remove()
        assert torch.equal(latents(model, params), plain)
    assert torch.equal(latents(model, params, *used), changed)


def test_matrices_are_on_the_device_and_of_their_layer_s_type_wherever_the_weights_are(
    tinies: dict[str, Tiny], tmp_path: Path
) -> None:
    model = loaded(tinies["ti2v"], DType.BFLOAT16)
    shapes = diffusers_shapes(dim=loras.DIM, ffn=loras.FFN) | {
        "diffusion_model.time_embedding.2.lora_down.weight": (4, 24),
        "diffusion_model.time_embedding.2.lora_up.weight": (24, 4),
    }
    path = loras.save(tmp_path / "time.safetensors", loras.tensors(shapes, 0))
    model.transformer.to("meta")  # as if all weights were streamed from elsewhere
    with loras_on(model, [lora_file(path)], StopFlag().check):
        added = {n: p for n, p in model.transformer.named_parameters() if ".lora_" in n}
        assert len(added) == len(shapes)
        assert {parameter.device.type for parameter in added.values()} == {"cpu"}
        assert not any(parameter.requires_grad for parameter in added.values())
        for name, parameter in added.items():
            expected = torch.float32 if "time_embedder" in name else torch.bfloat16
            assert parameter.dtype == expected, name


PAIR = {
    "diffusion_model.blocks.0.ffn.0.lora_down.weight": (4, 24),
    "diffusion_model.blocks.0.ffn.0.lora_up.weight": (32, 4),
}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"text_model.layer.lora_A.weight": (4, 4)}, "what 'text_model.layer.lora_A.weight' is"),
        ({"diffusion_model.blocks.0.ffn.0.magnitude": (4,)}, "blocks.0.ffn.0.magnitude"),
        ({"diffusion_model.blocks.0.ffn.2.lora_down.weight": (4, 32)}, "one half of its pair"),
        (
            {
                "diffusion_model.blocks.2.ffn.0.lora_down.weight": (4, 24),
                "diffusion_model.blocks.2.ffn.0.lora_up.weight": (32, 4),
            },
            "no blocks.2.ffn.net.0.proj",
        ),
        (
            {
                "diffusion_model.blocks.0.ffn.2.lora_down.weight": (4, 24),
                "diffusion_model.blocks.0.ffn.2.lora_up.weight": (24, 4),
            },
            "blocks.0.ffn.net.2 is 24 x 32",
        ),
        (
            {
                "diffusion_model.blocks.0.norm3.lora_down.weight": (4, 24),
                "diffusion_model.blocks.0.norm3.lora_up.weight": (24, 4),
            },
            "blocks.0.norm2 takes no low-rank product",
        ),
        ({"diffusion_model.blocks.7.modulation.diff": (1, 6, 24)}, "no blocks.7.scale_shift_table"),
        ({"diffusion_model.blocks.0.modulation.diff": (1, 6, 8)}, "of [1, 6, 8]"),
    ],
)
def test_what_has_no_place_is_named_and_the_model_stays_as_it_was(
    tinies: dict[str, Tiny], tmp_path: Path, more: dict[str, tuple[int, ...]], says: str
) -> None:
    model = loaded(tinies["ti2v"])
    before = trace(model.transformer)
    path = tmp_path / "odd.safetensors"
    save_file({name: torch.ones(shape) for name, shape in (PAIR | more).items()}, path)
    with pytest.raises(AdapterUnusable) as caught, loras_on(model, [lora_file(path)], print):
        raise AssertionError("it was taken")
    assert says in caught.value.message
    assert "odd" in caught.value.message
    assert [entry[:3] for entry in trace(model.transformer).values()] == [
        entry[:3] for entry in before.values()
    ]


def test_an_image_branch_that_the_model_does_not_have_is_passed_over(
    tinies: dict[str, Tiny], tmp_path: Path
) -> None:
    model = tinies["ti2v"]
    content = loras.tensors(diffusers_shapes(dim=loras.DIM, ffn=loras.FFN), 0)
    branch = {
        "diffusion_model.blocks.0.cross_attn.k_img.lora_down.weight": torch.ones(4, 24),
        "diffusion_model.blocks.0.cross_attn.k_img.lora_up.weight": torch.ones(24, 4),
    }
    plain = lora_file(loras.save(tmp_path / "plain.safetensors", content))
    more = lora_file(loras.save(tmp_path / "more.safetensors", content | branch))
    params = model.params(steps=1)
    assert torch.equal(latents(loaded(model), params, more), latents(loaded(model), params, plain))


def test_a_shift_ends_even_if_the_forward_fails() -> None:
    layer = nn.Linear(2, 2)
    weight, bias = layer.weight, layer.bias
    with shifted(layer, "weight", torch.ones(2, 2)), shifted(layer, "bias", torch.ones(2)):
        for _ in range(2):
            with pytest.raises(RuntimeError):
                layer(torch.ones(3))
        seen = layer(torch.ones(2))
        assert layer.weight is weight
    assert (layer.weight, layer.bias) == (weight, bias)
    assert torch.equal(seen, nn.functional.linear(torch.ones(2), weight + 1, bias + 1))


def test_a_worker_makes_the_next_video_as_if_there_had_been_no_lora(
    worker: WorkerProcess, t2v: Desk, tmp_path: Path
) -> None:
    used = every_way(tmp_path)
    plain = worker.complete(t2v.order()).output.frames_sha256
    order = t2v.next().order(loras=used)
    changed = worker.complete(order).output.frames_sha256
    again = worker.complete(t2v.next().order(loras=used)).output.frames_sha256
    assert plain != changed == again
    assert worker.complete(t2v.order()).output.frames_sha256 == plain


def test_a_lora_that_has_changed_fails_its_job_and_no_other(
    worker: WorkerProcess, t2v: Desk, tmp_path: Path
) -> None:
    path = loras.saved(tmp_path, "diffusers")
    lora = lora_file(path)
    path.write_bytes(path.read_bytes() + b" ")
    failed = worker.fail(t2v.order(loras=[lora]))
    assert failed.error.code == "adapter_unusable"
    assert "has changed since" in failed.error.message
    path.unlink()
    gone = worker.fail(t2v.order(loras=[lora]))
    assert gone.error.code == "adapter_unusable"
    assert not gone.ends
    worker.complete(t2v.order())


def test_what_only_a_lora_needs_is_not_imported_before(tmp_path: Path) -> None:
    script = "import wantui.worker.service, sys; print('peft' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"False\n"
