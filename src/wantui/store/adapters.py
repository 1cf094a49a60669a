"""The folder of adapters: `<sha256>.safetensors`, each with what is known of it in `<sha256>.json`.

An adapter is there when both are. The small file comes first and the large one takes its name
second, and goes first when it is removed: after a kill at any moment there is at most a small file
too many, which the next start removes. Nothing large is ever removed on a guess.
"""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from pydantic import ValidationError

from wantui.api.adapter import Adapter
from wantui.files import TEMPORARY_SUFFIX, atomic_path, private_folder, sweep, write_atomic
from wantui.store.digest import is_digest
from wantui.store.lora import SUFFIX

log = logging.getLogger(__name__)


class AdapterFolder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self) -> dict[str, Adapter]:
        """Make the folder, tidy it, and know what is in it, by id. Raises FolderUnsafe."""
        private_folder(self.folder)
        sweep(self.folder)
        found = (self._read(path) for path in sorted(self.folder.glob("*.json")))
        return {adapter.id: adapter for adapter in found if adapter is not None}

    def path(self, adapter_id: str) -> Path:
        """Where the file of an adapter is, or would be."""
        if len(adapter_id) != 64 or not is_digest(adapter_id):
            raise ValueError(f"{adapter_id!r} is no sha256")
        return self.folder / f"{adapter_id}{SUFFIX}"

    def temporary(self) -> Path:
        """A path to write a file to that is on its way; what is left of one is swept."""
        return self.folder / f".incoming.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"

    def keep(self, checked: Path, adapter: Adapter) -> None:
        """Give a checked file of this disk its final name. Raises DiskFull."""
        self.describe(adapter)
        with atomic_path(self.path(adapter.id)) as temporary:
            checked.rename(temporary)

    def describe(self, adapter: Adapter) -> None:
        """Write down what is known of an adapter. Raises DiskFull."""
        write_atomic(self._facts(adapter.id), adapter.model_dump_json(indent=2).encode())

    def remove(self, adapter_id: str) -> None:
        self.path(adapter_id).unlink(missing_ok=True)
        self._facts(adapter_id).unlink(missing_ok=True)

    def _facts(self, adapter_id: str) -> Path:
        return self.path(adapter_id).with_suffix(".json")

    def _read(self, facts: Path) -> Adapter | None:
        """None for one that is not whole; facts without a file are removed."""
        if len(facts.stem) != 64 or not is_digest(facts.stem):
            return None
        try:
            size = self.path(facts.stem).stat().st_size
        except FileNotFoundError:
            facts.unlink()
            return None
        try:
            adapter = Adapter.model_validate_json(facts.read_bytes())
        except ValidationError:
            log.warning("%s cannot be read: add that adapter again", facts)
            return None
        if (adapter.id, adapter.bytes) != (facts.stem, size):
            log.warning("%s is not what it was: add that adapter again", facts.with_suffix(SUFFIX))
            return None
        return adapter
