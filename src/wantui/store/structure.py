"""What can be wrong with a model's folder that shows without reading the weights.

Headers, those of GGUF files too, the index against its shards, and `model_index.json` against the
folders; facts of the layout:
https://huggingface.co/docs/diffusers/using-diffusers/other-formats.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from wantui.errors import WeightsUnreadable
from wantui.pipe import gguf
from wantui.store.header import Header, read_header

INDEX_SUFFIX = ".safetensors.index.json"
MODEL_INDEX = "model_index.json"
MAX_JSON_BYTES = 64 << 20
_SCALED_FP8 = "scaled_fp8"
"""The tensor by which ComfyUI marks weights whose scales lie beside them."""


def problems(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """What is wrong, by the file that is to blame; files that are not there are not spoken of.

    A path that does not begin in `folder` is of converted weights, or of a GGUF file, neither of
    which is a component's folder.
    """
    wanted = list(paths)
    there = [path for path in wanted if (folder / path).is_file()]
    found: dict[str, str] = {}
    headers: dict[str, Header] = {}
    documents: dict[str, Mapping[str, object]] = {}
    for path in there:
        try:
            if path.endswith(".safetensors"):
                headers[path] = _header(folder / path)
            elif path.endswith(gguf.SUFFIX):
                gguf.read_header(folder / path)
            elif path.endswith(".json"):
                documents[path] = _document(folder / path)
        except WeightsUnreadable as error:
            found[path] = error.message
    for path, document in documents.items():
        if path.endswith(INDEX_SUFFIX):
            found = dict(_index(path, document, headers, wanted)) | found
    if lacking := _unnamed(documents.get(MODEL_INDEX), there):
        found[MODEL_INDEX] = f"it does not name {lacking[0]}"
    return found


def _unnamed(model_index: Mapping[str, object] | None, there: Iterable[str]) -> list[str]:
    """Folders of components that a model index, if there is one, does not speak of."""
    return [] if model_index is None else sorted(_folders(there) - _components(model_index))


def _folders(paths: Iterable[str]) -> set[str]:
    """Of the components that these files are of."""
    inside = [path for path in paths if "/" in path and not path.startswith("/")]
    return {PurePosixPath(path).parts[0] for path in inside if not path.endswith(gguf.SUFFIX)}


def _header(path: Path) -> Header:
    header = read_header(path)
    if _SCALED_FP8 in header.tensors:
        raise WeightsUnreadable("it is in ComfyUI's scaled fp8, which is not supported")
    return header


def _document(path: Path) -> Mapping[str, object]:
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise WeightsUnreadable(f"{path.name} is too large to be a document")
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsUnreadable(f"{path.name} is no JSON") from error
    if not isinstance(document, dict):
        raise WeightsUnreadable(f"{path.name} holds no JSON object")
    return document


def _index(
    path: str, document: Mapping[str, object], headers: Mapping[str, Header], wanted: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """The index names exactly the shards, and each shard holds exactly the keys it is said to."""
    where = document.get("weight_map")
    if not isinstance(where, dict) or not all(isinstance(name, str) for name in where.values()):
        yield path, "it has no weight_map"
        return
    prefix = path.removesuffix(INDEX_SUFFIX)
    folder = path.rpartition("/")[0]
    shards = {name for name in wanted if name.startswith(f"{prefix}-")}
    named = {f"{folder}/{name}" for name in where.values()}
    if strange := sorted(named ^ shards):
        yield path, f"it and the recipe do not agree about {strange[0]}"
        return
    keys: dict[str, set[str]] = {}
    for key, name in where.items():
        keys.setdefault(f"{folder}/{name}", set()).add(key)
    for shard in sorted(shards & headers.keys()):
        if headers[shard].tensors.keys() != keys.get(shard, set()):
            yield shard, "its tensors are not those that the index lists for it"


def _components(model_index: Mapping[str, object]) -> set[str]:
    return {
        name
        for name, value in model_index.items()
        if isinstance(value, list) and len(value) == 2 and value[0] is not None
    }
