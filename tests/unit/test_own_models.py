"""Models that users write themselves: a few lines of TOML, refused with the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from wantui.catalog.catalog import Catalog
from wantui.errors import SettingsInvalid
from wantui.paths import shipped_config


def load(folder: Path, text: str) -> Catalog:
    (folder / "mine.toml").write_text(text, "utf-8")
    return Catalog.load(shipped_config(), folder)


def test_a_model_extends_a_shipped_one(tmp_path: Path) -> None:
    catalog = load(
        tmp_path, 'id = "ti2v-5b:mine"\nextends = "ti2v-5b"\nfolder = "/weights"\nname = "Mine"\n'
    )
    mine, base = catalog.model("TI2V-5B:mine"), catalog.model("ti2v-5b")
    assert (mine.name, mine.folder, mine.repository) == ("Mine", "/weights", None)
    assert (mine.aliases, mine.get_command) == ((), None)
    assert (mine.defaults, mine.limits, mine.paths) == (base.defaults, base.limits, base.paths)
    assert catalog.recipes[-1] is mine


def test_without_a_folder_of_one_s_own_there_are_the_shipped_models(tmp_path: Path) -> None:
    shipped = Catalog.load(shipped_config())
    assert Catalog.load(shipped_config(), tmp_path / "none").recipes == shipped.recipes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id = ", "mine.toml"),
        ('id = "x"\nextends = "ti2v-5B"\nfolder = "/w"', "no model is called 'ti2v-5B'"),
        ('id = "x"\nextends = "ti2v-5b"', "either a repository or a folder"),
        (
            'id = "x"\nextends = "ti2v-5b"\nfolder = "/w"\nrepository = "a/b"',
            "either a repository or a folder",
        ),
        ('id = "ti2v-5B"\nextends = "demo"\nfolder = "/w"', "is no id"),
        ('id = "ti2v-5b"\nextends = "demo"\nfolder = "/w"', "another model's name"),
        ('id = "a/b"\nextends = "demo"\nfolder = "/w"', "is no id"),
        ('id = "x"\nextends = "demo"\nfolder = "/w"\nstepps = 3', "stepps"),
        ('id = "x"\nextends = "demo"\nfolder = "/w"\ndefaults = 3', "defaults"),
        (
            (
                'id = "x"\nextends = "demo"\nfolder = "/w"\n'
                '[[components]]\nname = "vae"\nclass_name = "V"\nfiles = ["weights.PT"]'
            ),
            "vae/weights.PT is not loaded",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(tmp_path, text)
    assert said in caught.value.message
    assert "mine.toml" in caught.value.message


def test_two_own_models_cannot_share_a_name(tmp_path: Path) -> None:
    text = 'id = "x"\nextends = "demo"\nfolder = "/w"\n'
    (tmp_path / "other.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsInvalid, match="another model's name"):
        load(tmp_path, text)
