"""What is removed from the disk, or would be."""

from __future__ import annotations

from wantui.api.base import Reply


class Removal(Reply):
    """Of one repository."""

    repository: str | None
    """None for converted weights that are of no model's files any more."""
    models: tuple[str, ...]
    """That are made of it."""
    revisions: tuple[str, ...]
    partials: int
    """Files that are not whole."""
    orphans: int
    """Files that no revision leads to."""
    converted: int = 0
    """Components that were converted from what goes."""
    freed_bytes: int


class Removals(Reply):
    done: bool
    """False for a dry run."""
    removals: tuple[Removal, ...]
    freed_bytes: int
