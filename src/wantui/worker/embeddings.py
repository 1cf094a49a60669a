"""Prompt embeddings kept on disk: a prompt that was encoded once needs no encoder again.

One safetensors file a prompt, named by all that decides its bits. They hold what the encoder made
of a prompt, never the prompt. Past the cap the ones longest unused go.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

import wantui
from wantui.errors import WantuiError
from wantui.files import private_folder, write_atomic
from wantui.pipe.messages import EmbeddingCache
from wantui.worker import engine

log = logging.getLogger(__name__)

_STATES = "states"
_SUFFIX = ".safetensors"


class Embeddings:
    """Those of one encoder on one device. Nothing about it can fail a job: at worst it is empty."""

    def __init__(self, cache: EmbeddingCache, encoder: str, device: str) -> None:
        """`encoder` is a digest of its weights, format and length; `device` as torch names it."""
        self._folder = Path(cache.folder)
        self._most_bytes = cache.most_bytes
        self.missed = 0
        """How many that were asked for were not there."""
        versions = engine.versions() | {"wantui": wantui.__version__}
        self._made_by = f"{encoder}\0{device}\0{sorted(versions.items())}"

    def get(self, text: str) -> Tensor | None:
        """(1, tokens, text_dim) without padding, as it was put; None if it is not there."""
        path = self._path(text)
        try:
            states: Tensor = safetensors.torch.load_file(path)[_STATES]
            os.utime(path)
        except FileNotFoundError:
            self.missed += 1
            return None
        except (OSError, KeyError, safetensors.SafetensorError) as error:
            log.warning("%s cannot be read and is made anew: %s", path, error)
            self.missed += 1
            return None
        return states

    def put(self, text: str, states: Tensor) -> None:
        """Keep (1, tokens, text_dim)."""
        if self._most_bytes == 0:
            return
        content = safetensors.torch.save({_STATES: states.cpu().contiguous()})
        try:
            private_folder(self._folder)
            write_atomic(self._path(text), content)  # durably: half of one would be believed
            self._trim()
        except (WantuiError, OSError) as error:
            log.warning("an embedding is not kept: %s", error)

    def _path(self, text: str) -> Path:
        key = hashlib.sha256(f"{self._made_by}\0{text}".encode()).hexdigest()
        return self._folder / f"{key}{_SUFFIX}"

    def _trim(self) -> None:
        """Remove what is longest unused until the rest is within the cap."""
        kept = []
        for path in self._folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):  # another worker's trim
                info = path.stat()
                kept.append((info.st_mtime_ns, info.st_size, path))
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self._most_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size


def padded(states: Tensor, tokens: int) -> Tensor:
    """(1, n, text_dim) with zeros up to (1, tokens, text_dim), which is how Wan pads a prompt."""
    whole = torch.zeros(1, tokens, states.shape[2], dtype=states.dtype, device=states.device)
    whole[:, : states.shape[1]] = states
    return whole
