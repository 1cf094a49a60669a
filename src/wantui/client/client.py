"""The typed client: one method a route, typed errors, nothing that blocks the loop."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from urllib.parse import quote, urlencode

from wantui.api.adapter import (
    Adapter,
    AdapterCheck,
    AdapterPullRequest,
    Adapters,
)
from wantui.api.base import API_VERSION
from wantui.api.batch import KEY_HEADER, Batch, BatchRequest, RetryRequest
from wantui.api.cleaning import Cleaning, CleanRequest
from wantui.api.doctor import Diagnosis
from wantui.api.download import ConvertPlan, Depth, Download, Downloads, PullPlan
from wantui.api.estimate import Accuracy, Fits, PlanRequest, Plans
from wantui.api.event import EventId, EventKind
from wantui.api.hardware import Hardware, ProfileText
from wantui.api.hello import Hello
from wantui.api.history import History
from wantui.api.job import Job, JobRequest, Jobs, JobState
from wantui.api.log import LogText
from wantui.api.model import Models, ModelStatus
from wantui.api.move import Move
from wantui.api.plan import DType
from wantui.api.provenance import Provenance
from wantui.api.queue import Queue
from wantui.api.removal import Removals
from wantui.api.status import Status
from wantui.api.upload import Upload
from wantui.api.worker import Worker, Workers
from wantui.client.calls import Calls
from wantui.client.events import Event, parse_event, raw_events
from wantui.client.exchange import Query
from wantui.errors import VersionMismatch

BATCH_TIMEOUT_S = 120.0
"""For as many as may come at once to be judged and kept."""
HUB_TIMEOUT_S = 300.0
"""For an answer that the daemon has to ask the hub for, with all its patience."""
MEASURING_TIMEOUT_S = 330.0
"""For the engine to be imported from a cold disk."""
LOAD_TIMEOUT_S = 3600.0
"""For a model that comes from a slow disk: the daemon itself gives up on one that hangs."""
DOCTORS_TIMEOUT_S = 1800.0
"""For that, and a clip of the demo on the slowest machine."""
SENDING_TIMEOUT_S = 300.0
"""For a large file to be taken, hashed, and on the disk."""
STREAM_SILENCE_S = 60.0
"""The daemon sends a comment every `[events] heartbeat_s`; a longer silence is a dead line."""


class Client(Calls):
    """The API of one daemon. It holds nothing open between calls.

    Every method raises the daemon's own typed errors, DaemonUnreachable when nobody answers, and
    TimedOut when an answer takes too long.
    """

    async def hello(self) -> Hello:
        """Who answers. Raises VersionMismatch if it speaks another version of the API."""
        hello = await self._get("/api/hello", Hello)
        if hello.api_version != API_VERSION:
            raise VersionMismatch(
                f"the daemon (wantui {hello.version}) speaks API {hello.api_version}, this "
                f"client {API_VERSION}"
            )
        return hello

    async def status(self) -> Status:
        return await self._get("/api/status", Status)

    async def models(self) -> tuple[ModelStatus, ...]:
        return (await self._get("/api/models", Models)).models

    async def model(self, name: str) -> ModelStatus:
        """By id or alias."""
        return (await self._get("/api/models", Models, {"name": name})).models[0]

    async def pull(self, model_id: str) -> Download:
        """Have a model's weights pulled; joins the download that is under way, if there is one."""
        return await self._call("POST", f"/api/models/{model_id}/pull", Download)

    async def pull_plan(self, model_id: str) -> PullPlan:
        """What a pull would bring, as the hub has it now."""
        return await self._get(f"/api/models/{model_id}/pull", PullPlan, timeout_s=HUB_TIMEOUT_S)

    async def verify(self, model_id: str, depth: Depth = Depth.CONTENT) -> Download:
        """Over at once if nothing has changed since it was read."""
        return await self._call(
            "POST", f"/api/models/{model_id}/verify", Download, query={"depth": depth}
        )

    async def repair(self, model_id: str) -> Download:
        """Have bad files replaced, and only those."""
        return await self._call("POST", f"/api/models/{model_id}/repair", Download)

    async def convert(self, model_id: str, dtype: DType = DType.BFLOAT16) -> Download:
        """Have weights rewritten as a GPU loads them; over at once where there is nothing to do."""
        return await self._call(
            "POST", f"/api/models/{model_id}/convert", Download, query={"dtype": dtype}
        )

    async def convert_plan(self, model_id: str, dtype: DType = DType.BFLOAT16) -> ConvertPlan:
        """What that would take, and save."""
        return await self._get(f"/api/models/{model_id}/convert", ConvertPlan, {"dtype": dtype})

    async def remove(self, model_id: str, *, dry_run: bool) -> Removals:
        """Remove a model's weights, or say what that would free."""
        return await self._call(
            "DELETE", f"/api/models/{model_id}", Removals, query={"dry_run": dry_run}
        )

    async def prune(self, *, dry_run: bool) -> Removals:
        return await self._call("POST", "/api/cache/prune", Removals, query={"dry_run": dry_run})

    async def keep(self, model_id: str, *, kept: bool) -> ModelStatus:
        """Protect a model's weights from being removed, or no longer."""
        return await self._call(
            "POST", f"/api/models/{model_id}/keep", ModelStatus, query={"kept": kept}
        )

    async def load(self, model_id: str, keep_alive_s: float | None = None) -> Worker:
        """Returns once a worker holds it. It is kept without work for so long; None is for good."""
        query: Query = {"keep_alive_s": keep_alive_s}
        return await self._call(
            "POST", f"/api/models/{model_id}/load", Worker, query=query, timeout_s=LOAD_TIMEOUT_S
        )

    async def unload(self, model_id: str) -> Workers:
        """Have idle workers let it go; returns those that are left."""
        return await self._call("POST", f"/api/models/{model_id}/unload", Workers)

    async def downloads(self) -> Downloads:
        return await self._get("/api/downloads", Downloads)

    async def download(self, download_id: int) -> Download:
        return await self._get(f"/api/downloads/{download_id}", Download)

    async def pause_download(self, download_id: int) -> Download:
        return await self._call("POST", f"/api/downloads/{download_id}/pause", Download)

    async def resume_download(self, download_id: int) -> Download:
        return await self._call("POST", f"/api/downloads/{download_id}/resume", Download)

    async def cancel_download(self, download_id: int) -> Download:
        return await self._call("POST", f"/api/downloads/{download_id}/cancel", Download)

    async def adapters(self) -> tuple[Adapter, ...]:
        return (await self._get("/api/adapters", Adapters)).adapters

    async def adapter(self, name: str) -> Adapter:
        """By name, id, or the beginning of an id."""
        return (await self._get("/api/adapters", Adapters, {"name": name})).adapters[0]

    async def check_adapter(
        self, head: bytes, size: int, file: str, name: str | None = None
    ) -> AdapterCheck:
        """Whether a LoRA of `size` bytes that begins with `head` will be taken."""
        query: Query = {"file": file, "size": size, "name": name}
        return await self._call("POST", "/api/adapters/check", AdapterCheck, query=query, body=head)

    async def send_adapter(
        self, content: AsyncIterable[bytes], size: int, file: str, name: str | None = None
    ) -> Adapter:
        """Send `size` bytes of a LoRA that is called `file` here."""
        query = {"file": file, "name": name}
        return await self._call(
            "POST",
            "/api/adapters",
            Adapter,
            query=query,
            body=content,
            headers={"Content-Length": str(size)},
            timeout_s=SENDING_TIMEOUT_S,
        )

    async def pull_adapter(self, request: AdapterPullRequest) -> Download:
        """Returns at once: see `download` and `follow`."""
        return await self._call("POST", "/api/adapters/pull", Download, body=request)

    async def remove_adapter(self, adapter_id: str) -> Adapter:
        return await self._call("DELETE", f"/api/adapters/{adapter_id}", Adapter)

    async def hardware(self) -> Hardware:
        return await self._get("/api/hardware", Hardware)

    async def measure_hardware(self, *, anew: bool = False) -> Hardware:
        """With all that is found out once, found out now if it is not known."""
        return await self._call(
            "POST",
            "/api/hardware/measure",
            Hardware,
            query={"anew": anew},
            timeout_s=MEASURING_TIMEOUT_S,
        )

    async def doctor(self, *, quick: bool = False) -> Diagnosis:
        """What is wrong at the daemon's; `quick` makes no clip."""
        query: Query = {"quick": quick}
        return await self._call(
            "POST", "/api/doctor", Diagnosis, query=query, timeout_s=DOCTORS_TIMEOUT_S
        )

    async def watch_hardware(self) -> AsyncGenerator[Hardware]:
        """A reading a second, each whole, while somebody takes them; ends when the daemon does."""
        known = await self.hardware()
        yield known
        async with contextlib.aclosing(self.events(kinds=(EventKind.HARDWARE,))) as events:
            async for event in events:
                if isinstance(reading := event.object, Hardware):
                    engine = reading.engine or known.engine
                    known = reading.model_copy(update={"engine": engine})
                    yield known

    async def exported_profile(self, device: str | None = None) -> ProfileText:
        """The daemon's machine as a profile."""
        return await self._get("/api/hardware/profile", ProfileText, {"device": device})

    async def plan(self, request: PlanRequest) -> Plans:
        """The ways to make a video, what each costs, and the one that a job would get."""
        return await self._call("POST", "/api/plan", Plans, body=request)

    async def fits(self, *, device: str | None = None, profile: str | None = None) -> Fits:
        """Every model by its official sizes."""
        return await self._get("/api/fits", Fits, {"device": device, "profile": profile})

    async def accuracy(self) -> Accuracy:
        """How far past estimates were off."""
        return await self._get("/api/plan/accuracy", Accuracy)

    async def workers(self) -> Workers:
        return await self._get("/api/workers", Workers)

    async def upload(self, image: bytes) -> Upload:
        """Send a picture; its id goes into a JobRequest."""
        return await self._call("POST", "/api/uploads", Upload, body=image)

    async def submit(self, request: JobRequest, key: str | None = None) -> Job:
        """Returns once the job is safely on disk; sent again with the same key it is the same."""
        return await self._call("POST", "/api/jobs", Job, body=request, headers=_keyed(key))

    async def submit_batch(self, request: BatchRequest, key: str | None = None) -> Batch:
        """All of them or none; as `submit` does."""
        return await self._call(
            "POST",
            "/api/jobs/batch",
            Batch,
            body=request,
            headers=_keyed(key),
            timeout_s=BATCH_TIMEOUT_S,
        )

    async def retry(self, job_id: int, changes: RetryRequest, key: str | None = None) -> Job:
        """A new job like one that has ended, but for the changes; as `submit` does."""
        return await self._call(
            "POST", f"/api/jobs/{job_id}/retry", Job, body=changes, headers=_keyed(key)
        )

    async def move(self, job_id: int, move: Move) -> Job:
        """Have a waiting job stand elsewhere in the queue."""
        return await self._call("POST", f"/api/jobs/{job_id}/move", Job, body=move)

    async def clean(self, request: CleanRequest, *, dry_run: bool) -> Cleaning:
        """Remove finished jobs, or say which that would be."""
        return await self._call(
            "POST", "/api/jobs/clean", Cleaning, body=request, query={"dry_run": dry_run}
        )

    async def remove_job(self, job_id: int, *, dry_run: bool) -> Cleaning:
        """Remove one that has ended, with its video; or say what that would free."""
        return await self._call(
            "DELETE", f"/api/jobs/{job_id}", Cleaning, query={"dry_run": dry_run}
        )

    async def job(self, job_id: int) -> Job:
        return await self._get(f"/api/jobs/{job_id}", Job)

    async def history(self, job_id: int) -> History:
        """What became of a job, and when."""
        return await self._get(f"/api/jobs/{job_id}/history", History)

    async def jobs(
        self, *, state: JobState | None = None, limit: int = 100, before: int | None = None
    ) -> Jobs:
        """Newest first."""
        return await self.find_jobs({"state": state}, limit=limit, before=before)

    async def find_jobs(
        self, wanted: Query, *, limit: int = 100, before: int | None = None
    ) -> Jobs:
        """Newest first: those of a state, model, label, owner, since a time, or with words."""
        return await self._get("/api/jobs", Jobs, {**wanted, "limit": limit, "before": before})

    async def cancel(self, job_id: int) -> Job:
        return await self._call("POST", f"/api/jobs/{job_id}/cancel", Job)

    async def hold(self, job_id: int) -> Job:
        return await self._call("POST", f"/api/jobs/{job_id}/hold", Job)

    async def release(self, job_id: int) -> Job:
        return await self._call("POST", f"/api/jobs/{job_id}/release", Job)

    async def queue(self) -> Queue:
        return await self._get("/api/queue", Queue)

    async def pause(self) -> Queue:
        return await self._call("POST", "/api/queue/pause", Queue)

    async def resume(self) -> Queue:
        return await self._call("POST", "/api/queue/resume", Queue)

    async def shutdown(self) -> Hello:
        """Ask the daemon to stop; it answers first."""
        return await self._call("POST", "/api/shutdown", Hello)

    async def provenance(self, job_id: int) -> Provenance:
        """What made a finished job's video. Raises NoOutput."""
        return await self._get(f"/api/jobs/{job_id}/provenance", Provenance)

    async def log(
        self, name: str, offset: int | None = None, *, before: int | None = None
    ) -> LogText:
        """Of a process (`daemon`, `worker`) or a job by id; without an offset the last part."""
        query: Query = {"offset": offset, "before": before}
        return await self._get(f"/api/logs/{quote(name, safe='')}", LogText, query)

    async def output(self, job_id: int) -> AsyncGenerator[bytes]:
        """The bytes of a finished job's mp4, in pieces. Raises NoOutput."""
        async for piece in self._pieces(f"/api/jobs/{job_id}/output"):
            yield piece

    async def preview(self, job_id: int) -> AsyncGenerator[bytes]:
        """An animated WebP of what the video looks like so far. Raises NoPicture."""
        async for piece in self._pieces(f"/api/jobs/{job_id}/preview"):
            yield piece

    async def thumbnail(self, job_id: int) -> AsyncGenerator[bytes]:
        """A small WebP of a finished video's middle frame. Raises NoPicture."""
        async for piece in self._pieces(f"/api/jobs/{job_id}/thumbnail"):
            yield piece

    async def proxy(self, job_id: int) -> AsyncGenerator[bytes]:
        """An animated WebP of a finished video, small. Raises NoPicture."""
        async for piece in self._pieces(f"/api/jobs/{job_id}/proxy"):
            yield piece

    async def frame(self, job_id: int, number: int) -> AsyncGenerator[bytes]:
        """A PNG of one frame, counted from 1, if the job was to keep them. Raises NoPicture."""
        async for piece in self._pieces(f"/api/jobs/{job_id}/frames/{number}"):
            yield piece

    async def events(
        self, after: str | None = None, kinds: Sequence[EventKind] = ()
    ) -> AsyncGenerator[Event]:
        """What happens from now on, or after the event id `after` (of a Status or an Event).

        Of these kinds, by default of all but hardware. Ends when the daemon ends it; raises
        DaemonUnreachable when the line breaks.
        """
        headers = {"Last-Event-ID": after} if after else {}
        async with self._answer(
            "GET", f"/api/events{_several(kinds)}", headers=headers, silence_s=STREAM_SILENCE_S
        ) as answer:
            async for raw in raw_events(answer.pieces()):
                event = parse_event(raw)
                if event is not None:
                    yield event

    async def follow(self) -> AsyncGenerator[Status | Event]:
        """A Status, then the events after it; a new Status whenever events were missed."""
        while True:
            status = await self.status()
            yield status
            last = EventId.parse(status.event_id)
            async with contextlib.aclosing(self.events(status.event_id)) as events:
                async for event in events:
                    other_boot = last and event.id and event.id.boot != last.boot
                    if other_boot or event.kind is EventKind.RESYNC:
                        break
                    last = event.id or last
                    yield event
                else:
                    return


def _keyed(key: str | None) -> dict[str, str]:
    return {KEY_HEADER: key} if key else {}


def _several(kinds: Sequence[EventKind]) -> str:
    return f"?{urlencode([('kind', kind.value) for kind in kinds])}" if kinds else ""
