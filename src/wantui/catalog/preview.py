"""How the latents of a model are shown before they are decoded: `config/latent_rgb/*.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from wantui.catalog.recipe import Recipe
from wantui.paths import shipped_config
from wantui.pipe.preview import LatentRgb, PreviewOrder
from wantui.settings import PreviewSettings


def latent_rgb(name: str) -> LatentRgb:
    """By the name that a recipe gives."""
    path = shipped_config() / "latent_rgb" / f"{name}.toml"
    return LatentRgb.model_validate(tomllib.loads(path.read_text("utf-8")))


def preview_order(recipe: Recipe, settings: PreviewSettings, path: Path) -> PreviewOrder | None:
    """For a job whose previews go to `path`; None where there are to be none."""
    if recipe.latent_rgb is None or settings.per_second == 0:
        return None
    return PreviewOrder(
        path=str(path),
        latent_rgb=latent_rgb(recipe.latent_rgb),
        frames=settings.frames,
        per_second=settings.per_second,
    )
