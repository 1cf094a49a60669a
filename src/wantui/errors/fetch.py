"""Weights or an adapter did not come from the hub, or not as they should."""

from __future__ import annotations

from wantui.errors.tree import WantuiError


class FetchError(WantuiError):
    """A pull or a repair did not end as it should; what came so far is kept."""

    code = "fetch_failed"
    http_status = 502
    default_hint = "pull it again: it goes on where it stopped"


class HubUnreachable(FetchError):
    """No connection, or one that broke more often than is worth trying."""

    code = "hub_unreachable"
    default_hint = "check the network, HF_ENDPOINT and HTTPS_PROXY; a pull goes on where it stopped"


class HubRefused(FetchError):
    """The hub answered with a status that says nothing better. Detail: status."""

    code = "hub_refused"


class HubOffline(FetchError):
    """HF_HUB_OFFLINE is set where the daemon runs."""

    code = "hub_offline"
    http_status = 409
    default_hint = "unset HF_HUB_OFFLINE and pull it again"


class RateLimited(FetchError):
    code = "rate_limited"
    http_status = 429
    default_hint = "wait a few minutes, or log in: hf auth login"


class GatedRepository(FetchError):
    """The repository wants its terms accepted, or a token. Detail: page, if known."""

    code = "gated_repository"
    http_status = 403


class RepositoryNotFound(FetchError):
    code = "repository_not_found"
    http_status = 404
    default_hint = "check the name; a private one needs a token: hf auth login"


class RevisionNotFound(FetchError):
    code = "revision_not_found"
    http_status = 404
    default_hint = "name another revision, or none"


class FileNotOnHub(FetchError):
    """A file that the recipe needs is not in the repository."""

    code = "file_not_on_hub"
    http_status = 404
    default_hint = "the repository has changed: pin a revision that has it"


class DigestMismatch(FetchError):
    """What came is not what the hub says it has, again and again. Detail: path."""

    code = "digest_mismatch"
    default_hint = "something between here and the hub changes files: try another network"


class UnsafePath(FetchError):
    """The hub named a path that leads out of its folder."""

    code = "unsafe_path"
    default_hint = "do not trust this repository"


class DownloadBusy(FetchError):
    """Another process pulls this repository into the same cache."""

    code = "download_busy"
    http_status = 409
    default_hint = "wait for it, or stop it"


class CacheUnusable(FetchError):
    """The hub's cache cannot be written, or a file of it not read."""

    code = "cache_unusable"
    http_status = 500
    default_hint = "see that you may write there, or move the cache (HF_HOME)"


class FetcherCrashed(FetchError):
    """The fetcher's process ended in the middle of a pull."""

    code = "fetcher_crashed"
