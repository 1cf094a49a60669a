"""`python -m wantui.worker --fd N --parent PID`: started by the daemon, never by a person.

`python -m wantui.worker probe` says what the engine knows of this machine, and ends.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys

from wantui.process import die_before_others, die_with_parent, ignore_interrupts, leave


def main() -> None:
    parser = argparse.ArgumentParser(prog="wantui.worker", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["serve", "probe"], default="serve")
    parser.add_argument("--fd", type=int, help="our end of the daemon's socketpair")
    parser.add_argument("--parent", type=int, help="the daemon's process id")
    arguments = parser.parse_args()
    if arguments.parent is not None:
        die_with_parent(arguments.parent)
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything is resolved: a worker looks nothing up
    if arguments.what == "probe":
        _probe()
    elif arguments.fd is None:
        parser.error("the following arguments are required: --fd")
    else:
        _serve(arguments.fd)


def _serve(fd: int) -> None:
    ignore_interrupts()
    die_before_others()

    from wantui.worker.channel import Channel  # noqa: PLC0415 - after the parent is settled

    channel = Channel(fd)
    channel.listen()
    gc.disable()  # the engine's import makes half a million objects and no garbage
    from wantui.worker.service import Service, start_logging  # noqa: PLC0415 - heavy

    gc.enable()
    gc.freeze()
    start_logging()
    Service(channel).run()
    leave(0)


def _probe() -> None:
    """What libraries print goes to standard error: standard output is the answer's alone."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asked = "" if sys.stdin.isatty() else sys.stdin.read()
    gc.disable()
    from wantui.pipe.probe import ProbeOrder  # noqa: PLC0415 - after the answer has its own way out
    from wantui.worker.probe import probe  # noqa: PLC0415 - heavy

    with answer:
        order = ProbeOrder.model_validate_json(asked) if asked else ProbeOrder()
        answer.write(f"{probe(order).model_dump_json()}\n")
    leave(0)


if __name__ == "__main__":
    main()
