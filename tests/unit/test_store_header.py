"""The safetensors header: what is lawful is read as the reference reads it, the rest refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import safetensors as reference
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.hub_cache import safetensors
from wantui.errors import WeightsUnreadable
from wantui.store.header import MAX_HEADER_BYTES, read_header

SHAPES = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
        lambda name: name != "__metadata__"
    ),
    st.lists(st.integers(0, 5), max_size=3),
    max_size=5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("headers")


def framed(header: Any, data: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + data


def tensor(begin: int, end: int, shape: Any = None, dtype: Any = "U8") -> dict[str, Any]:
    shape = [end - begin] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@given(shapes=SHAPES, padding=st.integers(0, 9))
def test_what_the_reference_reads_is_read_alike(
    folder: Path, shapes: dict[str, list[int]], padding: int
) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(safetensors(shapes, padding))
    header = read_header(path)
    assert {name: list(entry.shape) for name, entry in header.tensors.items()} == shapes
    assert header.parameter_count == sum(map(math.prod, shapes.values()))
    read = reference.deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    theirs = {name: list(entry["shape"]) for name, entry in read}
    assert theirs == shapes


@given(st.binary(max_size=200))
def test_noise_is_refused_and_nothing_else_happens(folder: Path, noise: bytes) -> None:
    path = folder / "noise.safetensors"
    path.write_bytes(noise)
    with pytest.raises(WeightsUnreadable):
        read_header(path)


@given(data=st.data())
def test_a_file_cut_anywhere_is_refused(folder: Path, data: st.DataObject) -> None:
    whole = safetensors({"a": [3], "b": [2, 2]})
    path = folder / "cut.safetensors"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(WeightsUnreadable):
        read_header(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (framed(b" {}"), "no JSON object"),
        (framed(b'{"a": 1'), "no JSON"),
        (framed(b"{\xff}"), "no JSON"),
        (framed(b'{"a":' + b"[" * 100_000 + b"}"), "no JSON"),
        (framed(b'{"a": {"dtype":"U8","shape":[1' + b"0" * 5000 + b"]}}"), "no JSON"),
        (framed({"__metadata__": {"a": 1}}), "__metadata__"),
        (framed({"__metadata__": []}), "__metadata__"),
        (framed({"a": {"dtype": "U8", "shape": []}}), "'a' is no tensor"),
        (framed({"a": 3}), "'a' is no tensor"),
        (framed({"a": tensor(0, 1, dtype="PICKLE")}, b"x"), "unknown dtype"),
        (framed({"a": tensor(0, 1, dtype=["U8"])}, b"x"), "unknown dtype"),
        (framed({"a": tensor(0, 1, shape=[True])}, b"x"), "no lawful shape"),
        (framed({"a": tensor(0, 1, shape=[-1, -1])}, b"x"), "no lawful shape"),
        (framed({"a": tensor(0, 1, shape=[1.0])}, b"x"), "no lawful shape"),
        (framed({"a": tensor(0, 1, shape=[2**63, 0])}, b"x"), "no lawful shape"),
        (framed({"a": tensor(0, 1, shape=[2])}, b"x"), "another shape"),
        (framed({"a": tensor(0, 1, dtype="F32", shape=[1])}, b"x"), "another shape"),
        (framed({"a": tensor(2, 1, shape=[1])}, b"xx"), "another shape"),
        (framed({"a": tensor(1, 2)}, b"xx"), "gap or an overlap"),
        (framed({"a": tensor(0, 2), "b": tensor(1, 3)}, b"xxx"), "gap or an overlap"),
        (framed({"a": tensor(0, 1)}, b"xx"), "end at 1 of 2"),
        (
            framed(b'{"a":' + json.dumps(tensor(0, 0)).encode() + b',"a":3}'),
            "occurs twice",
        ),
        ((MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b"{}", "claims"),
        (b"\xff" * 8, "claims"),
        (b"", "claims 0 bytes of 0"),
    ],
)
def test_a_malformed_file_is_refused_with_what_is_wrong(
    folder: Path, content: bytes, problem: str
) -> None:
    path = folder / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsUnreadable, match=problem) as caught:
        read_header(path)
    assert str(path) in caught.value.message


def test_a_header_over_the_limit_is_refused_though_the_file_is_as_long(folder: Path) -> None:
    path = folder / "huge.safetensors"
    with path.open("wb") as file:
        file.write((MAX_HEADER_BYTES + 1).to_bytes(8, "little"))
        file.truncate(MAX_HEADER_BYTES + 100)
    with pytest.raises(WeightsUnreadable, match="claims"):
        read_header(path)


def test_a_file_that_is_not_there_is_unreadable(folder: Path) -> None:
    with pytest.raises(WeightsUnreadable, match="No such file"):
        read_header(folder / "absent.safetensors")
