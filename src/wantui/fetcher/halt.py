"""How work in a fetcher ends before its time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from wantui.pipe.serving import Stopped

__all__ = ["Stopped", "finish"]


def finish(pool: ThreadPoolExecutor, tasks: Sequence[Future[None]], stop: threading.Event) -> None:
    """Wait for all tasks; the first that fails has the others stop, and is raised."""
    wait(tasks, return_when=FIRST_EXCEPTION)
    failed = next((task for task in tasks if task.done() and task.exception()), None)
    if failed is not None:
        stop.set()
        pool.shutdown(cancel_futures=True)
        failed.result()
