"""Whether the line to this terminal is a slow one, where every byte is felt.

Then nothing moves that is not asked to, pictures stay away, and rows are painted less often.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Wanted = Literal["auto", "on", "off"]
SLOW_REFRESH_S = 1.0
"""A changing row is painted so often at most."""
_OVER_SSH = ("SSH_CONNECTION", "SSH_TTY")
"""Set by sshd; tmux gives them to the panes of whoever attaches."""


def is_slow(wanted: Wanted, environment: Mapping[str, str]) -> bool:
    """As `wanted` says; `auto` takes a terminal that is reached over SSH for a slow one."""
    if wanted == "auto":
        return any(environment.get(name) for name in _OVER_SSH)
    return wanted == "on"
