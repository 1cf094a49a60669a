"""The half of the app that knows the API: state, bridge, and what screens ask of them.

It is imported after the first frame, for pydantic and the HTTP client take a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from wantui.api.base import Reply
from wantui.api.batch import BatchRequest
from wantui.api.job import Job, JobRequest, JobState
from wantui.api.model import ModelStatus
from wantui.client import Client
from wantui.client.insist import insist
from wantui.client.picture import read_picture
from wantui.client.presets import Presets
from wantui.client.prompt_history import PromptHistory
from wantui.errors import (
    DaemonUnreachable,
    InvalidRequest,
    NoPicture,
    TimedOut,
    UnknownJob,
    WantuiError,
)
from wantui.paths import Paths
from wantui.settings import load_settings
from wantui.tui import again, cache, form, offers, words
from wantui.tui.bridge import Bridge
from wantui.tui.headline import headline, retrying
from wantui.tui.keys import keys_of
from wantui.tui.lora_choices import Choices, choices
from wantui.tui.matrix import Matrix, matrix
from wantui.tui.offer import Offer, Refusal
from wantui.tui.plan_lines import Line, plan_lines
from wantui.tui.slow_line import SLOW_REFRESH_S, is_slow
from wantui.tui.state import Action, Learned, State, as_status, reduce
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.bar import bar

T = TypeVar("T")
PAGE = 100


class Session:
    """`changed` is called with the state before and after. Raises SettingsInvalid."""

    def __init__(self, paths: Paths, changed: Callable[[State, State], None]) -> None:
        self.paths = paths
        self.settings = load_settings(paths)
        self.keys = keys_of(self.settings.tui.keys, paths.settings)
        self.low_bandwidth = is_slow(self.settings.tui.low_bandwidth, os.environ)
        """Pictures stay small or away, nothing moves by itself, toasts are lines."""
        self.state = State()
        self._changed = changed
        self._asked_engine = False
        self.prompts = PromptHistory(paths)
        self.presets = Presets(paths.presets)
        self.bridge = Bridge(paths, self.dispatch)

    @property
    def refresh_s(self) -> float:
        """How long a changing row is left alone between two repaints."""
        own = self.settings.tui.refresh_s
        return max(own, SLOW_REFRESH_S) if self.low_bandwidth else own

    def dispatch(self, action: Action) -> None:
        before, self.state = self.state, reduce(self.state, action)
        if self.state is not before:
            self._changed(before, self.state)

    def save(self) -> None:
        """Keep what is known for the next start."""
        if (status := as_status(self.state)) is not None:
            cache.save(self.paths, status)

    async def ask(self, request: Callable[[Client], Awaitable[T]]) -> T:
        """One request; an object in the reply is learned at once. Raises WantuiError."""
        boot = self.bridge.boot
        reply = await self.bridge.call(request)
        if isinstance(reply, Reply):
            self.dispatch(Learned(boot, (reply,)))
        return reply

    async def load_models(self) -> None:
        """Have the daemon, if it is there, look at the weights on disk again.

        And, if it never did, ask the engine what it can build: once, that takes seconds.
        """
        with contextlib.suppress(DaemonUnreachable):
            models = await self._learn_models()
            if not self._asked_engine and any(model.implemented is None for model in models):
                self._asked_engine = True
                await self.bridge.call(lambda client: client.measure_hardware())
                await self._learn_models()

    async def _learn_models(self) -> tuple[ModelStatus, ...]:
        boot = self.bridge.boot
        models = await self.bridge.call(lambda client: client.models())
        self.dispatch(Learned(boot, models))
        return models

    async def load_older(self, *, clips: bool) -> int:
        """Learn the page of jobs before the oldest finished one; returns how many came."""
        known = self.state.clips if clips else self.state.finished
        before = min((job.id for job in known), default=None)
        boot, wanted = self.bridge.boot, JobState.COMPLETED if clips else None
        page = await self.bridge.call(
            lambda client: client.jobs(state=wanted, limit=PAGE, before=before)
        )
        self.dispatch(Learned(boot, page.jobs))
        return len(page.jobs)

    async def preview(self, job_id: int) -> bytes | None:
        """What a running job looks like so far; None where there is nothing to see."""
        with contextlib.suppress(NoPicture, UnknownJob, DaemonUnreachable, TimedOut):
            pieces = self.bridge.client.preview(job_id)
            async with contextlib.aclosing(pieces):
                return b"".join([piece async for piece in pieces])
        return None

    async def submit(self, values: dict[str, str]) -> tuple[int, ...] | Refusal:
        """The accepted jobs' ids, or why they were refused: all of them, or none is accepted."""
        try:
            request = form.request_of(values, None)
            count = form.count_of(values)
            if image := await self._image(values[form.IMAGE]):
                request = request.model_copy(update={form.IMAGE: image})
            accepted = await self._accepted(form.swept(request, count))
        except WantuiError as error:
            return Refusal(form.concerns(error), form.refusal(error))
        await asyncio.to_thread(self.prompts.add, request.prompt)
        return tuple(job.id for job in accepted)

    async def _accepted(self, requests: Sequence[JobRequest]) -> tuple[Job, ...]:
        """Each once, even if the daemon dies before it says so: then it is started and asked again.

        Raises DaemonUnreachable at once while there is no connection.
        """
        self.bridge.client  # noqa: B018 - it raises

        async def away() -> None:
            self.bridge.retry(start=True)

        batch = BatchRequest(jobs=tuple(requests))
        boot = self.bridge.boot
        jobs = (
            await insist(
                lambda key: self.bridge.call(lambda client: client.submit_batch(batch, key)),
                away=away,
            )
        ).jobs
        self.dispatch(Learned(boot, jobs))
        return jobs

    async def plan(self, values: dict[str, str]) -> Sequence[Line] | Refusal:
        """What is typed, as the daemon would load it now: lines, of which the first says most.

        Or why it would be refused, before it is sent.
        """
        try:
            if (model := self.state.models.get(values[form.MODEL])) is not None:
                await asyncio.to_thread(form.check, values, model)
            request = form.plan_request_of(values)
            return plan_lines(await self.bridge.call(lambda client: client.plan(request)))
        except DaemonUnreachable:
            return ()
        except WantuiError as error:
            return Refusal(form.concerns(error), form.refusal(error))

    async def what_fits(self) -> Matrix:
        """Models by sizes, on the device that jobs run on. Raises WantuiError."""
        return matrix(await self.bridge.call(lambda client: client.fits()))

    async def lora_choices(self, typed: str, model: str) -> Choices | Refusal:
        """What the daemon keeps for a model, with what is typed chosen. Raises WantuiError."""
        adapters = await self.bridge.call(lambda client: client.adapters())
        try:
            return choices(adapters, typed, self.state.models[model])
        except InvalidRequest as error:
            return Refusal(form.concerns(error), form.refusal(error))

    async def again(self, job: Job, *, vary: bool) -> tuple[dict[str, str], str]:
        """An earlier job as the generate screen's fields, and what of it is lost."""
        adapters = None
        if job.params.loras:
            with contextlib.suppress(WantuiError):
                adapters = await self.bridge.call(lambda client: client.adapters())
        model = self.state.models.get(job.model)
        values = again.values_of(job, model)
        if vary:
            values = again.varied(values)
        return values, again.not_carried(job, model, adapters)

    def offers(self, quality: str = "") -> dict[str, Offer]:
        """What each model allows, once this quality is typed."""
        return {id: offers.offer_of(model, quality) for id, model in self.state.models.items()}

    def first_model(self) -> str:
        """The model that the generate screen starts with; there is one when there are models."""
        return offers.model_to_start_with(self.state, self.settings.default_model) or ""

    def headline(self, now: float) -> Iterator[Said]:
        return headline(self.state, now, self.keys.named("app.start_daemon"))

    @property
    def retrying(self) -> bool:
        return retrying(self.state.link)

    def job_line(self, job_id: int, width: int) -> list[Said]:
        """One job on one line, with a bar of `width` while it runs."""
        job = self.state.jobs.get(job_id)
        return [] if job is None else job_line(job, width)

    def jobs_line(self, ids: Sequence[int], width: int) -> list[Said]:
        """Jobs that were sent together on one line: how many are how far, and the running one."""
        if len(ids) == 1:
            return self.job_line(ids[0], width)
        jobs = [self.state.jobs[id] for id in ids if id in self.state.jobs]
        return jobs_line(ids, jobs, width)

    async def _image(self, typed: str) -> str | None:
        """The upload's id of a picture on this machine. Raises InvalidImage."""
        if typed.startswith(form.UPLOADED) or not typed:
            return typed.removeprefix(form.UPLOADED) or None
        limit = self.settings.limits.image_bytes
        picture = await asyncio.to_thread(read_picture, Path(typed), limit)
        return (await self.bridge.call(lambda client: client.upload(picture))).id


