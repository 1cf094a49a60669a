"""The report that this project is named for: what a real daemon says of a model."""

from __future__ import annotations

import pytest

from tests.running import RunningDaemon, tiny
from wantui.api.model import ModelStatus
from wantui.api.report import HealthState
from wantui.api.status import Status
from wantui.client import Client

pytestmark = pytest.mark.anyio

OLD_NAMES = {
    "t2v-a14b": (
        "Wan-AI/Wan2.2-T2V-A14B-Diffusers",
        "t2v-A14B",
        "wan_implementation:t2v-A14B",
    ),
    "i2v-a14b": (
        "Wan-AI/Wan2.2-I2V-A14B-Diffusers",
        "i2v-A14B",
        "wan_implementation:i2v-A14B",
    ),
    "ti2v-5b": (
        "Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        "ti2v-5B",
        "wan_implementation:ti2v-5B",
    ),
}


@pytest.mark.parametrize("model", OLD_NAMES)
async def test_every_old_name_brings_the_same_report(daemon: RunningDaemon, model: str) -> None:
    async with daemon.client() as client:
        wanted = await client.model(model)
        for name in OLD_NAMES[model]:
            found = await client.model(name)
            assert found.id == model
            assert found.rev == wanted.rev
    assert wanted.license == "Apache-2.0"
    assert wanted.health.state in (HealthState.INCOMPLETE, HealthState.UNFIT)
    assert wanted.health.checked_at is not None


async def test_whoever_listens_learns_how_a_job_counts(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        before = (await client.model("demo")).metrics
        job = await client.submit(tiny())
        after = await counted(client, before.generations)
        again = await client.model("demo")
        spent = (await client.job(job.id)).attempts
    assert after.metrics.successes == before.successes + 1
    assert after.metrics.failures == before.failures
    assert after.metrics.last_day.generations == before.last_day.generations + 1
    assert after.metrics.mean_seconds is not None
    assert again.metrics == after.metrics
    assert len(spent) == 1
    assert after.health.state is HealthState.READY


async def counted(client: Client, beyond: int) -> ModelStatus:
    """The demo's status as soon as it has more generations."""
    async for item in client.follow():
        found = item.models if isinstance(item, Status) else (item.object,)
        demos = (each for each in found if isinstance(each, ModelStatus) and each.id == "demo")
        for demo in demos:
            if demo.metrics.generations > beyond:
                return demo
    raise AssertionError("the events ended")


async def test_looking_again_is_no_news(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        first = await client.model("ti2v-5b")
        second = await client.model("ti2v-5b")
    assert first.rev == second.rev
    assert first.health.checked_at is not None
    assert second.health.checked_at is not None
    assert second.health.checked_at > first.health.checked_at
