"""Models loaded and let go by hand, before any job asks for them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from wantui.api.estimate import Crowd
from wantui.api.hardware import Hardware
from wantui.api.plan import Plan
from wantui.api.worker import Worker, Workers, WorkerState
from wantui.catalog.recipe import Recipe
from wantui.daemon.attempt import model_files
from wantui.daemon.engine import GGUF_PACKAGES, need_engine
from wantui.daemon.heartbeat import Vigil, heard
from wantui.daemon.inventory import Inventory, need_whole
from wantui.daemon.lane import Lane
from wantui.daemon.machine import Machine
from wantui.daemon.planner import Planner, Wanted
from wantui.daemon.timeouts import Timeouts
from wantui.daemon.workers import WorkerBoard
from wantui.errors import DoesNotFit, WeightsAbsent, WorkerCrashed, WrongState
from wantui.hardware.estimates.video import default_video
from wantui.pipe.messages import Load, Loaded, LoadEnded, Unloaded
from wantui.settings import WorkerSettings


class Loading:
    """`lanes` are the daemon's, one a device."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        inventory: Inventory,
        machine: Machine,
        planner: Planner,
        board: WorkerBoard,
        settings: WorkerSettings,
    ) -> None:
        self._lanes = lanes
        self._inventory = inventory
        self._machine = machine
        self._planner = planner
        self._board = board
        self._settings = settings

    async def load(self, recipe: Recipe, keep_alive_s: float | None) -> Worker:
        """Load a model as for a video of its default size, and keep it without work for so long;
        None is until it is unloaded, or a job needs its place.

        Returns once it is loaded. Raises EngineMissing, WeightsAbsent, WeightsCorrupt, WrongState
        where every device is at work, DoesNotFit, and what loading raises.
        """
        need_engine(*(GGUF_PACKAGES if recipe.is_quantised else ()))
        weights = await self._inventory.weights(recipe)
        need_whole(recipe, weights)
        if not weights.checked:
            raise WeightsAbsent(
                f"nobody has verified the weights of {recipe.id} since they last changed",
                hint=f"run: wantui verify {recipe.id}",
            )
        wanted = Wanted(recipe, weights, default_video(recipe))
        lane, plan = self._place(wanted, await self._machine.read())
        await lane.run_errand(lambda: self._carry_out(lane, wanted, plan, keep_alive_s))
        worker = self._board.of(lane.device)
        if worker is None or worker.model != recipe.id:
            raise WorkerCrashed(f"the worker with {recipe.id} ended as soon as it was loaded")
        return worker

    async def unload(self, recipe: Recipe) -> Workers:
        """Let every idle worker go that holds a model; returns those that are left.

        Raises WrongState if one is at work with it.
        """
        holding = [lane for lane in self._lanes if lane.worker.model == recipe.id]
        for lane in holding:
            if lane.at_work is not None:
                raise WrongState(
                    f"job {lane.at_work} runs with {recipe.id}",
                    hint=f"it is let go when idle; or: wantui hold {lane.at_work}",
                )
        for lane in holding:
            await lane.run_errand(lane.worker.let_go)
        return Workers(workers=self._board.all())

    def _place(self, wanted: Wanted, hardware: Hardware) -> tuple[Lane, Plan]:
        """A free device that has room for the model: one that holds it already, else an empty one.

        Raises WrongState, or DoesNotFit.
        """
        free = [lane for lane in self._lanes if lane.at_work is None]
        if not free:
            jobs = ", ".join(str(lane.at_work) for lane in self._lanes)
            raise WrongState(
                f"every device is at work (job {jobs})",
                hint="the model is loaded with its next job; or hold what runs: wantui hold ID",
            )
        free.sort(key=lambda lane: (lane.worker.model != wanted.recipe.id, lane.worker.there))
        refusal: DoesNotFit | None = None
        for lane in free:
            try:
                plan = self._planner.claimed(wanted, hardware, lane.device)
            except DoesNotFit as error:
                refusal = error
                continue
            if not isinstance(plan, Crowd):
                return lane, plan
        raise refusal or DoesNotFit(
            f"{wanted.recipe.id} does not fit beside what others hold now", hint="see: wantui hw"
        )

    async def _carry_out(
        self, lane: Lane, wanted: Wanted, plan: Plan, keep_alive_s: float | None
    ) -> None:
        try:
            await self._load(lane, wanted, plan)
        except WorkerCrashed:
            await lane.worker.drop()
            raise
        lane.worker.pin(wanted.recipe.id, keep_alive_s)
        lane.worker.rests()

    async def _load(self, lane: Lane, wanted: Wanted, plan: Plan) -> None:
        """Raises WorkerStartFailed, WorkerCrashed, or what the worker says went wrong."""
        expected = await self._planner.expected(wanted, plan)
        vigil = Vigil(Timeouts(expected, 1, plan.compiled, self._settings), time.monotonic())
        process = await lane.worker.ready()
        lane.worker.took(plan.device_bytes)
        lane.worker.show(WorkerState.BUSY)
        files = model_files(wanted.recipe, wanted.weights, plan, self._inventory.verdicts)
        process.send(Load(weights=files, plan=plan))
        while not isinstance(report := await heard(process, vigil), LoadEnded):
            if isinstance(report, Loaded | Unloaded):
                await lane.worker.holds(report.model if isinstance(report, Loaded) else None)
        if report.error is not None:
            if report.ends:
                await lane.worker.drop()
            else:
                lane.worker.rests()
            raise report.error.to_error()
