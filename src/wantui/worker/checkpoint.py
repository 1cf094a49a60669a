"""Checkpoints: a job that is interrupted goes on after its last kept step, to the same frames.

One safetensors file in the job's folder, replaced as a whole. It is kept at most every few seconds,
written by a thread of its own, and believed only by an order with the same fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

import wantui
from wantui.errors import DiskFull
from wantui.files import write_atomic
from wantui.pipe.messages import Checkpointed, Generate, Report, Warned
from wantui.worker import engine
from wantui.worker.history import LoopState
from wantui.worker.weights import identity

log = logging.getLogger(__name__)

_META = "wantui"
_LATENTS = "latents"
_SAID = {
    "model": "model",
    "weights": "set of weights",
    "params": "set of parameters",
    "quality": "quality",
    "dtype": "number format",
    "compiled": "way of running its blocks",
    "engine": "version of the engine",
    "device": "device",
}
"""The parts of a fingerprint, as they are told to people."""


def fingerprint(order: Generate, device: str) -> dict[str, str]:
    """All that decides latents, by name; `device` as torch names it.

    Where weights are while others work is not in it: that decides no bit. Neither is the frame
    rate, which only the file has.
    """
    weights = order.weights
    versions = engine.versions(loras=bool(order.loras)) | {"wantui": wantui.__version__}
    return {
        "model": f"{weights.model} {weights.pipeline} "
        f"{weights.expand_timesteps} {weights.text_tokens}",
        "weights": identity(weights.files),
        "params": _digest(order.params.model_dump(mode="json", exclude={"fps"})),
        "quality": order.quality,
        "dtype": order.plan.dtype.value,
        "compiled": str(order.plan.compiled),
        "engine": ", ".join(f"{name} {versions[name]}" for name in sorted(versions)),
        "device": device,
    }


class CheckpointUnusable(Exception):
    """It is there, and cannot be gone on from; the message says why."""


def write(path: Path, state: LoopState, made_by: dict[str, str]) -> None:
    """Replace the checkpoint, durably, with a state in host memory. Raises DiskFull or OSError."""
    meta = {"step": state.step, "counts": dict(state.counts), "fingerprint": made_by}
    tensors = {_LATENTS: state.latents, **state.tensors}
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_atomic(path, safetensors.torch.save(whole, {_META: json.dumps(meta)}))


def read(path: Path, wanted: dict[str, str]) -> LoopState | None:
    """The state to go on from; None without a checkpoint. Raises CheckpointUnusable."""
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(str(path), framework="pt", device="cpu") as content:
            meta: dict[str, Any] = json.loads((content.metadata() or {})[_META])
            # copies: a map of the file lies at another address, which other bits may come of
            tensors = {name: content.get_tensor(name).clone() for name in content.keys()}  # noqa: SIM118 - no mapping
        state = LoopState(meta["step"], tensors.pop(_LATENTS), tensors, meta["counts"])
        made_by: dict[str, str] = meta["fingerprint"]
    except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointUnusable(f"its checkpoint cannot be read ({error})") from error
    changed = [said for name, said in _SAID.items() if made_by.get(name) != wanted[name]]
    if changed:
        raise CheckpointUnusable(f"its checkpoint was made with another {' and '.join(changed)}")
    return state


class Checkpoints:
    """Those of one attempt: where it goes on from, and what it leaves.

    A checkpoint that cannot be written never fails the job: it is told once.
    """

    def __init__(self, order: Generate, device: str, report: Callable[[Report], None]) -> None:
        self._order = order
        self._path = Path(order.checkpoint)
        self._fingerprint = fingerprint(order, device)
        self._report = report
        self._writer: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self._unwritten: LoopState | None = None
        self._due = 0.0
        self._told = False
        self.kept = self._resume()
        """What an earlier attempt left, if it is of use; a warning says where it is not."""

    def _resume(self) -> LoopState | None:
        try:
            state = read(self._path, self._fingerprint)
        except CheckpointUnusable as unusable:
            self._warn("started_over", f"started over: {unusable}")
            return None
        if state is not None:
            log.info("job %d goes on after step %d", self._order.job, state.step)
        return state

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While this is open states may be offered; at its end the last one is on disk."""
        self._due = time.monotonic() + self._order.checkpoint_every_s
        with ThreadPoolExecutor(1, "checkpoint") as self._writer:
            try:
                yield
            finally:
                self._finish()

    def offer(self, state: LoopState) -> None:
        """Have it written if that is due and the writer is free; costs a copy to the host then."""
        self._unwritten = state
        busy = self._writing is not None and not self._writing.done()
        if not busy and time.monotonic() >= self._due:
            self._write()

    def _finish(self) -> None:
        self._write()
        if self._writing is not None:
            self._writing.result()

    def _write(self) -> None:
        state, self._unwritten = self._unwritten, None
        if state is None or self._writer is None:
            return
        self._due = time.monotonic() + self._order.checkpoint_every_s
        self._writing = self._writer.submit(self._put, state.on_host())

    def _put(self, state: LoopState) -> None:
        try:
            write(self._path, state, self._fingerprint)
        except (DiskFull, OSError) as error:
            log.warning("checkpoint after step %d: %s", state.step, error)
            if not self._told:
                self._told = True
                self._warn("no_checkpoint", f"a checkpoint could not be written: {error}")
            return
        self._report(Checkpointed(job=self._order.job, step=state.step))

    def _warn(self, code: str, message: str) -> None:
        self._report(Warned(job=self._order.job, code=code, message=message))


def _digest(content: object) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
