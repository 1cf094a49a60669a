"""What the LoRA field says, as choices, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import made
from wantui.api.adapter import Adapter, AdapterSource, LoraNaming, Noise
from wantui.api.lora import MAX_LORAS, MAX_STRENGTH, LoraExpert
from wantui.api.model import ModelStatus
from wantui.errors import InvalidRequest
from wantui.tui import form
from wantui.tui.lora_choices import Choice, Choices, choices, read_loras

HIGH, LOW, BOTH = LoraExpert.HIGH, LoraExpert.LOW, LoraExpert.BOTH


def adapter(name: str, *models: str, hint: Noise | None = None) -> Adapter:
    return Adapter(
        id=name.encode().hex().ljust(64, "0"),
        name=name,
        bytes=1,
        naming=LoraNaming.DIFFUSERS,
        rank=4,
        layers=8,
        dtype="F32",
        base_models=models,
        noise_hint=hint,
        unused_tensors=0,
        source=AdapterSource(file=f"{name}.safetensors"),
        added_at=1.0,
    )


KEPT = (
    adapter("film", "demo"),
    adapter("lightning", "t2v-a14b", hint=Noise.HIGH),
    adapter("style", "demo", "t2v-a14b"),
)


def model(id: str) -> ModelStatus:
    low = {"guidance_low": 3.0} if id == "t2v-a14b" else {}
    known = made.model(id)
    return known.model_copy(update={"defaults": known.defaults.model_copy(update=low)})


def names(found: Choices) -> list[tuple[str, bool]]:
    return [(each.name, each.chosen) for each in found.all]


def test_those_that_fit_are_offered_and_the_others_counted() -> None:
    found = choices(KEPT, "", model("demo"))
    assert (names(found), found.others) == ([("film", False), ("style", False)], 1)
    assert not found.two_experts
    assert found.text == ""


def test_what_is_typed_is_chosen_as_it_is_typed() -> None:
    typed = f"Style:0.5@low,{KEPT[2].id[:8]}:2@high, gone"
    found = choices(KEPT, typed, model("t2v-a14b"))
    assert names(found) == [("style", True), ("style", True), ("gone", True), ("lightning", False)]
    assert found.all[2].fits == "the daemon keeps none of this name"
    assert found.text == "style:0.5@low, style:2@high, gone"


def test_the_expert_that_a_file_s_name_hints_at_is_offered_where_there_are_two() -> None:
    (lightning, style) = choices(KEPT, "", model("t2v-a14b")).all
    assert (lightning.expert, style.expert) == (HIGH, BOTH)


def test_a_strength_stays_within_what_is_allowed_and_chooses() -> None:
    choice = Choice("a", "")
    assert choice.stronger(-2).strength == 0.8
    assert choice.stronger(-2).chosen
    assert choice.stronger(1000).strength == MAX_STRENGTH
    assert choice.stronger(-1000).strength == -MAX_STRENGTH


def test_the_experts_go_round() -> None:
    choice = Choice("a", "")
    seen = []
    for _ in range(4):
        choice = choice.for_next_expert()
        seen.append(choice.expert)
    assert seen == [HIGH, LOW, BOTH, HIGH]


@given(
    st.lists(
        st.builds(
            Choice,
            name=st.from_regex(r"[^\W_][\w.+-]{0,20}", fullmatch=True),
            fits=st.just(""),
            chosen=st.just(True),
            strength=st.floats(-MAX_STRENGTH, MAX_STRENGTH),
            expert=st.sampled_from(LoraExpert),
        ),
        max_size=MAX_LORAS,
    )
)
def test_the_field_s_text_is_read_as_what_was_chosen(chosen: list[Choice]) -> None:
    text = Choices("demo", two_experts=True, all=tuple(chosen), others=0).text
    assert [(use.adapter, use.strength, use.expert) for use in read_loras(text)] == [
        (each.name, each.strength, each.expert) for each in chosen
    ]


@pytest.mark.parametrize("typed", ["style:strong", "style@middle", "a," * (MAX_LORAS + 1)])
def test_what_cannot_be_read_is_refused_on_the_field(typed: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        choices(KEPT, typed, model("demo"))
    assert form.concerns(refused.value) == "loras"
