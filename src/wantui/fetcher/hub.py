"""A repository on the hub: what is in it at one commit, and where the bytes are to be had.

Resolving, listing, authentication and gating are huggingface_hub's. Its errors become ours here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import httpx2
import huggingface_hub
from huggingface_hub import constants, errors
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._headers import build_hf_headers

from wantui.api.download import Source
from wantui.errors import (
    FetchError,
    FileNotOnHub,
    GatedRepository,
    HubOffline,
    HubRefused,
    HubUnreachable,
    RateLimited,
    RepositoryNotFound,
    RevisionNotFound,
    UnsafePath,
)
from wantui.store.digest import is_digest
from wantui.text import one_line


@dataclass(frozen=True)
class RemoteFile:
    path: str
    """Relative to the repository, checked not to lead out of it."""
    size: int
    digest: str
    """sha256 of an LFS file, git's sha1 of any other: also its etag, and its blob's name."""


@dataclass(frozen=True)
class Listing:
    """A repository at one commit, which the hub cannot change any more."""

    repository: str
    commit: str
    license: str | None
    gated: bool
    files: dict[str, RemoteFile]

    @property
    def source(self) -> Source:
        """What is told of it."""
        return Source(
            repository=self.repository, commit=self.commit, license=self.license, gated=self.gated
        )


@dataclass(frozen=True)
class Location:
    """Where a file's bytes are just now; a signed address goes stale after a while."""

    url: str
    headers: dict[str, str]
    """With the user's token only if the address is the hub's own."""


def listing(repository: str, revision: str | None = None) -> Listing:
    """What a revision is at this moment. Raises FetchError's kinds, UnsafePath among them."""
    api = huggingface_hub.HfApi()
    with typed_errors(repository):
        info = api.model_info(repository, revision=revision)
        commit = info.sha or ""
        tree = api.list_repo_tree(repository, recursive=True, revision=commit)
        found = [_file(entry) for entry in tree if isinstance(entry, RepoFile)]
    card = info.card_data
    return Listing(
        repository=repository,
        commit=commit,
        license=card.get("license") if card else None,
        gated=bool(info.gated),
        files={file.path: file for file in found},
    )


def locate(repository: str, commit: str, file: RemoteFile) -> Location:
    """Ask the hub for the address; a file that has another etag is another file."""
    url = huggingface_hub.hf_hub_url(repository, file.path, revision=commit)
    with typed_errors(repository):
        told = huggingface_hub.get_hf_file_metadata(url)
    if told.etag != file.digest:
        raise HubRefused(f"{file.path} of {repository} is another file than the hub listed")
    headers = {"Accept-Encoding": "identity"}  # a compressed body has other offsets
    if _origin(told.location) == _origin(constants.ENDPOINT):
        headers |= build_hf_headers()
    return Location(told.location, headers)


def need_let_in(found: Listing) -> None:
    """See that a gated repository gives us its files: it may list them for everyone.

    Asked about the largest, which is never one of those that are open to all, like a README.
    Raises FetchError's kinds, GatedRepository among them.
    """
    if found.gated and found.files:
        largest = max(found.files.values(), key=lambda file: file.size)
        locate(found.repository, found.commit, largest)


def _file(entry: RepoFile) -> RemoteFile:
    digest = entry.lfs.sha256 if entry.lfs else entry.blob_id
    path = PurePosixPath(entry.path)
    strange = ".." in path.parts or "\\" in entry.path or "\0" in entry.path
    if path.is_absolute() or not path.parts or strange:
        raise UnsafePath(f"the hub names the path {one_line(entry.path, 80)!r}")
    if not is_digest(digest):
        raise UnsafePath(f"the hub names the digest {one_line(digest, 80)!r}")
    return RemoteFile(path=str(path), size=entry.size, digest=digest)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


@contextlib.contextmanager
def typed_errors(repository: str) -> Iterator[None]:
    """huggingface_hub's errors as ours."""
    try:
        yield
    except FetchError:
        raise
    except errors.HfHubHTTPError as error:
        raise _of_answer(repository, error) from error
    except errors.OfflineModeIsEnabled as error:
        raise HubOffline("HF_HUB_OFFLINE is set: nothing can be fetched") from error
    except (errors.LocalEntryNotFoundError, errors.FileMetadataError) as error:
        raise HubRefused(f"{repository}: {one_line(str(error), 200)}") from error
    except (httpx2.HTTPError, OSError) as error:
        raise HubUnreachable(f"no answer from the hub: {one_line(str(error), 200)}") from error


def _of_answer(repository: str, error: errors.HfHubHTTPError) -> FetchError:
    """The most specific first: a gated repository counts as one that is not found."""
    if isinstance(error, errors.GatedRepoError):
        page = f"{constants.ENDPOINT}/{repository}"
        return GatedRepository(
            f"{repository} wants its terms accepted",
            hint=f"accept them at {page}, then: hf auth login",
            detail={"page": page, "repository": repository},
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return RepositoryNotFound(f"the hub shows no repository {repository}")
    if isinstance(error, errors.RevisionNotFoundError):
        return RevisionNotFound(f"{repository} has no such revision")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return FileNotOnHub(f"{repository} lacks a file: {one_line(str(error), 120)}")
    return of_status(repository, error.response.status_code)


def of_status(what: str, status: int) -> FetchError:
    """An HTTP status that was not to be had better."""
    if status == 429:
        return RateLimited(f"the hub limits how often it may be asked ({what})")
    if status in (401, 403):
        return GatedRepository(f"the hub does not give {what} to you", hint="run: hf auth login")
    return HubRefused(f"the hub answered {status} for {what}", detail={"status": status})
