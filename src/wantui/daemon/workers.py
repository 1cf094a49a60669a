"""What clients see of the workers, one a device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import psutil

from wantui.api.worker import Worker, Workers, WorkerState


class WorkerBoard:
    """The workers' public state; `changed` is called after every change."""

    def __init__(self, changed: Callable[[Worker], None]) -> None:
        self._changed = changed
        self._workers: dict[str, Worker] = {}

    def set(
        self,
        device: str,
        device_name: str,
        state: WorkerState,
        *,
        pid: int | None = None,
        model: str | None = None,
        job: int | None = None,
        kept_until: float | None = None,
        pinned: bool = False,
    ) -> None:
        before = self._workers.get(device)
        fresh = before is None or before.state is WorkerState.GONE
        now = Worker(
            device=device,
            device_name=device_name,
            state=state,
            pid=pid,
            model=model,
            job=job,
            rss_bytes=None,
            kept_until=kept_until,
            pinned=pinned,
            started_at=time.time() if before is None or fresh else before.started_at,
            rev=before.rev + 1 if before else 1,
        )
        self._workers[device] = now
        self._changed(now)

    def all(self) -> tuple[Worker, ...]:
        """Those that are there."""
        there = (w for w in self._workers.values() if w.state is not WorkerState.GONE)
        return tuple(there)

    def of(self, device: str) -> Worker | None:
        """A device's worker, if it has one."""
        return next((worker for worker in self.all() if worker.device == device), None)

    def holds(self, model: str) -> bool:
        """Whether one of them has a model loaded."""
        return any(worker.model == model for worker in self.all())

    @property
    def busy(self) -> bool:
        """Whether any of them is at work, or about to be."""
        return any(worker.state is not WorkerState.IDLE for worker in self.all())

    def measured(self) -> Workers:
        """With their resident memory as it is now."""
        return Workers(
            workers=tuple(
                worker.model_copy(update={"rss_bytes": _rss(worker.pid)}) for worker in self.all()
            )
        )

    def held(self) -> Mapping[str, int]:
        """Bytes of host memory that each device's worker would give back if it went."""
        return {worker.device: _private(worker.pid) for worker in self.all()}


def _rss(pid: int | None) -> int | None:
    try:
        return psutil.Process(pid).memory_info().rss if pid is not None else None
    except psutil.Error:
        return None


def _private(pid: int | None) -> int:
    """Without the pages of mapped files, which are the kernel's to keep or drop."""
    try:
        info = psutil.Process(pid).memory_info() if pid is not None else None
    except psutil.Error:
        return 0
    return max(info.rss - getattr(info, "shared", 0), 0) if info is not None else 0
