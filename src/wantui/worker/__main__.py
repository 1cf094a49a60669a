"""`python -m wantui.worker --fd N --parent PID`: started by the daemon, never by a person."""

from __future__ import annotations

import argparse
import gc
import os

from wantui.process import die_with_parent, ignore_interrupts, leave


def main() -> None:
    parser = argparse.ArgumentParser(prog="wantui.worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="our end of the daemon's socketpair")
    parser.add_argument("--parent", type=int, required=True, help="the daemon's process id")
    arguments = parser.parse_args()

    die_with_parent(arguments.parent)
    ignore_interrupts()
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything is resolved: a worker looks nothing up

    from wantui.worker.channel import Channel  # noqa: PLC0415 - after the parent is settled

    channel = Channel(arguments.fd)
    channel.listen()
    gc.disable()  # the engine's import makes half a million objects and no garbage
    from wantui.worker.service import Service, start_logging  # noqa: PLC0415 - heavy

    gc.enable()
    gc.freeze()
    start_logging()
    Service(channel).run()
    leave(0)


if __name__ == "__main__":
    main()
