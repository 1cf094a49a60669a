"""Adapters that are kept: checked before, found by name, id or the beginning of an id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from wantui.api.adapter import Adapter, AdapterCheck, AdapterSource
from wantui.catalog.catalog import Catalog
from wantui.errors import (
    DiskFull,
    FolderUnsafe,
    InvalidAdapter,
    InvalidRequest,
    NameTaken,
    UnknownAdapter,
    WeightsInUse,
)
from wantui.files import disk_of, full_disk_named
from wantui.store.adapters import AdapterFolder
from wantui.store.digest import UNVOUCHED, digest_of, is_digest
from wantui.store.lora import (
    HEAD_BYTES,
    SUFFIX,
    Lora,
    check_head,
    check_suffix,
    noise_hint,
    read_lora,
)
from wantui.store.lora_fit import base_models
from wantui.text import bytes_text, nearest, one_line

PIECE_BYTES = 4 << 20
"""Of an upload, written at a time, off the loop."""
SHORTEST_PREFIX = 4
"""Of an id, to name it by."""
_NAME = re.compile(r"[^\W_][\w.+-]{0,79}")
"""No colon and no @, which the command line writes behind a name; no slash, which is the hub's."""


class Kept(NamedTuple):
    adapter: Adapter
    new: bool
    """Whether the same bytes were not kept before."""


class Adapters:
    """`used_by` names the unfinished jobs that an adapter, by id, takes part in."""

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        most_bytes: int,
        *,
        used_by: Callable[[str], Sequence[int]],
    ) -> None:
        self._folder = AdapterFolder(folder)
        self._used_by = used_by
        self._held: Counter[str] = Counter()
        self._catalog = catalog
        self._most_bytes = most_bytes
        self._all: dict[str, Adapter] = {}
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Raises FolderUnsafe."""
        self._all = await asyncio.to_thread(self._folder.start)

    def all(self) -> tuple[Adapter, ...]:
        return tuple(sorted(self._all.values(), key=lambda adapter: adapter.name.casefold()))

    def get(self, adapter_id: str) -> Adapter:
        """Raises UnknownAdapter."""
        try:
            return self._all[adapter_id]
        except KeyError:
            raise UnknownAdapter(f"there is no adapter {one_line(adapter_id, 80)}") from None

    def path(self, adapter_id: str) -> Path:
        """Where the file of one is."""
        return self._folder.path(adapter_id)

    @contextlib.contextmanager
    def held(self, adapter_ids: Iterable[str]) -> Iterator[None]:
        """While this is open these are not removed: a job that uses them is being accepted.

        Raises UnknownAdapter for one that is gone already.
        """
        ids = [self.get(adapter_id).id for adapter_id in adapter_ids]
        self._held.update(ids)
        try:
            yield
        finally:
            self._held.subtract(ids)

    def find(self, name: str) -> Adapter:
        """By name, id, or what only one id begins with. Raises UnknownAdapter."""
        wanted = name.casefold()
        if named := self._named(wanted):
            return named
        begun = [a for a in self._all.values() if a.id.startswith(wanted)]
        if len(begun) == 1 and len(wanted) >= SHORTEST_PREFIX:
            return begun[0]
        if len(begun) > 1:
            options = ", ".join(f"{a.name} ({a.id[:12]})" for a in begun)
            raise UnknownAdapter(f"{one_line(name, 80)!r} may be each of: {options}")
        near = nearest(name, (adapter.name for adapter in self._all.values()))
        raise UnknownAdapter(
            f"no adapter is called {one_line(name, 80)!r}",
            hint=f"did you mean {near}?" if near else None,
        )

    async def judge(self, head: bytes, size: int, file: str, name: str | None) -> AdapterCheck:
        """Judge a file of `size` bytes by what it begins with, up to the end of its header.

        Raises InvalidAdapter, NameTaken or DiskFull.
        """
        file = _basename(file)
        check_suffix(file)
        self._check_name_for(name, size)
        if size > self._most_bytes:
            raise InvalidAdapter(
                f"{one_line(file, 100)!r} has {bytes_text(size)}; {bytes_text(self._most_bytes)} "
                "are allowed",
                hint="is it an adapter? If so, raise [limits] adapter_bytes",
            )
        self._need_room(size)
        with self._incoming() as path:
            await asyncio.to_thread(_write_sparse, path, head, size)
            lora = await asyncio.to_thread(read_lora, path, file)
        models = base_models(lora, self._catalog.recipes, file)
        return AdapterCheck(name=name or self.free_name(file, "2"), base_models=models)

    async def receive(
        self, content: AsyncIterator[bytes], size: int | None, file: str, name: str | None
    ) -> Kept:
        """Keep what a client sends, piece by piece; nothing of it stays if that breaks off.

        `size` is what the client announced. Raises InvalidAdapter, NameTaken or DiskFull.
        """
        file = _basename(file)
        check_suffix(file)
        self._check_name_for(name, size)
        with self._incoming() as path:
            self._need_room(size or 0)
            await _write(path, content, file)
            return await self.take(path, AdapterSource(file=file), name)

    async def take(self, path: Path, source: AdapterSource, name: str | None) -> Kept:
        """Check a file of this disk, and keep it by renaming it; the same bytes are kept once.

        A name that was asked for is given to an adapter that was there before, too. Raises
        InvalidAdapter, NameTaken or DiskFull.
        """
        with _failures_named(path.parent):
            seen = await asyncio.to_thread(_examine, path, source.file)
        digest, lora = seen.sha256, seen.lora
        models = base_models(lora, self._catalog.recipes, source.file)
        async with self._lock:
            before = self._all.get(digest)
            self.check_name(name, before)
            if before is not None:
                return Kept(await self._renamed(before, name), new=False)
            adapter = Adapter(
                id=digest,
                name=name or self.free_name(source.file, digest[:8]),
                bytes=seen.bytes,
                naming=lora.naming,
                rank=lora.rank,
                layers=len(lora.layers),
                dtype=lora.dtype,
                base_models=models,
                noise_hint=noise_hint(source.file),
                unused_tensors=lora.unused_tensors,
                source=source,
                added_at=time.time(),
            )
            with _failures_named(path.parent):
                await asyncio.to_thread(self._folder.keep, path, adapter)
            self._all[digest] = adapter
            return Kept(adapter, new=True)

    async def remove(self, adapter_id: str) -> Adapter:
        """Raises UnknownAdapter, or WeightsInUse naming the jobs that are to use it."""
        async with self._lock:
            adapter = self.get(adapter_id)
            self._check_unused(adapter)
            del self._all[adapter_id]  # first: no job may choose it while it goes
            try:
                await asyncio.to_thread(self._folder.remove, adapter_id)
            except OSError:
                self._all[adapter_id] = adapter
                raise
            return adapter

    def _check_unused(self, adapter: Adapter) -> None:
        jobs = " ".join(map(str, self._used_by(adapter.id)))
        if jobs or self._held[adapter.id] > 0:
            raise WeightsInUse(
                f"the LoRA {adapter.name} is to be used by job {jobs or 'that comes just now'}",
                hint=f"let it end, or: wantui cancel {jobs}" if jobs else None,
            )

    def check_name(self, name: str | None, owner: Adapter | None = None) -> None:
        """Whether an adapter may be called so, or `owner`. Raises InvalidRequest or NameTaken."""
        if name is None:
            return
        if not _NAME.fullmatch(name) or is_digest(name):
            raise InvalidRequest.for_field(
                "name",
                f"{one_line(name, 80)!r} is no name for an adapter",
                allowed="letters, digits and . _ + -, a letter or digit first, 80 at most",
            )
        if (taken := self._named(name.casefold())) and taken != owner:
            raise NameTaken(f"the adapter {taken.id[:12]} is called {taken.name} already")

    def _check_name_for(self, name: str | None, size: int | None) -> None:
        """Before the content is known: an adapter of this name and size may be the same."""
        known = self._named(name.casefold()) if name else None
        self.check_name(name, known if known and size in (None, known.bytes) else None)

    def free_name(self, file: str, suffix: str) -> str:
        """Made of a file's name, with a suffix if another adapter is called that."""
        stem = re.sub(r"[^\w.+-]+", "-", PurePosixPath(file).name[: -len(SUFFIX)])
        name = stem.strip("-_.+")[:80] or "adapter"
        taken = self._named(name.casefold()) is not None or is_digest(name)
        return f"{name[: 79 - len(suffix)]}-{suffix}" if taken else name

    def _named(self, name: str) -> Adapter | None:
        """By casefolded name, or by id."""
        known = (a for a in self._all.values() if a.name.casefold() == name)
        return next(known, None) or self._all.get(name)

    async def _renamed(self, adapter: Adapter, name: str | None) -> Adapter:
        if name is None or name == adapter.name:
            return adapter
        renamed = adapter.model_copy(update={"name": name})
        await asyncio.to_thread(self._folder.describe, renamed)
        self._all[adapter.id] = renamed
        return renamed

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[Path]:
        """A path for a file on its way; what is not renamed from there is removed."""
        path = self._folder.temporary()
        try:
            with _failures_named(path.parent):
                yield path
        finally:
            path.unlink(missing_ok=True)

    def _need_room(self, size: int) -> None:
        told = disk_of(self._folder.folder)
        free = told[1] if told else 0
        if size > free:
            raise DiskFull(
                f"{bytes_text(size)} are to come, {bytes_text(free)} are free in "
                f"{self._folder.folder}",
                detail={"needed": size, "free": free},
            )


