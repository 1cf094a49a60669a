"""Orders and reports. An order carries everything resolved: a worker never looks anything up."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from wantui.api.error import ErrorBody
from wantui.api.job import Output, Params, Stage, Timings
from wantui.api.lora import LoraUsed
from wantui.api.plan import Plan
from wantui.api.video import Encoding
from wantui.pipe.file import KnownFile
from wantui.pipe.preview import PreviewOrder


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConvertedFolder(Message):
    """Where a component's weights lie in the plan's dtype, rewritten from the published ones."""

    component: str
    folder: str
    kept_in_fp32: tuple[str, ...]
    """Modules whose tensors are fp32 all the same."""
    files: tuple[KnownFile, ...]


class GgufExpert(Message):
    """An expert whose weights are in a GGUF file, beside its configuration in the folder."""

    component: str
    path: str


class ModelFiles(Message):
    """A model's weights in Diffusers layout, and how its pipeline treats them."""

    model: str
    folder: str
    pipeline: Literal["WanPipeline", "WanImageToVideoPipeline"]
    """The diffusers class whose arithmetic is reproduced."""
    expand_timesteps: bool
    """TI2V-5B: a timestep a token, and the image in the first latent instead of extra channels."""
    text_tokens: int
    files: tuple[KnownFile, ...]
    """As published, and what decides the numbers, whatever is loaded in their place."""
    converted: tuple[ConvertedFolder, ...] = ()
    """Components whose weights are taken from there instead of from `folder`."""
    gguf: tuple[GgufExpert, ...] = ()
    """Experts whose weights are in such files, which are among `files`."""

    @property
    def every_file(self) -> tuple[KnownFile, ...]:
        """Those that must not change while the model is loaded."""
        return (*self.files, *(file for part in self.converted for file in part.files))


class EmbeddingCache(Message):
    """Where encoded prompts are kept, and how many bytes of them; 0 keeps none."""

    folder: str
    most_bytes: int


class LoraFile(Message):
    """A LoRA to add to the model for this attempt, and the file that it is in."""

    used: LoraUsed
    file: KnownFile


class Generate(Message):
    """Run one attempt of a job."""

    kind: Literal["generate"] = "generate"
    job: int
    attempt: int
    weights: ModelFiles
    plan: Plan
    params: Params
    quality: str
    faithful: bool = True
    """Whether that quality trades no arithmetic for speed, and the weights are as published."""
    loras: tuple[LoraFile, ...] = ()
    """Those of `params`, in their order."""
    image: str | None
    """Absolute path of the picture."""
    output: str
    """Absolute path of the mp4 to make; written under a temporary name first."""
    checkpoint: str
    """Absolute path of what the job goes on from: read if it is there, replaced after steps."""
    checkpoint_every_s: float
    """Seconds between two checkpoints at the least."""
    embeddings: EmbeddingCache
    encoding: Encoding
    thumbnail: str
    """Absolute path of the WebP to make of the middle frame."""
    proxy: str
    """Absolute path of the WebP to make of the whole clip, small, as an animation."""
    frames_folder: str | None
    """Absolute path of the folder for PNG frames, if the job is to keep them."""
    preview: PreviewOrder | None
    """None: nothing is shown before the video is there."""
    provenance: str
    """Absolute path of the JSON to leave beside it: an `api.provenance.Provenance`."""
    log: str
    """Absolute path of the job's log, to which the worker's stdout and stderr go meanwhile."""


class Stop(Message):
    """Stop this job's attempt at the next block or frame, decode nothing, keep the model."""

    kind: Literal["stop"] = "stop"
    job: int


class Load(Message):
    """Load a model that no job has asked for yet, and hold it."""

    kind: Literal["load"] = "load"
    weights: ModelFiles
    plan: Plan


class Exit(Message):
    """Leave: nothing is to come."""

    kind: Literal["exit"] = "exit"


Order = Generate | Load | Stop | Exit


class Ready(Message):
    """The engine is imported and the device answers."""

    kind: Literal["ready"] = "ready"
    pid: int
    torch: str
    diffusers: str
    device: str
    """As torch names it."""


class Heartbeat(Message):
    """Sent once a second by a worker that is at work, from a thread that never waits for the work:
    while it comes and `waited_s` grows, a call into the device or the disk does not return.
    """

    kind: Literal["heartbeat"] = "heartbeat"
    stage: Stage | None
    """None before the first report of an order."""
    step: int
    of: int
    waited_s: float
    """Since that step was done."""


class LoadEnded(Message):
    """The order to load is carried out, or failed; `ends` as in `Failed`."""

    kind: Literal["load_ended"] = "load_ended"
    error: ErrorBody | None = None
    ends: bool = False


class Loaded(Message):
    kind: Literal["loaded"] = "loaded"
    model: str
    parameters: int
    seconds: float


class Unloaded(Message):
    kind: Literal["unloaded"] = "unloaded"
    model: str


class Step(Message):
    """`step` of `of` steps of this stage are done; `of` is 0 when it does not count them."""

    kind: Literal["step"] = "step"
    job: int
    stage: Stage
    step: int
    of: int


class Began(Message):
    """Denoising goes on after `step` steps that a checkpoint holds; 0 when it starts from noise."""

    kind: Literal["began"] = "began"
    job: int
    step: int


class Checkpointed(Message):
    """The job's folder holds all that is needed to go on after this step."""

    kind: Literal["checkpointed"] = "checkpointed"
    job: int
    step: int


class Previewed(Message):
    """There is a new preview where the order wanted it; `rev` counts those of the attempt."""

    kind: Literal["previewed"] = "previewed"
    job: int
    rev: int


class Warned(Message):
    kind: Literal["warned"] = "warned"
    job: int
    code: str
    message: str


class StagePeak(Message):
    """What a stage held of its device at most."""

    stage: Stage
    bytes: int
    """On a GPU what torch's allocator had taken, used or not; on a CPU what was resident."""
    allocated_bytes: int | None
    """What of it was in use on a GPU."""
    spared: bool = False
    """It had nothing to do: its prompts were kept, or a checkpoint held its outcome."""


class Completed(Message):
    kind: Literal["completed"] = "completed"
    job: int
    output: Output
    timings: Timings
    peaks: tuple[StagePeak, ...] = ()
    """Measured, stage by stage; none where neither device nor kernel tells."""


class Stopped(Message):
    """As ordered; the model is still loaded and the worker takes the next job."""

    kind: Literal["stopped"] = "stopped"
    job: int


class Failed(Message):
    """This attempt failed; the worker takes the next job unless `ends` says that it exits."""

    kind: Literal["failed"] = "failed"
    job: int
    error: ErrorBody
    ends: bool


Report = (
    Ready
    | Heartbeat
    | LoadEnded
    | Loaded
    | Unloaded
    | Step
    | Began
    | Checkpointed
    | Previewed
    | Warned
    | Completed
    | Stopped
    | Failed
)

AnyOrder = Annotated[Order, Field(discriminator="kind")]
AnyReport = Annotated[Report, Field(discriminator="kind")]
