"""Adapters in the words of every client. Foreign text comes out raw."""

from __future__ import annotations

from wantui.api.adapter import Adapter, AdapterSource

ID_CHARACTERS = 12
"""Of an id, where people read it."""


def short_id(adapter: Adapter) -> str:
    return adapter.id[:ID_CHARACTERS]


def fits(adapter: Adapter) -> str:
    """t2v-a14b, i2v-a14b (high noise?)"""
    hint = f" ({adapter.noise_hint} noise?)" if adapter.noise_hint else ""
    return f"{', '.join(adapter.base_models)}{hint}"


def source(of: AdapterSource) -> str:
    """owner/repo/path/file.safetensors @ 0123abcd, or the file's name."""
    if of.repository is None:
        return of.file
    return f"{of.repository}/{of.file} @ {(of.commit or '?')[:8]}"
