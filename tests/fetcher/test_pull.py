"""Pulling through the real client stack from a hub that fails in every way that hubs do."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

from tests.disks import small_disk
from tests.fetcher.process import FETCHER, REPOSITORY, fetcher, pull, refusal
from tests.hub import TLS, Fault, File, Hub, Repository, running_hub, wait_until
from tests.proxy import running_proxy
from wantui.errors import (
    DigestMismatch,
    DiskFull,
    FileNotOnHub,
    GatedRepository,
    HubOffline,
    HubRefused,
    HubUnreachable,
    RateLimited,
    RepositoryNotFound,
    RevisionNotFound,
    UnsafePath,
)
from wantui.fetcher.part import begun_bytes
from wantui.files import boot_id
from wantui.pipe.fetch import Halted
from wantui.store.digest import digest_of

BIG = "transformer/diffusion_pytorch_model-00001-of-00002.safetensors"
SMALL = "model_index.json"
TWIN = "transformer_2/config.json"
PATHS = (BIG, SMALL, "transformer/config.json", TWIN)
UNWANTED = "assets/logo.png"
BYTES = 3_000_000
LARGE = 70 << 20
ROOMY = 1 << 30
"""More than a pull leaves free."""
JUNK = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\n\r\nevil"
"""What a connection that is used again would take for the next answer."""


def contents(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        add_repository(hub, BYTES)
        yield hub


def add_repository(hub: Hub, size: int) -> Repository:
    config = File(b'{"_class_name": "WanTransformer3DModel"}', lfs=False)
    files = {
        SMALL: File(b'{"_class_name": "WanPipeline"}', lfs=False),
        "transformer/config.json": config,
        TWIN: config,
        BIG: File(contents(size, 1)),
        UNWANTED: File(contents(1000, 2)),
    }
    return hub.add(Repository(REPOSITORY, files))


def check(hub: Hub, home: Path, folder: str) -> None:
    """All wanted files are there byte for byte, in a cache that the hub's own client believes."""
    repository = hub.repositories[REPOSITORY]
    for path in PATHS:
        assert (Path(folder) / path).read_bytes() == repository.files[path].content
    assert not (Path(folder) / UNWANTED).exists()
    cache = home / "hub"
    root = cache / f"models--{REPOSITORY.replace('/', '--')}"
    blobs = {blob.name for blob in (root / "blobs").iterdir()}
    assert blobs == {repository.files[path].digest for path in PATHS}
    assert (root / "refs" / "wantui-pin").read_text() == repository.commit
    assert not (root / ".wantui").exists()
    (seen,) = huggingface_hub.scan_cache_dir(cache).repos
    assert seen.repo_id == REPOSITORY
    offline = huggingface_hub.snapshot_download(
        REPOSITORY,
        revision="wantui-pin",
        cache_dir=cache,
        allow_patterns=list(PATHS),
        local_files_only=True,
    )
    assert Path(offline) == Path(folder)


def test_exactly_the_wanted_files_come_and_are_pinned(hub: Hub, tmp_path: Path) -> None:
    done = pull(hub, tmp_path, PATHS)
    check(hub, tmp_path, done.folder)
    files = hub.repositories[REPOSITORY].files
    contents_once = {files[path].digest: len(files[path].content) for path in PATHS}
    assert done.fetched == sum(contents_once.values())
    again = pull(hub, tmp_path, PATHS)
    assert again.fetched == 0
    check(hub, tmp_path, again.folder)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Fault(BIG, drop_after=n) for n in (0, 1, 65_536, 999_999)], id="dropped"),
        pytest.param(
            [Fault(BIG, drop_after=500_000), Fault(BIG, ignore_range=True)], id="range ignored"
        ),
        pytest.param([Fault(BIG, flip_at=1_234_567)], id="a byte changed on the way"),
        pytest.param([Fault(SMALL, flip_at=3)], id="a byte of a small file changed"),
        pytest.param([Fault(BIG, stall_after=400_000)], id="stalled"),
        pytest.param([Fault(BIG, status=429, headers={"Retry-After": "0"})], id="429"),
        pytest.param(
            [Fault(BIG, status=429, headers={"RateLimit": '"a";r=0;t=0'})], id="ratelimit"
        ),
        pytest.param([Fault(BIG, "HEAD", status=429)], id="429 to HEAD"),
        pytest.param([Fault(BIG, status=503, times=2)], id="503"),
        pytest.param([Fault(BIG, drop_after=100), Fault(BIG, status=403)], id="signature ran out"),
        pytest.param([Fault(BIG, drop_after=100), Fault(BIG, status=416)], id="416"),
        pytest.param([Fault(BIG, drop_after=9), Fault(BIG, status=401)], id="401"),
        pytest.param([Fault(f"/{REPOSITORY}", status=502)], id="listing fails once"),
        pytest.param([Fault(BIG, shift=7)], id="other bytes than asked for"),
        pytest.param([Fault(BIG, at_most=n) for n in (1, 70_000)], id="fewer bytes"),
        pytest.param([Fault(BIG, drop_after=9), Fault(BIG, surplus=JUNK)], id="bytes behind it"),
        pytest.param([Fault(SMALL, surplus=JUNK)], id="bytes behind a small body"),
        pytest.param([Fault(BIG, framing="chunked")], id="chunked"),
        pytest.param([Fault(BIG, framing="chunked", drop_after=300_000)], id="chunked, dropped"),
        pytest.param([Fault(BIG, framing="close")], id="no length"),
        pytest.param([Fault(BIG, framing="close", drop_after=70_000)], id="no length, dropped"),
        pytest.param([Fault(BIG, zipped=True)], id="compressed"),
        pytest.param([Fault(SMALL, zipped=True, framing="chunked")], id="small, compressed"),
    ],
)
def test_what_goes_wrong_on_the_way_is_made_good(
    hub: Hub, tmp_path: Path, faults: list[Fault]
) -> None:
    hub.faults = faults
    done = pull(hub, tmp_path, PATHS, stall_s=0.5)
    check(hub, tmp_path, done.folder)
    assert not any(fault.times for fault in faults), "a fault was never met"


