"""The wire between the daemon and the fetcher: one order a process, its reports, and an end."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, TypeAdapter

from wantui.api.download import Depth, Source
from wantui.api.error import ErrorBody
from wantui.pipe.conversion import Conversion
from wantui.pipe.file import KnownFile, StatKey
from wantui.pipe.messages import Message


class Proven(NamedTuple):
    """A file that hashed to this digest, as long as its stat is this."""

    key: StatKey
    digest: str


class Outcome(StrEnum):
    """Of reading one file whole."""

    VERIFIED = "verified"
    """It hashes to what the publisher says."""
    SOUND = "sound"
    """Nothing is wrong with it that shows, and nobody says what it must hash to."""
    CORRUPT = "corrupt"


class FileToVerify(Message):
    path: str
    """Relative to the model's folder; whole, if it lies elsewhere."""
    digest: str | None
    """What it must hash to; None if nobody says."""


class VerifyFiles(Message):
    """Read a model's files and say of each what it is. Needs no network."""

    kind: Literal["verify"] = "verify"
    folder: str
    files: tuple[FileToVerify, ...]
    depth: Depth
    proven: tuple[Proven, ...]
    """Files that need not be read again; none when the depth is deep."""
    threads: int


class Wanted(Message):
    """Files of one repository."""

    repository: str
    revision: str | None
    """None: what `main` is when the pull begins. Pinned by its commit from then on."""
    paths: tuple[str, ...]


class PullFiles(Message):
    """Bring exactly these files into a cache, proven."""

    kind: Literal["pull"] = "pull"
    wanted: tuple[Wanted, ...]
    """One repository after another; the model's own is the first."""
    hub_cache: str
    connections: int
    bytes_a_second: int | None
    stall_s: float
    tries: int
    proven: tuple[Proven, ...] = ()
    """Files that are there and need not be read again to be believed."""
    only_list: bool = False
    """Say what would come, and bring nothing."""


class PullAdapter(Message):
    """Bring one file of a repository, proven, and leave it where the daemon can check it."""

    kind: Literal["pull_adapter"] = "pull_adapter"
    repository: str
    revision: str | None
    path: str
    staging: str
    """A folder of this file's own, for what is on its way."""
    kept: str
    """The folder of adapters: a file that is there by its sha256 is not fetched."""
    most_bytes: int
    """A larger file is refused."""
    connections: int
    bytes_a_second: int | None
    stall_s: float
    tries: int


class ComponentToConvert(Message):
    conversion: Conversion
    files: tuple[KnownFile, ...]
    """Published ones: shards, and the index if there is one."""


class ConvertFiles(Message):
    """Rewrite components' weights in another number format. Carried out by the engine, on a CPU."""

    kind: Literal["convert"] = "convert"
    root: str
    """The folder of all converted weights."""
    components: tuple[ComponentToConvert, ...]


class Halt(Message):
    """Pause: write down what came, and leave."""

    kind: Literal["halt"] = "halt"


class Listed(Message):
    """The repositories as they will be pulled, in the order that asked for them."""

    kind: Literal["listed"] = "listed"
    sources: tuple[Source, ...]
    total: int
    """Bytes of the files that are wanted."""
    missing: int
    """Of them, bytes that are to be fetched."""
    missing_files: int
    free: int
    """Bytes on the disk of the cache."""


class Fetching(Message):
    kind: Literal["fetching"] = "fetching"
    done: int
    total: int
    fetched: int
    """Bytes that came over the network in this process."""


class Checked(Message):
    """One file was read whole, and had this stat before and after."""

    kind: Literal["checked"] = "checked"
    path: str
    key: StatKey
    outcome: Outcome
    digest: str | None
    """What it hashes to; None if it was not hashed."""
    problem: str | None = None
    unsynced: str | None = None
    """Where it is, if it was written just now and may not be on the disk yet."""


class Fetched(Message):
    """Everything is there, verified, linked and pinned; or a verification or conversion is
    through."""

    kind: Literal["fetched"] = "fetched"
    folder: str
    fetched: int
    file: str | None = None
    """Of an adapter: where the proven file is."""


class FetchFailed(Message):
    kind: Literal["fetch_failed"] = "fetch_failed"
    error: ErrorBody


class Halted(Message):
    kind: Literal["halted"] = "halted"


FetchOrder = PullFiles | PullAdapter | VerifyFiles | ConvertFiles | Halt
FetchReport = Listed | Fetching | Checked | Fetched | FetchFailed | Halted

fetch_order: TypeAdapter[FetchOrder] = TypeAdapter(
    Annotated[FetchOrder, Field(discriminator="kind")]
)
fetch_report: TypeAdapter[FetchReport] = TypeAdapter(
    Annotated[FetchReport, Field(discriminator="kind")]
)
