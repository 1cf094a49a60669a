"""Prompts that were sent from this machine, over sessions: a line of JSON each, oldest first."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from wantui.errors import WantuiError
from wantui.files import PRIVATE_FILE, private_folder, write_atomic
from wantui.paths import Paths

MAX_PROMPTS = 1000
MAX_BYTES = 4 << 20
"""Past this the file is written anew with the newest half of it."""

log = logging.getLogger(__name__)


class PromptHistory:
    """Best effort: a disk that takes nothing, or a line that cannot be read, holds nobody up."""

    def __init__(self, paths: Paths) -> None:
        self._path = paths.prompts

    def load(self) -> tuple[str, ...]:
        """The newest first, each once, `MAX_PROMPTS` at most."""
        newest_first = dict.fromkeys(reversed(list(_prompts(self._path))))
        return tuple(newest_first)[:MAX_PROMPTS]

    def add(self, prompt: str) -> None:
        """Whole in one write to the file's end, as others may be adding theirs."""
        line = json.dumps({"prompt": prompt}).encode() + b"\n"
        try:
            private_folder(self._path.parent)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            handle = os.open(self._path, flags, PRIVATE_FILE)
            try:
                os.write(handle, line)
                size = os.fstat(handle).st_size
            finally:
                os.close(handle)
            if size > MAX_BYTES:
                self._shorten()
        except (OSError, WantuiError) as error:
            log.warning("a prompt was not kept: %s", error)

    def _shorten(self) -> None:
        kept: list[bytes] = []
        for prompt in self.load():
            kept.append(json.dumps({"prompt": prompt}).encode() + b"\n")
            if sum(map(len, kept)) > MAX_BYTES // 2:
                break
        write_atomic(self._path, b"".join(reversed(kept)), durable=False)


def _prompts(path: Path) -> Iterator[str]:
    """In the file's order, without what is no prompt."""
    try:
        with path.open("rb") as file:
            # From the end: whatever made the file longer than that, the newest are what is wanted.
            file.seek(max(file.seek(0, os.SEEK_END) - 2 * MAX_BYTES, 0))
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        prompt = record.get("prompt") if isinstance(record, dict) else None
        if isinstance(prompt, str) and prompt.strip():
            yield prompt
