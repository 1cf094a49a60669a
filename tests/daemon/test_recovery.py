"""What breaks around a job costs the job nothing, and the daemon nothing at all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.daemon.test_api import picture
from tests.hub import Hub
from tests.made import job as made_job
from tests.planners import planner
from tests.pulling import daemon_with, hub_with_ti2v, when
from tests.running import RunningDaemon, job_when, queue_when, running_daemon, tiny
from tests.unit.machines import GIB, gpu, machine
from wantui.api.download import DownloadState
from wantui.api.hardware import Hardware
from wantui.api.job import Job, JobRequest, JobState, JobWarning, WaitsFor
from wantui.api.report import Metrics
from wantui.api.worker import WorkerState
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.catalog.resolve import resolve
from wantui.daemon.children import Children
from wantui.daemon.downloads import Downloads
from wantui.daemon.fetch_lane import NETWORK, FetchLane
from wantui.daemon.fetch_orders import FetchOrders
from wantui.daemon.findings import Findings
from wantui.daemon.inventory import Inventory
from wantui.daemon.job_folder import JobFolder
from wantui.daemon.machine import Machine
from wantui.daemon.naming import Naming
from wantui.daemon.prospects import MachineProspects
from wantui.daemon.provision import Provision
from wantui.daemon.reports import Reports
from wantui.daemon.scheduler import Scheduler
from wantui.daemon.upstream import UpstreamBook
from wantui.daemon.verdict_book import VerdictBook
from wantui.daemon.weights_cargo import WeightsCargo
from wantui.database import Database
from wantui.errors import DiskFull, QueueFull
from wantui.files import TEMPORARY_SUFFIX
from wantui.hardware.profiles import Profiles
from wantui.paths import Paths, demo_weights, shipped_config
from wantui.queue.history import Wanted
from wantui.queue.jobs import Jobs
from wantui.settings import QueueSettings, load_settings

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

CATALOG = Catalog.load(shipped_config())
QUEUE = QueueSettings(max_unfinished=3, max_overtaken=16, max_crashes=2, max_interruptions=5)
PARAMS = resolve(CATALOG.model("t2v-a14b"), JobRequest(prompt="a red circle"), None)


def finished(job: Job) -> bool:
    return job.state.finished


@pytest.fixture
async def jobs(database: Database) -> Jobs:
    jobs = Jobs(database, QUEUE, ignore)
    await jobs.start()
    return jobs


async def accepted(jobs: Jobs, model: str = "t2v-a14b") -> Job:
    draft = made_job(0, model=model, params=PARAMS, owner=0, unverified=True)
    return (await jobs.accept([draft]))[0]


async def test_a_worker_that_cannot_start_costs_no_job(tmp_path: Path) -> None:
    in_the_way = Paths.from_environment({"WANTUI_HOME": str(tmp_path)}).logs / "worker.log"
    in_the_way.mkdir(parents=True)
    in_the_way.parent.chmod(0o700)
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            jobs = [await client.submit(tiny()) for _ in range(2)]
            await queue_when(client, lambda queue: queue.waits_for == (WaitsFor.WORKER,))
            waiting = await client.job(jobs[1].id)
            assert waiting.waits_for == (WaitsFor.WORKER,)
            assert (waiting.state, waiting.attempts) == (JobState.QUEUED, ())
            in_the_way.rmdir()
            done = [await job_when(client, job.id, finished) for job in jobs]
    assert [job.state for job in done] == [JobState.COMPLETED] * 2
    assert [len(job.attempts) for job in done] == [1, 1]


async def test_a_warning_is_told_once_however_many_attempts_find_it(jobs: Jobs) -> None:
    job = await accepted(jobs)
    for code in ("prompt_truncated", "no_checkpoint", "prompt_truncated"):
        await jobs.warn(job.id, JobWarning(code=code, message="as before"))
    warned = await jobs.get(job.id)
    assert [warning.code for warning in warned.warnings] == ["prompt_truncated", "no_checkpoint"]


async def test_what_a_killed_worker_left_of_an_embedding_is_gone_after_a_start(
    tmp_path: Path,
) -> None:
    folder = Paths.from_environment({"WANTUI_HOME": str(tmp_path)}).embeddings
    folder.mkdir(parents=True)
    half, whole = folder / f".a.1{TEMPORARY_SUFFIX}", folder / "a.safetensors"
    half.touch()
    whole.touch()
    with running_daemon(tmp_path):
        assert (half.exists(), whole.exists()) == (False, True)


async def test_an_idle_worker_that_dies_is_noticed_and_no_job_is_blamed(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            first = await client.submit(tiny())
            await job_when(client, first.id, finished)
            (worker,) = (await client.workers()).workers
            assert worker.state is WorkerState.IDLE
            assert worker.model == "demo"
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            async for _ in client.follow():
                if not (await client.workers()).workers:
                    break
            assert not (await client.model("demo")).loaded
            second = await client.submit(tiny())
            done = await job_when(client, second.id, finished)
    assert [attempt.error for attempt in done.attempts] == [None]


async def test_a_second_signal_cuts_the_grace_time_short(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "[daemon]\nshutdown_grace_s = 600.0\n") as daemon:
        async with daemon.client() as client:
            job = await client.submit(tiny(size="256x256", frames=33, steps=100))
            await job_when(client, job.id, lambda job: job.state is JobState.RUNNING)
        daemon.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        assert daemon.process.poll() is None
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(60) == 0
        successor = daemon.restart()
        try:
            async with successor.client() as client:
                again = await client.job(job.id)
                await client.cancel(job.id)
        finally:
            successor.stop()
    assert again.attempts[0].interrupted
    assert not again.attempts[0].daemon_died


async def test_a_download_of_a_model_that_left_the_catalog_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_with_ti2v() as hub:
        with daemon_with(hub, tmp_path, monkeypatch) as daemon:
            async with daemon.client() as client:
                asked = await client.pull("ti2v-5b")
                await client.pause_download(asked.id)
        with contextlib.closing(sqlite3.connect(daemon.paths.database)) as connection, connection:
            connection.execute(
                "UPDATE downloads SET state = 'queued', document = "
                "json_set(document, '$.model', 'gone', '$.state', 'queued')"
            )
        with daemon_with(hub, tmp_path, monkeypatch) as daemon:
            async with daemon.client() as client:
                failed = await when(client, asked.id, lambda download: not download.state.open)
                assert failed.error is not None
                assert failed.error.code == "unknown_model"
                done = await client.pull("ti2v-5b")
                await when(client, done.id, lambda d: d.state is DownloadState.COMPLETED)


async def test_a_pull_outlasts_a_full_disk_under_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = {"WANTUI_HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf")}
    paths = Paths.from_environment(home)
    for folder in (paths.state, paths.logs):
        folder.mkdir(parents=True, exist_ok=True)
    database = Database(paths.database)
    await database.start()
    with hub_with_ti2v() as hub:
        await _pull_over_a_full_disk(hub, database, paths, monkeypatch)
    await database.stop()


async def _pull_over_a_full_disk(
    hub: Hub, database: Database, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    landed = asyncio.Event()

    async def land(_recipe: Recipe) -> None:
        landed.set()

    recipe = CATALOG.model("ti2v-5b")
    store = Store(database, paths)
    cargo = WeightsCargo(
        store.inventory, store.upstream, store.orders, hub_cache=paths.hub_cache, landed=land
    )
    lane = FetchLane(
        NETWORK,
        store.downloads,
        cargo_of=lambda _: cargo,
        book=store.book,
        naming=Naming(database, store.inventory, store.downloads),
        children=store.children,
        log_file=store.log_file,
    )
    asked = await store.provision.pull(recipe)
    await database.run(_fill)
    running = asyncio.create_task(lane.run())
    await asyncio.sleep(0.5)
    assert not running.done()
    with pytest.raises(DiskFull):
        await store.downloads.pause(asked.id)
    await database.run(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    async with asyncio.timeout(60):
        await landed.wait()
    running.cancel()


class Store:
    """The parts of a daemon that care for weights, without the rest of it."""

    def __init__(self, database: Database, paths: Paths) -> None:
        self.children = Children(paths.children)
        self.log_file = lambda: paths.logs / "fetcher.log"
        self.book = VerdictBook(database)
        self.upstream = UpstreamBook(database)
        self.inventory = Inventory(
            CATALOG,
            paths.hub_cache,
            demo_weights(),
            self.book,
            Reports(
                CATALOG,
                self.upstream,
                loaded=lambda _: False,
                metrics=lambda _: Metrics(),
                prospects=MachineProspects(planner(paths.state), lambda: machine(gpu(24 * GIB))),
            ),
            converted=paths.converted,
            changed=ignore,
        )
        self.downloads = Downloads(database, ignore)
        self.orders = FetchOrders(paths, load_settings(paths), self.book)
        self.provision = Provision(
            self.inventory,
            self.downloads,
            self.orders,
            upstream=self.upstream,
            children=self.children,
            log_file=self.log_file,
        )


def ignore(_news: object) -> None:
    """Nobody listens."""


def _fill(connection: sqlite3.Connection) -> None:
    """Every write about a download needs room from now on, and there is none."""
    connection.execute("CREATE TABLE filler (content BLOB)")
    connection.execute(
        "CREATE TRIGGER grow AFTER UPDATE ON downloads "
        "BEGIN INSERT INTO filler VALUES (zeroblob(100000)); END"
    )
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()


async def test_a_page_of_jobs_never_tells_an_old_state(jobs: Jobs) -> None:
    for _ in range(60):
        job = await accepted(jobs)
        page, cancelled = await asyncio.gather(jobs.page(Wanted(), None, 5), jobs.cancel(job.id))
        told = {each.id: each for each in page.jobs}[job.id]
        assert told.rev == cancelled.rev or told.state is JobState.QUEUED
        assert all(each.state is JobState.CANCELLED for each in page.jobs if each.id != job.id)
        queued = await jobs.page(Wanted(JobState.QUEUED), None, 5)
        assert queued.jobs == ()


async def test_the_limit_of_unfinished_jobs_holds_for_all_that_come_at_once(
    jobs: Jobs,
) -> None:
    answers = await asyncio.gather(*(accepted(jobs) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(answer, Job) for answer in answers) == QUEUE.max_unfinished
    assert sum(isinstance(answer, QueueFull) for answer in answers) == 17


class Flickering(Machine):
    """A machine whose driver names its GPU only when `named`."""

    def __init__(self, paths: Paths) -> None:
        findings = Findings(paths.findings, paths.logs, (), paths.hub_cache, {})
        super().__init__(paths, Profiles.load(shipped_config() / "profiles"), findings)
        self.named = True

    async def read(self) -> Hardware:
        return machine(gpu(80 * GIB)) if self.named else machine()


async def test_a_driver_that_hiccups_fails_no_job(
    tmp_path: Path, database: Database, jobs: Jobs
) -> None:
    job = await accepted(jobs, "demo")
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    made = Flickering(paths)
    scheduler = Scheduler(
        jobs,
        CATALOG,
        Store(database, paths).provision,
        made,
        planner=planner(tmp_path),
        changed=lambda: None,
    )
    scheduler.start({"GPU-1"})
    made.named = False
    assert await scheduler.claim("GPU-1", None, lambda _: None) is None
    assert scheduler.look_again
    made.named = True
    claim = await scheduler.claim("GPU-1", None, lambda _: None)
    assert claim is not None
    assert claim.job.id == job.id


async def test_two_may_complete_a_job_folder_at_a_time(tmp_path: Path, jobs: Jobs) -> None:
    job = await accepted(jobs)
    failures: list[BaseException] = []

    def prepare(folder: JobFolder) -> None:
        try:
            folder.prepare(job, None)
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    for number in range(100):
        folder = JobFolder(tmp_path / "jobs" / str(number))
        threads = [threading.Thread(target=prepare, args=(folder,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [path.name for path in folder.path.iterdir()] == ["request.json"]
    assert failures == []


def test_of_an_interrupted_attempt_no_frames_stay(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    folder.sweep()
    folder.frames.mkdir()
    (folder.frames / "00001.png").touch()
    folder.checkpoint.touch()
    folder.sweep()
    assert list(tmp_path.iterdir()) == [folder.checkpoint]


def test_one_picture_may_be_sent_by_many_at_once(daemon: RunningDaemon) -> None:
    content = picture(size=(900, 700))
    statuses: list[int] = []

    def send() -> None:
        statuses.append(daemon.call("POST", "/api/uploads", content).status_code)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 6
