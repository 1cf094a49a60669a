"""Generate: a prompt and what else decides the pixels, sent without leaving the keyboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Select, TextArea

from wantui.text import clean, one_line
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.offer import Offer, Refusal
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Tone, content
from wantui.tui.widgets.field import Field
from wantui.tui.widgets.quiet import Quiet, joined

if TYPE_CHECKING:
    from wantui.tui.session import Session

PROMPT_HINT = "What should be seen? Then ^s"
BAR_WIDTH = 20
PLAN_AFTER_S = 0.3
"""How long nothing is typed before a plan is asked for."""
PLANNED = ("size", "frames", "steps")
"""Fields that a plan depends on, besides the model."""
PLAN_LINES = 3


class GenerateScreen(AreaScreen):
    """The first screen: it is drawn before anything of the API is imported."""

    AREA = Area.GENERATE
    BINDINGS = bindings(Area.GENERATE)
    AUTO_FOCUS = "#prompt"

    def __init__(self) -> None:
        super().__init__()
        self._offers: dict[str, Offer] = {}
        """By model."""
        self._complete = False
        self._wanted = ""
        """A model to be chosen as soon as it is known."""
        self._sent: int | None = None
        """The job that was sent last."""
        self._plan_due: Timer | None = None
        self._plan_is_known = False
        """Whether one was asked for since the daemon is there."""

    def body(self) -> ComposeResult:
        with Vertical(id="words"):
            with Horizontal(id="prompt-head"):
                yield Quiet(id="prompt-label")
                yield Quiet(id="prompt-count")
            prompt = TextArea(
                id="prompt", compact=True, tab_behavior="focus", placeholder=PROMPT_HINT
            )
            prompt.cursor_blink = False
            yield prompt
            yield Quiet(id="prompt-note", classes="note")
            yield Container(id="negative")
        yield Container(id="values")

    async def complete(self) -> None:
        """Mount the fields: there are many, and the prompt can be typed without them."""
        await self.query_one("#negative").mount(Field("negative_prompt", "negative"))
        await self.query_one("#values").mount(
            Field("model", "model", Select[str]([("…", "")], compact=True, allow_blank=False)),
            Field("size", "size"),
            Quiet(id="sizes"),
            Horizontal(Field("frames", "frames"), Field("steps", "steps"), classes="pair"),
            Horizontal(Field("guidance", "guidance"), Field("seed", "seed"), classes="pair"),
            Horizontal(Field("sampler", "sampler"), Field("shift", "shift"), classes="pair"),
            Container(Field("image", "image"), Field("loras", "LoRAs"), id="files"),
            *(Quiet(classes="plan") for _ in range(PLAN_LINES)),
            Quiet(id="latest"),
        )
        self._complete = True

    def on_mount(self) -> None:
        self.query_one("#prompt-label", Quiet).say(("prompt", Tone.MUTED))
        super().on_mount()

    # --- drawing ---

    def draw(self, session: Session) -> None:
        if self._complete:
            self._draw_models(session)
            self._draw_latest(session)
            if session.state.stale:
                self._plan_is_known = False
            elif not self._plan_is_known and self._plan_due is None:
                self._plan_soon()

    def _draw_models(self, session: Session) -> None:
        offers = session.offers()
        if not offers:
            return
        value = self._select.value
        chosen = self._wanted or (value if isinstance(value, str) else "")
        if chosen not in offers:
            chosen = session.first_model()
        if offers != self._offers:
            self._offers = offers
            labels = [(_label(offer), offer.id) for offer in offers.values()]
            with self.prevent(Select.Changed):
                self._select.set_options(labels)
        self._wanted = ""
        if self._select.value != chosen:
            self._select.value = chosen
        self._draw_offer()

    def _draw_offer(self) -> None:
        """What the chosen model takes, as placeholders and notes."""
        if (offer := self.offer) is None:
            return
        for name, text in offer.placeholders.items():
            self._field(name).suggest(text)
        self.query_one("#sizes", Quiet).say((f"official: {offer.sizes}", Tone.MUTED))
        absent = [(f"! {offer.absent}", Tone.WARN)] if offer.absent else []
        self._field("model").note(*absent)
        self._draw_count()

    def _draw_count(self) -> None:
        most = self.offer.max_prompt_characters if self.offer else 0
        count = len(self._prompt.text)
        tone = Tone.BAD if most and count > most else Tone.MUTED
        words = f"{count} of {most} characters" if most else ""
        self.query_one("#prompt-count", Quiet).say((words, tone))

    def _draw_latest(self, session: Session) -> None:
        """How the job that was sent last is doing."""
        if self._sent is not None:
            self.query_one("#latest", Quiet).say(*joined(session.job_line(self._sent, BAR_WIDTH)))

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
            self.run_worker(self._plan(self.values), group="plan", exclusive=True)

    async def _plan(self, values: dict[str, str]) -> None:
        if (session := self.wantui.session) is None or session.state.stale:
            return
        said = await session.plan(values)
        for number, line in enumerate(self.query(".plan").results(Quiet)):
            line.say(*(said[number] if number < len(said) else ()))

    def on_screen_resume(self) -> None:
        """Others may have taken memory meanwhile, or given some back."""
        super().on_screen_resume()
        self._plan_soon()

    # --- what is typed ---

    @property
    def offer(self) -> Offer | None:
        """Of the chosen model."""
        value = self._select.value if self._complete else None
        return self._offers.get(value) if isinstance(value, str) else None

    @property
    def values(self) -> dict[str, str]:
        """Every field as typed."""
        typed = {field.field: field.value for field in self.query(Field)}
        return typed | {
            "prompt": self._prompt.text.strip(),
            "model": self.offer.id if self.offer else "",
        }

    def fill(self, values: Mapping[str, str]) -> None:
        """Type these values."""
        self._forgive()
        for field in self.query(Field):
            field.value = values.get(field.field, "")
        self._prompt.text = clean(values.get("prompt", ""))
        if model := values.get("model"):
            self.choose_model(model)

    def choose_model(self, model: str) -> None:
        if model in self._offers:
            self._select.value = model
        else:
            self._wanted = model

    def _forgive(self) -> None:
        for field in self.query(Field):
            field.note()
        self._note_prompt("")
        self._draw_offer()

    def refuse(self, refusal: Refusal) -> None:
        """Show a refusal where it belongs, and put the cursor there."""
        said, field = f"✗ {one_line(refusal.text)}", refusal.field
        if field == "prompt":
            self._note_prompt(said)
            self._prompt.focus()
        elif field and self.query(f"#field-{field}"):
            self._field(field).note((said, Tone.BAD))
            self._field(field).control.focus()
        else:
            self.tell(said, Tone.BAD)

    def _note_prompt(self, text: str) -> None:
        note = self.query_one("#prompt-note", Quiet)
        note.say((text, Tone.BAD))
        note.set_class(bool(text), "-said")

    def shows(self, job_id: int) -> bool:
        return job_id == self._sent

    # --- actions ---

    def action_submit(self) -> None:
        """Send what is typed; a refusal lands on its field."""
        if not self._complete:
            return
        self._forgive()
        self.run_worker(self._submit(self.values), group="submit", exclusive=True)

    async def _submit(self, values: dict[str, str]) -> None:
        self.tell("sending …", Tone.MUTED)
        if (session := self.wantui.session) is None:
            return
        sent = await session.submit(values)
        if isinstance(sent, Refusal):
            self.tell("not sent", Tone.BAD)
            self.refuse(sent)
            return
        self._sent = sent
        self.tell(f"job {sent} accepted; esc 2 shows the queue", Tone.GOOD)
        self.redraw()

    def action_clear(self) -> None:
        model = self.values["model"]
        self.fill({"prompt": self._prompt.text, "model": model})

    def action_loras(self) -> None:
        """Choose of those that the daemon keeps; the field says what was chosen."""
        if (offer := self.offer) is not None:
            self.wantui.work(self._choose_loras(offer.id))

    async def _choose_loras(self, model: str) -> None:
        if (session := self.wantui.session) is None:
            return
        found = await session.lora_choices(self._field("loras").value, model)
        if isinstance(found, Refusal):
            self.refuse(found)
            return
        from wantui.tui.widgets.lora_picker import LoraPicker  # noqa: PLC0415 - it knows the API

        self.app.push_screen(LoraPicker(found), self._take_loras)

    def _take_loras(self, text: str | None) -> None:
        field = self._field("loras")
        field.control.focus()
        if text is not None:
            field.value = text
            field.note()

    def action_leave(self) -> None:
        self.set_focus(None)
        self.tell("1-6 areas, ? help, enter back to the prompt")

    def action_edit(self) -> None:
        if self.focused is None:
            self._prompt.focus()

    # --- messages ---

    @on(Select.Changed)
    def model_changed(self) -> None:
        self._draw_offer()
        self._plan_soon()

    @on(Input.Changed)
    def value_changed(self, event: Input.Changed) -> None:
        if any(event.input is self._field(name).control for name in PLANNED):
            self._plan_soon()

    @on(TextArea.Changed)
    def prompt_changed(self) -> None:
        self._draw_count()

    @on(Input.Submitted)
    def next_field(self) -> None:
        self.focus_next()

    @property
    def _prompt(self) -> TextArea:
        return self.query_one("#prompt", TextArea)

    @property
    def _select(self) -> Select[str]:
        return self.query_one(Select)

    def _field(self, name: str) -> Field:
        return self.query_one(f"#field-{name}", Field)


def _label(offer: Offer) -> Content:
    name, state = offer.label
    return content([(name, Tone.PLAIN), state])
