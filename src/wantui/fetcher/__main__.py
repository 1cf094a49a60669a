"""`python -m wantui.fetcher --fd N --parent PID`: started by the daemon, never by a person."""

from __future__ import annotations

import argparse
import os
import socket

from wantui.process import die_with_parent, ignore_interrupts, leave


def main() -> None:
    parser = argparse.ArgumentParser(prog="wantui.fetcher", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="our end of the daemon's socketpair")
    parser.add_argument("--parent", type=int, required=True, help="the daemon's process id")
    arguments = parser.parse_args()

    die_with_parent(arguments.parent)
    ignore_interrupts()
    # Read when huggingface_hub is imported. Its xet lane proves nothing and cannot resume.
    os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}

    from wantui.fetcher.service import serve  # noqa: PLC0415 - heavy, and reads the environment

    serve(socket.socket(fileno=arguments.fd))
    leave(0)


if __name__ == "__main__":
    main()
