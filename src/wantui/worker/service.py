"""The worker's life: say that it is ready, then run attempts until nothing is to come."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from wantui.api.error import ErrorBody
from wantui.api.job import Stage
from wantui.api.plan import Plan
from wantui.errors import DeviceLost, WantuiError
from wantui.log_lines import LineFormatter
from wantui.pipe.messages import (
    Failed,
    Load,
    Loaded,
    LoadEnded,
    ModelFiles,
    Ready,
    Report,
    Stopped,
    Unloaded,
)
from wantui.process import leave
from wantui.text import bytes_text
from wantui.worker import engine
from wantui.worker.channel import Attempt, Channel
from wantui.worker.clock import StageClock
from wantui.worker.failure import ends_worker, typed
from wantui.worker.generate import generate
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.process import output_to, trim_host_memory
from wantui.worker.provenance import device_name
from wantui.worker.stop import StopOrdered
from wantui.worker.video import need_codec
from wantui.worker.weights import check_unchanged

log = logging.getLogger(__name__)


def start_logging() -> None:
    """Lines on stderr, wherever that goes at the time; no progress bars, warnings as lines too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(capture=True)
    engine.silence_progress_bars()


class Service:
    """Runs attempts one after another on one device, and keeps the last model loaded."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._model: LoadedModel | None = None

    def run(self) -> None:
        """Until the daemon says that nothing is to come."""
        with torch.inference_mode():
            self._channel.report(_ready())
            while work := self._channel.next_work():
                if isinstance(work, Load):
                    self._hold(work)
                else:
                    self._run(work)

    def _hold(self, order: Load) -> None:
        """Load a model, and keep it."""
        try:
            model = self._load(order.weights, order.plan, _never)
            model.placement.attend(_never)
            model.placement.bring_all()
            last = LoadEnded()
        except Exception as error:
            log.exception("%s did not load", order.weights.model)
            failure = ErrorBody.of(typed(error, Stage.LOAD))
            last = LoadEnded(error=failure, ends=ends_worker(error))
        self._channel.loaded(last)
        if last.ends:
            leave(1)

    def _run(self, attempt: Attempt) -> None:
        try:
            with output_to(Path(attempt.order.log)):
                last = self._attempt(attempt)
                _free_memory()
        except OSError as error:  # the log itself cannot be written
            last = _failed(attempt, typed(error, Stage.LOAD), ends=False)
        self._channel.finish(attempt, last)
        if isinstance(last, Failed) and last.ends:
            leave(1)

    def _attempt(self, attempt: Attempt) -> Report:
        """The attempt's last report, whatever happens."""
        order = attempt.order
        clock = StageClock(order.job, self._channel.report)
        log.info("job %d, attempt %d: %s", order.job, order.attempt, order.weights.model)
        try:
            need_codec(order.encoding.codec)
            with clock.running(Stage.LOAD):
                model = self._load(order.weights, order.plan, attempt.stop.check)
                model.placement.attend(attempt.stop.check, lambda: clock.counting(Stage.LOAD))
            completed = generate(attempt, clock, model, self._channel.report)
        except StopOrdered:
            log.info("job %d stopped in %s", order.job, clock.stage)
            return Stopped(job=order.job)
        except Exception as error:
            log.exception("job %d failed in %s", order.job, clock.stage)
            return _failed(attempt, typed(error, clock.stage), ends=ends_worker(error))
        log.info("job %d: %s", order.job, completed.timings)
        return completed

    def _load(self, files: ModelFiles, plan: Plan, check_stop: Callable[[], None]) -> LoadedModel:
        """The model that an order names; another one that is still loaded goes first."""
        device = _device(plan.device)
        key = LoadKey(files, plan.dtype, plan.residency, device)
        if self._model is not None and self._model.key.has_weights_of(key):
            try:
                check_unchanged(key.files.every_file)
            except Exception:
                self._unload()
                raise
            self._model = self._model.arranged(key.residency)
            return self._model
        self._unload()
        start = time.perf_counter()
        model = self._model = load(key, check_stop)
        seconds = time.perf_counter() - start
        log.info(
            "made %s for %s, %d parameters, in %.2f s",
            *(key.files.model, device, model.parameters, seconds),
        )
        self._channel.report(
            Loaded(model=key.files.model, parameters=model.parameters, seconds=seconds)
        )
        return model

    def _unload(self) -> None:
        if self._model is None:
            return
        name = self._model.key.files.model
        self._model.placement.close()
        self._model = None
        _free_memory()
        self._channel.report(Unloaded(model=name))


def _ready() -> Ready:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.zeros(1, device=device)  # a device that does not answer fails here, before any job
    return Ready(
        pid=os.getpid(),
        torch=torch.__version__,
        diffusers=engine.versions()["diffusers"],
        device=device_name(device),
    )


def _device(planned: str) -> torch.device:
    """The one device that this worker sees; `planned` is `cpu` or a GPU's UUID."""
    if planned == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise DeviceLost(
            f"the plan is for GPU {planned}, but torch sees none",
            hint="see: wantui hw, and whether torch was built for this driver",
        )
    return torch.device("cuda", 0)


def _never() -> None:
    """What is loaded without a job is not stopped but by the worker's end."""


def _failed(attempt: Attempt, error: WantuiError, *, ends: bool) -> Failed:
    return Failed(job=attempt.order.job, error=ErrorBody.of(error), ends=ends)


def _free_memory() -> None:
    """What an attempt used and no longer needs goes back to the device and to the system."""
    trim_host_memory()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        log.info("device memory in use: %s", bytes_text(torch.cuda.memory_allocated()))
