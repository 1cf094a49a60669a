"""Ways in which a byte that nobody hashed could come to be called verified."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import huggingface_hub
import pytest

from tests.disks import fill, image_disk, small_disk
from tests.fetcher.process import FETCHER, REPOSITORY, Fetcher, fetcher
from tests.hub import Fault, File, Hub, Repository, running_hub
from wantui.api.download import Depth
from wantui.errors import DownloadBusy, WeightsUnreadable
from wantui.fetcher.steady import read_steadily
from wantui.pipe.fetch import Checked, FileToVerify, Outcome, Proven, VerifyFiles
from wantui.pipe.file import StatKey
from wantui.store.alone import alone, drop_staging
from wantui.store.digest import digest_of

WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"
CONFIG = "transformer/config.json"
PATHS = (WEIGHTS, CONFIG)
LONG = 128 << 20
"""Hashing so much takes long enough to come in between."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        hub.add(
            Repository(REPOSITORY, {WEIGHTS: File(bytes(LONG)), CONFIG: File(b"{}", lfs=False)})
        )
        yield hub


def blob_of(hub: Hub, running: Fetcher, path: str = WEIGHTS) -> Path:
    return running.folder / "blobs" / hub.repositories[REPOSITORY].files[path].digest


def verdicts(running: Fetcher) -> list[Checked]:
    """All that it says of files, up to its end."""
    return [report for report in running.checked() if report.outcome is Outcome.VERIFIED]


def while_it_reads(running: Fetcher, path: Path, act: Callable[[], object]) -> None:
    """Do something to a file just when the fetcher has it open, and is held still."""
    descriptors = Path(f"/proc/{running.process.pid}/fd")
    target = str(path.resolve())
    while running.process.poll() is None:
        if any(_leads_to(descriptor, target) for descriptor in descriptors.iterdir()):
            running.process.send_signal(signal.SIGSTOP)
            act()
            running.process.send_signal(signal.SIGCONT)
            return
    raise AssertionError(f"it never read: {running.errors()}")


def _leads_to(descriptor: Path, target: str) -> bool:
    try:
        return str(descriptor.readlink()) == target
    except FileNotFoundError:
        return False


def spoilt(path: Path) -> Path:
    """Another file of the same size beside it."""
    other = path.with_name("spoilt")
    with other.open("wb") as file:
        file.truncate(LONG)
        file.write(b"not what was published")
    return other


def test_a_blob_that_is_replaced_while_it_is_hashed_is_not_vouched_for(
    hub: Hub, tmp_path: Path
) -> None:
    with fetcher(hub, tmp_path) as running:
        blob = blob_of(hub, running)
        blob.parent.mkdir(parents=True)
        blob.write_bytes(bytes(LONG))
        bad = spoilt(blob)
        running.order(PATHS)
        while_it_reads(running, blob, lambda: bad.replace(blob))
        told = {report.key for report in verdicts(running) if report.path == WEIGHTS}
    assert StatKey.of(blob.stat()) in told
    assert blob.read_bytes() == bytes(LONG)


@pytest.mark.parametrize("depth", [Depth.CONTENT, Depth.DEEP])
def test_a_file_that_is_written_to_while_it_is_verified_is_read_again(
    hub: Hub, tmp_path: Path, depth: Depth
) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(bytes(LONG))
    digest = hub.repositories[REPOSITORY].files[WEIGHTS].digest
    with fetcher(hub, tmp_path) as running:
        running.send(verify(tmp_path, FileToVerify(path=path.name, digest=digest), depth))
        with path.open("r+b") as file:
            while_it_reads(running, path, lambda: os.pwrite(file.fileno(), b"x", 0))
        (report,) = running.checked()
    assert report.outcome is Outcome.CORRUPT
    assert report.key == StatKey.of(path.stat())


def verify(folder: Path, file: FileToVerify, depth: Depth) -> VerifyFiles:
    return VerifyFiles(folder=str(folder), files=(file,), depth=depth, proven=(), threads=1)


def test_a_write_within_the_same_tick_of_a_coarse_clock_shows(tmp_path: Path) -> None:
    with image_disk(tmp_path / "disk", tmp_path / "image", 8 << 20, "-I", "128") as disk:
        file = disk.seen / "file"
        file.write_bytes(b"good")
        proven = read_steadily(file, "0" * 64, lambda _: None)
        file.write_bytes(b"evil")
        assert file.stat().st_mtime_ns % 1_000_000_000 == 0, "its clock is not coarse"
        assert StatKey.of(file.stat()) != proven.key


