"""How work in a fetcher ends before its time."""

from __future__ import annotations


class Stopped(Exception):
    """The daemon wants it to end; everything that came is in the journal."""
