"""Tiny models on disk, a picture, and one warm worker for the tests that leave it alive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests import tiny_models
from tests.worker.orders import Desk, Tiny
from tests.worker.process import WorkerProcess, started

torch.set_num_threads(2)


@pytest.fixture(scope="session")
def tinies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tiny]:
    """Every kind of model, by name."""
    root = tmp_path_factory.mktemp("tiny")
    return {kind: Tiny(kind, build(root / kind)) for kind, build in tiny_models.BUILDERS.items()}


@pytest.fixture
def t2v(tinies: dict[str, Tiny], tmp_path: Path) -> Desk:
    return Desk(tmp_path, tinies["t2v"])


@pytest.fixture
def i2v(tinies: dict[str, Tiny], tmp_path: Path) -> Desk:
    return Desk(tmp_path, tinies["i2v"])


@pytest.fixture
def ti2v(tinies: dict[str, Tiny], tmp_path: Path) -> Desk:
    return Desk(tmp_path, tinies["ti2v"])


@pytest.fixture(scope="session")
def shared_worker() -> Iterator[WorkerProcess]:
    """Started once: the engine's import takes seconds."""
    with started() as worker:
        yield worker


@pytest.fixture
def worker(shared_worker: WorkerProcess) -> WorkerProcess:
    assert shared_worker.process.poll() is None, "an earlier test ended the shared worker"
    return shared_worker


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Wider than any frame we make: it is scaled and cut."""
    path = tmp_path / "picture.png"
    gradient = Image.linear_gradient("L").resize((150, 100))
    Image.merge("RGB", (gradient, gradient.rotate(180), gradient)).save(path)
    return path
