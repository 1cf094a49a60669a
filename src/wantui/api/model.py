"""A catalog entry and the state of its weights on this machine."""

from __future__ import annotations

from enum import StrEnum

from wantui.api.base import Reply


class WeightsState(StrEnum):
    """A model's, a component's: the worst of its required files."""

    ABSENT = "absent"
    PARTIAL = "partial"
    PRESENT = "present"


class ComponentStatus(Reply):
    name: str
    class_name: str
    parameter_count: int | None
    state: WeightsState
    bytes_present: int
    bytes_needed: int
    missing: tuple[str, ...]
    """Files of the recipe that are not there, relative to the repository."""


class WeightsStatus(Reply):
    state: WeightsState
    bytes_present: int
    bytes_needed: int
    folder: str | None
    """The snapshot in Diffusers layout, when there is one."""
    revision: str | None
    components: tuple[ComponentStatus, ...]
    get_command: str | None
    """What fetches them; None when they ship with wantui."""


class Defaults(Reply):
    """The official parameters; `guidance` is the high-noise expert's where there are two."""

    width: int
    height: int
    frames: int
    fps: int
    steps: int
    guidance: float
    guidance_low: float | None
    shift: float
    negative_prompt: str


class Limits(Reply):
    """What a request may ask for."""

    size_multiple: int
    sizes: tuple[str, ...]
    """The official sizes, WIDTHxHEIGHT."""
    min_side: int
    max_pixels: int
    max_frames: int
    frame_stride: int
    """Frames are `frame_stride * n + 1`."""
    max_steps: int
    max_prompt_characters: int
    text_tokens: int


class ModelStatus(Reply):
    id: str
    name: str
    summary: str
    tasks: tuple[str, ...]
    repository: str | None
    license: str
    aliases: tuple[str, ...]
    parameter_count: int | None
    weights: WeightsStatus
    loaded: bool
    """Whether a worker holds it now."""
    takes_image: bool
    needs_image: bool
    qualities: tuple[str, ...]
    defaults: Defaults
    limits: Limits
    rev: int


class Models(Reply):
    models: tuple[ModelStatus, ...]
