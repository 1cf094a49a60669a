"""A piece of a log file, for following."""

from __future__ import annotations

from wantui.api.base import Reply


class LogText(Reply):
    name: str
    """`daemon`, `worker`, `fetcher`, `hooks`, or a job's id."""
    text: str
    """Whole lines, raw: see wantui.log_lines, and clean it before it is shown on a terminal."""
    offset: int
    next_offset: int
    """Ask again with this for what was written since."""
