"""A video that wantui made, asked for again: what its comment says, and what is different here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wantui.api.asked import fields_of
from wantui.api.hello import Hello
from wantui.api.job import Job
from wantui.api.model import ModelStatus
from wantui.api.plan import Plan
from wantui.api.provenance import Provenance
from wantui.client.mp4 import read_comment
from wantui.errors import InvalidRequest


@dataclass(frozen=True)
class Clip:
    """A file with a video, and what made it."""

    path: Path
    made: Provenance

    @classmethod
    def read(cls, path: Path) -> Clip:
        """Raises InvalidRequest for what is no video of wantui's."""
        try:
            comment = read_comment(path)
        except OSError as error:
            raise InvalidRequest(f"cannot read {path}: {error.strerror}") from error
        try:
            return cls(path, Provenance.model_validate_json(comment or ""))
        except ValidationError as error:
            raise InvalidRequest(
                f"{path} does not say how it was made",
                hint="give an mp4 of wantui's as it was: converting one may drop its comment",
            ) from error

    def fields(self) -> dict[str, Any]:
        """What to ask for to get the same again; what does not apply is None."""
        made = self.made
        return fields_of(made.model, made.quality, made.params, made.encoding)


def differences(
    made: Provenance, here: Hello, model: ModelStatus, device_names: tuple[str, ...]
) -> Iterator[str]:
    """Why the same request may make other frames here and now, each in a few words."""
    if made.wantui != here.version:
        yield f"made by wantui {made.wantui}, this is {here.version}"
    for name, version in made.versions.items():
        now = here.engine.get(name)
        if now is not None and now != version:
            yield f"made with {name} {version}, here is {now}"
    if made.plan.device_name not in device_names:
        yield f"made on {made.plan.device_name}, here is {', '.join(device_names)}"
    yield from _weights(made, model)


def _weights(made: Provenance, model: ModelStatus) -> Iterator[str]:
    """Digests are compared where both are known, and of one kind."""
    now = {_named(file.path): file.digest or file.read_digest for file in model.weights.files}
    pairs = {path: (digest, now.get(path)) for path, digest in made.weights.items()}
    other = [path for path, (was, here) in pairs.items() if was and here and _differ(was, here)]
    if other:
        more = f" and {len(other) - 1} more" if len(other) > 1 else ""
        yield f"made with other weights: {other[0]} of {model.id}{more}"
    if not made.weights or None in made.weights.values():
        yield "made with weights that nobody had read: they may be others"


def _named(path: str) -> str:
    """As a video tells of it: by folder and name if it is outside of the model's folder."""
    return "/".join(path.split("/")[-2:]) if path.startswith("/") else path


def _differ(was: str, here: str) -> bool:
    return len(was) == len(here) and was != here


def resolved_otherwise(made: Provenance, job: Job) -> Iterator[str]:
    """What became other than in the clip though it was not asked for: the model has changed, or the
    machine does the same in another way.
    """
    was, now = made.params.boundary, job.params.boundary
    if now != was:
        yield f"made with boundary {was}, this model has {now}"
    if job.asked_plan is not None:
        yield from _planned_otherwise(made.plan, job.asked_plan)


def _planned_otherwise(was: Plan, now: Plan) -> Iterator[str]:
    if now.compiled != was.compiled:
        ways = {True: "compiled", False: "plain"}
        yield f"made by {ways[was.compiled]} blocks, here they run {ways[now.compiled]}"
    if now.tiled_decode != was.tiled_decode:
        ways = {True: "in tiles", False: "whole"}
        yield f"decoded {ways[was.tiled_decode]}, here it is {ways[now.tiled_decode]}"
