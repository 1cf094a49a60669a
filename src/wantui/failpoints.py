"""Named places where a test has the process die, as a power cut would have it.

`WANTUI_FAILPOINT=NAME` in the environment makes the process that reaches NAME kill itself with
SIGKILL there: nothing is flushed, no handler runs. Without it a place costs one comparison. Every
change of a job has three, called `CHANGE.before` its transaction, `CHANGE.within` it, and
`CHANGE.after` its commit, when nobody has been told yet; the changes are those of
`wantui.queue.crossing`.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "WANTUI_FAILPOINT"
_WANTED = os.environ.get(VARIABLE)


def reached(name: str) -> None:
    """Die here, if that is wanted."""
    if name == _WANTED:
        os.kill(os.getpid(), signal.SIGKILL)
