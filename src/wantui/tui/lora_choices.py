"""Which LoRAs a request can have, and how it has them: of the field's text, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from wantui.api.adapter import Adapter
from wantui.api.lora import MAX_LORAS, MAX_STRENGTH, LoraExpert, LoraUse
from wantui.api.model import ModelStatus
from wantui.client.adapter_words import fits
from wantui.client.lora_text import lora_text, read_lora
from wantui.errors import InvalidRequest

SEPARATOR = ", "
STEP = 0.1
"""By which a key changes a strength."""
_NEXT = {
    LoraExpert.BOTH: LoraExpert.HIGH,
    LoraExpert.HIGH: LoraExpert.LOW,
    LoraExpert.LOW: LoraExpert.BOTH,
}


@dataclass(frozen=True)
class Choice:
    """A LoRA, and how the request would have it."""

    name: str
    """As the field has it: what it is called, or its id."""
    fits: str
    chosen: bool = False
    strength: float = 1.0
    expert: LoraExpert = LoraExpert.BOTH

    def toggled(self) -> Choice:
        return replace(self, chosen=not self.chosen)

    def stronger(self, steps: int) -> Choice:
        """Chosen, with its strength so many steps further, within what is allowed."""
        strength = round(self.strength + steps * STEP, 2)
        return replace(self, chosen=True, strength=max(-MAX_STRENGTH, min(strength, MAX_STRENGTH)))

    def for_next_expert(self) -> Choice:
        return replace(self, chosen=True, expert=_NEXT[self.expert])


@dataclass(frozen=True)
class Choices:
    model: str
    two_experts: bool
    all: tuple[Choice, ...]
    """What is typed, then what else fits the model."""
    others: int
    """LoRAs that are kept and fit other models alone."""

    def changed(self, index: int, choice: Choice) -> Choices:
        return replace(self, all=(*self.all[:index], choice, *self.all[index + 1 :]))

    @property
    def text(self) -> str:
        """For the field."""
        return SEPARATOR.join(
            lora_text(each.name, each.strength, each.expert) for each in self.all if each.chosen
        )


def read_loras(text: str) -> tuple[LoraUse, ...]:
    """Of the field. Raises InvalidRequest."""
    words = [word.strip() for word in text.split(SEPARATOR.strip())]
    found = tuple(read_lora(word) for word in words if word)
    if len(found) > MAX_LORAS:
        raise InvalidRequest.for_field("lora", f"{len(found)} are typed", allowed=str(MAX_LORAS))
    return found


def choices(adapters: Sequence[Adapter], typed: str, model: ModelStatus) -> Choices:
    """Raises InvalidRequest for what is typed and cannot be read."""
    two_experts = model.defaults.guidance_low is not None
    uses = read_loras(typed)
    named = [_named(use.adapter, adapters) for use in uses]
    rest = [adapter for adapter in adapters if adapter not in named]
    fitting = [adapter for adapter in rest if model.id in adapter.base_models]
    return Choices(
        model=model.id,
        two_experts=two_experts,
        all=(*_typed(uses, named), *_offered(fitting, two_experts=two_experts)),
        others=len(rest) - len(fitting),
    )


def _named(name: str, adapters: Iterable[Adapter]) -> Adapter | None:
    """The one that the daemon would take; None if there is none, or it would ask which."""
    wanted = name.casefold()
    called = [adapter for adapter in adapters if adapter.name.casefold() == wanted]
    found = called or [adapter for adapter in adapters if adapter.id.startswith(wanted)]
    return found[0] if len(found) == 1 else None


def _typed(uses: Iterable[LoraUse], named: Iterable[Adapter | None]) -> Iterator[Choice]:
    for use, adapter in zip(uses, named, strict=True):
        yield Choice(
            name=adapter.name if adapter else use.adapter,
            fits=fits(adapter) if adapter else "the daemon keeps none of this name",
            chosen=True,
            strength=use.strength,
            expert=use.expert,
        )


def _offered(adapters: Iterable[Adapter], *, two_experts: bool) -> Iterator[Choice]:
    """For the expert that a file's name hints at, where there are two."""
    for adapter in adapters:
        hint = adapter.noise_hint if two_experts else None
        expert = LoraExpert(hint) if hint else LoraExpert.BOTH
        yield Choice(name=adapter.name, fits=fits(adapter), expert=expert)
