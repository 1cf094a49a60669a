"""Where the daemon is: a Unix socket, ours unless `WANTUI_HOST` or `--host` names another."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wantui.errors import DaemonUnreachable, SettingsInvalid
from wantui.paths import Paths
from wantui.text import one_line

UNIX = "unix://"
GROUP_FOLDER = 0o2750
"""Of a socket that a daemon shares: its owner may write there, its group may look in."""


@dataclass(frozen=True)
class Address:
    socket: Path
    own: bool
    """Whether it is this user's default daemon, which clients may start."""

    @classmethod
    def find(
        cls, paths: Paths, host: str | None = None, environment: Mapping[str, str] = os.environ
    ) -> Address:
        """From `host`, else `WANTUI_HOST`, else the default. Raises SettingsInvalid."""
        name = host or environment.get("WANTUI_HOST")
        if not name:
            return cls(paths.socket, own=True)
        if not name.startswith(f"{UNIX}/"):
            raise SettingsInvalid(
                f"{one_line(name, 80)!r} is no address of a daemon", hint="use unix:///PATH"
            )
        return cls(Path(name.removeprefix(UNIX)), own=False)

    def check_owner(self) -> int:
        """The user whose daemon it must be: ourselves or root, for others could read our prompts.

        Another user's only where it lies in a folder that it shares with a group and that no one
        else may write to: the daemon's `[daemon] shared_socket`. Raises DaemonUnreachable.
        """
        try:
            info = self.socket.lstat()
        except OSError as error:
            hint = None if self.own else "is that the address of a daemon?"
            raise DaemonUnreachable(f"no daemon listens at {self.socket}", hint=hint) from error
        if not stat.S_ISSOCK(info.st_mode):
            hint = "remove it" if self.own else "give the path of a daemon's socket"
            raise DaemonUnreachable(f"{self.socket} is not a socket", hint=hint)
        if info.st_uid not in (os.getuid(), 0) and not self._shared_by(info.st_uid):
            raise DaemonUnreachable(
                f"{self.socket} belongs to uid {info.st_uid}: not talking to it",
                hint="remove it, or set WANTUI_HOME" if self.own else "use a daemon of your own",
            )
        return info.st_uid

    def _shared_by(self, uid: int) -> bool:
        folder = self.socket.parent.lstat()
        is_for_group = stat.S_ISDIR(folder.st_mode) and stat.S_IMODE(folder.st_mode) == GROUP_FOLDER
        return not self.own and is_for_group and folder.st_uid == uid
