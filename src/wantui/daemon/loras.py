"""The LoRAs of a job: which they are when it is accepted, and where they are for an attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from wantui.api.adapter import Adapter
from wantui.api.job import JobWarning, Params
from wantui.api.lora import LoraExpert, LoraUse, LoraUsed
from wantui.catalog.recipe import Quality, QualityAdapter, Recipe
from wantui.daemon.adapters import Adapters
from wantui.errors import AdapterUnfit, InvalidRequest, UnknownAdapter
from wantui.pipe.file import KnownFile
from wantui.pipe.messages import LoraFile
from wantui.store.adapters import AdapterFolder
from wantui.store.lora import read_lora
from wantui.store.lora_fit import misfit
from wantui.text import one_line


async def choose_loras(
    adapters: Adapters, recipe: Recipe, quality: Quality, uses: Sequence[LoraUse]
) -> tuple[LoraUsed, ...]:
    """What was asked for, in its order, and what the quality needs and knows where to find.

    Raises UnknownAdapter with the nearest name, AdapterUnfit, or InvalidRequest for an expert that
    the model has not, a LoRA that is there twice, and a quality that lacks one.
    """
    chosen = [_used(adapters.find(use.adapter), use.strength, use.expert) for use in uses]
    _check_experts(recipe, chosen)
    chosen += _needed(adapters, recipe, quality, chosen)
    _check_once(chosen)
    for used in {each.sha256: each for each in chosen}.values():
        await asyncio.to_thread(_check_fit, adapters.path(used.sha256), used, recipe)
    return tuple(chosen)


def misplaced(
    adapters: Adapters, recipe: Recipe, loras: Iterable[LoraUsed]
) -> tuple[JobWarning, ...]:
    """What to say of LoRAs whose file's name speaks of another expert than they are for."""
    hints = [(used, adapters.get(used.sha256).noise_hint) for used in loras]
    return tuple(
        JobWarning(
            code="lora_expert",
            message=f"the name of {used.name}'s file says {hint} noise, and it is for "
            f"{'both experts' if used.expert is LoraExpert.BOTH else used.expert + ' noise'}: "
            f"was @{hint} meant?",
        )
        for used, hint in hints
        if recipe.has_two_experts and hint is not None and hint.value != used.expert.value
    )


def lora_files(params: Params, folder: Path) -> tuple[LoraFile, ...]:
    """Where a job's LoRAs lie, with what tells whether they change. Raises UnknownAdapter."""
    kept = AdapterFolder(folder)
    return tuple(LoraFile(used=used, file=_file(kept, used)) for used in params.loras)


def _file(kept: AdapterFolder, used: LoraUsed) -> KnownFile:
    path = kept.path(used.sha256)
    try:
        info = path.stat()
    except OSError as error:
        raise UnknownAdapter(
            f"the LoRA {used.name} is not kept any more: {path}: {error.strerror}",
            hint="add it again: wantui lora add FILE",
        ) from error
    return KnownFile.at(str(path), info, used.sha256)


def _used(adapter: Adapter, strength: float, expert: LoraExpert) -> LoraUsed:
    return LoraUsed(
        sha256=adapter.id,
        name=adapter.name,
        bytes=adapter.bytes,
        rank=adapter.rank,
        strength=strength,
        expert=expert,
    )


def _check_experts(recipe: Recipe, chosen: Iterable[LoraUsed]) -> None:
    for used in chosen:
        if used.expert is not LoraExpert.BOTH and not recipe.has_two_experts:
            raise InvalidRequest.for_field(
                "loras",
                f"{recipe.id} has one expert, and none for {used.expert} noise",
                allowed=f"{used.name} without @{used.expert}",
            )


def _check_once(chosen: Sequence[LoraUsed]) -> None:
    for number, used in enumerate(chosen):
        if any(used.sha256 == o.sha256 and used.expert.meets(o.expert) for o in chosen[:number]):
            raise InvalidRequest.for_field(
                "loras", f"{used.name} is there twice", allowed="each once an expert"
            )


def _check_fit(path: Path, used: LoraUsed, recipe: Recipe) -> None:
    """Against the catalog as it is now, which may have models that came after the LoRA."""
    problem = misfit(read_lora(path, used.name), recipe)
    if problem is not None:
        raise AdapterUnfit(
            f"the LoRA {used.name} does not fit {recipe.id}: {problem}",
            hint="wantui lora ls says which models it fits",
            detail={"field": "loras"},
        )


def _needed(
    adapters: Adapters, recipe: Recipe, quality: Quality, given: Sequence[LoraUsed]
) -> list[LoraUsed]:
    """What the quality needs besides, for the experts that no LoRA was given for."""
    found = []
    for need in quality.adapters:
        expert = LoraExpert(need.expert)
        if expert is LoraExpert.LOW and not recipe.has_two_experts:
            continue
        if any(used.expert.meets(expert) for used in given):
            continue
        kept = next((a for a in adapters.all() if _comes_from(a, need)), None)
        if kept is None:
            raise _lacking(recipe, quality, need)
        found.append(_used(kept, 1.0, expert if recipe.has_two_experts else LoraExpert.BOTH))
    return found


def _comes_from(adapter: Adapter, need: QualityAdapter) -> bool:
    source = adapter.source
    return need.repository is not None and (source.repository, source.file) == (
        need.repository,
        need.file,
    )


def _lacking(recipe: Recipe, quality: Quality, need: QualityAdapter) -> InvalidRequest:
    whose = f"{recipe.id}'s {need.expert}-noise expert" if recipe.has_two_experts else recipe.id
    at = f"@{need.expert}" if recipe.has_two_experts else ""
    if need.repository is not None:
        hint = f"run: wantui lora add {need.repository}/{need.file}"
    else:
        hint = f"give one that was trained for few steps: --lora FILE.safetensors{at}"
    return InvalidRequest(
        f"quality: {one_line(quality.id, 80)} needs a LoRA for {whose}: without one, "
        "so few steps make noise",
        hint=hint,
        detail={"field": "loras"},
    )
