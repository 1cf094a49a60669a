"""Which finished jobs go: as the rules of the settings say, or as somebody asks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.api.cleaning import CleanRequest
from wantui.api.job import JobState
from wantui.queue.retention import Ended, Sized, asked_for, with_video, without_video
from wantui.settings import RetentionSettings

NOW = 1_000_000.0
DAY = 86_400.0


def rules(**given: Any) -> RetentionSettings:
    """None but these."""
    names = ("videos_s", "videos", "videos_bytes", "without_video_s", "checkpoints_s")
    return RetentionSettings.model_validate({**dict.fromkeys(names, 0), **given})


def ended(id: int, age_s: float = 0.0, **fields: Any) -> Ended:
    values = {"state": JobState.COMPLETED, "model": "demo", "label": None, "has_video": True}
    return Ended(id=id, finished_at=NOW - age_s, **{**values, **fields})


def videos(*ages_and_bytes: tuple[float, int]) -> list[Sized]:
    return [
        Sized(ended(number, age_s), size)
        for number, (age_s, size) in enumerate(ages_and_bytes, start=1)
    ]


sized = st.lists(st.tuples(st.integers(0, 99).map(float), st.integers(0, 50)), max_size=20).map(
    lambda drawn: videos(*drawn)
)


@given(sized)
def test_without_a_rule_no_video_goes(jobs: list[Sized]) -> None:
    assert with_video(jobs, rules(), NOW) == []


@given(sized, st.integers(1, 99), st.integers(1, 9), st.integers(1, 200))
def test_what_stays_is_within_every_rule_and_newer_than_what_goes(
    jobs: list[Sized], age_s: int, count: int, size: int
) -> None:
    limits = rules(videos_s=age_s, videos=count, videos_bytes=size)
    gone = with_video(jobs, limits, NOW)
    stay = [job for job in jobs if job.ended not in gone]
    assert len(stay) <= count
    assert sum(job.bytes for job in stay) <= size
    assert all(NOW - job.ended.finished_at <= age_s for job in stay)
    newest_gone = max((job.finished_at for job in gone), default=0.0)
    assert all(job.ended.finished_at >= newest_gone for job in stay)


@pytest.mark.parametrize(
    ("given_rules", "gone"),
    [
        ({"videos": 2}, [3, 4]),
        ({"videos_bytes": 30}, [2, 3, 4]),
        ({"videos_bytes": 60}, [3, 4]),
        ({"videos_s": 2.5 * DAY}, [4]),
        ({"videos_s": 2.5 * DAY, "videos": 1}, [2, 3, 4]),
    ],
)
def test_the_newest_videos_are_kept(given_rules: dict[str, float], gone: list[int]) -> None:
    jobs = videos((0.0, 20), (DAY, 40), (2 * DAY, 10), (3 * DAY, 1))
    assert [job.id for job in with_video(jobs, rules(**given_rules), NOW)] == gone


def test_failed_and_cancelled_jobs_go_by_their_age_and_no_video_with_them() -> None:
    jobs = [
        ended(1, 9 * DAY),
        ended(2, 9 * DAY, state=JobState.FAILED, has_video=False),
        ended(3, 1 * DAY, state=JobState.CANCELLED, has_video=False),
    ]
    assert [job.id for job in without_video(jobs, rules(without_video_s=7 * DAY), NOW)] == [2]
    assert without_video(jobs, rules(), NOW) == []


@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        ({}, [2, 3]),
        ({"older_s": 2 * DAY}, [2]),
        ({"videos": True}, [1, 2, 3]),
        ({"videos": True, "label": "sweep"}, [1]),
        ({"model": "ti2v-5b"}, [3]),
        ({"model": "ti2v-5b", "older_s": 2 * DAY}, []),
    ],
)
def test_what_is_asked_for_is_all_true_of_what_goes(
    asked: dict[str, object], gone: list[int]
) -> None:
    jobs = [
        ended(1, 9 * DAY, label="sweep"),
        ended(2, 9 * DAY, state=JobState.FAILED, has_video=False),
        ended(3, 1 * DAY, state=JobState.CANCELLED, has_video=False, model="ti2v-5b"),
    ]
    request = CleanRequest.model_validate(asked)
    assert [job.id for job in asked_for(jobs, request, NOW)] == gone
