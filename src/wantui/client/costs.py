"""What a way to make a video costs, in the words of every client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wantui.api.estimate import Amount, Estimate, Fit, StageEstimate, Verdict
from wantui.api.hardware import MemoryHolder
from wantui.api.plan import Plan
from wantui.text import bytes_text, duration_text, one_line

LEAST_SHARE = 0.005
"""Of a stage's memory, what a line of its breakdown has at the least to be told."""


class StageLine(NamedTuple):
    stage: str
    memory: str
    time: str
    made_of: str


def way(plan: Plan) -> str:
    """all resident; in turns; 18 blocks stay, from disk, in tiles."""
    residency = plan.residency
    if residency.components_stay:
        words = ["all resident"]
    elif residency.resident_blocks is None:
        words = ["in turns"]
    else:
        words = [f"{residency.resident_blocks or 'no'} blocks stay"]
    if not residency.components_stay and plan.device != "cpu":
        words.append("copies in RAM" if residency.host_copies_stay else "from disk")
    return ", ".join([*words, *(["in tiles"] if plan.tiled_decode else [])])


def memory(amount: Amount) -> str:
    """23.8 GB (21.5-28.7)"""
    likely = bytes_text(amount.likely)
    unit = likely.rpartition(" ")[2]
    scale = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    digits = 1 if amount.high / scale < 99.95 else 0
    low, high = (f"{number / scale:.{digits}f}" for number in (amount.low, amount.high))
    return likely if low == high else f"{likely} ({low}-{high})"


def time(amount: Amount) -> str:
    """16:29 (13:02-22:41)"""
    likely, low, high = map(duration_text, (amount.likely, amount.low, amount.high))
    return likely if low == high else f"{likely} ({low}-{high})"


def stages(estimate: Estimate) -> Iterator[StageLine]:
    for stage in estimate.stages:
        yield StageLine(
            stage.stage, memory(stage.device), time(stage.seconds), ", ".join(_parts(stage))
        )


def _parts(stage: StageEstimate) -> Iterator[str]:
    for part in stage.parts:
        if abs(part.amount.likely) >= LEAST_SHARE * stage.device.likely:
            yield f"{part.name} {bytes_text(part.amount.likely)}"


def error(middle: float | None, spread: float | None) -> str:
    """+3 % ±2; a dash where nothing was measured."""
    if middle is None:
        return "-"
    return f"{middle:+.0%} ±{100 * (spread or 0.0):.0f}".replace("%", " %")


def holders(known: Iterable[MemoryHolder]) -> str:
    """python (4242) holds 60.1 GB, Xorg (812) holds 300 MB"""
    told = [
        f"{one_line(one.name) or 'a process'} ({one.pid})"
        + (f" holds {bytes_text(one.bytes)}" if one.bytes is not None else "")
        for one in known
    ]
    return ", ".join(told) or "the driver does not say who holds the memory"


def fit(cell: Fit) -> str:
    """resident; in turns; 18 blocks; in tiles; 4.7 GB missing"""
    if cell.verdict is Verdict.NO:
        return f"{bytes_text(cell.missing_bytes or 0)} missing"
    if cell.verdict is Verdict.STREAMS:
        return f"{cell.resident_blocks or 'no'} blocks"
    words = {Verdict.RESIDENT: "resident", Verdict.TURNS: "in turns", Verdict.TILED: "in tiles"}
    return words[cell.verdict]
