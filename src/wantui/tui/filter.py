"""Which jobs are meant by what somebody types. Pure.

A filter narrows the list that is on the screen, key by key; a search asks the daemon for any job
there has been.
"""

from __future__ import annotations

from collections.abc import Iterable

from wantui.api.job import Job
from wantui.client import words
from wantui.client.exchange import Query
from wantui.client.moments import past_moment

KEYS = ("state", "model", "label", "since")
"""Of a search: `state:failed since:3d`."""
SEARCH_HINT = "words, state:failed model:demo label:x since:3d"


def matching(jobs: Iterable[Job], typed: str) -> list[Job]:
    """Those in which every word stands somewhere, whatever its case; all, if nothing is typed."""
    wanted = typed.casefold().split()
    if not wanted:
        return list(jobs)
    return [job for job in jobs if _has(_text(job), wanted)]


def _has(text: str, wanted: Iterable[str]) -> bool:
    return all(word in text for word in wanted)


def _text(job: Job) -> str:
    """All that a job is looked for by."""
    parts = (str(job.id), words.state(job), job.model, job.label or "", job.params.prompt)
    return "\n".join(parts).casefold()


def query_of(typed: str, now: float) -> Query:
    """What a search asks the daemon; `now` is seconds since the epoch.

    Words go together; a colon after anything but one of `KEYS` is part of a word. Raises
    InvalidRequest for an age or a date that is none.
    """
    asked: dict[str, str | float] = {}
    text: list[str] = []
    for word in typed.split():
        key, colon, value = word.partition(":")
        if key not in KEYS or not colon or not value:
            text.append(word)
        else:
            asked[key] = past_moment(key, value, now) if key == "since" else value
    return {**asked, "search": " ".join(text)} if text else dict(asked)
