"""The verbs that look and the verbs that act, as a script uses them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import PATIENCE_S, TINY, WANTUI, document, in_terminal, wantui
from tests.running import running_daemon, tiny
from wantui import __version__
from wantui.api.status import MAX_UNFINISHED
from wantui.log_lines import readable
from wantui.paths import Paths


def test_ls_says_what_there_is_and_how_to_get_the_rest(environment: dict[str, str]) -> None:
    done = wantui(environment, "ls")
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["MODEL", "WEIGHTS", "SIZE", "LOADED", "LICENSE", "SUMMARY"]
    states = {row.split()[0]: row.split()[1:3] for row in rows}
    assert states["demo"] in (["●", "unverified"], ["●", "verified"])
    assert states["t2v-a14b"] == ["○", "absent"]
    assert "get t2v-a14b: wantui pull t2v-a14b" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert [model["id"] for model in document(environment, "ls")["models"]] == list(states)


def test_show_takes_an_alias_and_names_the_files_that_are_missing(
    environment: dict[str, str],
) -> None:
    shown = wantui(environment, "show", "Wan-AI/Wan2.2-T2V-A14B-Diffusers").stdout
    assert "transformer_2/diffusion_pytorch_model-00012-of-00012.safetensors" in shown
    assert "1280x720, 81 frames at 16 fps, 40 steps" in shown
    assert "34.4 B" in shown
    assert document(environment, "show", "t2v-A14B")["id"] == "t2v-a14b"


def test_show_tells_of_the_engine_the_machine_and_the_jobs_so_far(
    environment: dict[str, str], finished: int
) -> None:
    told = document(environment, "show", "t2v-a14b")
    assert told["implemented"] is True  # all 34 billion, without a byte of weights
    assert told["parameter_count"] == 34_384_786_035
    demo = document(environment, "show", "demo")
    assert demo["metrics"]["successes"] >= 1
    assert demo["hardware"]["recommended_profile"]
    shown = wantui(environment, "show", "demo").stdout
    assert "implemented   yes: built AutoencoderKLWan, UMT5EncoderModel" in shown
    generations = next(line for line in shown.splitlines() if line.startswith("generations"))
    assert f"{demo['metrics']['generations']}, " in generations


@pytest.mark.parametrize("verb", [("show", "t2v-a14b"), ("show", "ti2v-5b"), ("ls",)])
def test_no_line_is_wider_than_a_terminal_of_80_columns(
    environment: dict[str, str], verb: tuple[str, ...]
) -> None:
    with in_terminal({**environment, "NO_COLOR": "1"}, *verb, columns=80) as terminal:
        lines = terminal.rest().splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 80


def test_a_model_that_nobody_knows_is_an_error_in_both_shapes(environment: dict[str, str]) -> None:
    done = wantui(environment, "show", "t2v-b14a", "--json", exits=2)
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "unknown_model"
    assert done.stderr.splitlines() == [f"error: {error['message']}", f"hint: {error['hint']}"]


def test_the_machine_and_its_workers_are_shown(environment: dict[str, str], finished: int) -> None:
    workers = document(environment, "ps")["workers"]
    assert [worker["model"] for worker in workers] == ["demo"]
    assert str(workers[0]["pid"]) in wantui(environment, "ps").stdout
    cores = document(environment, "hw")["cpu"]["cores"]
    assert f"{cores} cores" in wantui(environment, "hw").stdout


def test_a_finished_job_is_told_of_whole(environment: dict[str, str], finished: int) -> None:
    shown = wantui(environment, "job", str(finished)).stdout
    told = document(environment, "job", str(finished))
    for fact in ("completed", "a red circle", told["output"]["path"], told["output"]["sha256"]):
        assert fact in shown


def test_get_saves_under_the_jobs_name_and_replaces_nothing_unasked(
    environment: dict[str, str], finished: int, tmp_path: Path
) -> None:
    name = f"wantui-{finished}.mp4"
    assert wantui(environment, "get", str(finished), cwd=tmp_path).stdout == f"{name}\n"
    saved = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(b"mine")
    refused = wantui(environment, "get", str(finished), cwd=tmp_path, exits=2)
    assert f"{name} exists already" in refused.stderr
    assert "hint: give --force, or another name" in refused.stderr
    assert (tmp_path / name).read_bytes() == b"mine"
    told = document(environment, "get", str(finished), "-o", str(tmp_path / name), "--force")
    assert told["path"] == str(tmp_path / name)
    assert (tmp_path / name).read_bytes() == saved


def test_get_leaves_nothing_behind_when_there_is_no_video(
    environment: dict[str, str], held: int, tmp_path: Path
) -> None:
    refused = wantui(environment, "get", str(held), cwd=tmp_path, exits=1)
    assert refused.stderr.startswith(f"error: job {held} has no video")
    assert list(tmp_path.iterdir()) == []


def test_a_held_job_is_in_the_queue_until_it_is_released(
    environment: dict[str, str], paused: None, held: int
) -> None:
    assert _states(environment)[held] == "held"
    document(environment, "release", str(held))
    assert _states(environment)[held] == "queued"
    document(environment, "hold", str(held))
    assert _states(environment, "--state", "held")[held] == "held"
    table = wantui(environment, "queue")
    assert "a held one" in table.stdout
    assert "the queue is paused; go on: wantui resume" in table.stderr


def test_history_is_newest_first_and_as_long_as_asked(
    environment: dict[str, str], finished: int, held: int
) -> None:
    jobs = document(environment, "queue", "--all", "--limit", "2")["jobs"]
    assert len(jobs) == 2
    assert jobs[0]["id"] == held
    assert finished in _states(environment, "--state", "completed", "--limit", "500")


def test_waiting_gives_up_with_exit_4(environment: dict[str, str], held: int) -> None:
    gave_up = wantui(environment, "wait", str(held), "--timeout", "0.1", exits=4)
    assert f"error: job {held}: not finished after 0.1 s" in gave_up.stderr


@pytest.mark.parametrize("verb", ["job", "wait", "cancel", "hold", "release", "get", "logs"])
def test_a_job_that_never_was_is_named(environment: dict[str, str], verb: str) -> None:
    refused = wantui(environment, verb, "9999999", exits=1)
    assert refused.stderr.startswith("error: there is no job 9999999\nhint: ")


def test_following_a_finished_jobs_log_ends(environment: dict[str, str], finished: int) -> None:
    once = wantui(environment, "logs", str(finished)).stdout
    assert f"job {finished}" in once
    assert wantui(environment, "logs", str(finished), "-f").stdout == once
    lines = document(environment, "logs", str(finished))["text"].splitlines()
    assert lines[0].startswith("time=")
    assert "".join(f"{readable(line)}\n" for line in lines) == once


def test_a_job_tells_what_became_of_it_and_when(environment: dict[str, str], finished: int) -> None:
    shown = wantui(environment, "job", str(finished)).stdout
    accepted, started, completed = shown[shown.index("history ") :].splitlines()[:3]
    assert accepted.endswith(" accepted")
    assert re.search(r" \(\+\S+ s\) started, attempt 1: \S", started)
    assert re.search(r" \(\+\S+ s\) completed, attempt 1$", completed)
    entries = document(environment, "job", str(finished))["history"]
    assert [entry["what"] for entry in entries] == ["accepted", "started", "completed"]
    assert entries[0]["at"] <= entries[1]["at"] <= entries[2]["at"]


def test_a_log_is_shown_from_a_level_on(environment: dict[str, str], finished: int) -> None:
    log = Paths.from_environment(environment).job(finished) / "log.txt"
    with log.open("a") as file:
        file.write("a library's own line\n")
        file.write(
            'time=2026-11-27T18:14:01.123Z level=error from=x message="it \\"broke\\"" job=7\n'
        )
    shown = wantui(environment, "logs", str(finished), "--level", "WARNING").stdout.splitlines()
    assert shown[0] == "a library's own line"
    assert shown[1].endswith('ERROR   x: job 7: it "broke"')
    asked = document(environment, "logs", str(finished), "--level", "critical")
    assert asked["text"] == "a library's own line\n"


def test_events_are_lines_that_can_be_gone_on_from(environment: dict[str, str]) -> None:
    command = [*WANTUI, "events", "--json"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as listening:
        assert listening.stdout is not None
        assert listening.stderr is not None
        heading = listening.stderr.readline()
        wantui(environment, "pause")
        wantui(environment, "resume")
        lines = [json.loads(listening.stdout.readline()) for _ in range(2)]
        listening.terminate()
        listening.communicate(timeout=PATIENCE_S)
    assert [line["object"]["paused"] for line in lines] == [True, False]
    assert {line["kind"] for line in lines} == {"queue"}
    assert heading.startswith("listening after event ")


def test_an_event_id_that_is_none_is_refused(environment: dict[str, str]) -> None:
    refused = wantui(environment, "events", "--after", "gestern\u00e4", exits=2)
    assert "is no event's id" in refused.stderr


def test_usage_errors_exit_2_and_suggest(environment: dict[str, str]) -> None:
    assert "'generate'" in wantui(environment, "genrate", exits=2).stderr
    wantui(environment, "job", "twelve", exits=2)
    wantui(environment, "queue", "--state", "done", exits=2)


def test_an_address_that_is_none_exits_2_and_one_where_nobody_is_exits_3(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert "use unix:///PATH" in wantui(environment, "ls", "--host", "tcp://box", exits=2).stderr
    nowhere = f"unix://{tmp_path}/none.sock"
    refused = document({**environment, "WANTUI_HOST": nowhere}, "ls", exits=3)
    assert refused["error"]["code"] == "daemon_unreachable"


def test_the_version_is_printed_without_a_daemon(tmp_path: Path) -> None:
    home = {**os.environ, "WANTUI_HOME": str(tmp_path / "none")}
    assert wantui(home, "--version").stdout == f"wantui {__version__}\n"
    assert not (tmp_path / "none").exists()


def test_a_reader_that_goes_away_is_no_traceback(environment: dict[str, str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*WANTUI, "ls"], env=environment, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    assert done.returncode == 1


def _states(environment: dict[str, str], *options: str) -> dict[int, str]:
    jobs = document(environment, "queue", *options)["jobs"]
    return {job["id"]: job["state"] for job in jobs}


def test_a_prompt_is_shown_whole_whatever_the_width(environment: dict[str, str]) -> None:
    prompt = "line one  spaced\n" + "long " * 60 + "end"
    job_id = wantui(environment, "generate", prompt, *TINY, "--hold").stdout.strip()
    shown = wantui({**environment, "COLUMNS": "60"}, "job", job_id).stdout
    wantui(environment, "cancel", job_id)
    assert "…" not in shown
    assert [line.strip() for line in shown.splitlines() if line.endswith("end")] == [
        ("long " * 60 + "end")
    ]


def test_a_number_that_no_job_can_have_is_a_usage_error(environment: dict[str, str]) -> None:
    refused = wantui(environment, "job", "9" * 23, exits=2)
    assert "ID" in refused.stderr


def test_a_mistyped_address_is_not_called_to_be_removed(environment: dict[str, str]) -> None:
    for address in ("unix:///etc/passwd", "unix:///nobody/is/here"):
        refused = wantui(environment, "ls", "--host", address, exits=3)
        assert "remove" not in refused.stderr
        assert "daemon start" not in refused.stderr


@pytest.mark.anyio
async def test_more_jobs_than_a_status_holds_are_listed_in_their_order(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            await client.pause()
            for _ in range(MAX_UNFINISHED + 2):
                await client.submit(tiny())
        ids = list(range(1, MAX_UNFINISHED + 3))
        first = wantui(daemon.environment, "queue")
        assert f"{len(ids) - 50} more: wantui queue --limit {len(ids)}" in first.stderr
        assert list(_states(daemon.environment, "--limit", str(len(ids)))) == ids
        whole = wantui(daemon.environment, "queue", "--limit", str(len(ids)))
        assert "more" not in whole.stderr


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("generate", "--nope"), "no such option: --nope", "wantui generate --help"),
        (("wait", "x"), "invalid value for 'ID...'", "wantui wait --help"),
        (("lsx",), "no such command 'lsx'. Did you mean 'ls'?", "wantui --help"),
    ],
)
def test_a_misused_command_is_told_like_every_failure(
    environment: dict[str, str], arguments: tuple[str, ...], message: str, hint: str
) -> None:
    told = wantui(environment, *arguments, exits=2).stderr.splitlines()
    assert told[0].startswith(f"error: {message}")
    assert told[1:] == [f"hint: see: {hint}"]
    error = document(environment, *arguments, exits=2)["error"]
    assert error["code"] == "invalid_request"
    assert error["message"].startswith(message)
