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
from tests.gguf_files import F32, Weights, weights_of, write_gguf
from tests.loras import diffusers_shapes
from tests.worker import loras
from tests.worker.both_ways import Theirs, latents, loaded
from tests.worker.orders import Desk, Tiny, lora_file, weights_file
from tests.worker.process import WorkerProcess
from wantui.api.plan import DType, Residency
from wantui.errors import AdapterUnusable, WeightsUnreadable
from wantui.pipe.messages import GgufExpert, LoraFile, ModelFiles

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


def theirs(model: Quantised, dtype: DType = DType.FLOAT32) -> Theirs:
    """Diffusers' pipeline, as its documentation loads experts from GGUF files."""
    compute = getattr(torch, dtype.value)
    experts = {
        name: _diffusers.WanTransformer3DModel.from_single_file(
            str(model.file(name)),
            config=str(model.folder),
            subfolder=name,
            quantization_config=_diffusers.GGUFQuantizationConfig(compute_dtype=compute),
            dtype=compute,
        )
        for name in EXPERTS
    }
    return Theirs.of(model, dtype, **experts)


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
        pipeline.pipeline.load_lora_weights(lora.file.path, adapter_name=name, **second)
    ours = loaded(model)
    before = latents(ours, params)
    made = latents(ours, params, lora)
    assert torch.equal(made, pipeline.run(params))
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
