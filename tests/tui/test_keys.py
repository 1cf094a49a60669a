"""Keys of one's own: taken everywhere, shown everywhere, refused with the nearest that there is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests import made
from tests.tui.conftest import Unconnected
from tests.tui.screens import session_of, show, text, until
from wantui.api.error import ErrorBody
from wantui.errors import ExitCode, SettingsInvalid
from wantui.paths import Paths
from wantui.tui.actions import ACTIONS, MOVES, of
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.keys import Keys, keys_of
from wantui.tui.state import Lost
from wantui.tui.widgets.table import Table

FILE = Path("/home/ada/wantui.toml")


def test_every_action_has_a_name_of_its_own() -> None:
    assert [id for id, count in Counter(action.id for action in ACTIONS).items() if count > 1] == []
    assert {"queue.cancel", "logs.source.daemon", "app.area.queue"} <= {a.id for a in ACTIONS}


@pytest.mark.parametrize("area", Area)
def test_no_two_actions_of_a_screen_come_with_the_same_key(area: Area) -> None:
    lists = () if area is Area.GENERATE else MOVES
    keys = [key for action in (*of(area), *of(None), *lists) for key in Keys().of(action)]
    assert [key for key, count in Counter(keys).items() if count > 1] == []


@pytest.mark.parametrize(
    ("wanted", "said", "hint"),
    [
        ({"queue.cancle": "x"}, "no action is called queue.cancle", "did you mean queue.cancel?"),
        ({"queue.cancel": "crtl+x"}, "no key is called 'crtl+x'", "a key is written as"),
        ({"queue.cancel": "ctrl+escpe"}, "no key is called 'ctrl+escpe'", "did you mean"),
        ({"queue.cancel": ""}, "no key is called ''", "a key is written as"),
        ({"queue.cancel": "h"}, "h would be both queue.cancel and queue.hold", "another key"),
        ({"queue.cancel": "?"}, "? would be both queue.cancel and app.help", "another key"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_is_refused_by_name(wanted: dict[str, str], said: str, hint: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"wantui\.toml: tui\.keys") as refused:
        keys_of(wanted, FILE)
    assert said in refused.value.message
    assert hint in (refused.value.hint or "")


def test_two_actions_may_change_keys_with_each_other() -> None:
    keys = keys_of({"queue.cancel": "h", "queue.hold": "c"}, FILE)
    shown = {action.id: keys.all_shown(action) for action in of(Area.QUEUE)}
    assert shown["queue.cancel"] == ["h"]
    assert shown["queue.hold"] == ["c"]


@pytest.mark.anyio
async def test_a_key_of_ones_own_works_and_is_shown_wherever_keys_are(
    app_alone: Unconnected, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    settings = """[tui.keys]
        "queue.cancel" = "w,ctrl+w"
        "app.area.models" = "f12"
        "list.next" = "f11"
    """
    (tmp_path / "config" / "wantui.toml").write_text(settings, "utf-8")
    async with app_alone((120, 40)) as pilot:
        app = await queue_of(pilot)
        assert "w cancel  h hold" in text(app)
        await pilot.press("c")
        await pilot.pause()
        assert "which is running?" not in text(app)
        for key in ("w", "ctrl+w"):
            await pilot.press(key)
            await until(pilot, lambda: "Cancel job 9, which is running?" in text(app), key)
            await pilot.press("escape")
        table = app.screen.query_one(Table)
        await pilot.press("f11", "j", "f11")
        assert table.cursor == 2
        await pilot.press("question_mark")
        await until(pilot, lambda: "w ^w        Cancel the job" in text(app), "the key in the help")
        await pilot.press("escape", "ctrl+p", *"queue: cancel")
        await until(pilot, lambda: "Cancel the job  (w)" in text(app), "the key in the palette")
        await pilot.press("escape", "escape", "3")
        assert app.current_mode == Area.QUEUE
        await pilot.press("f12")
        await until(pilot, lambda: app.current_mode == Area.MODELS, "the models")


@pytest.mark.anyio
@pytest.mark.parametrize("area", Area)
async def test_the_help_is_read_to_its_end_at_80_columns(
    app_alone: Unconnected, area: Area
) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), area)
        await pilot.press("f1", "end")
        await until(pilot, lambda: "Leave; jobs go on" in text(app), "the end")


@pytest.mark.anyio
async def test_a_wrong_key_ends_the_tui_with_a_sentence(
    app_alone: Unconnected, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "wantui.toml").write_text('[tui.keys]\n"queue.stop" = "x"\n', "utf-8")
    app = WantuiApp(Paths.from_environment({"WANTUI_HOME": str(tmp_path)}))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.failure is not None, "a failure")
    assert app.failure is not None
    assert "no action is called queue.stop" in app.failure.message
    assert app.failure.exit_code == ExitCode.USAGE


async def queue_of(pilot: Pilot[int]) -> WantuiApp:
    app = pilot.app
    assert isinstance(app, WantuiApp)
    await show(pilot, made.busy(), Area.QUEUE)
    return app


@pytest.mark.anyio
async def test_sentences_say_the_keys_of_ones_own(app_alone: Unconnected, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    settings = '[tui.keys]\n"app.area.generate" = "f10"\n"app.start_daemon" = "ctrl+y"\n'
    (tmp_path / "config" / "wantui.toml").write_text(settings, "utf-8")
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.status(), Area.GALLERY)
        assert "no clips yet: press f10 and write a prompt" in text(app)
        error = ErrorBody(code="daemon_unreachable", message="", hint="")
        session_of(app).dispatch(Lost(error, retry_at=0.0))
        await until(pilot, lambda: "^y starts it" in text(app), "the key in the header")
