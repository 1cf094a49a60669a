"""What a client draws first: everything as it is, and from which event on it is to listen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wantui.api.order import in_order
from wantui.api.status import MAX_FINISHED, MAX_UNFINISHED, Status

if TYPE_CHECKING:
    from wantui.daemon.parts import Parts


async def snapshot_of(parts: Parts) -> Status:
    """Its event id is taken first: what comes after replays over it by `rev`."""
    event_id = parts.events.last_id
    models = await parts.inventory.models()
    hardware = await parts.machine.read()
    live = in_order(parts.jobs.live.values(), parts.jobs.turns)[:MAX_UNFINISHED]
    finished = await parts.jobs.finished(MAX_FINISHED)
    ended = {job.id for job in finished}  # some of them only just now
    queue = parts.queue()
    unfinished = [queue.explain(job) for job in live if job.id not in ended]
    return Status(
        hello=parts.hello(),
        event_id=str(event_id),
        queue=queue,
        jobs=(*unfinished, *finished),
        models=models,
        downloads=parts.downloads.all(),
        workers=parts.board.all(),
        hardware=hardware,
    )
