"""Who answers: what a client learns first of a daemon."""

from __future__ import annotations

import os

from wantui import __version__
from wantui.api.base import API_VERSION
from wantui.api.hello import Hello
from wantui.daemon.engine import missing_packages, versions
from wantui.paths import Paths


def greeting(paths: Paths, boot: str, started_at: float) -> Hello:
    """`boot` names this life of the daemon, which began at `started_at`."""
    return Hello(
        version=__version__,
        api_version=API_VERSION,
        pid=os.getpid(),
        uid=os.getuid(),
        boot=boot,
        started_at=started_at,
        socket=str(paths.socket),
        engine_installed=not missing_packages(),
        engine=versions(),
    )
