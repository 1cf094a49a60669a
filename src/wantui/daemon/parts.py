"""Composition: every part of a daemon, made and connected in one place, started and stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from wantui.api.cleaning import Gone
from wantui.api.download import Download
from wantui.api.event import EventKind
from wantui.api.hello import Hello
from wantui.api.job import Job, JobState
from wantui.api.queue import Queue
from wantui.api.status import Status
from wantui.api.worker import Worker
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.daemon.adapters import Adapters
from wantui.daemon.backlog import Backlog
from wantui.daemon.children import Children
from wantui.daemon.conversions import Conversions
from wantui.daemon.downloads import Downloads
from wantui.daemon.estimate_book import EstimateBook
from wantui.daemon.events import Events
from wantui.daemon.fetch_orders import FetchOrders
from wantui.daemon.fetching import Fetching
from wantui.daemon.forecast import Forecast
from wantui.daemon.greeting import greeting
from wantui.daemon.hooks import Hooks
from wantui.daemon.housekeeping import Housekeeping
from wantui.daemon.instruments import Instruments
from wantui.daemon.intake import Intake
from wantui.daemon.inventory import Inventory
from wantui.daemon.job_folder import JobFolder, highest_job
from wantui.daemon.lane import Lane
from wantui.daemon.lanes import lanes_of
from wantui.daemon.loading import Loading
from wantui.daemon.logs import rotated
from wantui.daemon.machine import Machine, machine_of
from wantui.daemon.naming import Naming
from wantui.daemon.planner import Planner
from wantui.daemon.prospects import MachineProspects
from wantui.daemon.provision import Provision
from wantui.daemon.reports import Reports
from wantui.daemon.retry import Retries
from wantui.daemon.scheduler import Scheduler
from wantui.daemon.snapshot import snapshot_of
from wantui.daemon.track_record import TrackRecord
from wantui.daemon.uploads import Uploads
from wantui.daemon.upstream import UpstreamBook
from wantui.daemon.verdict_book import VerdictBook
from wantui.daemon.watch import Watch
from wantui.daemon.workers import WorkerBoard
from wantui.database import Database
from wantui.files import private_folder, sweep
from wantui.hardware.plan import devices
from wantui.paths import Paths, demo_weights, shipped_config
from wantui.queue.jobs import Jobs
from wantui.queue.numbering import number_after
from wantui.queue.table import cut_short
from wantui.settings import Settings

RESCAN_S = 5.0
"""How often weights are looked at while someone listens: other tools write to the cache too."""
YIELD_S = 1.0
"""Beyond the time that a worker has to stop in: for what it says last to reach the disk."""

log = logging.getLogger(__name__)


class Parts:
    """A daemon without its listener."""

    def __init__(self, paths: Paths, settings: Settings, machine: Machine | None = None) -> None:
        self.paths = paths
        self.settings = settings
        self.started_at = time.time()
        self.events = Events(settings.events)
        self.instruments = Instruments()
        self.database = Database(
            paths.database, on_network=paths.network is not None, full=self.disk_is_full
        )
        self.children = Children(paths.children)
        self.uploads = Uploads(paths.uploads, settings.limits)
        self.jobs = Jobs(self.database, settings.queue, self._job_changed, self._jobs_gone)
        self.backlog = Backlog(
            paths, self.jobs, self.uploads, settings.retention, self._job_is_ready
        )
        self.hooks = Hooks(
            settings.hooks, self.jobs.warn, lambda: rotated(paths.logs / "hooks.log", settings.logs)
        )
        self.board = WorkerBoard(self._worker_changed)
        self.book = VerdictBook(self.database)
        self.upstream = UpstreamBook(self.database)
        self.record = TrackRecord(self.database)
        self.estimates = EstimateBook(self.database)
        catalog = Catalog.load(shipped_config(), paths.recipes, paths.qualities)
        self.machine = machine or machine_of(paths, settings.hardware, catalog.recipes)
        profiles = self.machine.profiles
        self.watch = Watch(self.events, self.machine, self.board)
        self.planner = Planner(
            *(self.machine, profiles, self.estimates, self.board),
            running=lambda: self.jobs.running,
            may_compile=settings.worker.compile,
        )
        self.inventory = Inventory(
            catalog,
            paths.hub_cache,
            demo_weights(),
            self.book,
            Reports(
                catalog,
                self.upstream,
                loaded=self.board.holds,
                metrics=self.record.of,
                prospects=MachineProspects(self.planner, lambda: self.machine.last),
            ),
            converted=paths.converted,
            changed=lambda model: self.events.publish(EventKind.MODEL, model),
        )
        self.downloads = Downloads(self.database, self._download_changed)
        self.naming = Naming(self.database, self.inventory, self.downloads)
        self.conversions = Conversions(
            paths.converted,
            inventory=self.inventory,
            downloads=self.downloads,
            book=self.book,
            machine=self.machine,
            most_bytes=settings.store.converted_bytes,
        )
        orders = FetchOrders(paths, settings, self.book)
        self.provision = Provision(
            self.inventory,
            self.downloads,
            orders,
            upstream=self.upstream,
            children=self.children,
            log_file=self._fetcher_log,
        )
        self.adapters = Adapters(
            paths.adapters,
            self.inventory.catalog,
            settings.limits.adapter_bytes,
            used_by=self.jobs.with_lora,
        )
        self.forecast = Forecast(
            self.inventory, self.machine, self.planner, profiles, self.adapters
        )
        self.fetching = Fetching(
            paths=paths,
            inventory=self.inventory,
            adapters=self.adapters,
            downloads=self.downloads,
            conversions=self.conversions,
            orders=orders,
            upstream=self.upstream,
            book=self.book,
            naming=self.naming,
            children=self.children,
            log_file=self._fetcher_log,
            landed=self._landed,
        )
        self.scheduler = Scheduler(
            self.jobs,
            self.inventory.catalog,
            self.provision,
            self.machine,
            planner=self.planner,
            changed=self._queue_changed,
        )
        self.housekeeping = Housekeeping(
            inventory=self.inventory,
            downloads=self.downloads,
            conversions=self.conversions,
            jobs=self.jobs,
            book=self.book,
            naming=self.naming,
            hub_cache=paths.hub_cache,
            loaded=self.board.holds,
        )
        self.intake = Intake(
            paths=paths,
            inventory=self.inventory,
            planner=self.planner,
            uploads=self.uploads,
            adapters=self.adapters,
            jobs=self.jobs,
            default_model=settings.default_model,
            video=settings.video,
            wake=self.wake,
        )
        self.retries = Retries(self.intake, self.jobs)
        self.lanes: tuple[Lane, ...] = ()
        self._queue_rev = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the queue and begin to work on it. Raises DatabaseUnusable or FolderUnsafe."""
        await asyncio.to_thread(self.children.reap)
        private_folder(self.paths.jobs)
        self.uploads.start()
        sweep(self.paths.state)
        sweep(self.paths.embeddings)
        await self.database.start()
        highest = await asyncio.to_thread(highest_job, self.paths.jobs)
        await self.database.run(lambda connection: number_after(connection, highest))
        for job_id in await self.database.run(cut_short):
            await asyncio.to_thread(JobFolder(self.paths.job(job_id)).sweep)
        if interrupted := await self.jobs.start():
            log.info("%d job(s) were interrupted and are queued again", interrupted)
        await self.backlog.start()
        self.hooks.start(self.jobs.live)
        await self.record.start()
        await self.book.start()
        await self.upstream.start()
        await self.estimates.start()
        await self.downloads.start()
        await self.naming.start()
        self.instruments.start(self.jobs.live.values(), self.downloads.all())
        await self.adapters.start()
        await self.fetching.start()
        hardware = await self.machine.read()
        self.lanes = lanes_of(self, hardware)
        self.loading = Loading(
            self.lanes,
            inventory=self.inventory,
            machine=self.machine,
            planner=self.planner,
            board=self.board,
            settings=self.settings.worker,
        )
        self.scheduler.start(devices(hardware))
        self._tasks = [asyncio.create_task(lane.run()) for lane in self.lanes]
        self._tasks += [asyncio.create_task(run) for run in self.fetching.runs()]
        self._tasks += [asyncio.create_task(run) for run in self.backlog.runs()]
        self._tasks.append(asyncio.create_task(self.hooks.run()))
        self._tasks.append(asyncio.create_task(self.book.run()))
        self._tasks.append(asyncio.create_task(self.naming.run()))
        self._tasks.append(asyncio.create_task(self._rescan()))
        self._tasks.append(asyncio.create_task(self.watch.run()))

    async def failed(self) -> None:
        """Returns never, but raises what a task of ours died of."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self, hurry: asyncio.Event) -> None:
        """Let running jobs end within the grace time, have the others keep their last step and go
        back to the queue, close everything.

        `hurry` cuts all of that short: a step that was not kept is lost.
        """
        self.scheduler.drain()
        drained = asyncio.create_task(self._drained())
        drained.add_done_callback(lambda _: hurry.set())
        if not await _is_set(hurry, self.settings.daemon.shutdown_grace_s):
            log.info("the running jobs go back to the queue")
            for lane in self.lanes:
                lane.yield_job()
            await _is_set(hurry, self.settings.worker.stop_grace_s + YIELD_S)
        drained.cancel()
        await self.hooks.farewell()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.database.stop()
        await self.machine.close()
        self.inventory.close()

    async def _drained(self) -> None:
        for lane in self.lanes:
            await lane.drained()

    def wake(self) -> None:
        """There may be something to run."""
        for lane in self.lanes:
            lane.wake()

    def disk_is_full(self) -> None:
        """Something could not be written: the queue rests until there is room, and looks for it."""
        self.scheduler.disk_is_full()
        self.wake()

    def stop_job(self, job: Job) -> None:
        """Have a running job that was cancelled or held stop."""
        if job.cancel_requested or job.hold_requested:
            for lane in self.lanes:
                lane.stop(job.id)

    async def set_paused(self, value: bool) -> Queue:
        await self.jobs.set_paused(value)
        self._queue_changed()
        self.wake()
        return self.queue()

    def queue(self) -> Queue:
        return Queue(
            paused=self.jobs.paused,
            counts=self.jobs.counts,
            waits_for=self.scheduler.waits_for,
            lacking=self.scheduler.lacking,
            crowded=self.scheduler.crowded,
            turns=self.jobs.turns,
            at=time.time(),
            rev=self._queue_rev,
        )

    def view(self, job: Job) -> Job:
        """As clients see it: with the reasons why it waits."""
        return self.queue().explain(job)

    def hello(self) -> Hello:
        return greeting(self.paths, self.events.boot, self.started_at)

    async def status(self) -> Status:
        """What a client draws first."""
        return await snapshot_of(self)

    def _job_changed(self, job: Job) -> None:
        self.instruments.job(job)
        self.events.publish(EventKind.JOB, self.view(job))
        self.hooks.heard(job)
        if self.record.ended(job):
            self.inventory.again(job.model)
        if job.state in (JobState.COMPLETED, JobState.CANCELLED):  # a failed one may be retried
            folder = JobFolder(self.paths.job(job.id))
            asyncio.get_running_loop().run_in_executor(None, folder.drop_checkpoint)
        if job.progress is None or job.progress.fraction == 0.0:
            self.backlog.heard(job)
            self._queue_changed()

    def _jobs_gone(self, job_ids: tuple[int, ...]) -> None:
        self.events.publish(EventKind.GONE, Gone(jobs=job_ids))
        self._queue_changed()

    def _job_is_ready(self) -> None:
        """Its time has come, or those that it comes after are completed."""
        self._queue_changed()
        self.wake()

    def _download_changed(self, download: Download) -> None:
        self.instruments.download(download)
        self.events.publish(EventKind.DOWNLOAD, download)

    def _worker_changed(self, worker: Worker) -> None:
        self.instruments.worker(worker)
        self.events.publish(EventKind.WORKER, worker)

    def _queue_changed(self) -> None:
        self._queue_rev += 1
        self.events.publish(EventKind.QUEUE, self.queue())

    def _fetcher_log(self) -> Path:
        return rotated(self.paths.logs / "fetcher.log", self.settings.logs)

    async def _landed(self, recipe: Recipe) -> None:
        """A model's weights are there, or known to be bad: who waits for them may run."""
        await self.inventory.model(recipe)
        self.wake()

    async def _rescan(self) -> None:
        while True:
            await self.events.watched()
            await asyncio.sleep(RESCAN_S)
            await self.inventory.models()


async def _is_set(event: asyncio.Event, patience_s: float) -> bool:
    """Wait for it so long at the most; whether it came."""
    try:
        async with asyncio.timeout(patience_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
