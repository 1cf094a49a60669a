"""Presets by name: what the file keeps, and what a change leaves alone."""

from __future__ import annotations

import stat
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wantui.client.presets import MAX_NAME_CHARACTERS, Preset, Presets, preset_text
from wantui.errors import InvalidRequest, SettingsInvalid

OWN = """\
# mine

[short]  # for tests
prompt = "a ball"
frames = 5   # few
mood = "grim"  # of a later version

# what I like
["night drive"]
prompt = '''
a car
at night'''
loras = ["film:0.8"]
"""

names = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs", "Cf")), min_size=1, max_size=20
)
values = st.one_of(
    st.text(max_size=40),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    st.lists(st.text(max_size=8), max_size=3),
)


@pytest.fixture
def presets(tmp_path: Path) -> Presets:
    return Presets(tmp_path / "config" / "presets.toml")


def written(presets: Presets, text: str) -> Presets:
    presets.path.parent.mkdir(parents=True, exist_ok=True)
    presets.path.write_text(text, "utf-8")
    return presets


def as_dict(presets: Presets) -> dict[str, dict[str, Any]]:
    return {preset.name: dict(preset.fields) for preset in presets.all()}


def test_without_a_file_there_are_none(presets: Presets) -> None:
    assert presets.all() == ()


def test_one_is_saved_privately_and_found_by_its_name(presets: Presets) -> None:
    presets.save("fast", {"prompt": "boats", "steps": 4})
    assert presets.named("fast") == Preset("fast", {"prompt": "boats", "steps": 4})
    assert stat.S_IMODE(presets.path.stat().st_mode) == 0o600


def test_another_is_added_and_all_that_was_there_stays(presets: Presets) -> None:
    written(presets, OWN).save("new", {"prompt": "boats"})
    assert presets.path.read_text("utf-8") == f'{OWN}\n[new]\nprompt = "boats"\n'


def test_one_that_is_replaced_keeps_keys_that_nobody_knows_here(presets: Presets) -> None:
    written(presets, OWN).save("short", {"prompt": "a cube"})
    assert as_dict(presets)["short"] == {"prompt": "a cube", "mood": "grim"}
    assert '# what I like\n["night drive"]' in presets.path.read_text("utf-8")
    assert presets.path.read_text("utf-8").startswith("# mine\n")


def test_one_is_removed_and_the_others_stay_as_they_were_written(presets: Presets) -> None:
    written(presets, OWN).remove("short")
    _, _, kept = OWN.partition('grim"  # of a later version\n')
    assert presets.path.read_text("utf-8") == f"# mine\n{kept}"
    presets.remove("night drive")
    assert as_dict(presets) == {}


def test_one_that_is_not_there_is_told_with_the_nearest(presets: Presets) -> None:
    with pytest.raises(InvalidRequest) as refused:
        written(presets, OWN).named("nigth drive")
    assert refused.value.hint == "did you mean night drive?"
    with pytest.raises(InvalidRequest):
        presets.remove("nobody")


@pytest.mark.parametrize("broken", ["[short\n", "prompt = 'no table'\n", "[a]\n[a]\n", "x = \n"])
def test_a_broken_file_is_said_and_never_written_over(presets: Presets, broken: str) -> None:
    written(presets, broken)
    for change in (
        lambda: presets.save("new", {"prompt": "boats"}),
        lambda: presets.remove("short"),
        presets.all,
    ):
        with pytest.raises(SettingsInvalid) as refused:
            change()
        assert str(presets.path) in refused.value.message
    assert presets.path.read_text("utf-8") == broken


def test_what_is_not_utf_8_is_said(presets: Presets) -> None:
    written(presets, "").path.write_bytes(b"[a]\nprompt = '\xff'\n")
    with pytest.raises(SettingsInvalid, match="UTF-8"):
        presets.all()


@pytest.mark.parametrize(
    "hard",
    [
        "short = { prompt = 'a ball' }\n",
        "short.prompt = 'a ball'\n[other]\nsteps = 2\n",
        "[other]\nprompt = '''\n[short]\n'''\n[short]\nsteps = 2\n",
    ],
)
def test_what_cannot_be_changed_by_its_lines_is_left_to_an_editor(
    presets: Presets, hard: str
) -> None:
    written(presets, hard)
    before = as_dict(presets)
    with pytest.raises(SettingsInvalid, match="cannot change"):
        presets.remove("short")
    assert presets.path.read_text("utf-8") == hard
    assert as_dict(presets) == before


@pytest.mark.parametrize("name", ["", "   ", "\x1b[31m", "x" * (MAX_NAME_CHARACTERS + 1)])
def test_a_name_is_a_short_line(presets: Presets, name: str) -> None:
    with pytest.raises(InvalidRequest):
        presets.save(name, {"prompt": "boats"})


def test_a_link_leads_to_the_file_that_is_written(presets: Presets, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.toml"
    kept.write_text(OWN, "utf-8")
    presets.path.parent.mkdir()
    presets.path.symlink_to(kept)
    presets.save("new", {"prompt": "boats"})
    assert presets.path.is_symlink()
    assert tomllib.loads(kept.read_text("utf-8"))["new"] == {"prompt": "boats"}


@pytest.mark.timeout(30)
def test_many_that_save_at_once_lose_none(presets: Presets) -> None:
    threads = [
        threading.Thread(target=Presets(presets.path).save, args=(f"n{n}", {"steps": n}))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert as_dict(presets) == {f"n{n}": {"steps": n} for n in range(8)}


@given(st.dictionaries(names, st.dictionaries(names, values, max_size=4), min_size=1, max_size=4))
@settings(deadline=None, max_examples=50)
def test_what_is_saved_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, dict[str, Any]]
) -> None:
    presets = Presets(tmp_path_factory.mktemp("presets") / "presets.toml")
    for name, fields in wanted.items():
        presets.save(name, fields)
    assert as_dict(presets) == wanted
    first = next(iter(wanted))
    assert tomllib.loads(preset_text(presets.named(first))) == {first: wanted[first]}
    presets.remove(first)
    del wanted[first]
    assert as_dict(presets) == wanted
