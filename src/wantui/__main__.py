"""`wantui`: the TUI without arguments, else the command line."""

from __future__ import annotations

import gc
import os
import sys

OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Loading modules makes 40,000, and none is garbage: looking for it costs 8 % of a command."""


def main() -> None:
    """The console script."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    code = _face()
    gc.freeze()  # the memory goes with the process: searching it first costs a command 10 %
    raise SystemExit(code)


def _face() -> int:
    """Run the face that is asked for; returns what the process exits with."""
    completing = "_WANTUI_COMPLETE" in os.environ  # a shell asks what could be typed here
    if len(sys.argv) == 1 and not completing:
        from wantui.tui.app import main as tui  # noqa: PLC0415 - each face loads only its own

        return tui()
    from wantui.cli.main import main as cli  # noqa: PLC0415 - as above

    return cli()


if __name__ == "__main__":
    main()
