"""Adapters in the words of every client. Foreign text comes out raw."""

from __future__ import annotations

from wantui.api.adapter import Adapter, AdapterPull, AdapterPullState, AdapterSource
from wantui.text import bytes_text, duration_text

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


def pulling(pull: AdapterPull) -> str:
    """running, 41 %, 0.5 of 1.2 GB, 112 MB/s, 3:20 left."""
    parts: list[str] = [pull.state]
    if pull.bytes_total and pull.state.open:
        done, total = pull.bytes_done, pull.bytes_total
        parts += [f"{done / total:.0%}", f"{bytes_text(done)} of {bytes_text(total)}"]
    if pull.state is AdapterPullState.RUNNING:
        if pull.bytes_per_second is not None:
            parts.append(f"{bytes_text(pull.bytes_per_second)}/s")
        if pull.eta_s is not None:
            parts.append(f"{duration_text(pull.eta_s)} left")
    return ", ".join(parts)
