"""In a terminal: a live line, Ctrl-C that lets the job go on, and no foreign escapes."""

from __future__ import annotations

import contextlib
import re
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.cli.command import CTRL_C, PATIENCE_S, TINY, document, in_terminal, wantui
from tests.running import RunningDaemon

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202ecircle"


@contextlib.contextmanager
def mute_daemon(path: Path, hello: bytes) -> Iterator[threading.Event]:
    """One that says hello, and is silent once it was sent a job: then the event is set."""
    asked, over = threading.Event(), threading.Event()

    class Half(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if self.rfile.readline().startswith(b"GET /api/hello "):
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(hello)}\r\n\r\n"
                self.wfile.write(head.encode() + hello)
            else:
                asked.set()
                over.wait()

    with socketserver.ThreadingUnixStreamServer(str(path), Half) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield asked
        finally:
            over.set()
            server.shutdown()


def test_progress_is_one_line_rewritten_in_place(environment: dict[str, str]) -> None:
    command = ("generate", "a red circle", *TINY, "--steps", "40")
    with in_terminal(environment, *command, columns=60, data_too=False) as terminal:
        shown = terminal.rest()
        assert terminal.process.returncode == 0
    assert "\x1b" not in shown
    live = [line for line in re.split(r"[\r\n]+", shown) if "denoise" in line]
    assert live
    assert all(len(line) < 60 for line in live)
    assert any(re.search(r"denoise \d+/40  [█░]+  +\d+%", line) for line in live)
    assert shown.endswith(" \r")


def test_ctrl_c_detaches_and_the_job_goes_on(environment: dict[str, str], paused: None) -> None:
    with in_terminal(environment, "generate", "a red circle", *TINY) as terminal:
        job_id = terminal.read_until(r"job (\d+)  queued: the queue is paused")[1]
        terminal.type(CTRL_C)
        shown = terminal.rest()
        assert terminal.process.returncode == 130
    assert f"detached: job {job_id} goes on" in shown
    assert f"wantui cancel {job_id}" in shown
    assert "Traceback" not in shown
    assert document(environment, "job", job_id)["state"] == "queued"
    wantui(environment, "cancel", job_id)


def test_ctrl_c_before_the_daemon_has_answered_says_that_there_may_be_a_job(
    daemon: RunningDaemon, tmp_path: Path
) -> None:
    with mute_daemon(tmp_path / "mute", daemon.call("GET", "/api/hello").content) as asked:
        environment = {**daemon.environment, "WANTUI_HOST": f"unix://{tmp_path}/mute"}
        with in_terminal(environment, "generate", "a red circle", *TINY) as terminal:
            assert asked.wait(PATIENCE_S)
            terminal.type(CTRL_C)
            shown = terminal.rest()
            assert terminal.process.returncode == 130
    assert "it may have the job all the same" in shown
    assert "wantui queue" in shown
    assert "Traceback" not in shown


def test_ctrl_c_ends_a_waiting_command_the_same_way(environment: dict[str, str], held: int) -> None:
    with in_terminal(environment, "wait", str(held)) as terminal:
        terminal.read_until(rf"job {held}  held")
        terminal.type(CTRL_C)
        assert f"detached: job {held} goes on" in terminal.rest()
        assert terminal.process.returncode == 130


def test_no_escape_of_a_prompt_reaches_the_terminal(
    environment: dict[str, str], paused: None
) -> None:
    job_id = wantui(environment, "generate", HOSTILE, *TINY, "--detach").stdout.strip()
    plain = {**environment, "NO_COLOR": "1"}
    for verb in (["queue"], ["job", job_id], ["job", job_id, "--json"], ["logs", "daemon"]):
        with in_terminal(plain, *verb) as terminal:
            shown = terminal.rest()
        assert not re.search(r"[\x1b\x07\x9b\u202e]", shown), verb
    with in_terminal(environment, "queue") as terminal:
        shown = terminal.rest()
    assert "\x1b]" not in shown
    assert re.sub(r"\x1b\[\d*m", "", shown).count("\x1b") == 0
    wantui(environment, "cancel", job_id)


def test_a_shell_that_completes_gets_words_and_no_screen(environment: dict[str, str]) -> None:
    asks = {"_WANTUI_COMPLETE": "complete_bash", "COMP_WORDS": "wantui gen", "COMP_CWORD": "1"}
    assert wantui({**environment, **asks}).stdout.split() == ["generate"]


def test_colours_are_for_terminals_without_no_color(environment: dict[str, str]) -> None:
    with in_terminal(environment, "ls") as terminal:
        assert re.search(r"\x1b\[3[23]m● (un)?verified\x1b\[0m", terminal.rest())
    with in_terminal({**environment, "NO_COLOR": "1"}, "ls") as terminal:
        assert "\x1b" not in terminal.rest()


def test_a_table_fits_a_narrow_terminal(environment: dict[str, str]) -> None:
    with in_terminal({**environment, "NO_COLOR": "1"}, "ls", columns=50, data_too=True) as terminal:
        rows = terminal.rest().splitlines()
    assert all(len(row) <= 50 for row in rows if not row.startswith("get "))
