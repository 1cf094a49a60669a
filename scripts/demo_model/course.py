"""A course of training: optimisers, a rate that warms up and dies down, averages, checkpoints."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from muon import Muon
from torch import Tensor, nn

WARM_UP = 0.04
SAVE_S = 120.0
SAY_S = 30.0
DECAY = 0.998
"""Of the running average of the weights, a step."""


class Course:
    """Trains `model` for `minutes` of all cores, however often it is cut short or starved."""

    def __init__(
        self, name: str, work: Path, model: nn.Module, minutes: float, rate: float = 0.01
    ) -> None:
        self._file = work / f"{name}.pt"
        self._log = work / f"{name}.tsv"
        self._model = model
        self._budget_s = minutes * 60
        self._spent_s = 0.0
        self.step = 0
        matrices = [w for w in model.parameters() if w.dim() >= 2 and w.numel() >= 512]
        chosen = set(map(id, matrices))
        rest = [w for w in model.parameters() if id(w) not in chosen]
        self._optimisers: list[torch.optim.Optimizer] = [Muon(matrices, rate)]
        self._top = [rate]
        if rest:
            adam = torch.optim.AdamW(rest, rate / 10, betas=(0.9, 0.98), weight_decay=0.0)
            self._optimisers.append(adam)
            self._top.append(rate / 10)
        self._average = {name: w.detach().clone() for name, w in model.state_dict().items()}
        self._said: dict[str, float] = {}
        self._resume()

    @property
    def share(self) -> float:
        """How much of the course is over, 0 to 1."""
        return min(self._spent_s / self._budget_s, 1.0)

    def steps(self) -> Iterator[float]:
        """Until the time is up: computing counts, waiting does not."""
        saved = said = time.monotonic()
        began = _computed_s()
        while self.share < 1:
            yield self.share
            now, computed = time.monotonic(), _computed_s()
            self._spent_s, began = self._spent_s + computed - began, computed
            if now - said > SAY_S:
                self._say()
                said = now
            if now - saved > SAVE_S:
                self.save()
                saved = now
        self.save()

    def learn(self, loss: Tensor, **figures: float) -> None:
        """One step down the loss; `figures` are averaged into the log."""
        rate = min(self.share / WARM_UP, 1.0) * (0.02 + 0.98 * math.cos(math.pi * self.share / 2))
        for optimiser, top in zip(self._optimisers, self._top, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = top * max(rate, 0.01)
            optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        for optimiser in self._optimisers:
            optimiser.step()
        self.step += 1
        decay = min(DECAY, self.step / (self.step + 10))
        for name, weight in self._model.state_dict().items():
            self._average[name].lerp_(weight, 1 - decay)
        for name, value in {"loss": loss.item(), **figures}.items():
            self._said[name] = 0.95 * self._said.get(name, value) + 0.05 * value

    def average(self) -> dict[str, Tensor]:
        """The weights to use: their running average."""
        return self._average

    def save(self) -> None:
        state = {
            "step": self.step,
            "spent_s": self._spent_s,
            "model": self._model.state_dict(),
            "average": self._average,
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
        }
        temporary = self._file.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(self._file)

    def _resume(self) -> None:
        if not self._file.exists():
            return
        state: dict[str, Any] = torch.load(self._file, weights_only=True)
        self.step, self._spent_s = state["step"], state["spent_s"]
        self._model.load_state_dict(state["model"])
        self._average = state["average"]
        if state["optimisers"] is None:
            return
        for optimiser, kept in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)

    def _say(self) -> None:
        figures = "\t".join(f"{name} {value:.4f}" for name, value in self._said.items())
        line = f"{self._spent_s / 60:.1f} min\tstep {self.step}\t{figures}\n"
        with self._log.open("a", encoding="utf-8") as log:
            log.write(line)
        sys.stderr.write(line)


def _computed_s() -> float:
    return time.process_time() / torch.get_num_threads()


def begin(work: Path, name: str, weights: dict[str, Tensor]) -> None:
    """Have a course start from weights instead of from nothing."""
    kept = {"step": 0, "spent_s": 0.0, "model": weights, "average": weights, "optimisers": None}
    torch.save(kept, work / f"{name}.pt")


def averaged(work: Path, name: str) -> dict[str, Tensor]:
    """What a course has come to, for whoever builds on it."""
    state: dict[str, Any] = torch.load(work / f"{name}.pt", weights_only=True)
    average: dict[str, Tensor] = state["average"]
    return average
