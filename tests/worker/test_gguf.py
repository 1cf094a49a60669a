"""Experts from GGUF files compute what diffusers' own loading of the same files computes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from torch import Tensor

from tests import tiny_models
from tests.gguf_files import BF16, F32, Q8_0, Weights, q8_0_where_it_fits, weights_of, write_gguf
from tests.loras import diffusers_shapes
from tests.tiny_models import TEXT_TOKENS
from tests.worker import loras
from tests.worker.orders import Desk, Tiny, lora_file, weights_file
from tests.worker.process import WorkerProcess
from wantui.api.job import Params
from wantui.api.plan import DType, Residency
from wantui.errors import AdapterUnusable, WeightsUnreadable
from wantui.pipe.messages import GgufExpert, LoraFile, ModelFiles
from wantui.worker.condition import conditioning
from wantui.worker.decode import decode
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.lora import loras_on
from wantui.worker.stop import StopFlag

CPU = torch.device("cpu")
EXPERTS = ("transformer", "transformer_2")
DIM = 32
"""Of the quantisable model's tokens, and of its feed-forward."""
_diffusers: Any = diffusers


@dataclass(frozen=True)
class Quantised(Tiny):
    """A tiny model whose experts are in GGUF files, its shards beside them unused."""

    gguf: Path = Path()

    def file(self, expert: str) -> Path:
        return self.gguf / f"{expert}.gguf"

    @property
    def files(self) -> ModelFiles:
        files = super().files
        experts = [self.file(name) for name in EXPERTS]
        return files.model_copy(
            update={
                "files": (*files.files, *map(weights_file, experts)),
                "gguf": tuple(GgufExpert(component=e.stem, path=str(e)) for e in experts),
            }
        )

    def rewritten(
        self, folder: Path, change: Callable[[Weights], Weights], **how: Any
    ) -> Quantised:
        """The same with another first expert."""
        for name in EXPERTS:
            weights = weights_of(self.folder / name)
            write_gguf(folder / f"{name}.gguf", change(weights), **how)
        return replace(self, gguf=folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Quantised:
    root = tmp_path_factory.mktemp("gguf")
    made = Quantised("t2v", tiny_models.quantisable(root / "model"))
    return made.rewritten(root / "files", lambda weights: weights)


def loaded(
    model: Tiny, dtype: DType = DType.FLOAT32, residency: Residency = Residency.RESIDENT
) -> LoadedModel:
    return load(LoadKey(model.files, dtype, residency, CPU), StopFlag().check)


def latents(model: LoadedModel, params: Params, *used: LoraFile) -> Tensor:
    stop = StopFlag()
    with torch.inference_mode():
        prompts = encode(model, params, stop)
        steering = conditioning(model, params, None, stop)
        with loras_on(model, used, stop.check):
            return denoise(model, params, prompts, steering, stop=stop, on_step=lambda _state: None)


def theirs(model: Quantised, dtype: torch.dtype = torch.float32) -> Any:
    """Diffusers' pipeline, as its documentation loads experts from GGUF files."""
    experts = {
        name: _diffusers.WanTransformer3DModel.from_single_file(
            str(model.file(name)),
            config=str(model.folder),
            subfolder=name,
            quantization_config=_diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
            dtype=dtype,
        )
        for name in EXPERTS
    }
    pipeline = _diffusers.WanPipeline.from_pretrained(
        model.folder, dtype={"default": dtype, "vae": torch.float32}, **experts
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def run(pipeline: Any, params: Params, output_type: str) -> Any:
    pipeline.scheduler = type(pipeline.scheduler).from_config(
        pipeline.scheduler.config, flow_shift=params.shift
    )
    return pipeline(
        prompt=params.prompt,
        negative_prompt=params.negative_prompt,
        height=params.height,
        width=params.width,
        num_frames=params.frames,
        num_inference_steps=params.steps,
        guidance_scale=params.guidance,
        guidance_scale_2=params.guidance_low,
        generator=torch.Generator().manual_seed(params.seed),
        max_sequence_length=TEXT_TOKENS,
        output_type=output_type,
    ).frames


def test_latents_and_frames_equal_those_of_diffusers_loading_of_the_same_files(
    model: Quantised,
) -> None:
    params, pipeline = model.params(), theirs(model)
    ours = loaded(model)
    made = latents(ours, params)
    with torch.inference_mode():
        frames = np.concatenate(list(decode(ours, made, StopFlag())))
    assert torch.equal(made, run(pipeline, params, "latent"))
    pictures = run(pipeline, params, "pil")[0]
    assert [frame.tobytes() for frame in frames] == [picture.tobytes() for picture in pictures]
    assert not torch.equal(made, latents(loaded(Tiny("t2v", model.folder)), params))


def test_in_bf16_too(model: Quantised) -> None:
    params = model.params()
    made = latents(loaded(model, DType.BFLOAT16), params)
    assert torch.equal(made, run(theirs(model, torch.bfloat16), params, "latent"))


def test_names_of_diffusers_own_are_read_as_well(model: Quantised, tmp_path: Path) -> None:
    renamed = model.rewritten(tmp_path, lambda weights: weights, name=str)
    params = model.params()
    assert torch.equal(latents(loaded(renamed), params), latents(loaded(model), params))


def test_leading_dimensions_of_one_may_be_left_out(model: Quantised, tmp_path: Path) -> None:
    """As ggml's own tools write tensors, though diffusers does not read them so."""

    def squeezed(weights: Weights) -> Weights:
        tables = {key: table[0] for key, table in weights.items() if "scale_shift" in key}
        return weights | tables

    params = model.params()
    changed = model.rewritten(tmp_path, squeezed)
    assert torch.equal(latents(loaded(changed), params), latents(loaded(model), params))


def test_what_is_quantised_and_no_linear_layer_is_decoded_as_it_is_read(
    model: Quantised, tmp_path: Path
) -> None:
    """Diffusers computes with a convolution's encoded bytes; in F32 it is the same numbers."""

    def rounded(weights: Weights) -> Weights:
        for key in weights:
            if key.startswith("patch_embedding.weight"):
                weights[key] = torch.from_numpy(weights[key]).bfloat16().float().numpy()
        return weights

    def in_bf16(key: str, tensor: Any) -> Any:
        return BF16 if key == "patch_embedding.weight" else q8_0_where_it_fits(key, tensor)

    plain = model.rewritten(tmp_path / "plain", rounded)
    encoded = model.rewritten(tmp_path / "encoded", rounded, encoding=in_bf16)
    params = model.params()
    assert torch.equal(latents(loaded(encoded), params), latents(loaded(plain), params))


def test_what_stays_fp32_is_decoded_to_it(model: Quantised, tmp_path: Path) -> None:
    """As diffusers does, whose warning is of that."""

    def all_that_fits(_key: str, tensor: Any) -> Any:
        return Q8_0 if tensor.ndim == 2 and tensor.shape[-1] % 32 == 0 else F32

    quantised = model.rewritten(tmp_path, lambda weights: weights, encoding=all_that_fits)
    params = model.params()
    ours = loaded(quantised, DType.BFLOAT16)
    made = latents(ours, params)
    time_embedder = ours.transformer.condition_embedder.time_embedder
    assert time_embedder.linear_1.weight.dtype is torch.float32
    assert torch.equal(made, run(theirs(quantised, torch.bfloat16), params, "latent"))


@pytest.mark.parametrize("blocks", [0, 1, None])
@pytest.mark.parametrize("host_copies", [False, True])
def test_blocks_stream_to_the_same_bits(
    model: Quantised, blocks: int | None, host_copies: bool
) -> None:
    residency = Residency(
        resident_blocks=blocks, components_stay=False, host_copies_stay=host_copies
    )
    params = model.params()
    streamed = loaded(model, residency=residency)
    assert torch.equal(latents(streamed, params), latents(loaded(model), params))
    streamed.placement.clear()
    assert all(
        p.is_meta or host_copies or blocks is not None for p in streamed.transformer.parameters()
    )


def made_lora(folder: Path, **more: Tensor) -> LoraFile:
    content = loras.tensors(diffusers_shapes(dim=DIM, ffn=DIM), 0)
    return lora_file(loras.save(folder / "lora.safetensors", content | more))


def test_a_lora_goes_beside_quantised_layers_as_diffusers_has_it(
    model: Quantised, tmp_path: Path
) -> None:
    params = model.params()
    lora = made_lora(tmp_path)
    pipeline = theirs(model)
    for name, second in (("hi", {}), ("lo", {"load_into_transformer_2": True})):
        pipeline.load_lora_weights(lora.file.path, adapter_name=name, **second)
    ours = loaded(model)
    before = latents(ours, params)
    made = latents(ours, params, lora)
    assert torch.equal(made, run(pipeline, params, "latent"))
    assert not torch.equal(made, before)
    assert torch.equal(latents(ours, params), before)
    few = Residency(resident_blocks=0, components_stay=False)
    assert torch.equal(latents(loaded(model, residency=few), params, lora), made)


def test_a_difference_to_quantised_weights_is_refused(model: Quantised, tmp_path: Path) -> None:
    lora = made_lora(tmp_path, **{"diffusion_model.blocks.0.ffn.0.diff": torch.ones(DIM, DIM)})
    with pytest.raises(AdapterUnusable, match=r"ffn\.net\.0\.proj is quantised"):
        latents(loaded(model), model.params(), lora)


def without(key: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name: tensor for name, tensor in weights.items() if name != key}


def with_another(key: str, *shape: int) -> Callable[[Weights], Weights]:
    return lambda weights: weights | {key: np.zeros(shape, np.float32)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            without("blocks.1.attn1.to_q.weight"),
            "transformer.gguf: the weights lack blocks.1.attn1.to_q.weight",
        ),
        (without("proj_out.bias"), "transformer.gguf: the weights lack proj_out.bias"),
        (
            with_another("blocks.1.attn1.to_q.weight", 64, 32),
            "blocks.1.attn1.to_q.weight is [64, 32], not [32, 32]",
        ),
        (
            with_another("blocks.0.norm2.bias", 8),
            "transformer.gguf: blocks.0.norm2.bias is [8], not [32]",
        ),
        (
            with_another("blocks.7.attn1.to_q.weight", 32, 32),
            "blocks.7.attn1.to_q.weight is not part of the model",
        ),
    ],
)
def test_tensors_that_are_not_the_model_s_are_named_before_any_is_read(
    model: Quantised, tmp_path: Path, change: Callable[[Weights], Weights], says: str
) -> None:
    with pytest.raises(WeightsUnreadable) as caught:
        loaded(model.rewritten(tmp_path, change))
    assert says in caught.value.message


