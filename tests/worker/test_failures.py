"""What goes wrong is named, and the worker goes on to the next job."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.worker.orders import Desk, Tiny, image_used
from tests.worker.process import WorkerProcess, started
from wantui.api.job import ImageUsed, Stage
from wantui.errors import DeviceLost, GenerationFailed, InvalidImage
from wantui.pipe.messages import Generate
from wantui.worker.failure import ends_worker, typed


@pytest.fixture
def own(t2v: Desk, tmp_path: Path) -> Desk:
    """A model that the test may damage."""
    folder = tmp_path / "model"
    shutil.copytree(t2v.model.folder, folder)
    return Desk(tmp_path, Tiny("t2v", folder))


def _shard(folder: Path) -> Path:
    return folder / "transformer_2" / "diffusion_pytorch_model-00002-of-00007.safetensors"


def _truncate(folder: Path) -> None:
    shard = _shard(folder)
    shard.write_bytes(shard.read_bytes()[:-100])


def _overwrite(folder: Path) -> None:
    _shard(folder).write_bytes(b"not at all" * 100)


def _remove(folder: Path) -> None:
    _shard(folder).unlink()


def _reshape(folder: Path) -> None:
    tensors = safetensors.torch.load_file(_shard(folder))
    name = next(iter(tensors))
    safetensors.torch.save_file(tensors | {name: torch.zeros(3)}, _shard(folder))


def _drop(folder: Path) -> None:
    tensors = safetensors.torch.load_file(_shard(folder))
    tensors.popitem()
    safetensors.torch.save_file(tensors, _shard(folder))


def _add(folder: Path) -> None:
    tensors = safetensors.torch.load_file(_shard(folder))
    safetensors.torch.save_file(tensors | {"blocks.9.more": torch.zeros(3)}, _shard(folder))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (_truncate, "transformer_2/diffusion_pytorch_model-00002-of-00007.safetensors"),
        (_overwrite, "transformer_2/diffusion_pytorch_model-00002-of-00007.safetensors"),
        (_remove, "transformer_2/diffusion_pytorch_model-00002-of-00007.safetensors"),
        (_reshape, "is [3], not ["),
        (_drop, "transformer_2: the weights lack "),
        (_add, "blocks.9.more is not part of the model"),
    ],
)
def test_damaged_weights_are_named(
    worker: WorkerProcess, own: Desk, damage: Callable[[Path], None], named: str
) -> None:
    damage(own.model.folder)
    failed = worker.fail(own.order())
    assert failed.error.code == "weights_unreadable"
    assert named in failed.error.message
    assert not failed.ends


@pytest.mark.parametrize("name", ["transformer/config.json", "model_index.json"])
def test_a_damaged_configuration_is_named(worker: WorkerProcess, own: Desk, name: str) -> None:
    (own.model.folder / name).write_text("{")
    failed = worker.fail(own.order())
    assert failed.error.code == "weights_unreadable"
    assert name.rpartition("/")[2] in failed.error.message


def test_a_file_that_is_gone_since_the_order_is_named(worker: WorkerProcess, own: Desk) -> None:
    order = own.order()
    _remove(own.model.folder)
    failed = worker.fail(order)
    assert failed.error.code == "weights_unreadable"
    assert _shard(own.model.folder).name in failed.error.message


@pytest.mark.parametrize("warm", [False, True])
def test_weights_that_changed_since_the_order_are_refused(
    worker: WorkerProcess, own: Desk, warm: bool
) -> None:
    order = own.order()
    if warm:
        worker.complete(order)
    info = _shard(own.model.folder).stat()
    os.utime(_shard(own.model.folder), ns=(info.st_atime_ns, info.st_mtime_ns + 1))
    failed = worker.fail(order)
    assert failed.error.code == "weights_changed"
    assert _shard(own.model.folder).name in failed.error.message
    worker.complete(own.order())  # planned again, with the file as it is


@pytest.mark.parametrize("component", ["transformer", "transformer_2"])
def test_numbers_that_are_not_finite_name_their_step_and_are_not_kept(
    worker: WorkerProcess, own: Desk, component: str
) -> None:
    shard = own.model.folder / component / "diffusion_pytorch_model-00007-of-00007.safetensors"
    tensors = safetensors.torch.load_file(shard)
    tensors["proj_out.bias"][0] = float("nan")
    safetensors.torch.save_file(tensors, shard)
    failed = worker.fail(own.order(steps=6))
    assert failed.error.code == "latents_not_finite"
    step = failed.error.detail["step"]
    assert (step == 1) is (component == "transformer")
    kept = safetensors.torch.load_file(own.checkpoint) if step > 1 else {}
    assert own.checkpoint.exists() is (step > 1)
    assert all(torch.isfinite(tensor).all() for tensor in kept.values())


def test_a_video_that_no_memory_can_hold_is_out_of_memory(worker: WorkerProcess, t2v: Desk) -> None:
    side = 2**24  # its noise alone is more than a process can address
    failed = worker.fail(t2v.order(width=side, height=side))
    assert failed.error.code == "out_of_memory"
    assert failed.error.detail["stage"] == "denoise"
    assert failed.error.detail["needed"] > 2**47
    assert not failed.ends
    worker.complete(t2v.order())


def _bad(order: Generate, **changes: object) -> Generate:
    return order.model_copy(update={"params": order.params.model_copy(update=changes)})


def test_a_boundary_for_a_model_with_one_expert_fails(worker: WorkerProcess, ti2v: Desk) -> None:
    failed = worker.fail(ti2v.order(boundary=0.875, steps=8))
    assert failed.error.code == "generation_failed"
    assert "one expert" in failed.error.message


def test_an_unforeseen_error_has_its_name_here_and_its_traceback_in_the_log(
    worker: WorkerProcess, t2v: Desk
) -> None:
    order = t2v.order().model_copy(update={"output": str(t2v.folder / "nowhere" / "x.mp4")})
    failed = worker.fail(order)
    assert failed.error.code == "generation_failed"
    assert "FileNotFoundError" in failed.error.message
    assert "Traceback" in t2v.log.read_text()


def test_a_log_that_cannot_be_opened_fails_the_job_only(worker: WorkerProcess, t2v: Desk) -> None:
    order = t2v.order().model_copy(update={"log": str(t2v.folder / "nowhere" / "log")})
    assert worker.fail(order).error.code == "generation_failed"
    worker.complete(t2v.order())


def test_a_plan_for_a_gpu_that_torch_does_not_see_is_refused_and_ends_the_worker(t2v: Desk) -> None:
    order = t2v.order()
    gpu = order.plan.model_copy(update={"device": "GPU-1234"})
    with started() as worker:
        failed = worker.fail(order.model_copy(update={"plan": gpu}))
    assert "GPU-1234" in failed.error.message
    assert failed.ends


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"x" * 100])
def test_bytes_that_are_no_picture_are_refused(
    worker: WorkerProcess, i2v: Desk, picture: Path, content: bytes
) -> None:
    bad = picture.with_name("bad.png")
    bad.write_bytes(content)
    order = i2v.order(image=picture).model_copy(update={"image": str(bad)})
    failed = worker.fail(_bad(order, image=None))
    assert failed.error.code == "invalid_image"
    assert "bad.png" in failed.error.message


def test_another_picture_than_the_one_sent_is_refused(
    worker: WorkerProcess, i2v: Desk, picture: Path
) -> None:
    sent = image_used(picture)
    other = ImageUsed(**{**sent.model_dump(), "sha256": "0" * 64})
    failed = worker.fail(_bad(i2v.order(image=picture), image=other))
    assert failed.error.code == InvalidImage.code


@pytest.mark.parametrize(
    ("error", "code", "needed"),
    [
        (torch.OutOfMemoryError("Tried to allocate 2.50 GiB. GPU 0 has"), "out_of_memory", 5 << 29),
        (torch.OutOfMemoryError("Tried to allocate 20.00 MiB."), "out_of_memory", 20 << 20),
        (MemoryError(), "out_of_memory", None),
        (OSError(errno.ENOSPC, "No space left on device", "x"), "disk_full", None),
        (ZeroDivisionError("by zero"), "generation_failed", None),
        (GenerationFailed("typed already"), "generation_failed", None),
    ],
)
def test_errors_get_their_type(error: Exception, code: str, needed: int | None) -> None:
    made = typed(error, Stage.DENOISE)
    assert made.code == code
    assert made.detail.get("needed") == needed
    assert not ends_worker(error)


def test_a_lost_device_ends_the_worker() -> None:
    assert ends_worker(torch.AcceleratorError("CUDA error: an illegal memory access"))
    assert ends_worker(RuntimeError("CUDA error: device-side assert triggered"))
    assert ends_worker(DeviceLost("torch sees none"))
    lost = typed(RuntimeError("CUDA error: x\nCompile with TORCH_USE_CUDA_DSA"), Stage.DENOISE)
    assert lost.code == "device_lost"
    assert lost.message == "the device was lost in denoise: CUDA error: x"
    assert json.dumps(lost.detail)
