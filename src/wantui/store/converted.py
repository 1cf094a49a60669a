"""Converted weights on disk: which there are of a model's files, and which there could be.

`worker/convert.py` writes them; here they are found, judged, counted and removed. What a folder is
made of is in its name, so that one of older files is nobody's, and goes when the cache is pruned.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from wantui.api.model import ConvertedStatus, FileStatus, WeightsState, WeightsStatus
from wantui.api.plan import DType
from wantui.catalog.recipe import Component, Recipe
from wantui.pipe.conversion import MANIFEST, UNFINISHED, Conversion, Manifest, dtype_of
from wantui.pipe.fetch import ComponentToConvert
from wantui.pipe.file import KnownFile
from wantui.store.cache import file_at
from wantui.store.header import read_header
from wantui.store.scan import file_status, worst
from wantui.store.verdicts import Verdicts

KEPT_IN_FP32: Mapping[str, tuple[str, ...]] = {
    "WanTransformer3DModel": (
        *("rope", "time_embedder", "scale_shift_table"),
        *("norm1", "norm2", "norm3"),
    ),
    "UMT5EncoderModel": (),
}
"""The classes of component that a GPU computes in bf16, and what of them stays fp32 all the same.

Source: diffusers 0.42, `WanTransformer3DModel._keep_in_fp32_modules`. A load by a diffusers with
another list passes over what was converted by this one.
"""
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


class Convertible(NamedTuple):
    """A component that takes fewer bytes once it is converted."""

    component: str
    published_bytes: int
    converted_bytes: int
    """Both of the tensors."""


def conversion_of(
    part: Component, weights: WeightsStatus, verdicts: Verdicts, dtype: DType
) -> Conversion | None:
    """What the converted files would be made of; None if that is not known, or they are of no use.

    A file's digest is what its publisher says, else what it hashed to.
    """
    kept = KEPT_IN_FP32.get(part.class_name)
    if kept is None or part.weights is None:
        return None
    known = {file.path: _digest(file, weights, verdicts) for file in weights.files}
    sources = {name: known.get(f"{part.name}/{name}") for name in part.weights.files}
    digests = {name: digest for name, digest in sources.items() if digest is not None}
    if len(digests) < len(sources):
        return None
    return Conversion(sources=digests, dtype=dtype, kept_in_fp32=kept)


def _digest(file: FileStatus, weights: WeightsStatus, verdicts: Verdicts) -> str | None:
    if file.digest is not None or weights.folder is None:
        return file.digest
    info = file_at(f"{weights.folder}/{file.path}")
    verdict = verdicts.of(info) if info else None
    return verdict.digest if verdict else None


def conversions(
    recipe: Recipe, weights: WeightsStatus, verdicts: Verdicts, dtype: DType
) -> dict[str, Conversion]:
    """By component; those that are not known are not there."""
    found = {part.name: conversion_of(part, weights, verdicts, dtype) for part in recipe.components}
    return {name: conversion for name, conversion in found.items() if conversion is not None}


def look(
    recipe: Recipe, weights: WeightsStatus, root: Path, verdicts: Verdicts, dtype: DType
) -> tuple[ConvertedStatus, ...]:
    """What there is of a model's weights as they are now; a strange folder is no failure."""
    there = set(entries(root))
    if not there:
        return ()
    wanted = conversions(recipe, weights, verdicts, dtype)
    return tuple(
        _status(name, root / conversion.key, conversion, verdicts)
        for name, conversion in wanted.items()
        if conversion.key in there
    )


def _status(
    component: str, folder: Path, conversion: Conversion, verdicts: Verdicts
) -> ConvertedStatus:
    manifest = _manifest(folder)
    whole = manifest is not None and manifest.files.keys() == conversion.sources.keys()
    files = tuple(_files(folder, manifest, verdicts)) if manifest and whole else ()
    return ConvertedStatus(
        component=component,
        dtype=conversion.dtype,
        kept_in_fp32=conversion.kept_in_fp32,
        state=worst(file.state for file in files) if files else WeightsState.CORRUPT,
        bytes=size_of(folder),
        folder=str(folder),
        files=files,
    )


def _files(folder: Path, manifest: Manifest, verdicts: Verdicts) -> Iterator[FileStatus]:
    for name, file in manifest.files.items():
        info = file_at(folder / name)
        if info is None:
            yield FileStatus(
                path=name,
                state=WeightsState.ABSENT,
                bytes=None,
                digest=file.sha256,
                checked_at=None,
            )
        else:
            yield file_status(name, info, file.sha256, verdicts.of(info))


def _manifest(folder: Path) -> Manifest | None:
    info = file_at(folder / MANIFEST)
    return _parsed(folder / MANIFEST, info.st_mtime_ns, info.st_size) if info else None


@lru_cache(maxsize=64)
def _parsed(path: Path, mtime_ns: int, size: int) -> Manifest | None:  # noqa: ARG001 - the key
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def convertible(recipe: Recipe, weights: WeightsStatus, dtype: DType) -> list[Convertible]:
    """Which components are smaller when they are converted, by the headers of their files.

    Raises WeightsUnreadable.
    """
    found = []
    for part in recipe.components:
        kept = KEPT_IN_FP32.get(part.class_name)
        if kept is not None and weights.folder is not None and part.weights is not None:
            folder = Path(weights.folder, part.name)
            shards = [folder / name for name in part.weights.files if name.endswith(".safetensors")]
            made = _compared(part.name, shards, dtype, kept)
            if made is not None and made.converted_bytes < made.published_bytes:
                found.append(made)
    return found


def _compared(
    component: str, shards: Iterable[Path], dtype: DType, kept: Iterable[str]
) -> Convertible | None:
    """None if it holds what is no plain floating point: then it is quantised already."""
    before = after = 0
    for shard in shards:
        for name, tensor in read_header(shard).tensors.items():
            if tensor.dtype not in _BYTES:
                return None
            count = (tensor.end - tensor.begin) // _BYTES[tensor.dtype]
            before += tensor.end - tensor.begin
            after += count * dtype_of(name, dtype, kept).bytes
    return Convertible(component, before, after)


def to_convert(part: Component, folder: Path, conversion: Conversion) -> ComponentToConvert:
    """The order for one component, of files that were proven to be what `conversion` says."""
    paths = [folder / part.name / name for name in conversion.sources]
    return ComponentToConvert(
        conversion=conversion,
        files=tuple(
            KnownFile.at(str(path), info) for path in paths if (info := file_at(path)) is not None
        ),
    )


def loadable(weights: WeightsStatus, dtype: DType) -> tuple[ConvertedStatus, ...]:
    """What a load in `dtype` takes instead of the published files: what is proven, no more."""
    return tuple(
        part
        for part in weights.converted
        if part.state is WeightsState.VERIFIED and part.dtype is dtype
    )


def entries(root: Path) -> list[str]:
    """The names of all that is kept there, whole or on its way."""
    try:
        with os.scandir(root) as found:
            return sorted(entry.name for entry in found if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def key_of(name: str) -> str:
    """The conversion's key that an entry is of."""
    return name.removesuffix(UNFINISHED)


def size_of(folder: Path) -> int:
    """Bytes of all files in one folder."""
    try:
        with os.scandir(folder) as found:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in found)
    except OSError:
        return 0


def remove(folders: Iterable[Path]) -> None:
    """The manifest first: what is cut short is known to be no more whole. Raises OSError."""
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            (folder / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder)
