"""What may go from a cache that other tools write to as well, and what must never."""

from __future__ import annotations

import os
import time
from pathlib import Path

import huggingface_hub
import pytest

from tests.unit.hub_cache import COMMIT, OTHER, HubRepository
from wantui.errors import CacheUnusable, WeightsInUse
from wantui.store.removal import Removal, carry_out, keep, plan_prune, plan_removal

REPOSITORY = "Owner/Name"
SIZE = 1000


@pytest.fixture
def repository(tmp_path: Path) -> HubRepository:
    made = HubRepository(tmp_path, REPOSITORY)
    made.add("vae/config.json", SIZE)
    made.ref("main")
    return made


def pruned(cache: Path) -> Removal:
    plan = plan_prune(cache, REPOSITORY)
    carry_out(plan, cache)
    return plan


@pytest.mark.parametrize("ref", ["refs/pr/1", "feature/with/slashes", "v1.0"])
def test_a_revision_that_any_ref_names_is_not_pruned(
    tmp_path: Path, repository: HubRepository, ref: str
) -> None:
    blob = repository.add("vae/config.json", SIZE, OTHER)
    repository.ref(ref, OTHER)
    assert pruned(tmp_path).paths == ()
    assert blob.exists()


def test_a_removed_revision_takes_the_refs_that_name_it_along(
    tmp_path: Path, repository: HubRepository
) -> None:
    blob = repository.add("vae/config.json", SIZE, OTHER)
    repository.ref("refs/pr/1", OTHER)
    plan = plan_removal(tmp_path, REPOSITORY, OTHER)
    assert plan.freed_bytes == SIZE
    carry_out(plan, tmp_path)
    assert not blob.exists()
    seen = huggingface_hub.scan_cache_dir(tmp_path)
    assert not seen.warnings
    assert [len(repo.revisions) for repo in seen.repos] == [1]


def test_nothing_is_pruned_while_another_tool_downloads(
    tmp_path: Path, repository: HubRepository
) -> None:
    blobs = repository.folder / "blobs"
    whole, coming = blobs / ("e" * 64), blobs / f"{'f' * 64}.1234abcd.incomplete"
    whole.write_bytes(b"not linked yet")
    coming.write_bytes(b"half")
    assert pruned(tmp_path).paths == ()
    long_ago = time.time() - 7200
    os.utime(coming, (long_ago, long_ago))
    assert set(pruned(tmp_path).paths) == {whole, coming}


def test_what_cannot_be_read_is_taken_for_used(tmp_path: Path, repository: HubRepository) -> None:
    orphan = repository.folder / "blobs" / ("e" * 64)
    orphan.write_bytes(b"perhaps of the snapshot that cannot be read")
    loop = repository.folder / "refs" / "loop"
    loop.symlink_to("loop")
    with pytest.raises(CacheUnusable, match="loop"):
        plan_prune(tmp_path, REPOSITORY)
    assert orphan.exists()


def test_files_that_were_copied_instead_of_linked_are_counted(
    tmp_path: Path, repository: HubRepository
) -> None:
    copy = repository.snapshot() / "model_index.json"
    copy.write_bytes(bytes(77))
    assert plan_removal(tmp_path, REPOSITORY, COMMIT).freed_bytes == SIZE + 77


def test_what_is_kept_is_not_removed_until_it_is_no_longer(
    tmp_path: Path, repository: HubRepository
) -> None:
    keep(tmp_path, REPOSITORY, COMMIT)
    with pytest.raises(WeightsInUse):
        plan_removal(tmp_path, REPOSITORY, COMMIT)
    keep(tmp_path, REPOSITORY, None)
    carry_out(plan_removal(tmp_path, REPOSITORY, COMMIT), tmp_path)
    assert not repository.folder.exists()
