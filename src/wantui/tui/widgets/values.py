"""What a request says besides its words: the fields, what each allows, and what it will cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from textual import events, on
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Select

from wantui.text import one_line
from wantui.tui.dial import turned
from wantui.tui.offer import Offer
from wantui.tui.tone import Said, Tone, content
from wantui.tui.widgets.field import Field
from wantui.tui.widgets.quiet import Quiet

ROWS: tuple[tuple[str, ...], ...] = (
    ("size", "frames"),
    ("steps", "guidance"),
    ("quality", "seed"),
    ("sampler", "shift"),
    ("fps", "count"),
    ("image", "loras"),
    ("priority", "after", "label"),
)
LABELS = {"loras": "LoRAs", "negative_prompt": "negative"}
PLAN_LINES = 3
ROOMY_PLAN_LINES = 12
"""Where there is the room."""
PICKED = ("image", "loras")
"""Fields that a dialog fills in; the action that opens it is called like the field."""


class Values(VerticalScroll, can_focus=False):
    """Scrolls where it must, so that what has the focus is seen."""

    DEFAULT_CSS = """
    Values { height: auto; scrollbar-size-vertical: 1; }
    Values .row { height: auto; }
    Values .row > Field { padding-right: 1; }
    Values .row.-three .label { width: 9; }
    Values Select { width: 1fr; }
    Values #about, Values #latest { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Values .plan { height: 1; padding-left: 10; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    class Edited(Message):
        """A field says something else."""

        def __init__(self, field: str) -> None:
            super().__init__()
            self.field = field

    class Asked(Message):
        """Somebody wants to choose what a field says, in a dialog."""

        def __init__(self, field: str) -> None:
            super().__init__()
            self.field = field

    def __init__(self) -> None:
        super().__init__(id="values")
        self._offers: Mapping[str, Offer] = {}
        """By model."""
        self.complete = False
        self._keys: Mapping[str, str] = {}
        """Of the dialogs, by field."""

    async def fill_up(self) -> None:
        """Mount the fields: there are many, and a prompt can be typed without them."""
        select = Select[str]([("…", "")], compact=True, allow_blank=False)
        await self.mount(
            Field("model", "model", select),
            *map(_row, ROWS),
            Quiet(id="about"),
            *(Quiet(classes="plan") for _ in range(ROOMY_PLAN_LINES)),
            Quiet(id="latest"),
        )
        self.complete = True
        self.show_plan(())

    # --- the model, and what it allows ---

    @property
    def offer(self) -> Offer | None:
        """Of the chosen model."""
        value = self._select.value if self.complete else None
        return self._offers.get(value) if isinstance(value, str) else None

    @property
    def model(self) -> str:
        """The chosen one, or nothing."""
        value = self._select.value if self.complete else ""
        return value if isinstance(value, str) else ""

    def knows(self, model: str) -> bool:
        return model in self._offers

    def show_offers(
        self, offers: Mapping[str, Offer], chosen: str, keys: Mapping[str, str]
    ) -> None:
        """Have these models to choose from, and one of them chosen; `keys` are the dialogs'."""
        self._keys = keys
        if offers != self._offers:
            labels = [(_label(offer), offer.id) for offer in offers.values()]
            relabelled = [offer.label for offer in offers.values()] != [
                offer.label for offer in self._offers.values()
            ]
            self._offers = offers
            if relabelled:
                with self.prevent(Select.Changed):
                    self._select.set_options(labels)
        if self._select.value != chosen:
            self._select.value = chosen
        self._draw_offer()

    def choose(self, model: str) -> None:
        self._select.value = model

    def _draw_offer(self) -> None:
        """What the chosen model takes, as placeholders and notes."""
        if (offer := self.offer) is None:
            return
        for field in self.fields():
            if (text := offer.placeholders.get(field.field)) is not None:
                key = self._keys.get(field.field, "")
                field.suggest(f"{text}; {key} chooses" if key and text == "none" else text)
        self.note_absent()
        self._draw_about()

    def note_absent(self) -> None:
        """How to get weights that are not there."""
        if (offer := self.offer) is not None:
            absent = [(f"! {offer.absent}", Tone.WARN)] if offer.absent else []
            self.field("model").note(*absent)

    # --- the fields ---

    def fields(self) -> Iterator[Field]:
        yield from self.screen.query(Field)

    def field(self, name: str) -> Field:
        return self.screen.query_one(f"#field-{name}", Field)

    def has(self, name: str) -> bool:
        return bool(self.screen.query(f"#field-{name}"))

    @on(Field.Turned)
    def turn(self, event: Field.Turned) -> None:
        """A step on, within what the model allows; a dialog for what has no steps."""
        event.stop()
        field, offer = event.field, self.offer
        if field.field in PICKED:
            self.post_message(self.Asked(field.field))
        elif offer is not None:
            text = turned(offer, field.field, field.value, event.steps)
            if text is not None:
                field.value = text
                if isinstance(field.control, Input):
                    field.control.cursor_position = len(text)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        for ancestor in event.input.ancestors:
            if isinstance(ancestor, Field):
                ancestor.note()
                self.post_message(self.Edited(ancestor.field))

    @on(Select.Changed)
    def _model_chosen(self, event: Select.Changed) -> None:
        event.stop()
        self._draw_offer()
        self.post_message(self.Edited("model"))

    # --- what is said below them ---

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:  # noqa: ARG002 - Textual's
        self._draw_about()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:  # noqa: ARG002 - Textual's
        self._draw_about()

    def _draw_about(self) -> None:
        """What may be typed where the cursor is, and the keys that change it."""
        focused = self.screen.focused
        field = (
            next((a for a in focused.ancestors if isinstance(a, Field)), None) if focused else None
        )
        said: list[Said] = []
        if field is not None and (offer := self.offer) is not None:
            label = LABELS.get(field.field, field.field)
            said = [(f"{label}: {one_line(offer.allowed.get(field.field, ''))}", Tone.MUTED)]
            if field.field in (*offer.choices, *offer.ranges, *PICKED):
                said.insert(0, ("↑↓ ", Tone.STRONG))
        self.query_one("#about", Quiet).say(*said)

    def show_plan(self, lines: Sequence[Sequence[Said]]) -> None:
        """What it will cost: the first three lines keep their place."""
        for number, line in enumerate(self.query(".plan").results(Quiet)):
            line.say(*(lines[number] if number < len(lines) else ()))
            line.display = number < max(PLAN_LINES, len(lines))

    def show_latest(self, said: Sequence[Said]) -> None:
        """How what was sent last is doing."""
        self.query_one("#latest", Quiet).say(*said)

    @property
    def _select(self) -> Select[str]:
        return self.query_one(Select)


def _row(names: tuple[str, ...]) -> Widget:
    fields = (Field(name, LABELS.get(name, name)) for name in names)
    kind = "-picked" if names[0] in PICKED else "-three" if len(names) > 2 else ""
    return Horizontal(*fields, classes=f"row {kind}")


def _label(offer: Offer) -> Content:
    name, state = offer.label
    return content([(name, Tone.PLAIN), state])
