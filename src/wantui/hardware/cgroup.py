"""The control groups of this process: where a container's limits are told.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, where a limit holds for all below, and
cgroup-v1/cgroups.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path, PurePosixPath

MOUNT = "sys/fs/cgroup"


class Version(Enum):
    V1 = "cgroup v1"
    V2 = "cgroup v2"


def groups(root: Path, controller: str) -> Iterator[tuple[Path, Version]]:
    """The folders of this process's groups for one controller, and of all above them.

    `root` is where `proc` and `sys` are mounted. The path in `/proc/self/cgroup` may be the host's;
    what the container sees starts at the mount.
    """
    mount = root / MOUNT
    for line in read(root / "proc/self/cgroup").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            bases = [(mount / controllers, Version.V1), (mount / controller, Version.V1)]
        elif hierarchy == "0" and not controllers:
            bases = [(mount, Version.V2), (mount / "unified", Version.V2)]
        else:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for base, version in dict.fromkeys(bases):
            for relative in (inside, *inside.parents):
                if ".." not in relative.parts:
                    yield base / relative, version


def read(path: Path) -> str:
    """Empty where there is no such file."""
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def number(text: str) -> int | None:
    """None for `max`, and for what is no number."""
    word = text.strip()
    return int(word) if word.isascii() and word.isdecimal() else None
