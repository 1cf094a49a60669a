"""Verification on one thread and on all, against openssl and `hf cache verify`; and once more."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from row import row
from tests.hub import File, Generated, Repository, running_hub
from tests.pulling import when
from tests.running import RunningDaemon, running_daemon

from wantui.api.download import Depth
from wantui.catalog.catalog import Catalog
from wantui.fetcher.verify import Verification
from wantui.paths import shipped_config
from wantui.pipe.fetch import FetchReport, FileToVerify, VerifyFiles

RECIPE = Catalog.load(shipped_config()).model("ti2v-5b")
SHARD_BYTES = 240 << 20


async def pulled(daemon: RunningDaemon) -> tuple[Path, float]:
    """Where the weights are, and how long a verification takes that finds nothing changed."""
    async with daemon.client() as client:
        asked = await client.pull(RECIPE.id)
        await when(client, asked.id, lambda download: not download.state.open)
        folder = (await client.model(RECIPE.id)).weights.folder or ""
        spent = []
        for _ in range(20):
            began = time.perf_counter()
            await client.verify(RECIPE.id)
            spent.append(time.perf_counter() - began)
    return Path(folder), sorted(spent)[len(spent) // 2]


def ours_s(folder: Path, files: dict[str, File], threads: int) -> float:
    """Content hashed by the fetcher's own code, from warm memory."""
    order = VerifyFiles(
        folder=str(folder),
        files=tuple(FileToVerify(path=path, digest=file.digest) for path, file in files.items()),
        depth=Depth.CONTENT,
        proven=(),
        threads=threads,
    )
    began = time.perf_counter()
    Verification(order, ignore).run()
    return time.perf_counter() - began


def ignore(_report: FetchReport) -> None:
    """Nobody listens."""


def spent_s(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    repository = RECIPE.repository or ""
    files: dict[str, File] = {}
    for number, path in enumerate(RECIPE.paths):
        large = path.endswith(".safetensors")
        content = random.Random(number).randbytes(5000)
        files[path] = Generated(SHARD_BYTES, number) if large else File(content)
    total = sum(file.size for file in files.values())
    cores = len(os.sched_getaffinity(0))
    with running_hub() as hub, tempfile.TemporaryDirectory() as home:
        hub.add(Repository(repository, files))
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": f"{home}/hf"}
        with running_daemon(Path(home)) as daemon:
            folder, again_s = asyncio.run(pulled(daemon))
        shards = [str(folder / path) for path in files if path.endswith(".safetensors")]
        openssl = min(spent_s(["openssl", "dgst", "-sha256", *shards]) for _ in range(2))
        one = min(ours_s(folder, files, 1) for _ in range(2))
        all_cores = min(ours_s(folder, files, cores) for _ in range(2))
        hf = str(Path(sys.executable).with_name("hf"))
        theirs = spent_s([hf, "cache", "verify", repository, "--revision", folder.name])
    for threads, ours in ((1, one), (cores, all_cores)):
        row(
            f"verify, {total / 1e9:.1f} GB in memory, {threads} thread(s), vs `openssl dgst`",
            f"{total / ours / 1e9:.2f} GB/s",
            f"{total / openssl / 1e9:.2f} GB/s",
            f"{openssl / ours:.2f}x",
            ">= 1.7x on 2 cores" if threads > 1 else "-",
        )
    row(
        "verify vs `hf cache verify`, the same files",
        f"{all_cores:.1f} s",
        f"{theirs:.1f} s",
        f"{theirs / all_cores:.1f}x",
        "-",
    )
    row("verify again, nothing changed", f"{again_s * 1e3:.1f} ms", "-", "-", "< 50 ms")


if __name__ == "__main__":
    main()
