"""What is forecast for a machine, beside what its jobs get. The driver is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon.test_recovery import CATALOG, Flickering, Store
from tests.planners import planner
from tests.unit.machines import GIB, MadeDevice, MadeNvml, gpu, machine
from tests.unit.plans import status_of
from wantui.api.estimate import PlanRequest
from wantui.api.hardware import EngineFacts, Hardware
from wantui.daemon.adapters import Adapters
from wantui.daemon.findings import Findings
from wantui.daemon.forecast import Forecast
from wantui.daemon.machine import Machine
from wantui.daemon.planner import Wanted
from wantui.database import Database
from wantui.hardware.estimates.video import default_video
from wantui.hardware.probe import Probe
from wantui.hardware.profiles import Profiles
from wantui.paths import Paths, shipped_config

pytestmark = pytest.mark.anyio


class Compiling(Flickering):
    """An engine that compiles for its GPU: long jobs run quicker, and in less memory."""

    async def read(self) -> Hardware:
        facts = EngineFacts(torch="2.13.0", compiles=True)
        return machine(gpu(80 * GIB)).model_copy(update={"engine": facts})


async def test_a_cell_of_what_fits_is_what_a_plan_says(tmp_path: Path, database: Database) -> None:
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    made = Compiling(paths)
    forecast = Forecast(
        Store(database, paths).inventory,
        made,
        planner(tmp_path, made),
        made.profiles,
        Adapters(paths.adapters, CATALOG, 1 << 30, used_by=lambda _id: []),
    )
    fits = await forecast.fits(("ti2v-5b",), ("1280x704",))
    plans = await forecast.plans(PlanRequest(model="ti2v-5b", size="1280x704"))
    assert plans.chosen is not None
    assert plans.chosen.plan.compiled
    (cell,) = fits.cells
    assert cell.seconds == plans.chosen.plan.seconds
    assert cell.device_bytes == plans.chosen.estimate.device.likely


async def test_a_job_is_not_refused_while_the_driver_hiccups(tmp_path: Path) -> None:
    """It is accepted for the GPU that was there, and waits for it."""
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    driver = MadeNvml([MadeDevice()])
    findings = Findings(paths.findings, paths.logs, (), paths.hub_cache, {})
    made = Machine(
        paths,
        Profiles.load(shipped_config() / "profiles"),
        findings,
        Probe(driver, tmp_path, {}),
    )
    recipe = CATALOG.model("ti2v-5b")
    wanted = Wanted(recipe, status_of(recipe), default_video(recipe))
    known = planner(tmp_path, made)
    assert (await known.asked(wanted, ())).device == "GPU-1"
    driver.failure = "GPU is lost"
    assert not (await made.read()).gpus
    assert (await known.asked(wanted, ())).device == "GPU-1"
    await made.close()
