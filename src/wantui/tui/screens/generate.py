"""Generate: a prompt and what else decides the pixels, sent without leaving the keyboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import Input, Select, TextArea

from wantui.text import one_line
from wantui.tui.actions import bindings, steps
from wantui.tui.areas import Area
from wantui.tui.dial import changed
from wantui.tui.latest import run_latest
from wantui.tui.offer import Offer, Refusal
from wantui.tui.recall import Recall
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.field import Field
from wantui.tui.widgets.prompt_box import PromptBox
from wantui.tui.widgets.quiet import joined
from wantui.tui.widgets.values import LABELS, PICKED, PLAN_LINES, ROWS, Values
from wantui.tui.widgets.words_area import WordsArea

if TYPE_CHECKING:
    from wantui.tui.session import Session

BAR_WIDTH = 12
PLAN_AFTER_S = 0.3
"""How long nothing is typed before a plan is asked for."""
COUNTED = ("negative_prompt", *(name for row in ROWS for name in row))
"""Fields of which is told how many say something else than the model's default."""


class GenerateScreen(AreaScreen):
    """The first screen: it is drawn before anything of the API is imported."""

    AREA = Area.GENERATE
    BINDINGS = [*bindings(Area.GENERATE), *steps()]  # noqa: RUF012 - as Textual
    AUTO_FOCUS = "#prompt"

    def __init__(self) -> None:
        super().__init__()
        self._wanted = ""
        """A model to be chosen as soon as it is known."""
        self._sent: tuple[int, ...] = ()
        """The jobs that were sent last."""
        self._plan_due: Timer | None = None
        self._plan_is_known = False
        """Whether one was asked for since the daemon is there."""
        self._planned: Sequence[Sequence[Said]] = ()
        """What the last plan says."""
        self._unplanned = ""
        """The field that the last plan was refused for."""
        self._recall: Recall | None = None
        """The walk through earlier prompts, while there is one."""
        self._preset = ""
        """The name of the one that was filled in last."""

    def body(self) -> ComposeResult:
        yield PromptBox()
        yield Values()

    async def complete(self) -> None:
        """Mount the fields: there are many, and the prompt can be typed without them."""
        await self._words.fill_up()
        await self._values.fill_up()

    # --- drawing ---

    def draw(self, session: Session) -> None:
        if self._values.complete:
            self._draw_models(session)
            self._draw_latest(session)
            if session.state.stale:
                self._plan_is_known = False
            elif not self._plan_is_known and self._plan_due is None:
                self._plan_soon()

    def _draw_models(self, session: Session) -> None:
        offers = session.offers(self._values.field("quality").value)
        if not offers:
            return
        chosen = self._wanted or self._values.model
        if chosen not in offers:
            chosen = session.first_model()
        self._wanted = ""
        keys = {name: self._key(name) for name in PICKED}
        self._values.show_offers(offers, chosen, keys)
        self._draw_counts()

    def _draw_counts(self) -> None:
        """How much is typed, and how many fields say something else than the model would."""
        offer = self.offer
        self._words.show_count(offer.max_prompt_characters if offer else 0)
        others = changed(offer, self.values, COUNTED) if offer else ()
        self._words.show_changed([LABELS.get(name, name) for name in others], self._key("clear"))

    def _draw_latest(self, session: Session) -> None:
        """How what was sent last is doing."""
        if self._sent:
            self._values.show_latest(joined(session.jobs_line(self._sent, BAR_WIDTH)))
            self._draw_preview(session)

    def _draw_preview(self, session: Session) -> None:
        """Below the words, where there is the room, and the line for it."""
        from wantui.tui.widgets.preview import Preview  # noqa: PLC0415 - it knows the API

        running = next((job for job in session.state.running if job.id in self._sent), None)
        seen = running if self._roomy and not session.low_bandwidth else None
        if seen is not None and not self.query(Preview):
            self._words.mount(Preview())
        else:
            for preview in self.query(Preview):
                preview.follow(seen, session.preview)

    def _key(self, action: str) -> str:
        """Of an action of this area, as it is written."""
        return self.key(f"{self.AREA}.{action}")

    # --- what it will cost ---

    def _plan_soon(self) -> None:
        """Ask for a plan once the hands rest; every key puts it off."""
        if self._plan_due is not None:
            self._plan_due.stop()
        self._plan_due = self.set_timer(PLAN_AFTER_S, self._plan_now)

    def _plan_now(self) -> None:
        self._plan_due = None
        if self.offer is not None:
            self._plan_is_known = True
            run_latest(self, "plan", self._plan, self.values)

    async def _plan(self, values: dict[str, str]) -> None:
        if (session := self.wantui.session) is None or session.state.stale:
            return
        said = await session.plan(values)
        if isinstance(said, Refusal):
            self._show_unplanned(said)
            return
        if self._unplanned:
            self._values.field(self._unplanned).note()
            self._unplanned = ""
        self._planned = said
        self._show_plan()

    def _show_plan(self) -> None:
        """As much of it as there is the room for."""
        self._values.show_plan(self._planned if self._roomy else self._planned[:PLAN_LINES])

    @property
    def _roomy(self) -> bool:
        return self.has_class("-wide") and self.has_class("-high")

    def on_resize(self) -> None:
        if self._values.complete:
            self.call_after_refresh(self._show_plan)
            self.call_after_refresh(self.redraw)

    def _show_unplanned(self, refusal: Refusal) -> None:
        """On the field that it is about, before it is sent; else where the plan would be."""
        text, field = f"✗ {one_line(refusal.text)}", refusal.field
        if field and self._values.has(field):
            self._planned = ([("✗ not as it is typed", Tone.WARN)],)
            self._values.field(field).note((text, Tone.BAD))
            self._unplanned = field
        else:
            self._planned = ([(text, Tone.WARN)],)
        self._show_plan()

    def on_screen_resume(self) -> None:
        """Others may have taken memory meanwhile, or given some back."""
        super().on_screen_resume()
        self._plan_soon()

    # --- what is typed ---

    @property
    def offer(self) -> Offer | None:
        """Of the chosen model."""
        return self._values.offer

    @property
    def values(self) -> dict[str, str]:
        """Every field as typed."""
        typed = {field.field: field.value for field in self._values.fields()}
        return typed | {
            "prompt": self._words.text.strip(),
            "model": self.offer.id if self.offer else "",
        }

    def fill(self, values: Mapping[str, str]) -> None:
        """Type these values; fields that they do not name are emptied."""
        for field in self._values.fields():
            field.value = values.get(field.field, "")
        self._words.area.put(values.get("prompt", ""))
        if model := values.get("model"):
            self.choose_model(model)
        self._forgive()

    def choose_model(self, model: str) -> None:
        if self._values.knows(model):
            self._values.choose(model)
        else:
            self._wanted = model

    def _forgive(self) -> None:
        for field in self._values.fields():
            field.note()
        self._words.note("")
        self._values.note_absent()

    def refuse(self, refusal: Refusal) -> None:
        """Show a refusal where it belongs, and put the cursor there."""
        said, name = f"✗ {one_line(refusal.text)}", refusal.field
        if name == "prompt":
            self._words.note(said)
            self._words.area.focus()
        elif name and self._values.has(name):
            field = self._values.field(name)
            field.note((said, Tone.BAD))
            field.control.focus()
            self.call_after_refresh(field.scroll_visible)
        else:
            self.tell(said, Tone.BAD)

    def shows(self, job_id: int) -> bool:
        return job_id in self._sent

    # --- actions ---

    def action_submit(self) -> None:
        """Send what is typed; a refusal lands on its field."""
        if not self._values.complete:
            return
        self._forgive()
        run_latest(self, "submit", self._submit, self.values)

    async def _submit(self, values: dict[str, str]) -> None:
        self.tell("sending …", Tone.MUTED)
        if (session := self.wantui.session) is None:
            return
        sent = await session.submit(values)
        if isinstance(sent, Refusal):
            self.tell("not sent", Tone.BAD)
            self.refuse(sent)
            return
        self._sent, self._recall = sent, None
        which = f"job {sent[0]}" if len(sent) == 1 else f"jobs {sent[0]} to {sent[-1]}"
        way = f"{self.key('generate.leave')} {self.key('app.area.queue')}"
        self.tell(f"{which} accepted; {way} shows the queue", Tone.GOOD)
        self.redraw()

    def action_clear(self) -> None:
        self.fill({"prompt": self._words.text, "model": self.values["model"]})

    def action_loras(self) -> None:
        """Choose of those that the daemon keeps; the field says what was chosen."""
        if (offer := self.offer) is not None:
            self.wantui.work(self._choose_loras(offer.id))

    async def _choose_loras(self, model: str) -> None:
        if (session := self.wantui.session) is None:
            return
        found = await session.lora_choices(self._values.field("loras").value, model)
        if isinstance(found, Refusal):
            self.refuse(found)
            return
        from wantui.tui.widgets.lora_picker import LoraPicker  # noqa: PLC0415 - it knows the API

        self.app.push_screen(LoraPicker(found), lambda text: self._take("loras", text))

    def action_image(self) -> None:
        """Choose a picture of this machine."""
        if self.wantui.session is not None and self._values.complete:
            self.wantui.work(self._choose_image(self._values.field("image").value))

    async def _choose_image(self, typed: str) -> None:
        if (session := self.wantui.session) is not None:
            from wantui.tui.choosing import choose_picture  # noqa: PLC0415 - when looked at

            self._take("image", await choose_picture(self.app, session, typed))

    def _take(self, name: str, text: str | None) -> None:
        """What a dialog chose; None leaves the field as it was."""
        field = self._values.field(name)
        field.control.focus()
        if text is not None:
            field.value = text
            field.note()

    def action_presets(self) -> None:
        if self.wantui.session is not None and self._values.complete:
            self.wantui.work(self._presets())

    async def _presets(self) -> None:
        if (session := self.wantui.session) is None:
            return
        from wantui.tui.choosing import choose_preset  # noqa: PLC0415 - when looked at

        if (chosen := await choose_preset(self.app, session, self.values, self._preset)) is None:
            return
        self._preset = chosen.name
        if chosen.values is not None:
            kept = {"prompt": self._words.text, "model": self.values["model"]}
            self.fill({**kept, **chosen.values})
        self.tell(chosen.told, chosen.tone)

    def action_prompts(self) -> None:
        if self.wantui.session is not None:
            self.wantui.work(self._find_prompt())

    async def _find_prompt(self) -> None:
        if (session := self.wantui.session) is None:
            return
        from wantui.tui.choosing import choose_prompt  # noqa: PLC0415 - when looked at

        if (prompt := await choose_prompt(self.app, session)) is not None:
            self._words.area.put(prompt)
            self._words.area.focus()

    @on(WordsArea.Walked, "#prompt")
    def walk_prompts(self, event: WordsArea.Walked) -> None:
        """Above the first line are earlier prompts, below the last the way back."""
        if (session := self.wantui.session) is None:
            return
        walk = self._recall or Recall(session.prompts.load(), self._words.text)
        self._recall = walk.moved(event.older, self._words.text)
        self._words.area.put(self._recall.text)

    def action_editor(self) -> None:
        """Of the prompt, or of the negative one where the cursor is in that."""
        from wantui.tui.choosing import edit  # noqa: PLC0415 - when it is wanted

        area = self.focused if isinstance(self.focused, WordsArea) else self._words.area
        self.wantui.work(edit(self.app, area))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc in a list that is open closes that, and no more; enter goes on from a line alone."""
        if action == "leave" and any(select.expanded for select in self.query(Select)):
            return False
        if action == "go_on" and not isinstance(self.focused, Input):
            return False
        return super().check_action(action, parameters)

    def action_go_on(self) -> None:
        self.focus_next()

    def action_leave(self) -> None:
        self.set_focus(None)
        first, *_, last = (self.key(f"app.area.{area}") for area in Area)
        help, back = self.key("app.help"), self.key("generate.edit")
        self.tell(f"{first}-{last} areas, {help} help, {back} back to the prompt")

    def action_edit(self) -> None:
        if self.focused is None:
            self._words.area.focus()

    # --- messages ---

    @on(Values.Edited)
    def value_changed(self, event: Values.Edited) -> None:
        self._plan_soon()
        if event.field in ("quality", "model"):
            self.redraw()
        self._draw_counts()

    @on(Values.Asked)
    def value_asked(self, event: Values.Asked) -> None:
        {"image": self.action_image, "loras": self.action_loras}[event.field]()

    @on(TextArea.Changed)
    def words_changed(self) -> None:
        self._draw_counts()

    @on(events.DescendantFocus)
    def _seen(self, event: events.DescendantFocus) -> None:
        """What has the focus is on the screen, with what is said of it."""
        for ancestor in event.widget.ancestors:
            if isinstance(ancestor, Field):
                self.call_after_refresh(ancestor.scroll_visible)

    @property
    def _words(self) -> PromptBox:
        return self.query_one(PromptBox)

    @property
    def _values(self) -> Values:
        return self.query_one(Values)
