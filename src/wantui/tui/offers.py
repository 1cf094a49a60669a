"""What a model allows and takes by default, as the generate screen says it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from wantui.api.batch import MAX_BATCH
from wantui.api.job import MAX_LABEL_CHARACTERS, MAX_PRIORITY, MAX_SEED, Sampler
from wantui.api.lora import MAX_LORAS
from wantui.api.model import ModelStatus
from wantui.text import bytes_text, one_line
from wantui.tui.form import COUNT, IMAGE, LORAS, NEGATIVE, NONE
from wantui.tui.offer import Offer, Range
from wantui.tui.state import State
from wantui.tui.words import weights_state

FAITHFUL = "faithful"
SUMMARY_CHARACTERS = 60
MAX_FPS = 240
"""Up to where the keys turn it; the daemon knows what a codec takes."""
MAX_GUIDANCE = 20
MAX_SHIFT = 20


def offer_of(model: ModelStatus, quality: str = "") -> Offer:
    """What the generate screen shows of a model, once this quality is typed."""
    limits = model.limits
    return Offer(
        id=model.id,
        label=(f"{model.id}  ", weights_state(model.weights.state)),
        placeholders=_defaults(model, quality or FAITHFUL),
        choices={
            "size": limits.sizes,
            "quality": tuple(quality.id for quality in model.qualities),
            "sampler": tuple(sampler.value for sampler in Sampler),
        },
        ranges=_ranges(model),
        allowed=dict(_allowed(model, quality or FAITHFUL)),
        absent=absent_words(model),
        max_prompt_characters=limits.max_prompt_characters,
    )


def _ranges(model: ModelStatus) -> dict[str, Range]:
    limits = model.limits
    return {
        "frames": Range(1, limits.max_frames, limits.frame_stride),
        "steps": Range(1, limits.max_steps),
        "guidance": Range(0, MAX_GUIDANCE, 0.5),
        "shift": Range(0.5, MAX_SHIFT, 0.5),
        "fps": Range(1, MAX_FPS),
        "seed": Range(0, MAX_SEED),
        COUNT: Range(1, MAX_BATCH),
        "priority": Range(-MAX_PRIORITY, MAX_PRIORITY),
    }


def _defaults(model: ModelStatus, quality: str) -> dict[str, str]:
    """The official value of every field, as its placeholder says it."""
    defaults = model.defaults
    low = f",{defaults.guidance_low:g}" if defaults.guidance_low is not None else ""
    official = {
        "steps": str(defaults.steps),
        "guidance": f"{defaults.guidance:g}{low}",
        "shift": f"{defaults.shift:g}",
        "sampler": Sampler.UNIPC.value,
    }
    if quality != FAITHFUL:  # which has some of its own, and only the daemon knows which
        official = dict.fromkeys(official, f"{one_line(quality, 20)}'s")
    return official | {
        "size": f"{defaults.width}x{defaults.height}",
        "frames": str(defaults.frames),
        "fps": str(defaults.fps),
        "seed": "drawn",
        "quality": FAITHFUL,
        COUNT: "1",
        "priority": "0",
        "after": "no job",
        "label": "none",
        IMAGE: "none" if model.takes_image else "this model takes none",
        LORAS: "none",
        NEGATIVE: model.defaults.negative_prompt or "none",
    }


def _allowed(model: ModelStatus, quality: str) -> Iterator[tuple[str, str]]:
    limits = model.limits
    sizes = ", ".join(limits.sizes)
    yield "size", f"official: {sizes}; else multiples of {limits.size_multiple}"
    stride = f"{limits.frame_stride}n+1, " if limits.frame_stride > 1 else ""
    yield "frames", f"{stride}{limits.max_frames} at most"
    yield "fps", f"frames a second; official: {model.defaults.fps}"
    yield "steps", f"of denoising, {limits.max_steps} at most"
    two = model.defaults.guidance_low is not None
    yield "guidance", "HIGH,LOW of the experts, or one number for both" if two else "1 is none"
    yield "shift", "of the noise schedule"
    yield "seed", "the same seed, the same video; empty draws one"
    yield COUNT, f"so many jobs: seeds that follow on, or drawn; {MAX_BATCH} at most"
    yield "priority", f"-{MAX_PRIORITY} to {MAX_PRIORITY}: before all jobs of a lower one"
    yield "after", "numbers of jobs that have to be completed first"
    yield "label", f"a word to find jobs by, {MAX_LABEL_CHARACTERS} characters at most"
    yield "sampler", ", ".join(sampler.value for sampler in Sampler)
    yield "quality", _qualities(model, quality)
    yield IMAGE, _image_words(model)
    yield LORAS, f"{MAX_LORAS} at most: NAME:STRENGTH@high, with commas"
    yield NEGATIVE, f"what not to show; {NONE} is none at all"
    yield "model", one_line(model.summary)


def _qualities(model: ModelStatus, typed: str) -> str:
    """faithful, lightning; and what the one that is typed is."""
    names = ", ".join(quality.id for quality in model.qualities)
    chosen = next((quality for quality in model.qualities if quality.id == typed), None)
    if chosen is None or len(model.qualities) == 1:
        return names
    loras = " by LoRAs of yours" if chosen.needs_loras else ""
    return f"{names}. {chosen.id}: {one_line(chosen.summary, SUMMARY_CHARACTERS)}{loras}"


def _image_words(model: ModelStatus) -> str:
    if not model.takes_image:
        return "this model takes none"
    return f"{'needed' if model.needs_image else 'optional'}: PNG, JPEG or WebP"


def absent_words(model: ModelStatus) -> str | None:
    """How to get the weights that are not there."""
    weights = model.weights
    if weights.state.usable:
        return None
    if weights.bad:
        return f"weights corrupt: wantui repair {model.id}"
    size = bytes_text(weights.bytes_needed - weights.bytes_present)
    get = f": {weights.get_command}" if weights.get_command else ""
    return f"weights {weights.state}, {size} to fetch{get}"


def model_to_start_with(state: State, wanted: str) -> str | None:
    """The settings' model, or the one used last that is still there, or one that is."""
    ready = [m for m in state.models.values() if m.weights.state.usable]
    for model in state.models.values():
        if wanted.casefold() in (name.casefold() for name in (model.id, *model.aliases)):
            return model.id
    usable = {model.id for model in ready if not model.needs_image}
    for job in sorted(state.jobs.values(), key=lambda job: -job.id):
        if job.model in usable:
            return job.model
    return min(usable, default=next(iter(state.models), None))
