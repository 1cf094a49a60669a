"""Jobs whose blocks are to run compiled: when that is decided, and what becomes of one that fails.

The machine says what it likes of itself (a kept answer of the engine's, a profile that makes jobs
long); the daemon, the worker and the compiler that is missing are real.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.test_recovery import CATALOG, QUEUE, Flickering, Store, accepted, ignore
from tests.planners import planner
from tests.running import POLL_S, RunningDaemon, environment_for, job_when, running_daemon, tiny
from tests.unit.machines import GIB, MadeDevice, MadeNvml, gpu, machine
from tests.unit.plans import status_of
from wantui.api.hardware import EngineFacts, Hardware
from wantui.api.job import Job, JobRequest, JobState, JobWarning
from wantui.api.model import WeightsStatus
from wantui.catalog.recipe import Recipe
from wantui.client import Client
from wantui.daemon.engine_probe import key_of, order_of
from wantui.daemon.findings import Findings
from wantui.daemon.machine import Machine
from wantui.daemon.parts import Parts
from wantui.daemon.provision import Provision
from wantui.daemon.scheduler import Scheduler
from wantui.database import Database
from wantui.errors import CompileFailed
from wantui.files import private_folder
from wantui.hardware.probe import Probe
from wantui.hardware.profiles import Profiles
from wantui.paths import Paths, demo_weights, shipped_config
from wantui.pipe.probe import ProbeOrder
from wantui.queue.jobs import Jobs
from wantui.settings import load_settings

pytestmark = pytest.mark.anyio

COMPILES = EngineFacts(torch="2.13.0", compiles=True)
SLOW = """
name = "slow"
extends = "cpu"
summary = "a processor on which every job is long"
bf16_flops = 1e6
"""


def keep_answer(paths: Paths, order: ProbeOrder, driver: str | None) -> None:
    """As if the engine had been asked in this environment."""
    private_folder(paths.state)
    book = {"engine_key": f"{key_of(order)}/{driver}", "engine": COMPILES.model_dump(mode="json")}
    paths.findings.write_text(json.dumps(book))


@pytest.fixture
def no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningDaemon]:
    """A daemon that holds its CPU to be worth compiling for, where there is nothing to do it."""
    monkeypatch.setenv("CXX", "/nowhere/g++")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    profiles = tmp_path / "config" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "slow.toml").write_text(SLOW)
    settings = '[hardware]\nprofile = "slow"\n'
    paths = Paths.from_environment(environment_for(tmp_path, settings))
    keep_answer(paths, order_of(CATALOG.recipes, demo_weights()), None)
    with running_daemon(tmp_path, settings) as daemon:
        yield daemon


async def finished(client: Client, request: JobRequest) -> Job:
    job = await client.submit(request)
    return await job_when(client, job.id, lambda job: job.state.finished)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_where_nothing_compiles_a_job_runs_plain_and_later_ones_do_from_the_start(
    no_compiler: RunningDaemon,
) -> None:
    async with no_compiler.client() as client:
        first = await finished(client, tiny())
        second = await finished(client, tiny(seed=8))
        engine = (await client.hardware()).engine
    assert first.asked_plan is not None
    assert first.asked_plan.compiled
    failed, _ran = first.attempts
    assert failed.error is not None
    assert failed.error.code == "compile_failed"
    assert first.state is JobState.COMPLETED
    assert first.plan is not None
    assert not first.plan.compiled
    assert [warning.code for warning in first.warnings] == ["not_compiled"]
    assert "run plain now" in first.warnings[0].message
    assert len(second.attempts) == 1
    assert engine is not None
    assert not engine.compiles
    assert "could not be compiled" in engine.compile_problem


async def test_what_a_job_has_shown_of_the_engine_outlives_the_daemon(tmp_path: Path) -> None:
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    keep_answer(paths, ProbeOrder(), "580.1")

    def findings() -> Findings:
        return Findings(paths.findings, paths.logs, (), paths.hub_cache, {})

    findings().compiles_not("580.1", "no g++")
    assert findings().engine("580.1") == COMPILES.model_copy(
        update={"compiles": False, "compile_problem": "no g++"}
    )


async def test_a_daemon_lives_on_once_its_engine_has_answered(tmp_path: Path) -> None:
    paths = Paths.from_environment(environment_for(tmp_path))
    keep_answer(paths, ProbeOrder(), "580.1")
    findings = Findings(paths.findings, paths.logs, (), paths.hub_cache, {})
    profiles = Profiles.load(shipped_config() / "profiles")
    probe = Probe(MadeNvml([MadeDevice()]))
    parts = Parts(paths, load_settings(paths), Machine(paths, profiles, findings, probe))
    await parts.start()
    try:
        failed = asyncio.create_task(parts.failed())
        await parts.machine.find_out()
        done, _ = await asyncio.wait({failed}, timeout=0.5)
        assert not done
        failed.cancel()
    finally:
        await parts.stop(asyncio.Event())


async def test_no_job_starts_on_a_gpu_before_the_engine_has_answered(tmp_path: Path) -> None:
    """Or the first jobs would have other last bits than the same ones later."""
    paths = Paths.from_environment(environment_for(tmp_path))
    for folder in (paths.state, paths.data, paths.logs):
        private_folder(folder)
    answers = asyncio.Event()

    class Asked(Machine):
        async def ask_engine(self) -> None:
            await answers.wait()

    findings = Findings(paths.findings, paths.logs, (), paths.hub_cache, {})
    profiles = Profiles.load(shipped_config() / "profiles")
    probe = Probe(MadeNvml([MadeDevice()]))
    parts = Parts(paths, load_settings(paths), Asked(paths, profiles, findings, probe))
    await parts.start()
    try:
        job = await accepted(parts.jobs, "demo")
        parts.wake()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(started(parts.jobs, job), 0.5)
        answers.set()
        await asyncio.wait_for(started(parts.jobs, job), 30.0)
    finally:
        await parts.stop(asyncio.Event())


async def started(jobs: Jobs, job: Job) -> None:
    while (await jobs.get(job.id)).state is JobState.QUEUED:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(POLL_S)


class Ready(Provision):
    """All weights are there."""

    async def ready(self, job: Job, recipe: Recipe) -> WeightsStatus:  # noqa: ARG002
        return status_of(recipe)


class Compiling(Flickering):
    """Its engine compiles."""

    async def read(self) -> Hardware:
        return machine(gpu(80 * GIB)).model_copy(update={"engine": COMPILES})


@pytest.fixture
async def jobs(database: Database) -> Jobs:
    jobs = Jobs(database, QUEUE, ignore)
    await jobs.start()
    return jobs


def scheduler_of(jobs: Jobs, made: Machine, database: Database, paths: Paths) -> Scheduler:
    store = Store(database, paths)
    provision = Ready(
        store.inventory,
        store.downloads,
        store.orders,
        upstream=store.upstream,
        children=store.children,
        log_file=store.log_file,
    )
    scheduler = Scheduler(
        jobs, CATALOG, provision, made, planner=planner(paths.state), changed=lambda: None
    )
    scheduler.start({"GPU-1"})
    return scheduler


async def test_a_job_that_failed_to_compile_and_one_that_was_put_back_keep_their_way(
    tmp_path: Path, database: Database, jobs: Jobs
) -> None:
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    job = await accepted(jobs)
    scheduler = scheduler_of(jobs, Compiling(paths), database, paths)
    first = await scheduler.claim("GPU-1", None, ignore)
    assert first is not None
    assert first.plan.compiled
    await jobs.checkpointed(job.id, 7)
    await jobs.stopped(job.id)
    plainly = scheduler_of(jobs, Flickering(paths), database, paths)  # whose engine is not known
    again = await plainly.claim("GPU-1", None, ignore)
    assert again is not None
    assert again.plan.compiled
    await jobs.put_back(job.id)
    again = await plainly.claim("GPU-1", None, ignore)
    assert again is not None
    assert again.plan.compiled  # though no worker started in between
    warning = JobWarning(code="not_compiled", message="no g++")
    await jobs.again(job.id, CompileFailed("no g++"), warning)
    last = await scheduler.claim("GPU-1", None, ignore)
    assert last is not None
    assert not last.plan.compiled