def test_an_encoding_that_nothing_decodes_is_named(model: Quantised, tmp_path: Path) -> None:
    """The header is changed: of I32, which takes as many bytes as F32, and is sound."""
    changed = model.rewritten(tmp_path, lambda weights: weights)
    path = changed.file("transformer")
    key, content = b"blocks.0.self_attn.q.bias", path.read_bytes()
    at = content.index(key) + len(key) + 4 + 8
    assert content[at : at + 4] == F32.to_bytes(4, "little")
    path.write_bytes(content[:at] + (26).to_bytes(4, "little") + content[at + 4 :])
    with pytest.raises(WeightsUnreadable) as caught:
        loaded(changed)
    assert "blocks.0.attn1.to_q.bias is in I32, which is not supported" in caught.value.message


def test_a_worker_makes_a_video_of_them_and_refuses_a_broken_file(
    worker: WorkerProcess, model: Quantised, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, model)
    made = worker.complete(desk.order())
    plain = worker.complete(Desk(tmp_path, Tiny("t2v", model.folder), job=2).order())
    assert made.output.frames_sha256 != plain.output.frames_sha256

    broken = model.rewritten(tmp_path / "broken", lambda weights: weights)
    content = broken.file("transformer_2").read_bytes()
    broken.file("transformer_2").write_bytes(content[: len(content) // 2])
    failed = worker.fail(Desk(tmp_path, broken, job=3).order())
    assert (failed.error.code, failed.ends) == ("weights_unreadable", False)
    assert "transformer_2.gguf is no sound GGUF file" in failed.error.message
    again = worker.complete(Desk(tmp_path, model, job=4).order())
    assert again.output.frames_sha256 == made.output.frames_sha256


def test_what_only_quantised_weights_need_is_not_imported_before() -> None:
    script = "import wantui.worker.service, sys; print('gguf' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"False\n"
