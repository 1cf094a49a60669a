"""A LoRA file as its header tells it: its layers, their rank, and the models that they fit.

The content is not read: a header says which numbers are where, not whether they are any good.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wantui.api.adapter import LoraNaming, Noise
from wantui.errors import InvalidAdapter, WeightsUnreadable
from wantui.pipe.lora_names import Piece, of_image_branch, parse_name
from wantui.store.header import Header, Tensor, read_header
from wantui.text import one_line

SUFFIX = ".safetensors"
MAX_HEADER_BYTES = 8 << 20
"""Far more than a LoRA of every layer of 40 blocks needs: the daemon reads it, not a worker."""
HEAD_BYTES = 9
"""From so many bytes on a file's beginning tells whether it can be one."""
_FLOATS = frozenset({"F8_E4M3", "F8_E5M2", "F16", "BF16", "F32", "F64"})
_OTHER_KINDS = {
    "dora_scale": "a DoRA", "lora_magnitude_vector": "a DoRA", "hada_": "a LoHa",
    "lokr_": "a LoKr", "lora_mid": "a LoCon", "lora_te": "for a text encoder",
    "text_encoder": "for a text encoder", "transformer_2.": "for both experts at once",
}  # fmt: skip
_MAGIC = {
    b"PK\x03\x04": "a PyTorch pickle",  # in a zip
    b"\x80\x02": "a pickle", b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle", b"\x80\x05": "a pickle",
    b"GGUF": "a GGUF file",
}  # fmt: skip
"""How files begin that are taken for LoRAs; looked at only where there is no lawful beginning."""
_BLOCK = re.compile(r"blocks\.(\d+)\.(.+)")
_NOISE = re.compile(r"(?<![a-z])(high|low)[-_. ]?(?:noise)?(?![a-z])", re.IGNORECASE)

Layer = Mapping[Piece, Tensor]


@dataclass(frozen=True)
class Lora:
    layers: Mapping[str, Layer]
    """By module, in diffusers' names."""
    naming: LoraNaming
    dtype: str
    unused_tensors: int

    @cached_property
    def rank(self) -> int:
        return max(_rank(layer) for layer in self.layers.values())

    @cached_property
    def blocks(self) -> int:
        """The model must have so many."""
        numbers = [int(match[1]) for match in map(_BLOCK.fullmatch, self.layers) if match]
        return max(numbers, default=-1) + 1

    @cached_property
    def dim(self) -> int | None:
        """The width of the model that it was made for, where an attention's layer tells."""
        attention = [
            math.prod(layer[Piece.DOWN].shape[1:])
            for module, layer in self.layers.items()
            if ".attn" in module and Piece.DOWN in layer
        ]
        return Counter(attention).most_common(1)[0][0] if attention else None


def check_suffix(file: str) -> None:
    """Raises InvalidAdapter for a name of another format, pickles above all."""
    if not file.casefold().endswith(SUFFIX):
        raise InvalidAdapter(f"{_shown(file)} is not a {SUFFIX} file")


def check_head(head: bytes, file: str) -> None:
    """Judge a file by its first HEAD_BYTES, before the rest is sent. Raises InvalidAdapter."""
    length = int.from_bytes(head[:8], "little")
    if head[8:HEAD_BYTES] == b"{" and length <= MAX_HEADER_BYTES:
        return
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    if kind is not None:
        raise InvalidAdapter(f"{_shown(file)} is {kind}, whatever it is called")
    raise InvalidAdapter(f"{_shown(file)} does not begin as a LoRA in safetensors does")


def read_lora(path: Path, file: str) -> Lora:
    """`file` is what people call it. Raises InvalidAdapter saying what is wrong."""
    try:
        with path.open("rb") as opened:
            check_head(opened.read(HEAD_BYTES), file)
        header = read_header(path)
    except OSError as error:
        raise InvalidAdapter(f"{_shown(file)}: {error.strerror}") from error
    except WeightsUnreadable as error:
        raise InvalidAdapter(error.message.replace(str(path), _shown(file))) from error
    return lora_of(header, file)


def lora_of(header: Header, file: str) -> Lora:
    """Raises InvalidAdapter."""
    layers: dict[str, dict[Piece, Tensor]] = {}
    namings: Counter[LoraNaming] = Counter()
    unused = 0
    for name, tensor in header.tensors.items():
        parsed = parse_name(name)
        if parsed is None:
            raise InvalidAdapter(_stranger(name, file), detail={"tensor": one_line(name, 200)})
        if tensor.dtype not in _FLOATS:
            raise InvalidAdapter(f"{_shown(file)}: {_shown(name)} is {tensor.dtype}, no float")
        namings[parsed.naming] += 1
        if of_image_branch(parsed.module):
            unused += 1
            continue
        layer = layers.setdefault(parsed.module, {})
        if parsed.piece in layer:
            raise InvalidAdapter(f"{_shown(file)} has {parsed.module} twice")
        layer[parsed.piece] = tensor
    for module, layer in layers.items():
        if problem := _incomplete(layer):
            raise InvalidAdapter(f"{_shown(file)}: {module} {problem}")
    if not any(Piece.DOWN in layer for layer in layers.values()):
        raise InvalidAdapter(f"{_shown(file)} has no low-rank layer for a Wan transformer")
    dtypes = Counter(tensor.dtype for layer in layers.values() for tensor in layer.values())
    return Lora(layers, namings.most_common(1)[0][0], dtypes.most_common(1)[0][0], unused)


def noise_hint(file: str) -> Noise | None:
    """What a file's name says of the expert; None if it says nothing, or both."""
    said = {word.lower() for word in _NOISE.findall(file)}
    return Noise(said.pop()) if len(said) == 1 else None


def _stranger(name: str, file: str) -> str:
    for mark, kind in _OTHER_KINDS.items():
        if mark in name:
            return f"{_shown(file)} is {kind}, which wantui does not take ({_shown(name)})"
    return f"{_shown(file)} is no LoRA for a Wan transformer: it has {_shown(name)}"


def _rank(layer: Layer) -> int:
    return layer[Piece.DOWN].shape[0] if Piece.DOWN in layer else 0


def _incomplete(layer: Layer) -> str | None:
    """What a module's tensors lack, or where they do not go together."""
    down, up, alpha = (layer.get(piece) for piece in (Piece.DOWN, Piece.UP, Piece.ALPHA))
    if (down is None) != (up is None):
        return f"has its {'up' if down is None else 'down'} half alone"
    if alpha is not None and (down is None or math.prod(alpha.shape) != 1):
        return "has an alpha that scales nothing"
    if down is not None and up is not None:
        if len(down.shape) < 2 or len(up.shape) < 2 or not math.prod(down.shape):
            return f"has the shapes {down.shape} and {up.shape}"
        if down.shape[0] != math.prod(up.shape[1:]):
            return f"has halves of two ranks, {down.shape[0]} and {math.prod(up.shape[1:])}"
    return None


def _shown(name: str) -> str:
    return repr(one_line(name, 100))
