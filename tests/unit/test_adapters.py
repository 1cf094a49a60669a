"""The folder of adapters after a kill at any moment, and the names that adapters get."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.api.adapter import Adapter, AdapterSource, LoraNaming
from wantui.catalog.catalog import Catalog
from wantui.daemon.adapters import Adapters
from wantui.files import write_atomic
from wantui.paths import shipped_config
from wantui.store import adapters as store
from wantui.store.adapters import AdapterFolder

ID = "a" * 64
ADAPTER = Adapter(
    id=ID,
    name="style",
    bytes=7,
    naming=LoraNaming.DIFFUSERS,
    rank=4,
    layers=2,
    dtype="F32",
    base_models=("demo",),
    noise_hint=None,
    unused_tensors=0,
    source=AdapterSource(file="style.safetensors"),
    added_at=1.0,
)
CATALOG = Catalog.load(shipped_config())


class Killed(BaseException):
    """The process ends here."""


def checked(folder: AdapterFolder) -> Path:
    path = folder.temporary()
    path.write_bytes(b"content")
    return path


def test_what_is_kept_is_there_again_until_it_is_removed(tmp_path: Path) -> None:
    folder = AdapterFolder(tmp_path / "adapters")
    assert folder.start() == {}
    folder.keep(checked(folder), ADAPTER)
    assert AdapterFolder(folder.folder).start() == {ID: ADAPTER}
    folder.remove(ID)
    assert folder.start() == {}
    assert list(folder.folder.iterdir()) == []


@pytest.mark.parametrize("step", ["write_atomic", "atomic_path"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_kill_while_one_is_kept_leaves_all_of_it_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, done: bool
) -> None:
    folder = AdapterFolder(tmp_path / "adapters")
    folder.start()
    path = checked(folder)
    if (step, done) == ("atomic_path", True):
        folder.keep(path, ADAPTER)  # nothing comes after it
    else:
        with monkeypatch.context() as patch:
            patch.setattr(store, step, dying(write_atomic if done else None))
            with pytest.raises(Killed):
                folder.keep(path, ADAPTER)
    whole = (step, done) == ("atomic_path", True)
    assert AdapterFolder(folder.folder).start() == ({ID: ADAPTER} if whole else {})
    assert len(list(folder.folder.iterdir())) == (2 if whole else 0)


def dying(first: Callable[..., None] | None) -> Callable[..., None]:
    def die(*arguments: object) -> None:
        if first is not None:
            first(*arguments)
        raise Killed

    return die


def test_a_kill_while_one_is_removed_removes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = AdapterFolder(tmp_path / "adapters")
    folder.start()
    folder.keep(checked(folder), ADAPTER)
    with monkeypatch.context() as patch:
        patch.setattr(AdapterFolder, "_facts", dying(None))
        with pytest.raises(Killed):
            folder.remove(ID)
    assert AdapterFolder(folder.folder).start() == {}
    assert list(folder.folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b"\xff"])
def test_facts_that_cannot_be_read_cost_no_file(tmp_path: Path, content: bytes) -> None:
    folder = AdapterFolder(tmp_path / "adapters")
    folder.start()
    folder.keep(checked(folder), ADAPTER)
    (folder.folder / f"{ID}.json").write_bytes(content)
    assert AdapterFolder(folder.folder).start() == {}
    assert folder.path(ID).read_bytes() == b"content"


@pytest.mark.parametrize("id", ["", "a" * 63, "../" + "a" * 61, "A" * 64, "a" * 40])
def test_an_id_that_is_no_sha256_reaches_no_file(tmp_path: Path, id: str) -> None:
    with pytest.raises(ValueError, match="is no sha256"):
        AdapterFolder(tmp_path).path(id)


@given(st.text(max_size=120), st.sampled_from(["1", "0123abcd"]))
def test_any_files_name_makes_a_lawful_one(stem: str, suffix: str) -> None:
    adapters = Adapters(Path("/nowhere"), CATALOG, 1, used_by=lambda _id: [])
    adapters.check_name(adapters.free_name(f"{stem}.safetensors", suffix))