def jobs_line(ids: Sequence[int], jobs: Sequence[Job], width: int) -> list[Said]:
    """jobs 12 to 15: 1 completed, 1 running, 2 queued; and the running one as `job_line` says."""
    counts = Counter(job.state for job in jobs)
    told = ", ".join(f"{counts[state]} {state}" for state in JobState if counts[state])
    running = next((job for job in jobs if job.state is JobState.RUNNING), None)
    said: list[Said] = [(f"jobs {ids[0]} to {ids[-1]}: {told}", Tone.PLAIN)]
    return said if running is None else [*said, *job_line(running, width)]


def job_line(job: Job, width: int) -> list[Said]:
    """▶ 12 running  denoise 7/20  ━━━━──  41 %  1:05 left."""
    glyph, tone = words.job_state(job)
    state = glyph.replace(" ", f" {job.id} ", 1)
    if job.state is not JobState.RUNNING:
        return [(state, tone), words.happened(job)]
    progress = job.progress
    fraction = progress.fraction if progress else 0.0
    return [
        (state, tone),
        (words.stage(progress), Tone.PLAIN),
        (bar(fraction, width), Tone.BUSY),
        (f"{fraction:4.0%}", Tone.PLAIN),
        (words.left(progress), Tone.MUTED),
    ]
