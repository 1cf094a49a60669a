"""`wantui plan` as people and scripts use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import document, wantui

MINE = """
extends = "rtx-4090"
summary = "a card of 20 GB"
memory_total_bytes = 20_000_000_000
"""


def test_the_ways_are_shown_with_what_each_costs_and_the_chosen_one_is_marked(
    environment: dict[str, str],
) -> None:
    shown = wantui(environment, "plan", "t2v-a14b", "--profile", "rtx-4090", "--size", "832x480")
    lines = shown.stdout.splitlines()
    (chosen,) = [line for line in lines if line.startswith("→")]
    assert "26 blocks stay, from disk" in chosen
    assert any("all resident" in line and "it needs" in line for line in lines)
    denoise = next(line for line in lines if line.startswith("denoise"))
    assert "activations" in denoise
    assert "CUDA context" in denoise
    assert "not this machine" in shown.stdout


def test_json_has_every_way_with_its_error_bars(environment: dict[str, str]) -> None:
    told = document(environment, "plan", "ti2v-5b", "--profile", "a100", "--steps", "4")
    assert told["steps"] == 4
    assert told["synthetic"] is True
    (chosen,) = [way for way in told["ways"] if way["chosen"]]
    assert chosen["plan"]["residency"]["components_stay"] is True
    assert chosen["why_not"] is None
    for stage in chosen["estimate"]["stages"]:
        device = stage["device"]
        assert device["low"] <= device["likely"] <= device["high"]


def test_what_does_not_fit_fails_and_says_what_would(environment: dict[str, str]) -> None:
    done = wantui(environment, "plan", "t2v-a14b", "--profile", "rtx-3060", exits=1)
    assert "too little" in done.stdout
    assert "would fit: the same with" in done.stdout
    assert "would fit: the same at 832x480" in done.stdout


def test_a_machine_may_be_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    told = document(environment, "plan", "ti2v-5b", "--profile", str(path))
    assert told["device_budget_bytes"] == 19_000_000_000
    path.write_text("memory_total_bytes = 1")
    done = wantui(environment, "plan", "demo", "--profile", str(path), exits=2)
    assert "machine: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "demo", "--profile", "rtx-409"), "nearest: rtx-4090"),
        (("plan", "demo", "--size", "100x100"), "nearest: 96x96"),
        (("plan",), "wantui plan demo"),
    ],
)
def test_what_it_cannot_plan_it_refuses_with_what_is_near(
    environment: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    assert said in wantui(environment, *arguments, exits=2).stderr


def test_accuracy_is_told_once_jobs_were_measured(
    environment: dict[str, str], finished: int
) -> None:
    rows = document(environment, "plan", "--accuracy")["rows"]
    known = {(row["model"], row["stage"]) for row in rows}
    assert ("demo", "denoise") in known
    assert all(row["jobs"] >= 1 for row in rows)
    shown = wantui(environment, "plan", "--accuracy").stdout.splitlines()
    assert shown[0].split()[:4] == ["DEVICE", "MODEL", "STAGE", "JOBS"]
    assert len(shown) == 1 + len(rows)
