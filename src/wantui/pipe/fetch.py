"""The wire between the daemon and the fetcher: one order a process, its reports, and an end."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from wantui.api.error import ErrorBody
from wantui.pipe.messages import Message


class PullFiles(Message):
    """Bring exactly these files of a repository into a cache, proven."""

    kind: Literal["pull"] = "pull"
    repository: str
    revision: str | None
    """None: what `main` is when the pull begins. Pinned by its commit from then on."""
    paths: tuple[str, ...]
    hub_cache: str
    connections: int
    bytes_a_second: int | None
    stall_s: float
    tries: int


class Halt(Message):
    """Pause: write down what came, and leave."""

    kind: Literal["halt"] = "halt"


class Listed(Message):
    """The repository as it will be pulled."""

    kind: Literal["listed"] = "listed"
    commit: str
    license: str | None
    gated: bool
    total: int
    """Bytes of the files that are wanted."""


class Fetching(Message):
    kind: Literal["fetching"] = "fetching"
    done: int
    total: int
    fetched: int
    """Bytes that came over the network in this process."""


class Fetched(Message):
    """Everything is there, verified, linked and pinned."""

    kind: Literal["fetched"] = "fetched"
    folder: str
    fetched: int


class FetchFailed(Message):
    kind: Literal["fetch_failed"] = "fetch_failed"
    error: ErrorBody


class Halted(Message):
    kind: Literal["halted"] = "halted"


FetchOrder = PullFiles | Halt
FetchReport = Listed | Fetching | Fetched | FetchFailed | Halted

fetch_order: TypeAdapter[FetchOrder] = TypeAdapter(
    Annotated[FetchOrder, Field(discriminator="kind")]
)
fetch_report: TypeAdapter[FetchReport] = TypeAdapter(
    Annotated[FetchReport, Field(discriminator="kind")]
)
