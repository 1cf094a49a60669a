"""Weights are read when a stage needs them, and are gone when the plan says that they go."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.worker.orders import Tiny
from wantui.api.plan import DType, Residency
from wantui.catalog.catalog import Catalog
from wantui.errors import WeightsChanged, WeightsUnreadable
from wantui.paths import shipped_config
from wantui.worker import engine
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.stop import StopFlag, StopOrdered
from wantui.worker.weights import read_ahead

CPU = torch.device("cpu")
IN_TURNS = Residency(components_stay=False)
WAITING = Residency(components_stay=False, host_copies_stay=True)
STREAMED = Residency(0, components_stay=False)


@pytest.fixture
def own(tinies: dict[str, Tiny], tmp_path: Path) -> Tiny:
    """A model that the test may damage."""
    shutil.copytree(tinies["t2v"].folder, tmp_path / "model")
    return Tiny("t2v", tmp_path / "model")


def _load(tiny: Tiny, residency: Residency, dtype: DType = DType.FLOAT32) -> LoadedModel:
    return load(LoadKey(tiny.files, dtype, residency, CPU), StopFlag().check)


def _present(model: LoadedModel) -> set[str]:
    """Components with any parameter in memory."""
    return {name for name, module in model.modules.items() if not _is_absent(module)}


def _is_absent(module: nn.Module) -> bool:
    return all(p.is_meta for p in module.parameters())


def _is_whole(module: nn.Module) -> bool:
    return not any(p.is_meta for p in module.parameters())


def test_nothing_is_read_before_it_is_needed(tinies: dict[str, Tiny]) -> None:
    model = _load(tinies["t2v"], Residency.RESIDENT, DType.BFLOAT16)
    assert _present(model) == set()
    assert model.transformer.dtype == torch.bfloat16
    assert model.transformer.scale_shift_table.dtype == torch.float32
    model.placement.bring("vae")
    assert _present(model) == {"vae"}
    assert _is_whole(model.vae)


def test_components_that_stay_stay(tinies: dict[str, Tiny]) -> None:
    model = _load(tinies["t2v"], Residency.RESIDENT)
    for name in model.modules:
        model.placement.bring(name)
    before = {name: _addresses(module) for name, module in model.modules.items()}
    model.placement.clear()
    for name in model.modules:
        model.placement.bring(name)
    assert {name: _addresses(module) for name, module in model.modules.items()} == before


def _addresses(module: nn.Module) -> list[int]:
    return [p.data_ptr() for p in module.parameters()]


@pytest.mark.parametrize("residency", [IN_TURNS, STREAMED])
def test_in_turns_there_is_one_component_at_a_time(
    tinies: dict[str, Tiny], residency: Residency
) -> None:
    model = _load(tinies["t2v"], residency)
    for name in [*model.modules, *model.modules]:
        model.placement.bring(name)
        assert _present(model) == {name}
        assert _is_whole(model.modules[name])
    model.placement.clear()
    assert _present(model) == set()


def test_experts_that_may_wait_in_host_memory_are_read_once(own: Tiny) -> None:
    model = _load(own, WAITING)
    model.placement.bring("transformer")
    model.placement.bring("transformer_2")
    shutil.rmtree(own.folder / "transformer")
    model.placement.bring("transformer")
    with pytest.raises(WeightsUnreadable):
        model.placement.bring("text_encoder")
    model.placement.clear()
    assert _present(model) == {"transformer", "transformer_2"}
    model.placement.close()
    assert _present(model) == set()


def test_another_plan_keeps_what_may_stay_in_host_memory(tinies: dict[str, Tiny]) -> None:
    model = _load(tinies["t2v"], WAITING)
    model.placement.bring("transformer")
    model.placement.clear()
    before = _addresses(model.transformer)
    model = model.arranged(Residency(1, components_stay=False, host_copies_stay=True))
    assert _addresses(model.transformer) == before
    model = model.arranged(IN_TURNS)
    assert _present(model) == set()
    assert model.key.residency == IN_TURNS


def test_tied_weights_are_one_tensor_wherever_they_are(tinies: dict[str, Tiny]) -> None:
    model = _load(tinies["ti2v"], IN_TURNS, DType.BFLOAT16)
    for _ in range(2):
        model.placement.bring("text_encoder")
        encoder = model.text_encoder
        assert encoder.encoder.embed_tokens.weight is encoder.shared.weight
        model.placement.clear()
        assert encoder.encoder.embed_tokens.weight is encoder.shared.weight


@pytest.mark.parametrize("damaged", ["text_encoder", "transformer", "transformer_2", "vae"])
def test_wrong_weights_are_found_before_any_are_read(own: Tiny, damaged: str) -> None:
    for file in (own.folder / damaged).glob("*.safetensors"):
        os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(WeightsUnreadable, match=f"{damaged}/"):
        _load(own, Residency.RESIDENT)


@pytest.mark.parametrize("residency", [Residency.RESIDENT, STREAMED, WAITING])
def test_files_that_changed_since_are_not_read(own: Tiny, residency: Residency) -> None:
    model = _load(own, residency)
    model.placement.bring("text_encoder")
    config = own.folder / "vae" / "config.json"
    os.utime(config, ns=(0, config.stat().st_mtime_ns + 1))
    with pytest.raises(WeightsChanged, match=r"config\.json has changed"):
        model.placement.bring("transformer")
    assert _is_absent(model.transformer)


def test_files_that_get_another_name_are_still_the_same(own: Tiny) -> None:
    """As a pull gives them that finds in them what another repository has too."""
    model = _load(own, STREAMED)
    for file in (own.folder / "vae").iterdir():
        (own.folder.parent / file.name).hardlink_to(file)
    model.placement.bring("vae")
    assert _is_whole(model.vae)
    assert own.files == model.key.files, "the next job would load it anew"


@pytest.mark.parametrize("residency", [Residency.RESIDENT, STREAMED, WAITING])
def test_a_load_can_be_stopped_and_done_again(
    tinies: dict[str, Tiny], residency: Residency
) -> None:
    model, stop = _load(tinies["t2v"], residency), StopFlag()
    stop.order()
    model.placement.attend(stop.check)
    with pytest.raises(StopOrdered):
        model.placement.bring("transformer")
    assert _is_absent(model.transformer)
    model.placement.attend(StopFlag().check)
    model.placement.bring("transformer")
    assert _is_whole(model.transformer)


@pytest.mark.parametrize("residency", [Residency.RESIDENT, WAITING])
def test_what_is_expected_is_read_while_another_is_at_work(own: Tiny, residency: Residency) -> None:
    model, read = _load(own, residency), threading.Event()
    tensors = iter(range(10_000))
    last = len(list(model.modules["transformer_2"].parameters())) - 1

    def note_the_last() -> None:
        if next(tensors) == last:
            read.set()

    model.placement.bring("transformer")
    model.placement.attend(note_the_last)
    model.placement.expect("transformer_2")
    model.placement.expect("transformer_2")
    assert read.wait(60)
    assert _is_whole(model.transformer)
    model.placement.bring("transformer_2")
    assert next(tensors) == last + 1, "it was read again"
    assert _is_whole(model.modules["transformer_2"])


@pytest.mark.parametrize("residency", [Residency.RESIDENT, WAITING])
def test_what_a_stop_kept_from_being_read_ahead_is_read_ahead_for_the_next_job(
    tinies: dict[str, Tiny], residency: Residency
) -> None:
    model, stopped, read = _load(tinies["t2v"], residency), threading.Event(), threading.Event()
    tensors = iter(range(10_000))
    last = len(list(model.modules["transformer_2"].parameters())) - 1

    def stop() -> None:
        stopped.set()
        raise StopOrdered

    def note_the_last() -> None:
        if next(tensors) == last:
            read.set()

    model.placement.attend(stop)
    model.placement.expect("transformer_2")
    assert stopped.wait(60)
    model.placement.attend(note_the_last)
    while not read.wait(0.01):  # every step expects it
        model.placement.expect("transformer_2")
    model.placement.bring("transformer_2")
    assert next(tensors) == last + 1, "it was read again"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked in Linux's way")
def test_files_that_are_going_to_be_read_come_into_memory_whole(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(os.urandom(1 << 20) * 40)
    with file.open("rb") as content:
        os.fsync(content.fileno())
        os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    reading = read_ahead([file, tmp_path / "not there"])
    assert reading is not None
    reading.join()
    while _cached_share(file) < 1:  # what was asked for is on its way
        time.sleep(0.01)


def _cached_share(file: Path) -> float:
    """Of a file's pages, as `mincore` tells."""
    with file.open("rb") as content, mmap.mmap(content.fileno(), 0, mmap.MAP_PRIVATE) as pages:
        count = len(pages) // mmap.PAGESIZE
        told = (ctypes.c_ubyte * count)()
        start = ctypes.c_void_p(np.frombuffer(pages, np.uint8).ctypes.data)
        assert ctypes.CDLL(None).mincore(start, ctypes.c_size_t(len(pages)), told) == 0
    return sum(page & 1 for page in told) / count


