"""A file that another repository has already gets a second name, and stays proven by it."""

from __future__ import annotations

from pathlib import Path

from tests.fetcher.process import REPOSITORY, Fetcher, fetcher
from tests.hub import Fault, File, Repository, running_hub
from wantui.fetcher.pull import WORTH_BORROWING_BYTES
from wantui.pipe.fetch import Checked, Halted, Proven
from wantui.pipe.file import StatKey

SHARED = 64
CONFIG = "model_index.json"


def kept_elsewhere(cache: Path, file: File) -> Proven:
    """In another repository of the same cache, and proven there."""
    blobs = cache / "models--Someone--Other" / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    blob = blobs / file.digest
    blob.write_bytes(file.content)
    return Proven(StatKey.of(blob.stat()), file.digest)


def told_until_halted(running: Fetcher) -> set[StatKey]:
    """The keys of all files it vouches for, when it is halted upon the first."""
    told: set[StatKey] = set()
    while not isinstance(report := running.report(), Halted):
        if isinstance(report, Checked):
            if not told:
                running.halt()
            told.add(report.key)
    return told


def test_no_name_is_given_that_is_not_told_though_the_pull_is_paused(tmp_path: Path) -> None:
    shards = {
        f"shard-{number}.safetensors": File(number.to_bytes(2) * (WORTH_BORROWING_BYTES // 2))
        for number in range(SHARED)
    }
    with running_hub() as hub, fetcher(hub, tmp_path) as running:
        hub.add(Repository(REPOSITORY, {**shards, CONFIG: File(b"{}", lfs=False)}))
        hub.faults = [Fault(CONFIG, stall_after=0)]  # it has not come when the halt does
        proven = tuple(kept_elsewhere(running.cache, file) for file in shards.values())
        running.order((*shards, CONFIG), proven=proven)
        told = told_until_halted(running)
        running.process.wait()
        named = {StatKey.of(blob.stat()) for blob in (running.folder / "blobs").iterdir()}
    assert named
    assert named == told
