"""An expert's weights in a GGUF file: quantised layers stay as they are, and compute as diffusers'.

A linear layer with a quantised weight becomes diffusers' `GGUFLinear`, which dequantises it in each
forward; a quantised tensor elsewhere, or of a module that stays fp32, is dequantised as it is read.
In memory a quantised weight is its file's bytes, so it streams to a device as any other tensor.

Source: diffusers 0.42.1, `quantizers/gguf` and `loaders/single_file_model.py`. Its importing of
names is used and its inference of a configuration is not: that knows Wan 2.1 alone.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from wantui.errors import WeightsUnreadable
from wantui.pipe import gguf
from wantui.worker import engine
from wantui.worker.weights import Expected, check_complete, is_wanted, short

_PLAIN: Mapping[str, torch.dtype] = {"F32": torch.float32, "F16": torch.float16}
"""What needs no decoding."""


class GgufWeights:
    """Those of one file, proven by its header: no tensor is read before it is wanted.

    Making it puts quantised layers into `transformer`, which has to be on the meta device. Raises
    WeightsUnreadable naming the file and the tensor.
    """

    def __init__(
        self,
        file: Path,
        transformer: engine.Transformer,
        expected: Expected,
        dtype_of: Callable[[str], torch.dtype],
        compute_dtype: torch.dtype,
    ) -> None:
        self._file = file
        self._dtype_of = dtype_of
        self._tensors = _located(file, expected)
        self._encoded = dict(self._layers(transformer))
        for layer in self._encoded:
            engine.quantise_layer(transformer, layer.removesuffix(".weight"), compute_dtype)

    def _layers(self, transformer: engine.Transformer) -> Iterator[tuple[str, int]]:
        """Weights that stay encoded, and how."""
        for key, tensor in self._tensors.items():
            if gguf.ENCODINGS[tensor.encoding].name in _PLAIN:
                continue
            if not engine.is_decodable(tensor.encoding):
                encoding = gguf.ENCODINGS[tensor.encoding].name
                raise WeightsUnreadable(
                    f"{short(self._file)}: {key} is in {encoding}, which is not supported"
                )
            layer, _, name = key.rpartition(".")
            is_linear = isinstance(transformer.get_submodule(layer), nn.Linear)
            if name == "weight" and is_linear and not engine.kept_in_fp32(transformer, key):
                yield key, tensor.encoding

    def files(self, keys: Iterable[str]) -> set[Path]:  # noqa: ARG002 - all are in one
        return {self._file}

    def absent(self, key: str, shape: Iterable[int]) -> nn.Parameter:
        """As the parameter will be, on the meta device."""
        encoded = key in self._encoded
        dtype = torch.uint8 if encoded else self._dtype_of(key)
        size = self._tensors[key].byte_shape if encoded else tuple(shape)
        return self.dressed(key, torch.empty(size, dtype=dtype, device="meta"))

    def dressed(self, key: str, tensor: Tensor) -> nn.Parameter:
        """A parameter in the memory of a tensor that this key was read to."""
        if (encoding := self._encoded.get(key)) is not None:
            return engine.quantised(tensor, encoding)
        return nn.Parameter(tensor, requires_grad=False)

    def read(self, keys: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """Tensors as they will be, but for a cast; maps of the file where nothing is decoded.

        Raises WeightsUnreadable naming the file.
        """
        mapped = _map(self._file)
        for key in keys:
            tensor = self._tensors[key]
            content = mapped[tensor.begin : tensor.begin + tensor.nbytes]
            plain = _PLAIN.get(gguf.ENCODINGS[tensor.encoding].name)
            if plain is not None:
                yield key, content.view(plain).view(tensor.shape)
            elif key in self._encoded:
                yield key, content.view(tensor.byte_shape)
            else:
                yield key, engine.decoded(content.view(tensor.byte_shape), tensor.encoding)


def _located(file: Path, expected: Expected) -> dict[str, gguf.Tensor]:
    """The tensors by the module's keys; every one must be there with its shape, and no other."""
    tensors = gguf.read_header(file)
    located: dict[str, gguf.Tensor] = {}
    for key, name in engine.names_by_key(tensors).items():
        tensor = _with_rank(tensors[name], len(expected.shapes.get(key, ())))
        if is_wanted(file, key, tensor.shape, expected):
            located[key] = tensor
    check_complete(short(file), located.keys(), expected)
    return located


def _with_rank(tensor: gguf.Tensor, rank: int) -> gguf.Tensor:
    """With so many dimensions: ggml writes none that is one before the first that is not."""
    return tensor._replace(shape=(1,) * (rank - len(tensor.shape)) + tensor.shape)


def _map(file: Path) -> Tensor:
    """The whole file as bytes; written to, they would be copied first."""
    try:
        with file.open("rb") as content:
            pages = mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        raise WeightsUnreadable(f"{short(file)}: {error}") from error
    return torch.frombuffer(pages, dtype=torch.uint8)
