"""What a request will cost and what fits, in words."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.made import GB, plan
from wantui.api.error import ErrorBody
from wantui.api.estimate import Amount, Estimate, Fit, Fits, Nearest, Plans, Verdict, Way
from wantui.api.hardware import MemoryHolder
from wantui.tui.matrix import matrix
from wantui.tui.plan_lines import amount, plan_lines
from wantui.tui.tone import Tone


def about(likely: float) -> Amount:
    return Amount(low=0.8 * likely, likely=likely, high=1.25 * likely)


def way(**fields: Any) -> Way:
    estimate = Estimate(
        stages=(),
        device=about(22.9 * GB),
        host=about(12.4 * GB),
        pinned_bytes=0,
        disk=about(0.1 * GB),
        seconds=about(534),
        again_seconds=about(320),
    )
    gpu = plan().model_copy(update={"device": "GPU-1", "reason": "all of it fits"})
    return Way(plan=gpu, estimate=estimate, chosen=True, **fields)


def plans(*ways: Way, **fields: Any) -> Plans:
    values: dict[str, Any] = {
        "model": "ti2v-5b",
        "width": 1280,
        "height": 704,
        "frames": 121,
        "steps": 50,
        "device": "GPU-1",
        "device_name": "NVIDIA GeForce RTX 4090",
        "profile": "rtx-4090",
        "synthetic": False,
        "device_budget_bytes": 25 * GB,
        "host_budget_bytes": 64 * GB,
    }
    return Plans(ways=ways, **{**values, **fields})


def said(made: Plans) -> list[str]:
    return ["".join(text for text, _ in line) for line in plan_lines(made)]


def test_a_plan_is_three_lines_what_it_takes_how_long_and_how() -> None:
    assert said(plans(way())) == [
        "✓ fits: 22.9 GB (18.3 to 28.6) of 25.0 GB, RAM 12.4 GB",
        "about 8:54 (7:07 to 11:08), 5:20 once it is loaded",
        "all of it fits",
    ]


def test_what_does_not_fit_says_what_is_missing_and_what_would() -> None:
    refusal = ErrorBody(
        code="does_not_fit",
        message="ti2v-5b needs 37.0 GB of a card",
        hint="",
        detail={"needed_bytes": 37 * GB, "total_bytes": 25 * GB},
    )
    near = Nearest(model="ti2v-5b", width=1280, height=704, frames=49, words="the same, 49 frames")
    first, second, third = said(plans(refusal=refusal, nearest=(near,)))
    assert first == "✗ does not fit: 12.0 GB are missing of 37.0 GB"
    assert second == "instead: the same, 49 frames"
    assert third == "ti2v-5b needs 37.0 GB of a card"


def test_memory_that_others_hold_is_waited_for_and_they_are_named() -> None:
    holder = MemoryHolder(pid=4711, name="blender", bytes=9 * GB)
    first, _, third = said(plans(way(), waits_for_memory=True, holders=(holder,)))
    assert first.startswith("◌ waits for memory: 22.9 GB")
    assert third == "blender (4711) holds 9.0 GB of NVIDIA GeForce RTX 4090"


@given(st.floats(1, 1e12), st.floats(0.1, 1), st.floats(1, 3))
def test_an_error_bar_always_says_its_unit_once_where_it_is_one(
    likely: float, down: float, up: float
) -> None:
    text = amount(Amount(low=likely * down, likely=likely, high=likely * up))
    figure, _, bar = text.partition(" (")
    assert figure.split()[1] in ("B", "kB", "MB", "GB", "TB")
    assert bar.endswith(")")
    assert bar.count(" to ") == 1


def fit(size: tuple[int, int], verdict: Verdict, model: str = "t2v-a14b", **fields: Any) -> Fit:
    return Fit(model=model, width=size[0], height=size[1], frames=81, verdict=verdict, **fields)


def test_the_matrix_has_a_row_a_model_and_a_column_a_size_whichever_way_up() -> None:
    cells = (
        fit((832, 480), Verdict.RESIDENT, seconds=61.0),
        fit((1280, 720), Verdict.STREAMS, resident_blocks=12, seconds=600.0),
        fit((720, 1280), Verdict.STREAMS, resident_blocks=11, seconds=610.0),
        fit((1280, 720), Verdict.NO, "i2v-a14b", missing_bytes=3.2 * GB),
        fit((128, 128), Verdict.TILED, "demo"),
    )
    drawn = matrix(Fits(device="GPU-1", device_name="A card", profile="12gb", cells=cells))
    assert drawn.title == "A card, as 12gb"
    assert drawn.sizes == ("1280x720", "832x480", "128x128")
    rows = {name: [text for text, _ in cells] for name, cells in drawn.rows}
    assert rows == {
        "t2v-a14b 81f": ["⇄ 11 blocks", "● all stays", ""],
        "i2v-a14b 81f": ["✗ 3.2 GB", "", ""],
        "demo 81f": ["", "", "▦ tiled"],
    }
    assert drawn.times[0] == ("10:10", "1:01", "")


def test_the_worse_way_up_counts() -> None:
    cells = (fit((1280, 720), Verdict.RESIDENT), fit((720, 1280), Verdict.TURNS))
    drawn = matrix(Fits(device="GPU-1", device_name="", profile="", cells=cells))
    assert drawn.rows == (("t2v-a14b 81f", (("◐ turns", Tone.GOOD),)),)
