"""What the generate screen says of a model before anything is typed."""

from __future__ import annotations

from tests import made
from wantui.api.model import QualityOffer, WeightsState
from wantui.tui.offers import absent_words, model_to_start_with, offer_of
from wantui.tui.state import Snapshot, State, reduce


def known(*models: str, ready: str = "demo") -> State:
    states = {True: WeightsState.VERIFIED, False: WeightsState.ABSENT}
    made_models = tuple(made.model(id, states[id == ready]) for id in models)
    return reduce(State(), Snapshot(made.status(made.completed(1), models=made_models)))


def test_the_model_to_start_with_is_one_that_has_its_weights() -> None:
    assert model_to_start_with(known("t2v-a14b", "demo"), "auto") == "demo"


def test_the_settings_choose_the_model_to_start_with() -> None:
    assert model_to_start_with(known("t2v-a14b", "demo"), "T2V-A14B") == "t2v-a14b"


def test_absent_weights_come_with_the_command_that_gets_them() -> None:
    words = absent_words(made.model("t2v-a14b", WeightsState.ABSENT))
    assert words == "weights absent, 126 GB to fetch: wantui pull t2v-a14b"


def test_every_field_says_what_it_takes_and_what_it_allows() -> None:
    offer = offer_of(made.model())
    assert offer.placeholders["frames"] == "17"
    assert offer.allowed["frames"] == "4n+1, 33 at most"
    assert offer.choices["sampler"] == ("unipc", "dpm++", "euler")
    assert set(offer.placeholders) <= set(offer.allowed)


def test_the_quality_that_is_typed_says_what_it_is() -> None:
    faithful = QualityOffer(id="faithful", summary="as official", faithful=True, needs_loras=False)
    fast = QualityOffer(id="fast", summary="4 steps", faithful=False, needs_loras=True)
    model = made.model(qualities=(faithful, fast))
    assert offer_of(model).allowed["quality"] == "faithful, fast. faithful: as official"
    said = offer_of(model, "fast").allowed["quality"]
    assert said == "faithful, fast. fast: 4 steps by LoRAs of yours"
    assert offer_of(model, "nobody").allowed["quality"] == "faithful, fast"


def test_a_model_without_pictures_says_so_in_the_field() -> None:
    offer = offer_of(made.model(takes_image=False))
    assert offer.placeholders["image"] == "this model takes none"
