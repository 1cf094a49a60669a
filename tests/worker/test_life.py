"""How a worker ends: with the daemon, when told, or killed; never with half a video."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

from tests.worker.orders import Desk, environment
from tests.worker.process import WorkerProcess, started
from tests.worker.test_stop import SLOW
from wantui.api.job import Stage
from wantui.files import sweep
from wantui.pipe.framing import decode_report
from wantui.pipe.messages import Exit, Ready

PARENT = """
import os, signal, subprocess, sys
subprocess.Popen(
    [sys.executable, "-m", "wantui.worker", "--fd", sys.argv[1], "--parent", str(os.getpid())],
    pass_fds=[int(sys.argv[1])],
    stdin=subprocess.DEVNULL,
)
signal.pause()
"""


def test_it_says_what_it_is_before_any_work(worker: WorkerProcess) -> None:
    assert worker.ready is not None
    assert worker.ready.pid == worker.process.pid
    assert worker.ready.device == "cpu"
    assert worker.ready.torch
    assert worker.ready.diffusers


def test_a_worker_killed_in_the_middle_leaves_no_output(t2v: Desk) -> None:
    with started() as worker:
        worker.send(t2v.order(**SLOW, steps=1))
        worker.wait_for_step(Stage.DECODE, 2)
        worker.process.send_signal(signal.SIGKILL)
        assert worker.process.wait() == -signal.SIGKILL
        while worker.report() is not None:
            pass
    assert not t2v.output.exists()
    sweep(t2v.folder)
    kept = {t2v.log.name, t2v.checkpoint.name, "embeddings"}
    assert {path.name for path in t2v.folder.iterdir()} == kept


def test_the_end_of_the_pipe_ends_it_in_the_middle_of_a_step(t2v: Desk) -> None:
    with started() as worker:
        worker.send(t2v.order(**SLOW, steps=200))
        worker.wait_for_step(Stage.DENOISE, 1)
        worker.hang_up()
        assert worker.process.wait(timeout=20) in (0, 1)


def test_told_to_leave_it_finishes_its_job_and_leaves(t2v: Desk) -> None:
    with started() as worker:
        worker.send(t2v.order())
        worker.send(Exit())
        while worker.report() is not None:
            pass
        assert worker.process.wait(timeout=20) == 0
    assert t2v.output.exists()


def test_it_dies_with_its_parent_even_while_the_pipe_is_open() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    with ours:
        with theirs:
            parent = subprocess.Popen(
                [sys.executable, "-c", PARENT, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment(),
            )
        with ours.makefile("rb") as lines:
            ready = decode_report(lines.readline())
            assert isinstance(ready, Ready)
            assert ready.pid != parent.pid
            parent.kill()
            parent.wait()
            assert lines.readline() == b""  # both ends of theirs are gone


def test_a_worker_whose_parent_is_gone_already_does_not_start() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        gone = subprocess.run(
            [
                *(sys.executable, "-m", "wantui.worker"),
                *("--fd", str(theirs.fileno()), "--parent", str(os.getpid() + 1)),
            ],
            pass_fds=[theirs.fileno()],
            env=environment(),
            check=False,
            timeout=60,
        )
    assert gone.returncode == 1


def test_a_peer_that_speaks_another_language_ends_it() -> None:
    with started() as worker:
        worker.socket.sendall(b'{"kind": "dance"}\n')
        assert worker.report() is None
        assert worker.process.wait(timeout=20) == 1
