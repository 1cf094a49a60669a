"""`wantui pull`, verified, against `hf download` without xet, from one hub on loopback."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from row import row
from tests.hub import File, Hub, Repository, running_hub
from tests.running import running_daemon

from wantui.catalog.catalog import Catalog
from wantui.paths import shipped_config

RECIPE = Catalog.load(shipped_config()).model("ti2v-5b")
SHARD_BYTES = 160 << 20


def fill(hub: Hub, repository: str) -> int:
    """Files as the repository has them, their content shared in memory; returns their bytes."""
    content = random.Random(1).randbytes(SHARD_BYTES)
    files: dict[str, File] = {}
    for number, path in enumerate(RECIPE.paths):
        large = path.endswith(".safetensors")
        files[path] = File(bytes([number]) + content if large else bytes([number]) * 5000)
    hub.add(Repository(repository, files))
    return sum(len(file.content) for file in files.values())


def timed_s(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    repository = RECIPE.repository or ""
    with running_hub() as hub, tempfile.TemporaryDirectory() as folder:
        total = fill(hub, repository)
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_TELEMETRY": "1"}
        hf = str(Path(sys.executable).with_name("hf"))
        theirs = timed_s(
            [hf, "download", repository, *RECIPE.paths],
            {**os.environ, "HF_HOME": f"{folder}/theirs", "HF_HUB_DISABLE_XET": "1"},
        )
        with running_daemon(Path(folder) / "ours") as daemon:
            pull = [sys.executable, "-m", "wantui", "pull", RECIPE.id]
            ours = timed_s(pull, daemon.environment)
    row(
        f"pull, verified, vs `hf download` without xet, {total / 1e9:.1f} GB on loopback",
        f"{total / ours / 1e6:.0f} MB/s",
        f"{total / theirs / 1e6:.0f} MB/s",
        f"{theirs / ours:.2f}x",
        ">= 1.0x",
    )


if __name__ == "__main__":
    main()