@pytest.mark.parametrize("faults", [[], [Fault(BIG, to_the_end=True, times=2)]])
def test_a_large_file_comes_over_several_connections(tmp_path: Path, faults: list[Fault]) -> None:
    with running_hub() as hub:
        hub.faults = faults
        add_repository(hub, LARGE)
        done = pull(hub, tmp_path, PATHS)
        check(hub, tmp_path, done.folder)
        ranges = {seen.range for seen in hub.requests("GET", BIG)}
    assert ranges == {f"bytes=0-{LARGE // 2 - 1}", f"bytes={LARGE // 2}-{LARGE - 1}"}


def test_what_is_always_wrong_is_never_taken(hub: Hub, tmp_path: Path) -> None:
    hub.faults = [Fault(BIG, flip_at=5, times=99)]
    error = refusal(hub, tmp_path, PATHS)
    assert isinstance(error, DigestMismatch)
    assert error.detail == {"path": BIG}
    root = tmp_path / "hub" / f"models--{REPOSITORY.replace('/', '--')}"
    digest = hub.repositories[REPOSITORY].files[BIG].digest
    assert not (root / "blobs" / digest).exists()
    assert not (root / "refs" / "wantui-pin").exists()


def test_a_blob_that_went_bad_is_replaced(hub: Hub, tmp_path: Path) -> None:
    folder = Path(pull(hub, tmp_path, PATHS).folder)
    blob = (folder / BIG).resolve()
    with blob.open("r+b") as file:
        file.seek(77)
        file.write(b"\0\0\0\0")
    again = pull(hub, tmp_path, PATHS)
    assert again.fetched == BYTES
    check(hub, tmp_path, again.folder)


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ([Fault(BIG, status=503, times=99)], HubRefused),
        ([Fault(BIG, drop_after=0, times=99)], HubUnreachable),
        ([Fault(BIG, "HEAD", etag="e" * 64, times=99)], HubRefused),
        ([Fault(BIG, status=401, times=99)], GatedRepository),
        ([Fault(BIG, status=416, times=99)], HubRefused),
        ([Fault(BIG, shift=1, times=99)], HubUnreachable),
        ([Fault(BIG, at_most=1_000_000, drop_after=0, times=99)], HubUnreachable),
        ([Fault(f"/{REPOSITORY}", status=401, times=99)], GatedRepository),
        ([Fault(f"/{REPOSITORY}", status=429, times=99)], RateLimited),
    ],
)
def test_patience_ends(
    hub: Hub, tmp_path: Path, faults: list[Fault], kind: type[Exception]
) -> None:
    hub.faults = faults
    assert isinstance(refusal(hub, tmp_path, PATHS, tries=2), kind)


def test_refusals_are_typed(hub: Hub, tmp_path: Path) -> None:
    repository = hub.repositories[REPOSITORY]
    assert isinstance(refusal(hub, tmp_path, ["gone.json"]), FileNotOnHub)
    assert isinstance(refusal(hub, tmp_path, PATHS, revision="b" * 40), RevisionNotFound)
    assert isinstance(refusal(hub, tmp_path, PATHS, repository="a/b"), RepositoryNotFound)
    repository.gated = True
    error = refusal(hub, tmp_path, PATHS)
    assert isinstance(error, GatedRepository)
    assert f"{hub.endpoint}/{REPOSITORY}" in error.hint
    with fetcher(hub, tmp_path, HF_HUB_OFFLINE="1") as running:
        running.order(PATHS)
        with pytest.raises(HubOffline):
            running.fetched()


