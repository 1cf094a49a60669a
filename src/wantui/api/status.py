"""Everything a client needs to draw its first screen, and where in the events to go on from."""

from __future__ import annotations

from wantui.api.base import Reply
from wantui.api.download import Download
from wantui.api.hardware import Hardware
from wantui.api.hello import Hello
from wantui.api.job import Job
from wantui.api.model import ModelStatus
from wantui.api.queue import Queue
from wantui.api.worker import Worker

MAX_UNFINISHED = 500
MAX_FINISHED = 50


class Status(Reply):
    hello: Hello
    event_id: str
    """`<boot>.<seq>` of the last event that this snapshot includes."""
    queue: Queue
    jobs: tuple[Job, ...]
    """Unfinished ones in the order they will run, up to 500, then the last 50 finished."""
    models: tuple[ModelStatus, ...]
    downloads: tuple[Download, ...]
    """Open ones, then the latest that ended."""
    workers: tuple[Worker, ...]
    hardware: Hardware