def test_what_may_not_be_on_the_disk_is_never_said_to_be(hub: Hub, tmp_path: Path) -> None:
    with fetcher(hub, tmp_path) as running:
        running.order(PATHS)
        first = verdicts(running)
        blobs = {path: str(blob_of(hub, running, path)) for path in PATHS}
    known = tuple(Proven(report.key, report.digest or "") for report in first)
    assert {report.path: report.unsynced for report in first} == blobs
    with fetcher(hub, tmp_path) as running:
        running.order(PATHS, proven=known)
        assert all(report.unsynced for report in verdicts(running))
    with fetcher(hub, tmp_path) as running:
        running.order(PATHS)
        assert {report.path: report.unsynced for report in verdicts(running)} == blobs


def test_what_the_disk_refuses_is_not_verified(hub: Hub, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        below = stack.enter_context(small_disk(tmp_path / "below", 16 << 20))
        image = below.seen / "image"
        disk = stack.enter_context(image_disk(tmp_path / "disk", image, 64 << 20))
        fill(below.seen / "filling")
        file = disk.seen / "file"
        file.write_bytes(os.urandom(8 << 20))
        wanted = FileToVerify(path=file.name, digest=digest_of(file, "0" * 64))
        running = stack.enter_context(fetcher(hub, tmp_path, (*disk.enter, *FETCHER)))
        running.send(verify(disk.mount, wanted, Depth.CONTENT))
        with pytest.raises(WeightsUnreadable, match=r"space|Input/output"):
            list(running.checked())


def test_two_are_never_alone_at_once(tmp_path: Path) -> None:
    inside, most, guard = 0, 0, threading.Lock()

    def enter_often(_: int) -> int:
        nonlocal inside, most
        entered = 0
        for _ in range(400):
            try:
                with alone(tmp_path, REPOSITORY):
                    with guard:
                        inside, entered = inside + 1, entered + 1
                        most = max(most, inside)
                    with guard:
                        inside -= 1
            except DownloadBusy:
                continue
        return entered

    with ThreadPoolExecutor(6) as pool:
        entered = sum(pool.map(enter_often, range(6)))
    assert most == 1
    assert entered > 6


def test_what_another_process_is_bringing_is_not_dropped(hub: Hub, tmp_path: Path) -> None:
    hub.faults = [Fault(WEIGHTS, bytes_a_second=200_000_000, times=4)]
    with fetcher(hub, tmp_path) as running:
        running.order(PATHS)
        running.fetching(1_000_000)
        drop_staging(running.cache, REPOSITORY)
        running.fetched()
        assert blob_of(hub, running).stat().st_size == LONG
    (running.folder / ".wantui").mkdir(mode=0o700)
    (running.folder / ".wantui" / "x.part").write_bytes(b"x")
    drop_staging(running.cache, REPOSITORY)
    assert not (running.folder / ".wantui").exists()


def test_a_name_that_a_killed_pull_was_about_to_give_hides_nothing_from_the_hub_s_tools(
    hub: Hub, tmp_path: Path
) -> None:
    with fetcher(hub, tmp_path) as running:
        refs = running.folder / "refs"
        refs.mkdir(parents=True)
        (refs / ".wantui-pin.0badcafe.wantui-tmp").touch()
        running.order(PATHS)
        running.fetched()
    seen = huggingface_hub.scan_cache_dir(running.cache)
    assert not seen.warnings
    assert [repository.repo_id for repository in seen.repos] == [REPOSITORY]


def test_a_link_in_a_snapshot_leads_nobody_to_change_what_is_elsewhere(
    hub: Hub, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.json").write_text("mine")
    with fetcher(hub, tmp_path) as running:
        snapshot = running.folder / "snapshots" / hub.repositories[REPOSITORY].commit
        snapshot.mkdir(parents=True)
        (snapshot / "transformer").symlink_to(elsewhere)
        running.order(PATHS)
        running.fetched()
    assert [path.name for path in elsewhere.iterdir()] == ["config.json"]
    assert (elsewhere / "config.json").read_text() == "mine"
    assert (snapshot / CONFIG).read_bytes() == b"{}"


def test_a_digest_is_git_s_own(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(100_000))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest_of(path, sha256) == sha256
    told = subprocess.run(
        ["git", "hash-object", "--no-filters", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert digest_of(path, told) == told
