"""Who may change what: the daemon's owner everything, a guest of the group its own jobs.

A guest sees all that there is to see. What is not allowed here is refused, a route that comes to be
tomorrow too.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from wantui.api.job import Job
from wantui.errors import NotAllowed

READS = ("GET", "HEAD")
BRINGS = frozenset({"/api/jobs", "/api/jobs/batch", "/api/uploads", "/api/adapters"})
"""Where jobs come in, and what they are made of."""
ASKS = frozenset({"/api/plan", "/api/adapters/check"})
"""What is a question all the same, with a body."""
GUEST_PRIORITY = 0
"""A guest's highest: users take turns only among jobs of one priority."""


def brings_something(method: str, route: str) -> bool:
    """Whether a request adds a job, or what one is made of: that is for a guest, too."""
    return method == "POST" and route in BRINGS


def is_owner(uid: int) -> bool:
    """The daemon's own user, and root, from whom nothing is safe anyway."""
    return uid in (os.getuid(), 0)


async def need_permission(
    uid: int,
    method: str,
    route: str,
    job_id: int | None,
    job: Callable[[int], Awaitable[Job]],
) -> None:
    """Refuse a request that is not for this user to make.

    `route` is the path as it was declared, and `job_id` the job that it is about, if it is about
    one. Raises NotAllowed, or what `job` raises for one that is not there.
    """
    if is_owner(uid) or method in READS:
        return
    if job_id is None:
        if brings_something(method, route) or route in ASKS:
            return
        raise NotAllowed("that is for the daemon's owner alone")
    owner = (await job(job_id)).owner
    if owner != uid:
        raise NotAllowed(f"job {job_id} belongs to uid {owner}, not to you", detail={"job": job_id})


def need_turn(uid: int, priority: int) -> None:
    """Raises NotAllowed for a priority by which a guest would go ahead of everybody."""
    if priority > GUEST_PRIORITY and not is_owner(uid):
        raise NotAllowed(f"priority {priority}: a guest's is {GUEST_PRIORITY} at the most")


def need_fetch(uid: int, model: str) -> None:
    """Raises NotAllowed for a guest whose job would have weights pulled."""
    if not is_owner(uid):
        raise NotAllowed(
            f"the weights of {model} are pulled by the daemon's owner alone",
            hint=f"ask the user that the daemon runs as to run: wantui pull {model}",
        )
