"""The doctor as a client asks for one: the daemon's, else one that comes where none starts."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from wantui.api.doctor import Diagnosis, Finding, environment_of, error, warn
from wantui.client.address import Address
from wantui.client.launch import open_client
from wantui.errors import DaemonStartFailed, DiskFull, FolderUnsafe, SettingsInvalid, WantuiError
from wantui.paths import Paths

CANNOT_START = (DaemonStartFailed, SettingsInvalid, FolderUnsafe, DiskFull)


async def diagnose(paths: Paths, host: str | None, *, quick: bool) -> Diagnosis:
    """With what this client's environment has other than the daemon's.

    Raises DaemonUnreachable for a daemon of somebody else's, and VersionMismatch.
    """
    own = Address.find(paths, host).own
    try:
        async with open_client(paths, host) as client:
            told = await client.doctor(quick=quick)
    except CANNOT_START as failure:
        if not own:
            raise
        finding = error("daemon", _not_started(failure), fix=failure.hint)
        return _with(await _visited(quick=quick), [finding])
    if not own:
        return told
    return _with(told, differences(environment_of(os.environ), told.environment))


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[Finding]:
    """Where the daemon looks elsewhere than whoever asks would."""
    for name in dict.fromkeys((*ours, *theirs)):
        mine, its = ours.get(name, "not set"), theirs.get(name, "not set")
        if mine != its:
            what = f"{name} is {mine} here, and {its} at the daemon"
            yield warn("settings", what, fix="wantui daemon restart")


def _not_started(failure: WantuiError) -> str:
    if isinstance(failure, DaemonStartFailed):
        return failure.message
    return f"it is not started: {failure.message}"


def _with(diagnosis: Diagnosis, more: Iterator[Finding] | list[Finding]) -> Diagnosis:
    return diagnosis.model_copy(update={"findings": (*diagnosis.findings, *more)})


async def _visited(*, quick: bool) -> Diagnosis:
    """By a process of its own. Raises WantuiError if that ends without a word."""
    command = (sys.executable, "-P", "-m", "wantui.daemon", "doctor", "--json")
    process = await asyncio.create_subprocess_exec(
        *command,
        *(("--quick",) if quick else ()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    try:
        return Diagnosis.model_validate_json(said)
    except ValidationError as failure:
        hint = "run: python -m wantui.daemon doctor"
        raise WantuiError("the doctor ended without a word", hint=hint) from failure
