"""`wantui load` and `unload`."""

from __future__ import annotations

from tests.cli.command import document, wantui


def test_a_model_is_loaded_shown_and_let_go(environment: dict[str, str]) -> None:
    loaded = document(environment, "load", "demo")
    assert (loaded["model"], loaded["state"], loaded["pinned"]) == ("demo", "idle", True)
    shown = wantui(environment, "ps").stdout
    assert "KEPT UNTIL" in shown
    assert "unloaded" in shown
    again = wantui(environment, "load", "demo", "--keep-alive", "600")
    assert "kept until" in again.stderr
    assert document(environment, "ps")["workers"][0]["kept_until"] > 0
    assert document(environment, "unload")["workers"] == []
    assert "no worker holds a model" in wantui(environment, "unload", "demo").stderr


def test_a_model_that_nobody_knows_is_not_loaded(environment: dict[str, str]) -> None:
    for verb in ("load", "unload"):
        told = document(environment, verb, "demmo", exits=2)
        assert told["error"]["code"] == "unknown_model"
