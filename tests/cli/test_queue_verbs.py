"""Many jobs at once, moved, tried again, found and removed, as a script does it."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import PATIENCE_S, TINY, WANTUI, document, in_terminal, wantui
from tests.running import running_daemon

UNTOLD = ("--model", "demo", "--size", "32x32", "--frames", "5", "--steps", "2")


@pytest.fixture
def batch(environment: dict[str, str], paused: None) -> list[int]:
    """Three jobs that wait, cancelled once the queue goes on."""
    done = wantui(environment, "generate", "a sweep", *TINY, "--count", "3", "--detach")
    return [int(line) for line in done.stdout.splitlines()]


def cancel(environment: dict[str, str], *ids: int) -> None:
    wantui(environment, "cancel", *map(str, ids))


def test_a_count_is_that_many_jobs_whose_seeds_follow_the_one_given(
    environment: dict[str, str], batch: list[int]
) -> None:
    jobs = [document(environment, "job", str(job_id)) for job_id in batch]
    assert [job["params"]["seed"] for job in jobs] == [7, 8, 9]
    assert {job["batch"] for job in jobs} == {batch[0]}
    cancel(environment, *batch)
    done = wantui(environment, "generate", "x", *UNTOLD, "--count", "3", "--detach")
    drawn = [int(line) for line in done.stdout.splitlines()]
    seeds = {document(environment, "job", str(job_id))["params"]["seed"] for job_id in drawn}
    assert len(seeds) == 3
    cancel(environment, *drawn)


def test_a_waited_for_batch_prints_a_path_for_each_video(environment: dict[str, str]) -> None:
    done = wantui(environment, "generate", "a red circle", *TINY, "--count", "2")
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(paths) == 2
    assert all(path.is_file() for path in paths)


def test_jobs_of_a_file_and_of_standard_input(
    environment: dict[str, str], paused: None, tmp_path: Path
) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text(
        '[[job]]\nprompt = "one"\npriority = 5\nlabel = "of a file"\ncount = 2\nseed = 3\n'
        '[[job]]\nprompt = "two"\nsize = "64x64"\nstart_at = 2099-01-01T00:00:00Z\n'
    )
    told = document(environment, "generate", "--file", str(file), *TINY, "--detach")["jobs"]
    assert [job["params"]["prompt"] for job in told] == ["one", "one", "two"]
    assert [job["params"]["seed"] for job in told] == [3, 4, 7]
    assert [job["params"]["width"] for job in told] == [32, 32, 64]
    assert [job["priority"] for job in told] == [5, 5, 0]
    assert told[2]["waits_for"] == ["paused", "time"]
    lines = b'{"prompt": "three"}\n{"prompt": "four", "steps": 3}\n'
    done = wantui(environment, "generate", "--file", "-", *TINY, "--detach", stdin=lines)
    more = [int(line) for line in done.stdout.splitlines()]
    assert [document(environment, "job", str(id))["params"]["steps"] for id in more] == [2, 3]
    cancel(environment, *(job["id"] for job in told), *more)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": "b", "sizze": "1x1"}', "no field is called 'sizze'"),
        ('{"prompt": "b", "size": "33x32"}', "size: 33x32 is not a size"),
        ('{"prompt": "b", "frames": "many"}', "frames: "),
        ('{"prompt": "b", "model": "t2v-b14a"}', "t2v-b14a"),
        ('{"prompt": "b", "image": "absent.png"}', "absent.png"),
        ('{"size": "32x32"}', "there is no prompt"),
    ],
)
def test_a_mistake_in_a_file_is_told_by_its_place_and_nothing_is_accepted(
    environment: dict[str, str], tmp_path: Path, line: str, said: str
) -> None:
    file = tmp_path / "jobs.jsonl"
    file.write_text(f'{{"prompt": "a"}}\n\n{line}\n')
    newest = document(environment, "queue", "--all", "--limit", "1")["jobs"]
    done = wantui(environment, "generate", "--file", str(file), "--detach", exits=2)
    assert done.stderr.startswith("error: jobs.jsonl line 3: ")
    assert said in done.stderr
    assert document(environment, "queue", "--all", "--limit", "1")["jobs"] == newest


def test_what_belongs_to_one_video_is_refused_for_many(
    environment: dict[str, str], tmp_path: Path
) -> None:
    one = ("generate", "x", "--count", "2", "-o", str(tmp_path / "x.mp4"))
    assert "are for one video" in wantui(environment, *one, exits=2).stderr
    file = ("generate", "--file", str(tmp_path / "absent.toml"))
    assert "cannot read" in wantui(environment, *file, exits=2).stderr
    both = (*file, "--count", "2")
    assert "--count belongs to one prompt" in wantui(environment, *both, exits=2).stderr


def test_jobs_are_moved_and_stand_in_the_order_given(
    environment: dict[str, str], batch: list[int]
) -> None:
    first, second, third = batch
    wantui(environment, "move", str(third), str(second), "--top")
    assert _waiting(environment)[:3] == [third, second, first]
    wantui(environment, "move", str(third), "--after", str(first))
    assert _waiting(environment)[:3] == [second, first, third]
    done = wantui(environment, "move", str(third), "--priority", "7")
    assert f"job {third}: queued" in done.stderr
    assert _waiting(environment)[0] == third
    assert "priority      7" in wantui(environment, "job", str(third)).stdout
    wantui(environment, "move", str(first), exits=2)
    wantui(environment, "move", str(first), "--top", "--bottom", exits=2)
    wantui(environment, "move", str(first), "--before", str(first), exits=2)
    cancel(environment, *batch)


def _waiting(environment: dict[str, str]) -> list[int]:
    return [job["id"] for job in document(environment, "queue")["jobs"]]


def test_a_job_is_tried_again_with_what_is_given_and_nothing_else_changed(
    environment: dict[str, str], finished: int, paused: None
) -> None:
    old = document(environment, "job", str(finished))
    done = wantui(environment, "retry", str(finished), "--seed", "9", "--label", "again")
    again = document(environment, "job", done.stdout.strip())
    assert again["retry_of"] == finished
    assert again["label"] == "again"
    assert again["params"] == {**old["params"], "seed": 9}
    assert f"another try of job {finished}" in done.stderr
    wantui(environment, "retry", str(again["id"]), exits=1)
    assert "frames" in wantui(environment, "retry", str(finished), "--frames", "6", exits=2).stderr
    cancel(environment, again["id"])


def test_a_job_comes_after_another_and_says_so(environment: dict[str, str], paused: None) -> None:
    first = wantui(environment, "generate", "one", *TINY, "--detach").stdout.strip()
    second = wantui(environment, "generate", "two", *TINY, "--after", first, "--detach")
    later = wantui(environment, "generate", "later", *TINY, "--start-at", "+2h", "--detach")
    shown = wantui(environment, "queue").stdout
    assert f"waits for job {first}" in shown
    assert "starts " in shown
    cancel(environment, int(first))
    waited_for = second.stdout.strip()
    reason = f"job {first}, which this one comes after, was cancelled"
    assert reason in wantui(environment, "wait", waited_for, exits=1).stderr
    assert reason in wantui(environment, "job", waited_for).stdout
    cancel(environment, int(later.stdout))
    for wrong in (("--after", "999999"), ("--start-at", "soon"), ("--priority", "101")):
        wantui(environment, "generate", "x", *TINY, *wrong, "--detach", exits=2)


def test_any_job_there_has_been_is_found(environment: dict[str, str], batch: list[int]) -> None:
    cancel(environment, *batch)
    labelled = wantui(
        environment, "generate", "A Needle", *TINY, "--label", "hay", "--hold"
    ).stdout.strip()
    for how in (("--search", "needle"), ("--label", "hay"), ("--search", "hay need")):
        assert [job["id"] for job in document(environment, "queue", *how)["jobs"]] == [
            int(labelled)
        ]
    assert document(environment, "queue", "--owner", "4294967294")["jobs"] == []
    recent = document(environment, "queue", "--since", "1h", "--model", "demo", "--limit", "3")
    assert len(recent["jobs"]) == 3
    assert wantui(environment, "queue", "--search", "haystack").stderr.startswith("no jobs\n")
    cancel(environment, int(labelled))


def test_cleaning_says_first_what_goes_and_takes_that(
    environment: dict[str, str], paused: None
) -> None:
    kept = document(environment, "queue", "--state", "completed", "--limit", "1000")["jobs"]
    job_id = wantui(environment, "generate", "x", *TINY, "--label", "rubbish", "--detach").stdout
    cancel(environment, int(job_id))
    asked = ("clean", "--label", "rubbish")
    plan = document(environment, *asked, "--dry-run")
    assert [item["job"] for item in plan["items"]] == [int(job_id)]
    wantui(environment, *asked, exits=2)
    with in_terminal(environment, *asked) as terminal:
        terminal.read_until(r"remove this\?")
        terminal.type(b"n\n")
        terminal.rest()
    wantui(environment, "job", job_id.strip())
    done = document(environment, *asked, "--yes")
    assert (done["done"], done["freed_bytes"]) == (True, plan["freed_bytes"])
    wantui(environment, "job", job_id.strip(), exits=1)
    assert "nothing to remove" in wantui(environment, *asked, "--yes").stderr
    assert document(environment, "queue", "--state", "completed", "--limit", "1000")["jobs"] == kept
    wantui(environment, "clean", "1", "--videos", exits=2)


def test_a_submission_that_a_killed_daemon_did_not_answer_is_one_job(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        wantui(daemon.environment, "pause")
        daemon.process.send_signal(signal.SIGSTOP)
        sending = subprocess.Popen(
            [*WANTUI, "generate", "boats", *TINY, "--count", "2", "--detach"],
            env=daemon.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with pytest.raises(subprocess.TimeoutExpired):  # it waits for an answer
            sending.wait(3)
        daemon.kill()
        try:
            out, err = sending.communicate(timeout=PATIENCE_S)
            ids = [int(line) for line in out.splitlines()]
            assert (sending.returncode, len(ids)) == (0, 2), err
            jobs = document(daemon.environment, "queue")["jobs"]
            assert [job["id"] for job in jobs] == ids
        finally:
            wantui(daemon.environment, "daemon", "stop")


def test_help_names_every_way_to_queue(environment: dict[str, str]) -> None:
    told = json.dumps(wantui(environment, "generate", "--help").stdout)
    for option in ("--count", "--file", "--after", "--start-at", "--priority", "--label"):
        assert option in told
