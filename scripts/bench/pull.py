"""`wantui pull`, verified, against `hf download` without xet; and what a SIGKILL at half costs.

From one hub on loopback whose files are generated as they are sent.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from row import row
from tests.hub import File, Generated, Hub, Repository, running_hub
from tests.pulling import when
from tests.running import RunningDaemon, running_daemon

from wantui.catalog.catalog import Catalog
from wantui.paths import shipped_config

RECIPE = Catalog.load(shipped_config()).model("ti2v-5b")
SHARD_BYTES = 480 << 20
SEGMENTS_A_SHARD = 4


def fill(hub: Hub, repository: str) -> int:
    """Files as the repository has them; returns their bytes."""
    files: dict[str, File] = {}
    for number, path in enumerate(RECIPE.paths):
        large = path.endswith(".safetensors")
        files[path] = Generated(SHARD_BYTES, number) if large else File(bytes([number]) * 5000)
    hub.add(Repository(repository, files))
    return sum(file.size for file in files.values())


def timed_s(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


async def killed_at_half(daemon: RunningDaemon, total: int) -> None:
    """Its fetcher dies when half of it is there; the daemon has it done by another."""
    async with daemon.client() as client:
        asked = await client.pull(RECIPE.id)
        await when(client, asked.id, lambda download: download.bytes_done > total / 2)
        for child in psutil.Process(daemon.pid).children():
            child.send_signal(signal.SIGKILL)
        done = await when(client, asked.id, lambda download: not download.state.open)
        if done.error is not None:
            raise done.error.to_error()


def main() -> None:
    repository = RECIPE.repository or ""
    with running_hub() as hub, tempfile.TemporaryDirectory() as folder:
        total = fill(hub, repository)
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_TELEMETRY": "1"}
        with running_daemon(Path(folder) / "ours") as daemon:
            pull = [sys.executable, "-m", "wantui", "pull", RECIPE.id]
            ours = timed_s(pull, daemon.environment)
            subprocess.run(
                [sys.executable, "-m", "wantui", "rm", RECIPE.id, "--yes"],
                env=daemon.environment,
                check=True,
                capture_output=True,
            )
            sent = hub.sent
            asyncio.run(killed_at_half(daemon, total))
            again = hub.sent - sent - total
        hf = str(Path(sys.executable).with_name("hf"))
        theirs = timed_s(
            [hf, "download", repository, *RECIPE.paths],
            {**os.environ, "HF_HOME": f"{folder}/theirs", "HF_HUB_DISABLE_XET": "1"},
        )
    row(
        f"pull, verified, vs `hf download` without xet, {total / 1e9:.1f} GB on loopback",
        f"{total / ours / 1e6:.0f} MB/s",
        f"{total / theirs / 1e6:.0f} MB/s",
        f"{theirs / ours:.2f}x",
        ">= 1.0x",
    )
    shards = sum(path.endswith(".safetensors") for path in RECIPE.paths)
    row(
        f"bytes fetched again after SIGKILL at half, over {shards * SEGMENTS_A_SHARD} segments",
        f"{again / 2**20:.0f} MiB",
        "-",
        f"{again / 2**20 / shards / SEGMENTS_A_SHARD:.1f} MiB a segment",
        "<= 64 MiB a segment",
    )


if __name__ == "__main__":
    main()
