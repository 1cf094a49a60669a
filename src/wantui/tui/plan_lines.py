"""What a request will cost: three short lines, and more where there is the room. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from wantui.api.error import ErrorBody
from wantui.api.estimate import Amount, Plans, Way
from wantui.api.plan import Plan
from wantui.text import bytes_text, duration_text
from wantui.tui.tone import Said, Tone

Line = list[Said]


def plan_lines(plans: Plans) -> tuple[Line, ...]:
    """Whether it fits and beside what, how long it takes, and how it will be loaded.

    Then, for those who have the room, the time of each stage, and what other ways there are.
    """
    way = plans.chosen
    if way is None:
        return _refused(plans)
    fits: Said = ("✓ fits", Tone.GOOD)
    if plans.waits_for_memory:
        fits = ("◌ waits for memory", Tone.WARN)
    memory = f": {amount(way.estimate.device)} of {bytes_text(plans.device_budget_bytes)}"
    host = f", RAM {bytes_text(way.estimate.host.likely)}" if _on_gpu(way.plan) else ""
    return (
        [fits, (memory, Tone.PLAIN), (host, Tone.MUTED)],
        [(_time(way), Tone.PLAIN)],
        [(_held(plans) or way.plan.reason, Tone.MUTED)],
        *_stages(way),
    )


def amount(estimate: Amount) -> str:
    """22.9 GB (20.8 to 25.0)"""
    likely, low, high = map(bytes_text, (estimate.likely, estimate.low, estimate.high))
    unit = likely.rpartition(" ")[2]
    low, high = low.removesuffix(f" {unit}"), high.removesuffix(f" {unit}")
    return f"{likely} ({low} to {high})"


def _time(way: Way) -> str:
    """about 8:54 (6:40 to 11:08), 5:20 once it is loaded"""
    first, again = way.estimate.seconds, way.estimate.again_seconds
    words = f"about {duration_text(first.likely)}"
    words += f" ({duration_text(first.low)} to {duration_text(first.high)})"
    return f"{words}, {duration_text(again.likely)} once it is loaded"


def _stages(way: Way) -> Iterator[Line]:
    """load     4.2 s   1.2 GB: what each takes, of time and of the device."""
    for stage in way.estimate.stages:
        took = duration_text(stage.seconds.likely)
        peak = bytes_text(stage.device.likely)
        yield [(f"{stage.stage:<8}{took:>9}{peak:>10}", Tone.MUTED)]


def _held(plans: Plans) -> str:
    """Who has the memory that it waits for."""
    if not plans.waits_for_memory or not plans.holders:
        return ""
    largest = plans.holders[0]
    held = "" if largest.bytes is None else f" {bytes_text(largest.bytes)}"
    return f"{largest.name or 'a process'} ({largest.pid}) holds{held} of {plans.device_name}"


def _refused(plans: Plans) -> tuple[Line, ...]:
    """What is missing first: the rest may be cut."""
    instead = "; ".join(near.words for near in plans.nearest)
    problem = plans.refusal.message if plans.refusal else "no way to load it"
    return (
        [("✗ does not fit", Tone.BAD), (_missing(plans.refusal), Tone.PLAIN)],
        [(f"instead: {instead}" if instead else "", Tone.STRONG)],
        [(problem, Tone.MUTED)],
    )


def _missing(refusal: ErrorBody | None) -> str:
    """: 4.6 GB are missing of 29.9 GB"""
    detail = (refusal.detail if refusal else None) or {}
    needed, total = detail.get("needed_bytes"), detail.get("total_bytes")
    if not isinstance(needed, int) or not isinstance(total, int):
        return ""
    return f": {bytes_text(needed - total)} are missing of {bytes_text(needed)}"


def _on_gpu(plan: Plan) -> bool:
    return plan.device != "cpu"
