"""GGUF headers: whatever a file claims, it is read within bounds or refused by what is wrong."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gguf_files import BF16, F32, Q8_0, write_gguf
from wantui.errors import WeightsUnreadable
from wantui.pipe.gguf import ENCODINGS, MAX_HEADER_BYTES, Tensor, read_header

WEIGHTS = {
    "blocks.0.ffn.net.0.proj.weight": np.ones((4, 64), np.float32),
    "patch_embedding.weight": np.ones((8, 3, 1, 2, 2), np.float32),
    "bias": np.ones(5, np.float32),
}


def written(folder: Path) -> Path:
    encodings = {"patch_embedding.weight": BF16, "bias": F32}
    return write_gguf(folder / "a.gguf", WEIGHTS, lambda key, _: encodings.get(key, Q8_0), name=str)


def text(content: str) -> bytes:
    return struct.pack("<Q", len(content)) + content.encode()


def tensor(
    name: str = "w", shape: tuple[int, ...] = (64,), encoding: int = 8, offset: int = 0
) -> bytes:
    numbers = (len(shape), *reversed(shape), encoding, offset)
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", *numbers)


def header(*tensors: bytes, pairs: tuple[bytes, ...] = (), version: int = 3) -> bytes:
    counts = struct.pack("<IQQ", version, len(tensors), len(pairs))
    return b"GGUF" + counts + b"".join(pairs) + b"".join(tensors)


def problem(folder: Path, content: bytes) -> str:
    path = folder / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(WeightsUnreadable) as caught:
        read_header(path)
    assert str(path) in caught.value.message
    return caught.value.message


def test_encodings_are_those_of_the_reference() -> None:
    reference = {
        int(kind): (kind.name, *gguf.GGML_QUANT_SIZES[kind]) for kind in gguf.GGML_QUANT_SIZES
    }
    assert {
        number: tuple(encoding) for number, encoding in ENCODINGS.items()
    }.items() <= reference.items()


def test_tensors_lie_where_the_reference_reads_them(tmp_path: Path) -> None:
    path = written(tmp_path)
    theirs = {
        found.name: (int(found.tensor_type), found.data_offset, found.n_bytes)
        for found in gguf.GGUFReader(path).tensors
    }
    ours = read_header(path)
    assert {name: (t.encoding, t.begin, t.nbytes) for name, t in ours.items()} == theirs
    assert {name: t.shape for name, t in ours.items()} == {n: w.shape for n, w in WEIGHTS.items()}
    assert ours["blocks.0.ffn.net.0.proj.weight"].byte_shape == (4, 68)


def test_metadata_of_every_type_is_passed_over_but_for_the_alignment(tmp_path: Path) -> None:
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    pairs = [text(f"k{kind}") + struct.pack("<I", kind) + bytes(n) for kind, n in sizes.items()]
    pairs.append(text("s") + struct.pack("<I", 8) + text("value"))
    pairs.append(text("a") + struct.pack("<IIQ", 9, 8, 2) + text("one") + text("two"))
    pairs.append(text("b") + struct.pack("<IIQ", 9, 5, 3) + bytes(12))
    pairs.append(text("general.alignment") + struct.pack("<II", 4, 128))
    content = header(tensor(), tensor("v", offset=128), pairs=tuple(pairs))
    begin = math.ceil(len(content) / 128) * 128
    path = tmp_path / "a.gguf"
    path.write_bytes(content.ljust(begin, b"\0") + bytes(128 + 68))
    assert read_header(path) == {
        "w": Tensor(8, (64,), begin, 68),
        "v": Tensor(8, (64,), begin + 128, 68),
    }


HUGE = 1 << 62


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "does not begin with GGUF"),
        (b"PK\3\4" * 100, "does not begin with GGUF"),
        (header(version=1), "version is 1"),
        (header(version=3 << 24), "version is 50331648"),
        (b"GGUF" + struct.pack("<IQQ", 3, HUGE, 0) + bytes(99), "which it has no bytes for"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, HUGE) + bytes(99), "which it has no bytes for"),
        (header(struct.pack("<Q", HUGE) + bytes(99)), f"a name of it has {HUGE} bytes"),
        (header(struct.pack("<Q", 2) + b"\xff\xff" + bytes(99)), "no UTF-8"),
        (
            header(pairs=(text("a") + struct.pack("<IIQ", 9, 8, HUGE) + text("b") * 9,)),
            "ends beyond the file",
        ),
        (header(pairs=(text("a") + struct.pack("<IIQ", 9, 4, HUGE) + bytes(9),)), "ends beyond"),
        (header(pairs=(text("a") + struct.pack("<IQ", 8, HUGE),)), "ends beyond the file"),
        (header(pairs=(text("a") + struct.pack("<I", 77) + bytes(9),)), "values of type 77"),
        (header(pairs=(text("general.alignment") + struct.pack("<II", 4, 0),)), "aligned to 0"),
        (header(tensor(shape=(1,) * 9)), "'w' has 9 dimensions"),
        (header(tensor(shape=())) + bytes(9), "'w' has 0 dimensions"),
        (header(tensor(encoding=99)), "'w' is of the unknown type 99"),
        (header(tensor(shape=(2, 33))), "'w' is [2, 33], which Q8_0 cannot be"),
        (header(tensor(shape=(0, 32))), "'w' is [0, 32], which Q8_0 cannot be"),
        (header(tensor(shape=(HUGE, HUGE))), "'w' ends at"),
        (header(tensor(offset=HUGE)), "'w' ends at"),
        (header(tensor(offset=1)) + bytes(999), "'w' is not aligned to 32 bytes"),
        (header(tensor(), tensor()) + bytes(999), "'w' is there twice"),
        (header(tensor(), tensor("v", offset=32)) + bytes(999), "'v' lies within another"),
        (header(tensor()) + bytes(60), "'w' ends at"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_wrong_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    assert says in problem(tmp_path, content)


def test_a_header_is_never_larger_than_any_has_to_be(tmp_path: Path) -> None:
    """The file has the bytes that its metadata claims; they are not read."""
    path = tmp_path / "bad.gguf"
    claim = struct.pack("<IQ", 8, MAX_HEADER_BYTES)
    path.write_bytes(header(pairs=(text("a") + claim,)))
    with path.open("r+b") as file:
        file.truncate(2 * MAX_HEADER_BYTES)
    with pytest.raises(WeightsUnreadable, match="larger than any"):
        read_header(path)


@given(data=st.data())
def test_a_header_with_any_byte_changed_or_cut_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated.gguf"
    whole = header(
        tensor("a", (2, 64)),
        tensor("b", offset=160),
        pairs=(text("s") + struct.pack("<I", 8) + text("value"),),
    ) + bytes(400)
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at] = data.draw(st.integers(0, 255))
    path.write_bytes(changed[: data.draw(st.integers(0, len(whole)))])
    try:
        tensors = read_header(path)
    except WeightsUnreadable:
        return
    size = path.stat().st_size
    assert all(t.begin + t.nbytes <= size for t in tensors.values())
