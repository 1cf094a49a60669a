"""A daemon whose hub is on loopback and has TI2V-5B's repository, small."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.hub import File, Hub, Repository, running_hub
from tests.running import RunningDaemon, running_daemon
from wantui.api.download import Download
from wantui.api.status import Status
from wantui.catalog.catalog import Catalog
from wantui.client import Client
from wantui.paths import shipped_config

RECIPE = Catalog.load(shipped_config()).model("ti2v-5b")
SHARD = "00001-of-00005.safetensors"
SHARD_BYTES = 2_000_000
SHARDS = 5
"""Of the transformer."""


@contextmanager
def hub_with_ti2v() -> Iterator[Hub]:
    """It has every file of the real repository, and none of its size."""
    with running_hub() as hub:
        chance = random.Random(5)
        assert RECIPE.repository is not None
        files = {
            path: File(chance.randbytes(SHARD_BYTES if path.endswith(SHARD) else 5000))
            for path in RECIPE.paths
        }
        hub.add(Repository(RECIPE.repository, files))
        yield hub


def _shards(component: str, stem: str, count: int, dtype: str, numbers: int) -> dict[str, File]:
    """Numbered shards of a tensor each, and their index; every shard is another file."""
    names = [f"{stem}-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)]
    where = {f"w{n}.weight": name for n, name in enumerate(names)}
    files = {f"{component}/{name}": _tensor(key, dtype, numbers) for key, name in where.items()}
    index = {"metadata": {"total_size": 0}, "weight_map": where}
    return {**files, f"{component}/{stem}.safetensors.index.json": _document(index)}


def _tensor(name: str, dtype: str, numbers: int) -> File:
    """A safetensors file that holds one."""
    size = numbers * {"F32": 4, "BF16": 2}[dtype]
    entry = {"dtype": dtype, "shape": [numbers], "data_offsets": [0, size]}
    head = json.dumps({name: entry}).encode()
    return File(len(head).to_bytes(8, "little") + head + random.randbytes(size))


def _document(content: dict[str, Any]) -> File:
    return File(json.dumps(content).encode(), lfs=False)


def sound_ti2v(numbers: int) -> Repository:
    """Its layout with sound files: fp32 transformer and VAE, a bf16 text encoder.

    `numbers` are in each of the transformer's shards.
    """
    parts = {part.name: ["diffusers", part.class_name] for part in RECIPE.components}
    files = {path: _document({"path": path}) for path in RECIPE.paths}
    files["model_index.json"] = _document(parts)
    files |= _shards("transformer", "diffusion_pytorch_model", SHARDS, "F32", numbers)
    files |= _shards("text_encoder", "model", 3, "BF16", 100)
    files["vae/diffusion_pytorch_model.safetensors"] = _tensor("v", "F32", 100)
    return Repository(RECIPE.repository or "", files)


@contextmanager
def daemon_with(
    hub: Hub,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    enter: Sequence[str] = (),
    store: str = "",
) -> Iterator[RunningDaemon]:
    """`store` is further settings of that section."""
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    with running_daemon(home, f"[store]\nstall_s = 2.0\ntries = 3\n{store}", enter) as daemon:
        yield daemon


async def seen_until(client: Client, id: int, met: Callable[[Download], bool]) -> list[Download]:
    """Every version of a download until it is as wanted."""
    seen: list[Download] = []
    async for item in client.follow():
        known = item.downloads if isinstance(item, Status) else (item.object,)
        for download in known:
            if isinstance(download, Download) and download.id == id:
                seen.append(download)
                if met(download):
                    return seen
    raise AssertionError("the events ended")


async def when(client: Client, id: int, met: Callable[[Download], bool]) -> Download:
    return (await seen_until(client, id, met))[-1]
