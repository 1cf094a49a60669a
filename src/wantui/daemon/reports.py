"""A model's status, put together from all that is known: nothing is measured or read for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from wantui.api.model import (
    Defaults,
    ModelStatus,
    QualityOffer,
    Upstream,
    WeightsState,
    WeightsStatus,
)
from wantui.api.report import Health, HealthState, Metrics, Suitability
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Quality, Recipe, Source
from wantui.daemon.upstream import UpstreamBook
from wantui.store.scan import revisions_of

Told = Mapping[str, Upstream | None]
"""What the hub said last, by repository."""


class Prospect(NamedTuple):
    """How a model goes with the machine and the engine that are here."""

    hardware: Suitability
    estimated_vram_bytes: int | None
    implemented: bool | None
    problem: tuple[HealthState, str] | None
    """What of that keeps it from being used at all."""


class Prospects(Protocol):
    def of(self, recipe: Recipe, weights: WeightsStatus) -> Prospect: ...


class Reports:
    """Makes statuses; `loaded` says whether a worker holds a model now."""

    def __init__(
        self,
        catalog: Catalog,
        upstream: UpstreamBook,
        *,
        loaded: Callable[[str], bool],
        metrics: Callable[[str], Metrics],
        prospects: Prospects,
    ) -> None:
        self._catalog = catalog
        self._upstream = upstream
        self._loaded = loaded
        self._metrics = metrics
        self._prospects = prospects

    def of(self, recipe: Recipe, weights: WeightsStatus, looked_at: float) -> ModelStatus:
        """With `rev` 0; `looked_at` is when the weights were."""
        prospect = self._prospects.of(recipe, weights)
        told = {each.repository: self._upstream.of(each.repository) for each in recipe.sources}
        moved, shut = self._moved_on(recipe, weights, told), _shut(recipe, told)
        telling = (*shut, *moved, *recipe.sources)
        counts = [part.parameter_count for part in weights.components]
        known = [count for count in counts if count is not None]
        return ModelStatus(
            id=recipe.id,
            name=recipe.name,
            summary=recipe.summary,
            tasks=recipe.tasks,
            repository=recipe.repository,
            gguf_repository=recipe.gguf_repository,
            license=recipe.license,
            aliases=recipe.aliases,
            parameter_count=sum(known) if known else None,
            quantised=recipe.is_quantised,
            weights=weights,
            health=_health(weights, prospect, looked_at),
            implemented=prospect.implemented,
            estimated_vram_bytes=prospect.estimated_vram_bytes,
            hardware=prospect.hardware,
            metrics=self._metrics(recipe.id),
            upstream=next((told[source.repository] for source in telling), None),
            stale=bool(moved),
            loaded=self._loaded(recipe.id),
            takes_image=recipe.takes_image,
            needs_image=recipe.needs_image,
            words=recipe.words,
            qualities=tuple(_offer(recipe, quality) for quality in self._catalog.qualities),
            defaults=Defaults.model_validate(recipe.defaults.model_dump()),
            limits=recipe.limits,
            rev=0,
        )

    def _moved_on(self, recipe: Recipe, weights: WeightsStatus, told: Told) -> list[Source]:
        """Those whose publisher has another revision than the one that is here."""
        here = revisions_of(recipe, weights)
        return [
            source
            for source in recipe.sources
            if _is_behind(here.get(source.repository), told[source.repository])
            and not self._catalog.shares(source)
        ]


def _is_behind(here: str | None, upstream: Upstream | None) -> bool:
    now = upstream.commit if upstream else None
    return now is not None and here not in (None, now)


def _shut(recipe: Recipe, told: Told) -> list[Source]:
    """Those whose terms nobody has accepted yet."""
    asked = [(source, told[source.repository]) for source in recipe.sources]
    return [source for source, upstream in asked if upstream and upstream.accept_at is not None]


def _health(weights: WeightsStatus, prospect: Prospect, looked_at: float) -> Health:
    state, error = _worst(weights, prospect)
    checked = [file.checked_at for file in weights.files if file.checked_at is not None]
    proven = weights.state is WeightsState.VERIFIED
    return Health(
        state=state,
        last_error=error,
        last_verified_at=min(checked) if proven else None,
        checked_at=looked_at,
    )


def _worst(weights: WeightsStatus, prospect: Prospect) -> tuple[HealthState, str | None]:
    """A bad file first, for that is mended; then what no pull cures, then what is missing."""
    if weights.bad:
        return HealthState.CORRUPT, weights.bad[0].problem
    if prospect.problem is not None:
        return prospect.problem
    if not weights.state.usable:
        return HealthState.INCOMPLETE, None
    return (HealthState.READY if weights.checked else HealthState.UNVERIFIED), None


def _offer(recipe: Recipe, quality: Quality) -> QualityOffer:
    return QualityOffer(
        id=quality.id,
        summary=quality.summary,
        faithful=quality.faithful and not recipe.is_quantised,
        needs_loras=bool(quality.adapters),
    )
