"""A repository whose terms we have not accepted: its model says so, and which page to visit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import document, wantui
from tests.hub import Hub
from tests.pulling import RECIPE, daemon_with, hub_with_ti2v, when
from tests.running import RunningDaemon
from wantui.api.download import Download, DownloadState
from wantui.api.model import Upstream
from wantui.client import Client
from wantui.errors import GatedRepository

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_with_ti2v() as hub:
        hub.repositories[RECIPE.repository or ""].gated = True
        yield hub


@pytest.fixture
def daemon(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningDaemon]:
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        yield daemon


@pytest.fixture
def page(hub: Hub) -> str:
    return f"{hub.endpoint}/{RECIPE.repository}"


async def upstream(client: Client) -> Upstream:
    told = (await client.model("ti2v-5b")).upstream
    assert told is not None
    return told


def ended(download: Download) -> bool:
    return not download.state.open


@pytest.mark.parametrize("secret", [False, True], ids=["listed for everyone", "not even listed"])
async def test_a_pull_that_is_not_let_in_is_told_until_one_is(
    daemon: RunningDaemon, hub: Hub, page: str, secret: bool
) -> None:
    repository = hub.repositories[RECIPE.repository or ""]
    repository.secret = secret
    async with daemon.client() as client:
        assert (await client.model("ti2v-5b")).upstream is None
        failed = await when(client, (await client.pull("ti2v-5b")).id, ended)
        assert failed.error is not None
        assert (failed.error.code, failed.error.detail) == (
            "gated_repository",
            {"page": page, "repository": repository.id},
        )
        told = await upstream(client)
        assert (told.gated, told.accept_at) == (True, page)
        assert told.commit == (None if secret else repository.commit)
        assert not (await client.model("ti2v-5b")).stale
    daemon.kill()
    successor = daemon.restart()
    async with successor.client() as client:
        assert await upstream(client) == told
        repository.gated = False
        done = await when(client, (await client.pull("ti2v-5b")).id, ended)
        assert done.state is DownloadState.COMPLETED, done.error
        assert (await upstream(client)).accept_at is None
    successor.stop()


async def test_the_plan_of_a_pull_finds_out_too(daemon: RunningDaemon, hub: Hub, page: str) -> None:
    """The bytes to come are told all the same: the hub lists the files for everyone."""
    async with daemon.client() as client:
        plan = await client.pull_plan("ti2v-5b")
        assert (plan.gated, plan.accept_at) == (True, page)
        assert plan.bytes_to_fetch > 2_000_000
        assert (await upstream(client)).accept_at == page
        hub.repositories[RECIPE.repository or ""].secret = True
        with pytest.raises(GatedRepository):
            await client.pull_plan("ti2v-5b")
        assert (await upstream(client)).accept_at == page
        hub.repositories[RECIPE.repository or ""].gated = False
        plan = await client.pull_plan("ti2v-5b")
        assert (plan.gated, plan.accept_at) == (False, None)
        assert (await upstream(client)).accept_at is None


def test_the_command_line_says_which_page_to_visit(daemon: RunningDaemon, page: str) -> None:
    accept = f"gated: accept its terms at {page}, then: hf auth login"
    plan = wantui(daemon.environment, "pull", "ti2v-5b", "--dry-run").stdout
    assert f"apache-2.0, {accept}" in plan
    assert document(daemon.environment, "show", "ti2v-5b")["upstream"]["accept_at"] == page
    listed = wantui(daemon.environment, "ls").stderr
    assert f"get ti2v-5b: {accept}, then: wantui pull ti2v-5b\n" in listed
    assert accept in wantui(daemon.environment, "show", "ti2v-5b").stdout
