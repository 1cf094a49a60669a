"""An encoded prompt is kept, believed only for what made it, and never in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tests.worker.orders import Desk, Tiny
from tests.worker.process import WorkerProcess
from wantui.api.plan import DType, Residency
from wantui.errors import GenerationFailed
from wantui.pipe.messages import EmbeddingCache
from wantui.worker.embeddings import Embeddings, padded
from wantui.worker.encode import encode
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.stop import StopFlag


def _cache(folder: Path, *, most_bytes: int = 1 << 20, encoder: str = "e") -> Embeddings:
    return Embeddings(EmbeddingCache(folder=str(folder), most_bytes=most_bytes), encoder, "cpu")


def _load(model: Tiny, dtype: DType) -> LoadedModel:
    key = LoadKey(model.files, dtype, Residency.RESIDENT, torch.device("cpu"))
    return load(key, StopFlag().check)


@pytest.mark.parametrize("dtype", list(DType))
@pytest.mark.parametrize("prompt", ["", "a red cat", "cat " * 20])
def test_kept_embeddings_have_the_bits_of_fresh_ones(
    tinies: dict[str, Tiny], tmp_path: Path, dtype: DType, prompt: str
) -> None:
    model, params = _load(tinies["t2v"], dtype), tinies["t2v"].params(prompt=prompt)
    with torch.inference_mode():
        fresh = encode(model, params, StopFlag())
        first = encode(model, params, StopFlag(), _cache(tmp_path))
        again = encode(model, params, StopFlag(), _cache(tmp_path))
    for made in (first, again):
        assert torch.equal(made.positive, fresh.positive)
        assert made.negative is not None
        assert fresh.negative is not None
        assert torch.equal(made.negative, fresh.negative)


def test_a_prompt_that_is_kept_is_not_encoded(tinies: dict[str, Tiny], tmp_path: Path) -> None:
    model, params = _load(tinies["t2v"], DType.FLOAT32), tinies["t2v"].params()
    encoded: list[int] = []
    model.text_encoder.register_forward_hook(lambda *_: encoded.append(1))
    with torch.inference_mode():
        for negative in ("grey", "grey", "dull"):
            changed = params.model_copy(update={"negative_prompt": negative})
            encode(model, changed, StopFlag(), _cache(tmp_path))
    assert len(encoded) == 3, "a prompt and two negative ones"


def test_numbers_that_are_not_finite_are_an_error_and_never_kept(
    tinies: dict[str, Tiny], tmp_path: Path
) -> None:
    model, params = _load(tinies["t2v"], DType.FLOAT32), tinies["t2v"].params()
    model.placement.bring("text_encoder")
    norm = model.text_encoder.encoder.final_layer_norm
    norm.weight = torch.nn.Parameter(norm.weight * float("inf"), requires_grad=False)
    with torch.inference_mode(), pytest.raises(GenerationFailed, match="not finite"):
        encode(model, params, StopFlag(), _cache(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_another_encoder_s_embeddings_are_not_taken(tmp_path: Path) -> None:
    _cache(tmp_path).put("a cat", torch.ones(1, 2, 4))
    assert _cache(tmp_path).get("a cat") is not None
    assert _cache(tmp_path, encoder="another").get("a cat") is None
    assert _cache(tmp_path).get("a dog") is None


def test_past_the_cap_what_is_longest_unused_goes(tmp_path: Path) -> None:
    states = torch.zeros(1, 8, 64)
    cache = _cache(tmp_path, most_bytes=3 * 2300)
    for number, text in enumerate(("first", "second", "third")):
        cache.put(text, states)
        for path in tmp_path.iterdir():
            if path.stat().st_mtime > number + 1:
                os.utime(path, (number, number))
    assert cache.get("first") is not None  # used just now
    cache.put("fourth", states)
    present = [
        text for text in ("first", "second", "third", "fourth") if cache.get(text) is not None
    ]
    assert present == ["first", "third", "fourth"]


def test_a_cap_of_nothing_keeps_nothing(tmp_path: Path) -> None:
    _cache(tmp_path / "e", most_bytes=0).put("a cat", torch.ones(1, 2, 4))
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("content", [b"", b"no tensors at all"])
def test_a_damaged_one_is_made_anew(tmp_path: Path, content: bytes) -> None:
    cache = _cache(tmp_path)
    cache.put("a cat", torch.ones(1, 2, 4))
    [path] = tmp_path.iterdir()
    path.write_bytes(content)
    assert cache.get("a cat") is None
    cache.put("a cat", torch.ones(1, 2, 4))
    assert cache.get("a cat") is not None


def test_a_folder_that_cannot_be_made_is_no_failure(worker: WorkerProcess, t2v: Desk) -> None:
    (t2v.folder / "embeddings").write_text("in the way")
    worker.complete(t2v.order())


def test_a_prompt_is_not_to_be_read_from_what_is_kept(worker: WorkerProcess, t2v: Desk) -> None:
    worker.complete(t2v.order(prompt="zanzibar"))
    files = [path for path in (t2v.folder / "embeddings").iterdir() if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
        assert b"zanzibar" not in path.name.encode() + path.read_bytes()


def test_padding_is_zeros() -> None:
    whole = padded(torch.ones(1, 2, 3, dtype=torch.bfloat16), 5)
    assert whole.shape == (1, 5, 3)
    assert whole.dtype == torch.bfloat16
    assert whole.sum() == 6