@pytest.mark.parametrize(
    "path", ["../../outside", "/etc/passwd", "a/../../b", "a/../b", "a\\..\\b", "..", "", "a\0b"]
)
def test_a_path_that_leads_out_is_refused(hub: Hub, tmp_path: Path, path: str) -> None:
    hub.repositories[REPOSITORY].named[UNWANTED] = path
    assert isinstance(refusal(hub, tmp_path, PATHS), UnsafePath)
    assert not (tmp_path / "hub").exists()


def test_the_token_goes_to_the_hub_alone_and_into_no_file(hub: Hub, tmp_path: Path) -> None:
    secret = "hf_verysecret"
    away = f"{hub.cdn}/cdn/{REPOSITORY}/main/{SMALL}?signature=2"
    hub.faults = [Fault(SMALL, status=302, headers={"Location": away})]
    with fetcher(hub, tmp_path, HF_TOKEN=secret) as running:
        running.order(PATHS)
        running.fetched()
        told = running.errors()
    assert secret not in told
    assert "signature=" not in told, "it opens the file to whoever reads the log"
    assert hub.cdn is not None
    at_cdn = [seen for seen in hub.seen if seen.path.startswith("/cdn/")]
    assert {seen.path.rpartition("/")[2] for seen in at_cdn} >= {SMALL, BIG.rpartition("/")[2]}
    assert not any(seen.token for seen in at_cdn)
    assert any(seen.token == f"Bearer {secret}" for seen in hub.seen)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_a_proxy_and_an_authority_of_one_s_own_are_honoured(tmp_path: Path) -> None:
    with running_hub(tls=True) as hub, running_proxy() as proxy:
        add_repository(hub, BYTES)
        own = {"HTTPS_PROXY": proxy.url, "NO_PROXY": ""}
        with fetcher(hub, tmp_path, **own) as running:
            running.order(PATHS, tries=1)
            with pytest.raises(HubUnreachable, match=r"(?i)certificate"):
                running.fetched()
        with fetcher(hub, tmp_path, **own, SSL_CERT_FILE=str(TLS / "ca.pem")) as running:
            running.order(PATHS)
            check(hub, tmp_path, running.fetched().folder)
        assert hub.cdn is not None
        ends = {url.rpartition("/")[2] for url in (hub.endpoint, hub.cdn)}
        assert set(proxy.asked) == ends


def test_a_halt_is_quick_and_loses_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.faults = [Fault(BIG, bytes_a_second=1_000_000)]
    with fetcher(hub, tmp_path) as running:
        running.order(PATHS)
        running.fetching(500_000)
        began = time.monotonic()
        running.halt()
        while not isinstance(running.report(), Halted):
            pass
        assert time.monotonic() - began < 2.0
        assert running.process.wait(10) == 0
    done = pull(hub, tmp_path, PATHS)
    check(hub, tmp_path, done.folder)
    assert done.fetched <= BYTES - 400_000


def test_a_killed_pull_goes_on_where_its_journal_says(hub: Hub, tmp_path: Path) -> None:
    hub.faults = [Fault(BIG, bytes_a_second=700_000)]
    with fetcher(hub, tmp_path) as running:
        running.order(PATHS)
        running.fetching(1_400_000)
        running.kill()
    done = pull(hub, tmp_path, PATHS)
    check(hub, tmp_path, done.folder)
    assert done.fetched <= BYTES - 500_000


@pytest.mark.parametrize("damage", [b"", b"{", b'{"digest": "x", "size": 1, "segments": []}'])
def test_a_journal_that_cannot_be_believed_is_not(hub: Hub, tmp_path: Path, damage: bytes) -> None:
    staging = tmp_path / "hub" / f"models--{REPOSITORY.replace('/', '--')}" / ".wantui"
    staging.mkdir(parents=True)
    digest = hub.repositories[REPOSITORY].files[BIG].digest
    (staging / f"{digest}.part").write_bytes(contents(BYTES, 3))
    (staging / f"{digest}.json").write_bytes(damage)
    done = pull(hub, tmp_path, PATHS)
    check(hub, tmp_path, done.folder)