def test_what_there_is_no_room_for_is_not_read_ahead(tinies: dict[str, Tiny]) -> None:
    model = _load(tinies["t2v"], STREAMED)
    model.placement.bring("transformer")
    model.placement.expect("transformer_2")
    model.placement.expect("not a component")
    assert _present(model) == {"transformer"}


def test_a_failure_ahead_is_raised_when_the_component_is_due(own: Tiny) -> None:
    model = _load(own, WAITING)
    model.placement.bring("transformer")
    config = own.folder / "vae" / "config.json"
    os.utime(config, ns=(0, config.stat().st_mtime_ns + 1))
    model.placement.expect("transformer_2")
    model.placement.bring("transformer")  # which needs nothing from disk
    with pytest.raises(WeightsChanged):
        model.placement.bring("transformer_2")


def test_seconds_of_a_load_are_counted_as_such(tinies: dict[str, Tiny]) -> None:
    model, loads = _load(tinies["ti2v"], Residency.RESIDENT), []

    @contextmanager
    def loading() -> Iterator[None]:
        loads.append(_present(model))
        yield
        loads.append(_present(model))

    model.placement.attend(StopFlag().check, loading)
    model.placement.bring("vae")
    model.placement.bring("vae")
    assert loads == [set(), {"vae"}]


def test_the_catalog_knows_how_large_a_block_is() -> None:
    for recipe in Catalog.load(shipped_config()).recipes:
        sizes = recipe.architecture
        assert sizes is not None
        config = {
            "num_attention_heads": 2,
            "attention_head_dim": sizes.dim // 2,
            "ffn_dim": sizes.ffn_dim,
            "num_layers": 1,
            "cross_attn_norm": True,
        }
        (block,) = engine.meta_transformer(config).blocks
        assert sum(p.numel() for p in block.parameters()) == sizes.block_parameters
