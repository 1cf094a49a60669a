"""What fits: models by sizes, a word each. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wantui.api.estimate import Fit, Fits, Verdict
from wantui.text import bytes_text, duration_text
from wantui.tui.tone import Said, Tone

LEGEND = (
    "● all stays  ◐ components take turns  ⇄ so many blocks of an expert stay, the others "
    "stream  ▦ decoded in tiles  ✗ so much is missing"
)
_WORST_LAST = tuple(Verdict)


@dataclass(frozen=True)
class Matrix:
    title: str
    """The device, and what it is planned as."""
    sizes: tuple[str, ...]
    """The largest first; portrait counts as landscape."""
    rows: tuple[tuple[str, tuple[Said, ...]], ...]
    """A model with its frames, and a cell a size: short words."""
    times: tuple[tuple[str, ...], ...]
    """How long each would take, in the places of the cells."""


def matrix(fits: Fits) -> Matrix:
    sizes = sorted({_sides(fit) for fit in fits.cells}, key=lambda sides: -sides[0] * sides[1])
    models = dict.fromkeys((fit.model, fit.frames) for fit in fits.cells)
    chosen = {model: [_worst(fits, *model, size) for size in sizes] for model in models}
    return Matrix(
        title=f"{fits.device_name}, as {fits.profile}",
        sizes=tuple(f"{long}x{short}" for long, short in sizes),
        rows=tuple(
            (f"{model} {frames}f", tuple(map(_cell, row)))
            for (model, frames), row in chosen.items()
        ),
        times=tuple(tuple(map(_time, row)) for row in chosen.values()),
    )


def _sides(fit: Fit) -> tuple[int, int]:
    return max(fit.width, fit.height), min(fit.width, fit.height)


def _worst(fits: Fits, model: str, frames: int, size: tuple[int, int]) -> Fit | None:
    """Of the same size upright and lying."""
    alike = (
        fit for fit in fits.cells if (fit.model, fit.frames, _sides(fit)) == (model, frames, size)
    )
    return max(alike, key=_badness, default=None)


def _badness(fit: Fit) -> tuple[int, int]:
    return _WORST_LAST.index(fit.verdict), -(fit.resident_blocks or 0)


def _cell(fit: Fit | None) -> Said:
    if fit is None:
        return "", Tone.PLAIN
    match fit.verdict:
        case Verdict.RESIDENT:
            return "● all stays", Tone.GOOD
        case Verdict.TURNS:
            return "◐ turns", Tone.GOOD
        case Verdict.STREAMS:
            return f"⇄ {fit.resident_blocks or 0} blocks", Tone.WARN
        case Verdict.TILED:
            return "▦ tiled", Tone.WARN
        case Verdict.NO:
            missing = "" if fit.missing_bytes is None else f" {bytes_text(fit.missing_bytes)}"
            return f"✗{missing or ' no'}", Tone.BAD


def _time(fit: Fit | None) -> str:
    return "" if fit is None or fit.seconds is None else duration_text(fit.seconds)
