"""Who may look into our folders and files, and where the socket is."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from wantui.api.doctor import Finding, error, ok, warn
from wantui.files import PRIVATE_FILE, PRIVATE_FOLDER
from wantui.paths import MAX_SOCKET_PATH_BYTES, Paths


class Access(NamedTuple):
    """One of our paths, as lstat(2) tells it."""

    path: str
    mode: int
    """With the kind of file."""
    uid: int
    folder: bool
    """Whether it is to be one."""


def look_at(paths: Paths) -> list[Access]:
    """Those of our folders and files that are there."""
    folders = (
        *(paths.state, paths.run, paths.logs, paths.data, paths.jobs, paths.uploads),
        *(paths.adapters, paths.embeddings, paths.converted, paths.socket.parent),
    )
    known = dict.fromkeys(folders, True) | {paths.socket: False, paths.database: False}
    return [found for path, folder in known.items() if (found := _look(path, folder)) is not None]


def check_access(known: Iterable[Access], uid: int) -> Iterator[Finding]:
    """Owned by `uid`, and open to nobody else."""
    count, bad = 0, 0
    for one in known:
        count += 1
        problem = _problem(one, uid)
        if problem is not None:
            bad += 1
            yield problem
    if count and not bad:
        yield ok("access", f"{count} folders and files are yours alone")


def check_socket_path(natural: Path, used: Path) -> Iterator[Finding]:
    """`natural` is where the socket would be if every path could be as long as it likes."""
    length = len(os.fsencode(natural))
    limit = f"a socket's path may have {MAX_SOCKET_PATH_BYTES} bytes"
    if len(os.fsencode(used)) > MAX_SOCKET_PATH_BYTES:
        fix = "WANTUI_HOME=/a/shorter/path wantui daemon start"
        yield error("socket", f"{limit}, and this one is longer", where=str(used), fix=fix)
    elif length > MAX_SOCKET_PATH_BYTES:
        what = f"{limit}, and {natural} has {length}: it is elsewhere"
        fix = "WANTUI_HOME=/a/shorter/path wantui daemon restart"
        yield warn("socket", what, where=str(used), fix=fix)
    else:
        yield ok("socket", f"its path has {length} of {MAX_SOCKET_PATH_BYTES} bytes", str(used))


def _look(path: Path, folder: bool) -> Access | None:
    try:
        info = path.lstat()
    except OSError:
        return None
    return Access(str(path), info.st_mode, info.st_uid, folder)


def _problem(one: Access, uid: int) -> Finding | None:
    name = shlex.quote(one.path)
    if one.uid != uid:
        fix = f"sudo chown -R {uid} {name}"
        return error("access", f"it belongs to uid {one.uid}, not to you", where=one.path, fix=fix)
    if stat.S_ISLNK(one.mode) or stat.S_ISDIR(one.mode) != one.folder:
        wanted = "folder" if one.folder else "file"
        what, fix = f"it is no {wanted}, or a link to one", f"mv {name} {name}.aside"
        return error("access", what, where=one.path, fix=fix)
    wanted_mode = PRIVATE_FOLDER if one.folder else PRIVATE_FILE
    mode = stat.S_IMODE(one.mode)
    if mode & ~wanted_mode:
        what = f"its mode is {mode:04o}: others may look in"
        return error("access", what, where=one.path, fix=f"chmod {wanted_mode:o} {name}")
    if wanted_mode & ~mode:
        what = f"its mode is {mode:04o}: not even you may use it"
        return error("access", what, where=one.path, fix=f"chmod {wanted_mode:o} {name}")
    return None