class _Seen(NamedTuple):
    sha256: str
    bytes: int
    lora: Lora


def _examine(path: Path, file: str) -> _Seen:
    """Raises InvalidAdapter."""
    lora = read_lora(path, file)
    return _Seen(digest_of(path, UNVOUCHED), path.stat().st_size, lora)


@contextlib.contextmanager
def _failures_named(folder: Path) -> Iterator[None]:
    try:
        with full_disk_named(folder):
            yield
    except OSError as error:
        raise FolderUnsafe(f"cannot write in {folder}: {error.strerror}") from error


def _basename(file: str) -> str:
    """Whatever system it comes from."""
    return PurePosixPath(file.replace("\\", "/")).name


def _write_sparse(path: Path, head: bytes, size: int) -> None:
    """As long as the whole, with nothing behind the head."""
    path.write_bytes(head[:size])
    os.truncate(path, size)


async def _write(path: Path, content: AsyncIterator[bytes], file: str) -> None:
    """All of it to `path`, off the loop. Raises InvalidAdapter as soon as it cannot be a LoRA."""
    pending, judged = bytearray(), False
    with path.open("wb") as target:
        async for piece in content:
            pending += piece
            if not judged and len(pending) >= HEAD_BYTES:
                check_head(bytes(pending[:HEAD_BYTES]), file)
                judged = True
            if len(pending) >= PIECE_BYTES:
                await asyncio.to_thread(target.write, pending)
                pending = bytearray()
        if not judged:
            check_head(bytes(pending), file)
        await asyncio.to_thread(target.write, pending)
