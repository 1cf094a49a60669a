"""A job: one prompt that becomes one video."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from wantui.api.base import Reply, Request
from wantui.api.error import ErrorBody
from wantui.api.lora import MAX_LORAS, LoraUse, LoraUsed
from wantui.api.plan import Plan
from wantui.api.video import Encoding

MAX_SEED = 2**63 - 1
MAX_PRIORITY = 100
"""Either way from 0, which is usual."""
MAX_LABEL_CHARACTERS = 64
MAX_AFTER = 64
"""Jobs that one may be told to come after."""


class JobState(StrEnum):
    QUEUED = "queued"
    HELD = "held"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


class WaitsFor(StrEnum):
    """Why a queued job is not running yet."""

    PAUSED = "paused"
    DEVICE = "device"
    WEIGHTS = "weights"
    ENGINE = "engine"
    DISK = "disk"
    WORKER = "worker"
    """No worker starts: it is tried again, less and less often."""
    DEPENDENCY = "dependency"
    """Another job has to be completed first."""
    TIME = "time"
    """It is not to start yet."""
    MEMORY = "memory"
    """It fits the device, but not beside what others hold of it now."""


class Stage(StrEnum):
    LOAD = "load"
    ENCODE = "encode"
    DENOISE = "denoise"
    DECODE = "decode"
    WRITE = "write"


class Sampler(StrEnum):
    """What solves the flow from noise to video; every one is deterministic."""

    UNIPC = "unipc"
    """Wan's own default."""
    DPM = "dpm++"
    """Wan's own alternative."""
    EULER = "euler"


class Wishes(Request):
    """What may be asked of a job beside its prompt."""

    model: str | None = None
    """An id or alias; None or `auto` lets the daemon choose."""
    quality: str = "faithful"
    negative_prompt: str | None = None
    size: str | None = None
    """WIDTHxHEIGHT in pixels."""
    frames: int | None = None
    fps: int | None = None
    steps: int | None = None
    guidance: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """The high-noise expert's, or the only one's; above 1 the negative prompt takes part."""
    guidance_low: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """The low-noise expert's; follows `guidance` when only that is given."""
    shift: Annotated[float, Field(allow_inf_nan=False)] | None = None
    sampler: str | None = None
    """One of `Sampler`."""
    seed: int | None = None
    """0 to 2**63 - 1; None draws one."""
    image: str | None = None
    """The id of an upload."""
    codec: str | None = None
    """h264, h265 or av1; None takes the settings', as do the next two."""
    crf: int | None = None
    """The codec's own scale of quality; 0 is best."""
    png: bool = False
    """Keep every frame as a PNG too, as it was before the codec."""
    loras: Annotated[tuple[LoraUse, ...], Field(max_length=MAX_LORAS, strict=False)] = ()
    allow_degrade: bool = False
    """Where it fits in no other way, arithmetic may change too: its VAE decodes in bf16."""
    hold: bool = False
    """Accept it, but do not run it before it is released."""
    fetch: bool = False
    """Have weights that are absent pulled, and bad ones repaired, and wait for them."""
    unverified: bool = False
    """Load weights that nobody has proven since they last changed."""
    priority: int = 0
    """-100 to 100: a job runs before all of a lower one."""
    label: str | None = None
    """A word of the user's own, to find jobs by."""
    after: Annotated[tuple[int, ...], Field(max_length=MAX_AFTER, strict=False)] = ()
    """Jobs that have to be completed before this one starts; it fails if one of them does."""
    start_at: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Not before this moment, in seconds since the epoch."""


class JobRequest(Wishes):
    """What a client asks for. What it leaves out becomes the model's official value."""

    prompt: str


class ImageUsed(Reply):
    """The first frame of an image-to-video job."""

    sha256: str
    format: str
    width: int
    height: int
    shown: tuple[int, int] | None = None
    """Width and height of its middle, in its own pixels, that the frame shows: the rest is cut."""


