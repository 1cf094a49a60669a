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


def test_experts_come_from_gguf_files_and_all_else_from_the_model_that_is_extended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    catalog = load(
        tmp_path,
        """
        id = "t2v-a14b:q8"
        extends = "t2v-a14b"
        [gguf]
        transformer = "~/High.gguf"
        transformer_2 = "/models/Low.gguf"
        """,
    )
    mine, base = catalog.model("t2v-a14b:q8"), catalog.model("t2v-a14b")
    high, low = mine.components[:2]
    assert (high.paths, high.weights) == (
        ("transformer/config.json", "/home/ada/High.gguf"),
        None,
    )
    assert low.paths == ("transformer_2/config.json", "/models/Low.gguf")
    assert mine.components[2:] == base.components[2:]
    assert (mine.repository, mine.get_command) == (base.repository, "wantui pull t2v-a14b:q8")
    assert set(mine.repository_paths) == set(mine.paths) - {
        "/home/ada/High.gguf",
        "/models/Low.gguf",
    }
    assert mine.is_quantised
    assert not base.is_quantised


@pytest.mark.parametrize("place", ['folder = "/w"', 'repository = "owner/name"'])
def test_gguf_files_can_lie_in_the_model_s_own_folder_or_repository(
    tmp_path: Path, place: str
) -> None:
    text = f'id = "x"\nextends = "demo"\n{place}\n[gguf]\ntransformer = "q8/a.gguf"\n'
    mine = load(tmp_path, text).model("x")
    assert "q8/a.gguf" in mine.repository_paths
    assert not any("transformer/diffusion" in path for path in mine.paths)


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
            'id = "x"\nextends = "demo"\n[gguf]\nvae = "/w/vae.gguf"',
            "gguf: vae is no expert of it: transformer",
        ),
        ('id = "x"\nextends = "demo"\n[gguf]\ntransformer = "/w/a.pt"', "is no .gguf file"),
        (
            'id = "x"\nextends = "demo"\ncomponents = [3]\n[gguf]\ntransformer = "/w/a.gguf"',
            "gguf: transformer is no expert of it",
        ),
        ('id = "x"\nextends = "demo"\n[gguf]\ntransformer = 3', "is no .gguf file"),
        ('id = "x"\nextends = "demo"\ngguf = "/w/a.gguf"', "it names a file for each expert"),
        (
            'id = "x"\nextends = "demo"\n[gguf]\ntransformer = "a.gguf"',
            "a.gguf: say where it is, as ~/a.gguf",
        ),
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
