"""All that a daemon says, as nasty as text can be, on every widget and every screen."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import pkgutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from textual.app import App
from textual.events import Paste
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from tests import made
from tests.tui.conftest import Unconnected
from tests.tui.screens import sees, session_of, show, unconnected, until
from tests.tui.test_foreign_text import foreign, harmless
from wantui.api.error import ErrorBody
from wantui.client.machine import Gauge
from wantui.client.presets import Preset, Presets
from wantui.tui import widgets
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.keys import Keys
from wantui.tui.log_book import LogBook, read_lines
from wantui.tui.lora_choices import Choice, Choices
from wantui.tui.matrix import Matrix
from wantui.tui.pictures import Item, Listing
from wantui.tui.state import Lost, Snapshot
from wantui.tui.tone import Tone
from wantui.tui.widgets.ask import Ask
from wantui.tui.widgets.confirm import Confirm
from wantui.tui.widgets.facts import Facts
from wantui.tui.widgets.field import Field
from wantui.tui.widgets.finder import Finder
from wantui.tui.widgets.gauges import Gauges
from wantui.tui.widgets.header import Header
from wantui.tui.widgets.job_list import JobList
from wantui.tui.widgets.job_panel import JobPanel
from wantui.tui.widgets.key_bar import KeyBar
from wantui.tui.widgets.lines import Lines
from wantui.tui.widgets.list_head import ListHead
from wantui.tui.widgets.lora_picker import LoraPicker
from wantui.tui.widgets.panel import Panel
from wantui.tui.widgets.picture import Picture
from wantui.tui.widgets.picture_finder import PictureFinder
from wantui.tui.widgets.preset_finder import PresetFinder
from wantui.tui.widgets.preview import Preview
from wantui.tui.widgets.prompt_box import PromptBox
from wantui.tui.widgets.prompt_finder import PromptFinder
from wantui.tui.widgets.pulling import Pulling
from wantui.tui.widgets.quiet import Quiet
from wantui.tui.widgets.running import Running
from wantui.tui.widgets.scroll import Scroll
from wantui.tui.widgets.table import Column, Row, Table
from wantui.tui.widgets.values import Values
from wantui.tui.widgets.what_fits import WhatFits
from wantui.tui.widgets.words_area import WordsArea

CLICKS = ("app.area(", "app.press(")
"""What a click on our own texts does; foreign text does nothing."""
TEXTS_AN_APP = 5
"""An app is slow to start: each is shown several texts."""

Made = Callable[[str], Widget]
Shown = Callable[[Any, str], None]


def nothing(_widget: Widget, _text: str) -> None:
    """It shows all it has from the start."""


def choices(text: str) -> Choices:
    return Choices(text, True, (Choice(text, text, chosen=True), Choice(text, text)), 1)


def type_into(field: Field, text: str) -> None:
    field.value = text
    field.suggest(text)
    field.note((text, Tone.BAD))


def write_into(box: PromptBox, text: str) -> None:
    box.area.put(text)
    box.note(text)
    box.show_changed([text], text)


def say_above(head: ListHead, text: str) -> None:
    head.ask(text, text, text)
    head.say([(text, Tone.MUTED)])


def log_book(text: str) -> LogBook:
    book = LogBook()
    book.add(read_lines(f"{text}\nmessage={text!r}"))
    return book


def pictures(text: str) -> Listing:
    """Of a folder that is called so, with a picture and a folder in it; names hold no slash."""
    folder = Path("/" + text.replace("\0", ""))
    name = text.replace("/", "").replace("\0", "") or "x"
    items = (Item(folder / f"{name}.png", False, 1, 1.0), Item(folder / f"{name}d", True))
    return Listing(folder, items, others=1, problem=text)


SHOWN: dict[type[Widget], tuple[Made, Shown]] = {
    Ask: (lambda text: Ask(text, text), nothing),
    Confirm: (lambda text: Confirm(text, yes=text, no=text), nothing),
    Facts: (lambda _: Facts(), lambda facts, text: facts.show([(text, (text, Tone.GOOD))] * 3)),
    Field: (lambda _: Field("seed", "seed"), type_into),
    Gauges: (
        lambda _: Gauges(),
        lambda gauges, text: gauges.show([Gauge(text, text, 0.5), Gauge(text, text)]),
    ),
    Header: (
        lambda _: Header(Area.QUEUE),
        lambda header, text: header.show([(text, Tone.BAD), (text, Tone.MUTED)]),
    ),
    JobPanel: (
        lambda text: JobPanel(text, lambda: [(text, (text, Tone.PLAIN))], lambda _: None),
        nothing,
    ),
    ListHead: (lambda _: ListHead(), say_above),
    Pulling: (
        lambda _: Pulling(),
        lambda pulling, text: pulling.show(tainted(made.download(), text), Keys()),
    ),
    Lines: (lambda text: Lines(log_book(text)), lambda lines, _: lines.renew()),
    KeyBar: (lambda _: KeyBar(Area.QUEUE), lambda bar, text: bar.tell(text, Tone.WARN)),
    LoraPicker: (lambda text: LoraPicker(choices(text)), nothing),
    Panel: (lambda text: Panel(text, lambda: [(text, (text, Tone.PLAIN))]), nothing),
    Picture: (Picture, lambda picture, text: picture.show(None, text)),
    PictureFinder: (lambda text: PictureFinder(pictures(text), 1, plain=True), nothing),
    PresetFinder: (
        lambda text: PresetFinder(
            Presets(Path("/none")), (Preset(text, {"prompt": text, text: [text]}),) * 2
        ),
        nothing,
    ),
    PromptBox: (lambda _: PromptBox(), write_into),
    PromptFinder: (lambda text: PromptFinder([text, "boats"]), nothing),
    Quiet: (lambda _: Quiet(), lambda quiet, text: quiet.say((text, Tone.STRONG))),
    Running: (
        lambda _: Running(),
        lambda running, text: running.show([tainted(made.running(1), text)]),
    ),
    Table: (
        lambda text: Table(Column(text, 8), Column(text), empty=text),
        lambda table, text: table.show([Row(1, ((text, Tone.PLAIN), (text, Tone.BAD)))] * 2),
    ),
    WordsArea: (
        lambda _: WordsArea(placeholder="words"),
        lambda area, text: area.put(text),
    ),
    WhatFits: (
        lambda _: WhatFits(),
        lambda fits, text: fits.show(
            Matrix(text, (text,), ((text, ((text, Tone.GOOD),)),), ((text,),))
        ),
    ),
}
"""How a widget is made with a text, and how it is told one."""
ELSEWHERE: dict[type[Widget], str] = {
    Finder: "its kinds are shown one by one",
    JobList: "the queue's, which is walked through",
    Preview: "a picture, and words of ours",
    Scroll: "holds what others show",
    Values: "the fields of the generate screen, which is walked through",
}


def tainted(value: Any, text: str) -> Any:
    """The same object, with every free string in it replaced."""
    if type(value) is str:
        return text
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return value.model_copy(
            update={name: tainted(getattr(value, name), text) for name in fields}
        )
    if isinstance(value, tuple):
        return tuple(tainted(item, text) for item in value)
    if isinstance(value, dict):
        return {tainted(key, text): tainted(item, text) for key, item in value.items()}
    return value


def assert_only_shown(app: App[Any]) -> None:
    """No control is sent, nothing foreign can be clicked, and nothing sticks out."""
    strips = app.screen._compositor.render_strips()
    assert len(strips) == app.size.height
    for strip in strips:
        assert harmless(strip.text)
        assert strip.cell_length == app.size.width
        for segment in strip:
            click = (segment.style.meta if segment.style else {}).get("@click", "app.press(")
            assert str(click).startswith(CLICKS), click


def our_widgets() -> Iterator[type[Widget]]:
    for module in pkgutil.iter_modules(widgets.__path__):
        name = f"{widgets.__name__}.{module.name}"
        for _, found in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if issubclass(found, Widget) and found.__module__ == name:
                yield found


def test_no_widget_is_forgotten_here() -> None:
    assert set(our_widgets()) == {*SHOWN, *ELSEWHERE}


@pytest.mark.parametrize("kind", SHOWN, ids=lambda kind: kind.__name__)
@settings(deadline=None, max_examples=2, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(foreign, min_size=TEXTS_AN_APP, max_size=TEXTS_AN_APP))
def test_a_widget_only_shows_it(kind: type[Widget], texts: list[str]) -> None:
    made_with, told = SHOWN[kind]

    async def shown() -> None:
        app = App[None]()
        async with app.run_test(size=(60, 20)) as pilot:
            for text in texts:
                widget = made_with(text)
                if isinstance(widget, Screen):
                    await app.push_screen(widget)
                else:
                    await app.screen.mount(widget)
                    told(widget, text)
                await pilot.pause()
                assert_only_shown(app)
                await (app.pop_screen() if isinstance(widget, Screen) else widget.remove())

    asyncio.run(shown())


@pytest.mark.slow
@pytest.mark.timeout(400)
@settings(deadline=None, max_examples=2, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(foreign, min_size=TEXTS_AN_APP, max_size=TEXTS_AN_APP))
def test_every_screen_only_shows_it(texts: list[str]) -> None:
    async def shown() -> None:
        with tempfile.TemporaryDirectory() as home, patch.dict(os.environ):
            async with unconnected(Path(home), os.environ.__setitem__, (80, 24)) as pilot:
                for text in texts:
                    await walk_through(pilot, text)

    asyncio.run(shown())


@pytest.mark.anyio
@pytest.mark.parametrize("area", [Area.GENERATE, Area.LOGS])
async def test_what_is_pasted_into_a_field_is_only_text(app_alone: Unconnected, area: Area) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), area)
        if area is Area.LOGS:
            await pilot.press("slash")
        app.post_message(Paste("a\x1b[31mred\x1b]0;title\x07 \x1f\x9b2Jcircle"))
        await sees(pilot, "ared circle")
        assert_only_shown(app)


async def walk_through(pilot: Pilot[int], text: str) -> None:
    app = pilot.app
    assert isinstance(app, WantuiApp)
    status = tainted(made.busy(), text)
    error = ErrorBody(code="daemon_unreachable", message=text, hint=text)
    for area in Area:
        await show(pilot, status, area)
        assert_only_shown(app)
        app.area_screen.tell(text)
        session_of(app).dispatch(Lost(error, retry_at=0.0))
        await until(pilot, lambda: not app._draw_is_due, "drawn")
        assert_only_shown(app)
        session_of(app).dispatch(Snapshot(status))
