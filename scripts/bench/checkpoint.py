"""What checkpoints cost: a step of denoising with one written after each, and the largest one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from denoise_step import build, steps_s
from row import median, row
from tests.worker.orders import Desk

from wantui.api.plan import DType, Residency
from wantui.pipe.messages import Generate
from wantui.worker.checkpoint import Checkpoints, fingerprint, read, write
from wantui.worker.condition import conditioning
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode
from wantui.worker.history import LoopState
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.stop import StopFlag

ROUNDS = 8
LATENTS_720P = (1, 16, 21, 90, 160)
"""Of an A14B video of 81 frames; UniPC keeps three more of them."""

OnStep = Callable[[LoopState], None]


@contextmanager
def keeping(order: Generate) -> Iterator[OnStep]:
    checkpoints = Checkpoints(order, "cpu", lambda _report: None)
    with checkpoints.writing():
        yield checkpoints.offer


@contextmanager
def not_keeping(_order: Generate) -> Iterator[OnStep]:
    yield lambda _state: None


def step_times(model: LoadedModel, order: Generate, *, keep: bool) -> list[float]:
    stop, stamps = StopFlag(), list[float]()
    with torch.inference_mode(), (keeping if keep else not_keeping)(order) as offer:

        def on_step(state: LoopState) -> None:
            offer(state)
            stamps.append(time.perf_counter())

        denoise(
            model,
            order.params,
            encode(model, order.params, stop),
            conditioning(model, order.params, None, stop),
            stop=stop,
            on_step=on_step,
        )
    return steps_s(stamps)


def largest(order: Generate, path: Path) -> tuple[int, float, float]:
    """Bytes, and seconds to write and to read what a 720p video of A14B needs."""
    tensors = {name: torch.randn(LATENTS_720P) for name in ("0", "1", "last_sample")}
    state = LoopState(1, torch.randn(LATENTS_720P), tensors, {})
    made_by = fingerprint(order, "cpu")
    began = time.perf_counter()
    write(path, state, made_by)
    written = time.perf_counter()
    read(path, made_by)
    return path.stat().st_size, written - began, time.perf_counter() - written


def main() -> None:
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        tiny = build(Path(folder) / "model")
        order = Desk(Path(folder), tiny).order(width=256, height=256, frames=17, steps=8)
        key = LoadKey(tiny.files, DType.FLOAT32, Residency.RESIDENT, torch.device("cpu"))
        model = load(key, StopFlag().check)
        plain, kept = list[float](), list[float]()
        for _ in range(ROUNDS):
            plain += step_times(model, order, keep=False)
            kept += step_times(model, order, keep=True)
            Path(order.checkpoint).unlink()
        size, write_s, read_s = largest(order, Path(folder) / "largest")
    row(
        "denoise step with a checkpoint after each vs without",
        f"{median(kept) * 1000:.0f} ms",
        f"{median(plain) * 1000:.0f} ms",
        f"{median(kept) / median(plain):.2f}x",
        "-",
    )
    row(
        f"checkpoint of A14B, 720p, 81 frames ({size / 1e6:.0f} MB), off the loop: write, read",
        f"{write_s * 1000:.0f} ms, {read_s * 1000:.0f} ms",
        *("-", "-", "-"),
    )


if __name__ == "__main__":
    main()
