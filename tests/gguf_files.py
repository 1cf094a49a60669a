"""GGUF files as publishers make them: a transformer's weights, its large matrices quantised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

Q8_0, BF16, F32 = (getattr(gguf.GGMLQuantizationType, name) for name in ("Q8_0", "BF16", "F32"))
Weights = dict[str, NDArray[np.float32]]
_KEPT = ("norm", "scale_shift_table", "bias", "patch_embedding")
_PUBLISHED = (
    ("condition_embedder.time_embedder.linear_1", "time_embedding.0"),
    ("condition_embedder.time_embedder.linear_2", "time_embedding.2"),
    ("condition_embedder.text_embedder.linear_1", "text_embedding.0"),
    ("condition_embedder.text_embedder.linear_2", "text_embedding.2"),
    ("condition_embedder.time_proj", "time_projection.1"),
    ("attn1", "self_attn"),
    ("attn2", "cross_attn"),
    (".to_out.0.", ".o."),
    (".to_q.", ".q."),
    (".to_k.", ".k."),
    (".to_v.", ".v."),
    ("ffn.net.0.proj", "ffn.0"),
    ("ffn.net.2", "ffn.2"),
    ("norm2", "norm_placeholder"),
    ("norm3", "norm2"),
    ("norm_placeholder", "norm3"),
)


def weights_of(folder: Path) -> Weights:
    """A component's tensors, of all its shards."""
    found: Weights = {}
    for shard in sorted(folder.glob("*.safetensors")):
        found |= load_file(shard)
    return found


def published_name(key: str) -> str:
    """As Wan's own code names a tensor."""
    if key == "scale_shift_table":
        return "head.modulation"
    if key.startswith("proj_out."):
        return key.replace("proj_out", "head.head")
    name = key.replace("scale_shift_table", "modulation")
    for ours, theirs in _PUBLISHED:
        name = name.replace(ours, theirs)
    return name


def q8_0_where_it_fits(key: str, tensor: NDArray[np.float32]) -> Any:
    """Matrices whose rows are whole blocks; what a publisher keeps, and all else, is F32."""
    fits = tensor.ndim == 2 and tensor.shape[-1] % 32 == 0
    return Q8_0 if fits and not any(part in key for part in _KEPT) else F32


def write_gguf(
    path: Path,
    weights: Weights,
    encoding: Callable[[str, NDArray[np.float32]], Any] = q8_0_where_it_fits,
    name: Callable[[str], str] = published_name,
) -> Path:
    """One tensor after another, each in the encoding and by the name that are asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "wan")
    writer.add_array("general.tags", ["tiny", "video"])
    for key, tensor in weights.items():
        kind = encoding(key, tensor)
        content = gguf.quantize(tensor.astype(np.float32), kind)
        writer.add_tensor(name(key), content, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
