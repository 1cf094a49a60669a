"""A catalog entry and the state of its weights on this machine."""

from __future__ import annotations

from enum import StrEnum

from wantui.api.base import Reply
from wantui.api.plan import DType
from wantui.api.report import Health, Metrics, Suitability


class WeightsState(StrEnum):
    """Of a file; of a component or a model, the worst of its required files."""

    ABSENT = "absent"
    PARTIAL = "partial"
    """Some of the files."""
    UNVERIFIED = "unverified"
    """All there; nobody has proven them, or nobody can."""
    VERIFIED = "verified"
    """Every byte is what the publisher's digest says, and no file has changed since."""
    CORRUPT = "corrupt"

    @property
    def usable(self) -> bool:
        """Whether all files are there and none is known to be bad."""
        return self in (WeightsState.UNVERIFIED, WeightsState.VERIFIED)


class FileStatus(Reply):
    path: str
    """Relative to the model's repository; whole, if it is nowhere in it."""
    state: WeightsState
    bytes: int | None
    """None when it is absent."""
    digest: str | None
    """What its content must hash to: sha256, or git's sha1 of a small file; None if none says."""
    read_digest: str | None = None
    """What it hashed to when it was last read whole, where nobody says what it must be."""
    checked_at: float | None
    """When it was last read whole, if it has not changed since."""
    problem: str | None = None
    """What is wrong with a corrupt one."""


class ComponentStatus(Reply):
    name: str
    class_name: str
    parameter_count: int | None
    state: WeightsState
    bytes_present: int
    bytes_needed: int
    missing: tuple[str, ...]
    """Files of the recipe that are not there, relative to the repository."""


class ConvertedStatus(Reply):
    """A component's weights, rewritten by wantui in the number format that a device loads."""

    component: str
    dtype: DType
    kept_in_fp32: tuple[str, ...]
    """Modules whose tensors are fp32 all the same."""
    state: WeightsState
    bytes: int
    """All files, the manifest too."""
    folder: str
    files: tuple[FileStatus, ...]
    """Their paths are relative to `folder`."""


class SnapshotStatus(Reply):
    """A revision of a repository that is here."""

    repository: str
    folder: str
    revision: str
    pinned: bool
    kept: bool


class WeightsStatus(Reply):
    state: WeightsState
    bytes_present: int
    bytes_needed: int
    folder: str | None
    """The snapshot in Diffusers layout, when there is one."""
    revision: str | None
    pinned: bool = False
    """Whether a pull of wantui's keeps this revision from being pruned."""
    kept: bool = False
    """Whether `wantui keep` protects it from removal."""
    also: tuple[SnapshotStatus, ...] = ()
    """Of further repositories that files of it are in, when they are here."""
    components: tuple[ComponentStatus, ...]
    files: tuple[FileStatus, ...] = ()
    """Every file that a load needs, in the recipe's order."""
    get_command: str | None
    """What fetches them; None when they ship with wantui."""
    converted: tuple[ConvertedStatus, ...] = ()
    """Components that were converted besides; made of the files that are published now."""

    @property
    def checked(self) -> bool:
        """Whether every file is there and was read whole since it last changed."""
        return all(file.checked_at is not None for file in self.files)

    @property
    def bad(self) -> tuple[FileStatus, ...]:
        return tuple(file for file in self.files if file.state is WeightsState.CORRUPT)

    @property
    def converted_bytes(self) -> int:
        return sum(part.bytes for part in self.converted)


class Upstream(Reply):
    """What the hub said of a repository when it was last asked: by a pull, or the plan of one."""

    commit: str | None
    """Of its main branch; None if it never told."""
    gated: bool
    """Whether its terms must be accepted on its page."""
    accept_at: str | None = None
    """That page, if the hub did not give the files to us."""
    asked_at: float


class Defaults(Reply):
    """The official parameters; `guidance` is the high-noise expert's where there are two."""

    width: int
    height: int
    frames: int
    fps: int
    steps: int
    guidance: float
    guidance_low: float | None
    shift: float
    negative_prompt: str


class Limits(Reply):
    """What a request may ask for."""

    size_multiple: int
    sizes: tuple[str, ...]
    """The official sizes, WIDTHxHEIGHT."""
    min_side: int
    max_pixels: int
    max_frames: int
    frame_stride: int
    """Frames are `frame_stride * n + 1`."""
    max_steps: int
    max_prompt_characters: int
    text_tokens: int


class QualityOffer(Reply):
    """A way to run a model; all but `faithful` trade arithmetic for speed."""

    id: str
    summary: str
    faithful: bool
    needs_loras: bool
    """Of the user's, for each expert."""


class ModelStatus(Reply):
    id: str
    name: str
    summary: str
    tasks: tuple[str, ...]
    repository: str | None
    gguf_repository: str | None = None
    """Where its quantised weights are from, if from another than all else."""
    license: str
    aliases: tuple[str, ...]
    parameter_count: int | None
    quantised: bool = False
    """Whether its weights are not the published numbers: nothing made with it is faithful."""
    weights: WeightsStatus
    health: Health
    implemented: bool | None = None
    """Whether the engine imported the real classes and built every component without memory, with
    as many parameters as the catalog says; None before it was asked."""
    estimated_vram_bytes: int | None = None
    """Of a device at the most, for a video of the official size and length, as `hardware` says it
    would be loaded; of host memory without a GPU."""
    hardware: Suitability = Suitability()
    metrics: Metrics = Metrics()
    upstream: Upstream | None = None
    """None if the hub was never asked, or the model is in no repository. Of several repositories
    the one that something is to be done about.
    """
    stale: bool = False
    """The publisher has moved on from the revision that is here; a pull brings the new one."""
    loaded: bool
    """Whether a worker holds it now."""
    takes_image: bool
    needs_image: bool
    words: tuple[str, ...] = ()
    """The only ones that it knows, in small letters; empty for a model that reads any text."""
    qualities: tuple[QualityOffer, ...]
    defaults: Defaults
    limits: Limits
    rev: int


class Models(Reply):
    models: tuple[ModelStatus, ...]
