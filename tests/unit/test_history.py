"""Finding jobs among all there have been."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.made import NOW
from tests.made import job as made_job
from tests.unit.test_database import with_database
from wantui.api.job import Job, JobState
from wantui.database import Database, migrations
from wantui.queue import batch, history, table
from wantui.queue.history import Wanted

WORDS = ("red", "Red", "circle", "STRASSE", "straße", "50%", "a_b", "'", "Ähre")
texts = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
labels = st.none() | st.sampled_from(("sweep", "Sweep", "red"))
drafts = st.builds(
    lambda prompt, label, state, model, owner: made_job(
        0, state, prompt=prompt, label=label, model=model, owner=owner
    ),
    texts,
    labels,
    st.sampled_from(JobState),
    st.sampled_from(("demo", "ti2v-5b")),
    st.integers(1, 2),
)
wishes = st.builds(
    Wanted,
    state=st.none() | st.sampled_from(JobState),
    model=st.none() | st.just("demo"),
    label=labels,
    owner=st.none() | st.integers(1, 3),
    since=st.none() | st.sampled_from((NOW, NOW + 1, NOW + 4)),
    text=st.none() | texts,
)


@contextlib.contextmanager
def kept(jobs: Sequence[Job]) -> Iterator[sqlite3.Connection]:
    """A table with these jobs, numbered and created one after the other."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        connection.create_function("casefold", 1, str.casefold)
        for script in migrations():
            connection.executescript(script)
        numbered = [
            job.model_copy(update={"created_at": NOW + number})
            for number, job in enumerate(jobs, start=1)
        ]
        batch.keep(connection, numbered, None)
        yield connection


@settings(max_examples=150)
@given(st.lists(drafts, max_size=12), wishes, st.integers(1, 5))
def test_pages_hold_every_job_that_is_like_it_once_newest_first(
    jobs: list[Job], wanted: Wanted, limit: int
) -> None:
    with kept(jobs) as connection:
        every = [row.job() for row in history.page(connection, Wanted(), None, 1000)]
        found: list[int] = []
        before = None
        while page := history.page(connection, wanted, before, limit):
            found += [row.id for row in page]
            before = found[-1]
    assert [job.id for job in every] == list(range(len(jobs), 0, -1))
    assert found == [job.id for job in every if wanted.is_like(job)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("red", [3, 1]),
        ("CIRCLE red", [1]),
        ("strasse", [2]),
        ("%", [4]),
        ("_", []),
        ("night sweep", [3]),
        ("", [4, 3, 2, 1]),
    ],
)
def test_all_words_stand_in_the_prompt_or_the_label_whatever_their_case(
    text: str, found: list[int]
) -> None:
    jobs = [
        made_job(0, prompt="a Red circle"),
        made_job(0, prompt="eine lange Straße"),
        made_job(0, prompt="red boats", label="Night sweep"),
        made_job(0, prompt="50% grey"),
    ]
    with kept(jobs) as connection:
        page = history.page(connection, Wanted(text=text), None, 100)
    assert [row.id for row in page] == found


def test_jobs_of_before_there_was_a_search_are_found(tmp_path: Path) -> None:
    path = tmp_path / "wantui.db"
    document = made_job(1, prompt="eine LANGE Straße", owner=7).model_dump(mode="json")
    for field in ("priority", "rank", "label", "batch", "retry_of", "after", "unmet", "start_at"):
        del document[field]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for script in migrations()[:9]:
            connection.executescript(script)
        connection.executemany(
            "INSERT INTO jobs (state, model, rev, created_at, document) VALUES (?, ?, ?, ?, ?)",
            [("queued", "demo", 1, 1.0, json.dumps(document)), ("failed", "demo", 1, 1.0, "")],
        )
        connection.execute("PRAGMA user_version=9")
        connection.commit()

    async def find(database: Database) -> list[int]:
        wanted = Wanted(text="lange STRASSE", owner=7)
        return [row.id for row in await database.run(lambda c: history.page(c, wanted, None, 9))]

    async def read(database: Database) -> Job | None:
        return await database.run(lambda connection: table.one(connection, 1))

    assert with_database(path, find) == [1]
    job = with_database(path, read)
    assert job is not None
    assert (job.priority, job.rank, job.unmet) == (0, None, ())


def test_the_last_try_of_a_job_is_that_of_its_tries(tmp_path: Path) -> None:
    jobs = [made_job(0), made_job(0, retry_of=1), made_job(0), made_job(0, retry_of=2)]
    with kept(jobs) as connection:
        assert [history.last_try(connection, job_id) for job_id in (1, 2, 3, 4)] == [4, 4, 3, 4]
