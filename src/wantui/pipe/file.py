"""A file as whoever made an order knows it, and how it is told that the file is still that."""

from __future__ import annotations

import os
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict


class StatKey(NamedTuple):
    """What a file is as long as nobody has written to it: its stat, after links are followed."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, info: os.stat_result) -> Self:
        return cls(info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)

    @property
    def but_for_names(self) -> Self:
        """What of it stays when the file gets another name, or loses one: all but its ctime."""
        return self._replace(ctime_ns=0)


class KnownFile(BaseModel):
    """A file as it was when the order was made; a process refuses it if it has changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    key: StatKey
    """But for names: a pull gives a file that another repository has too one more, while a worker
    has it loaded.
    """
    digest: str | None = None
    """What it hashed to when it was last read whole; None if nobody has since it changed."""

    @classmethod
    def at(cls, path: str, info: os.stat_result, digest: str | None = None) -> Self:
        return cls(path=path, key=StatKey.of(info).but_for_names, digest=digest)

    def is_still(self, info: os.stat_result) -> bool:
        """Whether the file that has this stat now is the one that was known."""
        return StatKey.of(info).but_for_names == self.key
