"""`generate --lora`: how it is written, and a file that is kept on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.command import TINY, document, wantui
from tests.loras import diffusers_shapes, lora_file
from wantui.api.lora import LoraExpert, LoraUse
from wantui.cli.lora_option import read_option
from wantui.errors import InvalidRequest

NAMES = st.from_regex(r"[^\W_][\w.+-]{0,79}", fullmatch=True)


@given(
    NAMES,
    st.none() | st.floats(-10, 10, allow_nan=False),
    st.none() | st.sampled_from(list(LoraExpert)),
)
def test_every_name_strength_and_expert_can_be_written(
    name: str, strength: float | None, expert: LoraExpert | None
) -> None:
    text = name + ("" if strength is None else f":{strength!r}") + (f"@{expert}" if expert else "")
    assert read_option(text) == LoraUse(
        adapter=name,
        strength=1.0 if strength is None else strength,
        expert=expert or LoraExpert.BOTH,
    )


@pytest.mark.parametrize(
    ("text", "adapter"),
    [
        ("../a@b/style.safetensors:0.5@high", "../a@b/style.safetensors"),
        ("x@720:9.SafeTensors:0.5@high", "x@720:9.SafeTensors"),
        ("C:/x.safetensors:0.5@high", "C:/x.safetensors"),
    ],
)
def test_a_path_may_hold_what_stands_for_something_behind_it(text: str, adapter: str) -> None:
    expected = LoraUse(adapter=adapter, strength=0.5, expert=LoraExpert.HIGH)
    assert read_option(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":1", "a:", "a:x", "a:nan", "a:11", "a@", "a@middle", "a@high@low", "a@high:1"]
)
def test_what_cannot_be_read_is_refused_with_how_it_is_written(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_option(text)
    assert caught.value.message.startswith("lora: cannot read")
    assert "@high or @low" in caught.value.hint


def test_a_file_is_kept_once_and_used(environment: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "my style.safetensors"
    path.write_bytes(lora_file(diffusers_shapes(), fill=2))
    told = wantui(environment, "generate", "x", *TINY, "--lora", f"{path}:0.5")
    assert "my style.safetensors is kept as my-style" in told.stderr
    again = document(environment, "generate", "x", *TINY, "--lora", str(path), "--detach")
    (used,) = again["params"]["loras"]
    assert (used["name"], used["strength"], used["expert"]) == ("my-style", 1.0, "both")
    assert "style" in wantui(environment, "job", str(again["id"])).stdout
    wantui(environment, "wait", str(again["id"]))
    wantui(environment, "lora", "rm", "my-style")


def test_few_steps_without_a_lora_are_refused_and_with_one_are_called_what_they_are(
    environment: dict[str, str], tmp_path: Path
) -> None:
    refused = wantui(environment, "generate", "x", *TINY, "--quality", "lightning", exits=2)
    assert "quality: lightning needs a LoRA for demo" in refused.stderr
    path = tmp_path / "fast.safetensors"
    path.write_bytes(lora_file(diffusers_shapes(), fill=3))
    options = ["--quality", "lightning", "--lora", str(path), "--detach"]
    job_id = wantui(environment, "generate", "x", *TINY, *options).stdout.strip()
    wantui(environment, "wait", job_id)
    shown = wantui(environment, "job", job_id).stdout
    assert "lightning (not faithful)" in shown
    assert "fast, strength 1" in shown
    assert "lightning (not faithful)" in wantui(environment, "show", "demo").stdout
    wantui(environment, "lora", "rm", "fast")


@pytest.mark.parametrize(
    ("option", "exits", "says"),
    [
        ("nowhere.safetensors", 2, "lora: there is no file nowhere.safetensors"),
        ("a/b", 2, "lora: there is no file a/b"),
        ("nobody", 1, "no adapter is called 'nobody'"),
        ("nobody:2:3", 2, "lora: cannot read 'nobody:2:3'"),
    ],
)
def test_one_that_is_not_there_is_refused(
    environment: dict[str, str], option: str, exits: int, says: str
) -> None:
    refused = wantui(environment, "generate", "x", *TINY, "--lora", option, exits=exits)
    assert says in refused.stderr
    assert refused.stdout == ""
