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


def test_gguf_files_can_come_from_a_repository_of_their_own(tmp_path: Path) -> None:
    """As its publisher has them: nothing else is there."""
    text = 'id = "x"\nextends = "{}"\n[gguf]\nrepository = "Quant/{}"\ntransformer = "H/a.gguf"\n'
    mine = load(tmp_path, text.format("ti2v-5b", "TI2V")).model("x")
    base = Catalog.load(shipped_config()).model("ti2v-5b")
    own, quantised = mine.sources
    assert (own.repository, quantised) == (base.repository, ("Quant/TI2V", ("H/a.gguf",)))
    assert own.paths == tuple(path for path in base.paths if "transformer/diffusion" not in path)
    assert mine.brings("H/a.gguf")
    located = mine.located("/cache")
    assert located.components[0].paths == ("transformer/config.json", "/cache/H/a.gguf")
    assert "/cache/H/a.gguf" in located.paths
    demo = load(tmp_path, text.format("demo", "Demo")).model("x")
    assert (demo.repository, demo.get_command) == (None, "wantui pull x")
    assert [source.repository for source in demo.sources] == ["Quant/Demo"]


def test_a_repository_that_has_all_of_the_model_is_one_source(tmp_path: Path) -> None:
    text = 'id = "x"\nextends = "demo"\nrepository = "a/b"\n[gguf]\nrepository = "a/b"\n'
    (source,) = load(tmp_path, f'{text}transformer = "q8/a.gguf"\n').model("x").sources
    assert "q8/a.gguf" in source.paths
    assert "vae/config.json" in source.paths


def test_models_that_have_other_files_of_a_repository_share_its_revision(tmp_path: Path) -> None:
    text = 'id = "{}"\nextends = "demo"\n[gguf]\nrepository = "a/b"\ntransformer = "{}.gguf"\n'
    (tmp_path / "q4.toml").write_text(text.format("q4", "q4"), "utf-8")
    (tmp_path / "same.toml").write_text(text.format("same", "q4"), "utf-8")
    catalog = Catalog.load(shipped_config(), tmp_path)
    assert not catalog.shares(catalog.model("q4").sources[0])
    catalog = load(tmp_path, text.format("q8", "q8"))
    assert all(catalog.shares(catalog.model(id).sources[0]) for id in ("q4", "q8", "same"))


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
        ('id = "x"\nextends = "demo"\n[gguf]\nrepository = "a/b"', "a file for each expert"),
        (
            'id = "x"\nextends = "demo"\n[gguf]\nrepository = "b"\ntransformer = "a.gguf"',
            "gguf: b is no repository: owner/name",
        ),
        (
            'id = "x"\nextends = "demo"\n[gguf]\nrepository = "a/b"\ntransformer = "/w/a.gguf"',
            "/w/a.gguf is not in a/b: say its path there",
        ),
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
