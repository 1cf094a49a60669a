"""`wantui generate --from FILE.mp4`: told what is replaced, what differs here, how it came out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from wantui.api.job import Job, JobRequest
from wantui.cli.patience import surely
from wantui.cli.terminal import narrate
from wantui.client import Client
from wantui.client.repeat import Clip, differences, resolved_otherwise
from wantui.errors import InvalidImage, NoOutput, UnknownJob, UnknownUpload
from wantui.text import one_line

SHOWN_CHARACTERS = 60
UNEXACT = "an exact repeat is not guaranteed"


def tell_overridden(clip: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Say which values of the clip others take the place of."""
    for name, was in clip.items():
        now = fields.get(name)
        if now != was and name != "image":
            narrate(f"{name}: {_shown(now)} instead of the clip's {_shown(was)}")


def _shown(value: object) -> str:
    return "none" if value is None else one_line(str(value), SHOWN_CHARACTERS)


def check_picture(clip: Clip, picture: bytes) -> None:
    """See that a picture which was given is the clip's. Raises InvalidImage.

    A clip that was made without one takes any, and is told to be another video then.
    """
    used = clip.made.params.image
    if used is None:
        narrate("image: the clip was made without one")
    elif hashlib.sha256(picture).hexdigest() != used.sha256:
        raise InvalidImage(
            f"this is not the picture that {clip.path} starts from",
            hint=f"its sha256 is {used.sha256}, {used.format}, {used.width}x{used.height}",
        )


async def _tell_differences(client: Client, clip: Clip, model: str) -> None:
    """Warn before anything is made of what makes an exact repeat uncertain."""
    hardware = await client.hardware()
    devices = tuple(gpu.name for gpu in hardware.gpus) or (hardware.cpu.name,)
    here = await client.hello()
    told = list(differences(clip.made, here, await client.model(model), devices))
    for difference in told:
        narrate(f"warning: {difference}")
    if told:
        narrate(f"warning: {UNEXACT}")


async def submit_again(client: Client, clip: Clip, request: JobRequest) -> Job:
    """Warn of what is different here, then send it. Raises InvalidImage."""
    await _tell_differences(client, clip, request.model or clip.made.model)
    try:
        job = await surely(client, lambda key: client.submit(request, key))
    except UnknownUpload as error:
        raise InvalidImage(
            f"the picture that {clip.path} starts from is not at the daemon any more",
            hint=f"give it: --image FILE, the one with sha256 {request.image}",
        ) from error
    for difference in resolved_otherwise(clip.made, job):
        narrate(f"warning: {difference}: {UNEXACT}")
    return job


async def tell_outcome(client: Client, clip: Clip, done: Job) -> None:
    """Compare frames with those of the clip's own job, where this daemon still has it."""
    try:
        first = await client.job(clip.made.job)
        same_job = await client.provenance(first.id) == clip.made
    except (UnknownJob, NoOutput):
        return
    if not same_job or first.output is None or done.output is None:
        return
    if done.params != first.params:
        return
    same = first.output.frames_sha256 == done.output.frames_sha256
    narrate(f"{'the same frames as' if same else 'warning: other frames than'} job {first.id}'s")