class Params(Reply):
    """Everything that decides the pixels, with the seed that was used."""

    prompt: str
    negative_prompt: str
    width: int
    height: int
    frames: int
    fps: int
    steps: int
    guidance: float
    guidance_low: float | None
    shift: float
    boundary: float | None
    """Share of 1000 from which the high-noise expert denoises; None with one expert."""
    sampler: Sampler
    seed: int
    image: ImageUsed | None
    loras: tuple[LoraUsed, ...] = ()


class Progress(Reply):
    stage: Stage
    step: int
    of: int
    """Steps of this stage; 0 when it does not count them."""
    fraction: float
    """Of the whole job, 0 to 1."""
    eta_s: float | None
    """Seconds to the end, once there is a measured pace to tell from."""
    step_s: float | None = None
    """Seconds a step of this stage: that pace."""
    preview_rev: int = 0
    """How many previews this attempt has had; there is a new one when it rises."""


class Attempt(Reply):
    number: int
    worker_pid: int | None
    started_at: float
    finished_at: float | None
    error: ErrorBody | None
    interrupted: bool = False
    """The daemon ended, the job was held, or the disk was full: not the worker's fault."""
    daemon_died: bool = False
    """It was interrupted by a daemon that died, rather than one that was stopped."""
    from_step: int = 0
    """Denoising steps that a checkpoint spared it."""
    checkpoint_step: int | None = None
    """The last step that it kept itself."""


class JobWarning(Reply):
    """Something the user should know that did not stop the job."""

    code: str
    message: str


class Timings(Reply):
    load_s: float
    encode_s: float
    denoise_s: float
    decode_s: float
    write_s: float


class Output(Reply):
    path: str
    bytes: int
    sha256: str
    frames_sha256: str
    """Of the RGB frames before the codec: uint8, frame by frame, row by row."""
    width: int
    height: int
    frames: int
    fps: int
    thumbnail: str | None = None
    """Path of a small WebP of the middle frame."""
    proxy: str | None = None
    """Path of an animated WebP of the whole clip, small; clips of an older wantui have none."""
    frames_folder: str | None = None
    """Where every frame is a PNG, 00001.png and on, if the job was to keep them."""


class Job(Reply):
    id: int
    rev: int
    state: JobState
    waits_for: tuple[WaitsFor, ...] = ()
    cancel_requested: bool = False
    hold_requested: bool = False
    """A running job that becomes `held` as soon as its worker has stopped."""
    model: str
    quality: str
    faithful: bool = True
    """Whether that quality trades no arithmetic for speed."""
    params: Params
    encoding: Encoding | None = None
    """None for a job of an older daemon: it is written as the settings say."""
    owner: int
    """The uid of who sent it."""
    fetch: bool = False
    """Its weights are pulled or repaired if need be."""
    unverified: bool = False
    """It may load weights that nobody has proven."""
    priority: int = 0
    rank: Decimal | None = None
    """Its place among its owner's jobs of the same priority, lowest first; None: by its id."""
    label: str | None = None
    batch: int | None = None
    """The first job of those that it was accepted with."""
    retry_of: int | None = None
    """The job that this one is another try of."""
    after: tuple[int, ...] = ()
    """Jobs that it was to come after."""
    unmet: tuple[int, ...] = ()
    """Those of them that are not completed yet."""
    start_at: float | None = None
    """It does not start before, in seconds since the epoch."""
    allow_degrade: bool = False
    """Its arithmetic may change where it fits in no other way."""
    asked_plan: Plan | None = None
    """By which it was accepted: what the machine could do for it with all of its memory."""
    plan: Plan | None = None
    """By which it runs, made when it was started."""
    progress: Progress | None = None
    checkpoint_step: int | None = None
    """Denoising steps that need not be done again, whatever happens."""
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[JobWarning, ...] = ()
    timings: Timings | None = None
    output: Output | None = None
    error: ErrorBody | None = None
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None


class Jobs(Reply):
    """One page of the history, newest first."""

    jobs: tuple[Job, ...]
    next_before: int | None
    """Ask again with `before` this id for older ones."""
