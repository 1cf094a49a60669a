"""Upkeep of queue and disk from anywhere: nothing is removed before somebody has said so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wantui.api.cleaning import Cleaning, CleanRequest
from wantui.api.job import Job
from wantui.api.removal import Removals
from wantui.client import Client
from wantui.text import bytes_text
from wantui.tui.job_verbs import removal_question
from wantui.tui.tone import Tone
from wantui.tui.widgets.confirm import confirm

if TYPE_CHECKING:
    from wantui.tui.app import WantuiApp

MOST_NAMED = 10
"""Jobs that a question names one by one."""


def pause(app: WantuiApp) -> None:
    app.request(Client.pause, lambda _: app.area_screen.tell("queue paused: a running job goes on"))


def resume(app: WantuiApp) -> None:
    app.request(Client.resume, lambda _: app.area_screen.tell("queue resumed"))


def clean(app: WantuiApp) -> None:
    """Look which jobs without a video there are, ask, and remove them."""
    app.request(
        lambda client: client.clean(CleanRequest(), dry_run=True),
        lambda plan: _ask_to_clean(app, plan),
    )


def _ask_to_clean(app: WantuiApp, plan: Cleaning) -> None:
    if not plan.items:
        app.area_screen.tell("there is nothing to clean: no job has failed or been cancelled")
        return
    count = len(plan.items)
    jobs = "the failed or cancelled job" if count == 1 else f"{count} failed and cancelled jobs"
    ids = ", ".join(str(item.job) for item in plan.items[:MOST_NAMED])
    ids += ", …" if count > MOST_NAMED else ""
    named = tuple(item.job for item in plan.items)
    confirm(
        app,
        f"Remove {jobs} ({ids})? That frees {bytes_text(plan.freed_bytes)}.",
        yes="remove them",
        no="keep them",
        then=lambda: _remove(app, named),
    )


def remove(app: WantuiApp, jobs: Sequence[Job]) -> None:
    """Jobs that have ended, with their clips: look what that frees, ask, and remove them."""
    ids = tuple(job.id for job in jobs)
    it = "it" if len(ids) == 1 else "them"
    app.request(
        lambda client: client.clean(CleanRequest(jobs=ids), dry_run=True),
        lambda plan: confirm(
            app,
            removal_question(jobs, plan),
            yes=f"remove {it}",
            no=f"keep {it}",
            then=lambda: _remove(app, ids),
        ),
    )


def _remove(app: WantuiApp, jobs: tuple[int, ...]) -> None:
    """Those that were shown, and none that has ended since."""

    def removed(done: Cleaning) -> None:
        count, freed = len(done.items), bytes_text(done.freed_bytes)
        app.area_screen.tell(f"{count} job{'s' * (count != 1)} removed, {freed} freed", Tone.GOOD)

    app.request(lambda client: client.clean(CleanRequest(jobs=jobs), dry_run=False), removed)


def prune(app: WantuiApp) -> None:
    """Look what of the weights nobody names, ask, and remove it."""
    app.request(lambda client: client.prune(dry_run=True), lambda plan: _ask_to_prune(app, plan))


def _ask_to_prune(app: WantuiApp, plan: Removals) -> None:
    if not plan.removals:
        app.area_screen.tell("there is nothing to prune")
        return
    what = "\n".join(
        f"{item.repository or 'converted weights'}: {bytes_text(item.freed_bytes)}"
        for item in plan.removals
    )
    question = f"Remove what nobody names? That frees {bytes_text(plan.freed_bytes)}.\n{what}"
    confirm(app, question, yes="remove it", no="keep it", then=lambda: _prune(app))


def _prune(app: WantuiApp) -> None:
    app.request(
        lambda client: client.prune(dry_run=False),
        lambda done: app.area_screen.tell(f"{bytes_text(done.freed_bytes)} freed", Tone.GOOD),
    )
