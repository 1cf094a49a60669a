"""Cases to plan: shipped models on machines that nobody has."""

from __future__ import annotations

from typing import Any

from wantui.api.hardware import DeviceClass
from wantui.api.model import ComponentStatus, WeightsState, WeightsStatus
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.hardware.estimates.case import Case
from wantui.hardware.estimates.site import Site
from wantui.hardware.estimates.video import Video, default_video
from wantui.hardware.profile import Profile
from wantui.hardware.profiles import Profiles
from wantui.paths import shipped_config

GB = 10**9
CATALOG = Catalog.load(shipped_config())
PROFILES = {
    kept.profile.name: kept.profile for kept in Profiles.load(shipped_config() / "profiles").kept
}
TRANSFORMER = "WanTransformer3DModel"


def status_of(recipe: Recipe, **changes: Any) -> WeightsStatus:
    """Whole and verified, of a size that its recipe says."""
    parts = tuple(
        ComponentStatus(
            name=part.name,
            class_name=part.class_name,
            parameter_count=part.parameter_count,
            state=WeightsState.VERIFIED,
            bytes_present=2_000_000,
            bytes_needed=2_000_000,
            missing=(),
        )
        for part in recipe.components
    )
    status = WeightsStatus(
        state=WeightsState.VERIFIED,
        bytes_present=1,
        bytes_needed=1,
        folder="/w",
        revision=None,
        components=parts,
        get_command=None,
    )
    return status.model_copy(update=changes)


def profile(name: str, **changes: Any) -> Profile:
    return PROFILES[name].with_readings(**changes)


def gpu_site(memory_bytes: int, ram_bytes: int = 256 * GB, base: str = "a100") -> Site:
    """A GPU of any size, as quick as `base`, whose driver reserves half a gigabyte."""
    made = profile(base, memory_total_bytes=memory_bytes, host_memory_bytes=ram_bytes)
    return Site.of("GPU-1", "A GPU", made)


def cpu_site(ram_bytes: int) -> Site:
    made = profile("cpu", memory_total_bytes=ram_bytes, host_memory_bytes=ram_bytes)
    assert made.device is DeviceClass.CPU
    return Site.of("cpu", "A CPU", made)


def case(
    model: str | Recipe,
    site: Site | str,
    size: tuple[int, int] | None = None,
    frames: int | None = None,
    **changes: Any,
) -> Case:
    """The model's official video, but for what is given."""
    recipe = CATALOG.model(model) if isinstance(model, str) else model
    usual = default_video(recipe)
    width, height = size or (usual.width, usual.height)
    video = Video(
        **{
            "width": width,
            "height": height,
            "frames": frames or usual.frames,
            "steps": usual.steps,
            "passes": usual.passes,
            **changes,
        }
    )
    where = Site.of("GPU-1", site, PROFILES[site]) if isinstance(site, str) else site
    return Case(recipe, status_of(recipe), video, where)
