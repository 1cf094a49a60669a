"""Weights rewritten in the number format that a GPU loads them in, a tensor at a time.

Bit for bit what `load` makes of the published ones, with the same modules kept in fp32: the order
names them, and a load passes over what was made with other ones. A shard has its name once it is
whole, hashed and on the disk, and a component's folder once its shards are; one that is interrupted
goes on at the next shard.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import safetensors
from pydantic import ValidationError

from wantui.errors import DiskFull, WeightsUnreadable
from wantui.files import atomic_path, disk_of, private_folder, sweep, sync_folder, write_atomic
from wantui.pipe.conversion import MANIFEST, UNFINISHED, Manifest, Rewritten
from wantui.pipe.fetch import (
    Checked,
    ComponentToConvert,
    ConvertFiles,
    Fetched,
    Fetching,
    FetchReport,
    Outcome,
)
from wantui.pipe.file import KnownFile, StatKey
from wantui.pipe.serving import Stopped
from wantui.text import bytes_text
from wantui.worker.tensor_file import Layout
from wantui.worker.weights import check_unchanged

MARGIN_BYTES = 512 << 20
"""Of the disk that are left for others."""
INDEX_SUFFIX = ".index.json"


class Rewriting:
    """One order's components, one after another. `run` once; `stop` from any thread."""

    def __init__(self, order: ConvertFiles, tell: Callable[[FetchReport], None]) -> None:
        self._order = order
        self._tell = tell
        self._stop = threading.Event()
        self._done = 0
        self._written = 0
        self._total = 0

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> Fetched:
        """Raises Stopped, DiskFull, WeightsChanged or WeightsUnreadable."""
        root = private_folder(Path(self._order.root))
        works = [_ComponentWork(root, part, self._advance) for part in self._order.components]
        self._total = sum(work.bytes for work in works)
        _need_room(root, sum(work.missing_bytes for work in works))
        for work in works:
            for report in work.run():
                self._tell(report)
        return Fetched(folder=str(root), fetched=self._written)

    def _advance(self, count: int, written: int) -> None:
        """`count` more bytes are there, of which `written` came just now. Raises Stopped."""
        if self._stop.is_set():
            raise Stopped
        self._done += count
        self._written += written
        self._tell(Fetching(done=self._done, total=self._total, fetched=self._written))


class _ComponentWork:
    """One component on its way to a folder of its own."""

    def __init__(
        self, root: Path, part: ComponentToConvert, advance: Callable[[int, int], None]
    ) -> None:
        conversion = part.conversion
        self._conversion = conversion
        self._files = part.files
        self._advance = advance
        self._target = root / conversion.key
        self._folder = root / f"{conversion.key}{UNFINISHED}"
        paths = [Path(file.path) for file in part.files]
        self._layouts = {
            path: self._layout(path) for path in paths if not path.name.endswith(INDEX_SUFFIX)
        }
        self._manifest = self._known(self._folder)

    @property
    def bytes(self) -> int:
        return sum(layout.data_bytes for layout in self._layouts.values())

    @property
    def missing_bytes(self) -> int:
        return sum(
            layout.data_bytes
            for path, layout in self._layouts.items()
            if path.name not in self._manifest.files
        )

    def run(self) -> list[Checked]:
        """Make what is missing, and put the whole in its place."""
        if self._stands():
            for path in self._layouts:
                self._skip(path)
        else:
            self._make_all()
        return [self._checked(name) for name in self._manifest.files]

    def _stands(self) -> bool:
        """Whether it is all there, and only nobody was told."""
        found = self._known(self._target)
        if found.files.keys() != {Path(file.path).name for file in self._files}:
            return False
        for name, file in found.files.items():
            with (self._target / name).open("rb") as content:
                if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                    return False
        self._manifest = found
        return True

    def _make_all(self) -> None:
        private_folder(self._folder)
        sweep(self._folder)
        for file in self._files:
            if Path(file.path).name in self._manifest.files:
                self._skip(Path(file.path))
            else:
                self._make(file)
        shutil.rmtree(self._target, ignore_errors=True)  # what is there was found to be bad
        self._folder.replace(self._target)
        sync_folder(self._target.parent)

    def _layout(self, path: Path) -> Layout:
        try:
            return Layout.of(path, self._conversion.dtype_of)
        except safetensors.SafetensorError as error:
            raise WeightsUnreadable(f"{path}: {error}") from error

    def _known(self, folder: Path) -> Manifest:
        """What an earlier run left there: whole files that nobody has written to since."""
        try:
            found = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        except (OSError, ValidationError):
            return Manifest(conversion=self._conversion)
        whole = {name: file for name, file in found.files.items() if _is_there(folder / name, file)}
        return Manifest(conversion=self._conversion, files=whole)

    def _skip(self, path: Path) -> None:
        if path in self._layouts:
            self._advance(self._layouts[path].data_bytes, 0)

    def _make(self, file: KnownFile) -> None:
        """One file, whole and known before the next is begun."""
        source = Path(file.path)
        target = self._folder / source.name
        check_unchanged([file])
        if source.name.endswith(INDEX_SUFFIX):
            digest = self._write_index(source, target)
        else:
            digest = self._write_shard(source, target)
        check_unchanged([file])
        info = target.stat()
        made = Rewritten(sha256=digest, bytes=info.st_size, mtime_ns=info.st_mtime_ns)
        files = {**self._manifest.files, source.name: made}
        self._manifest = self._manifest.model_copy(update={"files": files})
        write_atomic(self._folder / MANIFEST, self._manifest.model_dump_json(indent=1).encode())

    def _write_shard(self, source: Path, target: Path) -> str:
        """Returns the sha256 of what was written. Raises DiskFull."""
        layout = self._layouts[source]
        sha256 = hashlib.sha256(layout.head)
        with atomic_path(target) as temporary, temporary.open("wb") as output:
            output.write(layout.head)
            for piece in layout.pieces(source):
                output.write(piece)
                sha256.update(piece)
                self._advance(len(piece), len(piece))
        return sha256.hexdigest()

    def _write_index(self, source: Path, target: Path) -> str:
        """The same shards hold the same tensors; only the bytes in all are others."""
        try:
            document = json.loads(source.read_bytes())
            document["metadata"] = {**document.get("metadata", {}), "total_size": self.bytes}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise WeightsUnreadable(f"{source} is no index") from error
        content = json.dumps(document, indent=2).encode()
        write_atomic(target, content)
        return hashlib.sha256(content).hexdigest()

    def _checked(self, name: str) -> Checked:
        path = self._target / name
        return Checked(
            path=str(path),
            key=StatKey.of(path.stat()),
            outcome=Outcome.VERIFIED,
            digest=self._manifest.files[name].sha256,
        )


def _is_there(path: Path, file: Rewritten) -> bool:
    try:
        info = path.stat()
    except OSError:
        return False
    return (info.st_size, info.st_mtime_ns) == (file.bytes, file.mtime_ns)


def _need_room(root: Path, needed: int) -> None:
    """Raises DiskFull before a byte is written that could not be kept."""
    told = disk_of(root)
    if told is not None and needed + MARGIN_BYTES > told[1]:
        raise DiskFull(
            f"{bytes_text(needed)} are to be written, {bytes_text(told[1])} are free in {root}",
            detail={"needed": needed, "free": told[1]},
        )