def test_a_journal_that_lies_costs_a_fetch_and_no_trust(hub: Hub, tmp_path: Path) -> None:
    staging = tmp_path / "hub" / f"models--{REPOSITORY.replace('/', '--')}" / ".wantui"
    staging.mkdir(parents=True)
    digest = hub.repositories[REPOSITORY].files[BIG].digest
    (staging / f"{digest}.part").write_bytes(contents(BYTES, 3))
    whole = {"start": 0, "end": BYTES, "at": BYTES}
    journal = {"digest": digest, "size": BYTES, "boot": boot_id(), "segments": [whole]}
    (staging / f"{digest}.json").write_text(json.dumps(journal))
    done = pull(hub, tmp_path, PATHS)
    check(hub, tmp_path, done.folder)


def test_a_branch_that_moves_meanwhile_does_not_mix_two_revisions(hub: Hub, tmp_path: Path) -> None:
    repository = hub.repositories[REPOSITORY]
    hub.faults = [Fault(BIG, bytes_a_second=1_000_000, drop_after=2_000_000)]
    with fetcher(hub, tmp_path) as running:
        running.order(PATHS)
        running.fetching(500_000)
        before = repository.files
        newer = {path: File(contents(file.size, 9), file.lfs) for path, file in before.items()}
        repository.past["c" * 40], repository.files = before, newer
        repository.commit = "d" * 40
        folder = running.fetched().folder
    assert folder.endswith("c" * 40)
    for path in PATHS:
        assert (Path(folder) / path).read_bytes() == before[path].content
    check(hub, tmp_path / "another", pull(hub, tmp_path / "another", PATHS).folder)


def test_a_listing_of_several_pages_is_read_to_its_end(hub: Hub, tmp_path: Path) -> None:
    pull(hub, tmp_path, PATHS)
    pages = {seen.path for seen in hub.requests("GET", f"/tree/{'c' * 40}")}
    assert len(pages) == 1
    assert len(hub.requests("GET", *pages)) >= 2


@pytest.mark.parametrize("room", [0, 1, 100_000, 1_000_000])
def test_a_disk_that_gets_full_costs_nothing_that_came(hub: Hub, tmp_path: Path, room: int) -> None:
    hub.faults = [Fault(BIG, bytes_a_second=2_000_000)]
    digest = hub.repositories[REPOSITORY].files[BIG].digest
    with small_disk(tmp_path / "disk", ROOMY) as disk:
        staging = disk.seen / "hub" / f"models--{REPOSITORY.replace('/', '--')}" / ".wantui"
        with fetcher(hub, disk.mount, (*disk.enter, *FETCHER)) as running:
            running.order(PATHS)
            wait_until(lambda: begun_bytes(staging, digest, BYTES) > 500_000)
            running.process.send_signal(signal.SIGSTOP)
            disk.resize(disk.used + room)
            running.process.send_signal(signal.SIGCONT)
            with pytest.raises(DiskFull):
                running.fetched()
        begun, asked = begun_bytes(staging, digest, BYTES), hub.requests("GET", BIG)
        assert 500_000 < begun < BYTES
        with fetcher(hub, disk.mount, (*disk.enter, *FETCHER)) as running:
            running.order(PATHS)
            with pytest.raises(DiskFull):  # before a byte is asked for
                running.fetched()
        assert hub.requests("GET", BIG) == asked
        disk.resize(ROOMY)
        with fetcher(hub, disk.mount, (*disk.enter, *FETCHER)) as running:
            running.order(PATHS)
            done = running.fetched()
        assert done.fetched <= BYTES - begun + 1000
        shutil.copytree(disk.seen / "hub", tmp_path / "hub", symlinks=True)
    check(hub, tmp_path, str(tmp_path / Path(done.folder).relative_to(disk.mount)))


def test_a_limit_is_kept(hub: Hub, tmp_path: Path) -> None:
    began = time.monotonic()
    pull(hub, tmp_path, PATHS, bytes_a_second=1_500_000)
    assert time.monotonic() - began > 1.5


def test_two_pulls_of_one_repository_do_not_mix(hub: Hub, tmp_path: Path) -> None:
    hub.faults = [Fault(BIG, bytes_a_second=1_000_000)]
    with fetcher(hub, tmp_path) as running:
        running.order(PATHS)
        running.fetching(100_000)
        assert refusal(hub, tmp_path, PATHS).code == "download_busy"
        check(hub, tmp_path, running.fetched().folder)


def test_the_fetcher_dies_with_the_daemon(hub: Hub, tmp_path: Path) -> None:
    hub.faults = [Fault(BIG, stall_after=10)]
    with fetcher(hub, tmp_path) as running:
        running.order(PATHS, stall_s=60.0)
        wait_until(lambda: hub.requests("GET", BIG))
        running.hang_up()
        assert running.process.wait(10) in (0, 1)


def test_a_digest_is_git_s_own(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(contents(100_000, 5))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest_of(path, sha256) == sha256
    told = subprocess.run(
        ["git", "hash-object", "--no-filters", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert digest_of(path, told) == told
