"""What is forecast for a machine, beside what its jobs get. The driver is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon.test_recovery import CATALOG, Flickering, Store
from tests.planners import planner
from tests.unit.machines import GIB, gpu, machine
from wantui.api.estimate import PlanRequest
from wantui.api.hardware import EngineFacts, Hardware
from wantui.daemon.adapters import Adapters
from wantui.daemon.forecast import Forecast
from wantui.database import Database
from wantui.paths import Paths

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
