"""One file of a repository, brought for the daemon to check: what a power cut costs of it."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from tests.fetcher.process import REPOSITORY, fetcher
from tests.hub import Fault, File, Repository, running_hub, wait_until
from wantui.pipe.fetch import PullAdapter

FILE = "style.safetensors"
SIZE = 6_000_000
SYNCS_OFTEN = (
    sys.executable,
    "-c",
    """import runpy
from wantui.fetcher import part
part.SYNC_S = 0.05
runpy.run_module("wantui.fetcher", run_name="__main__")
""",
)


def test_what_was_synced_of_an_adapter_outlasts_a_power_cut(tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()
    order = PullAdapter(
        repository=REPOSITORY,
        revision=None,
        path=FILE,
        staging=str(staging),
        kept=str(tmp_path / "kept"),
        most_bytes=SIZE,
        connections=4,
        bytes_a_second=None,
        stall_s=5.0,
        tries=4,
    )

    def synced() -> int:
        """By the journal, once there is one; it is only ever replaced as a whole."""
        journals = [json.loads(path.read_bytes()) for path in staging.glob("*.synced.json")]
        segments = [segment for journal in journals for segment in journal["segments"]]
        return sum(segment["at"] - segment["start"] for segment in segments)

    with running_hub() as hub:
        hub.add(Repository(REPOSITORY, {FILE: File(random.Random(3).randbytes(SIZE))}))
        hub.faults = [Fault(FILE, bytes_a_second=3_000_000)]
        with fetcher(hub, tmp_path, SYNCS_OFTEN) as cut_off:
            cut_off.send(order)
            wait_until(lambda: synced() > 2_000_000)
            cut_off.kill()
        (journal,) = (path for path in staging.glob("*.json") if ".synced" not in path.name)
        journal.write_text(json.dumps(json.loads(journal.read_bytes()) | {"boot": "an earlier"}))
        with fetcher(hub, tmp_path) as again:
            again.send(order)
            done = again.fetched()
    assert done.file is not None
    assert Path(done.file).stat().st_size == SIZE
    assert done.fetched < SIZE - 2_000_000
