"""`wantui`: the TUI without arguments, else the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script."""
    if len(sys.argv) == 1:
        from wantui.tui.app import main as tui  # noqa: PLC0415 - each face loads only its own

        raise SystemExit(tui())
    from wantui.cli.main import main as cli  # noqa: PLC0415

    raise SystemExit(cli())


if __name__ == "__main__":
    main()
