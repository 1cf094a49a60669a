"""The tree of errors: its codes are a promise to clients."""

from __future__ import annotations

import re

import pytest

from wantui import errors
from wantui.errors import ExitCode, InvalidRequest, WantuiError, error_from_wire

CODES = {
    "internal": "WantuiError",
    "invalid_request": "InvalidRequest",
    "unknown_field": "UnknownField",
    "unknown_model": "UnknownModel",
    "invalid_image": "InvalidImage",
    "invalid_adapter": "InvalidAdapter",
    "adapter_unfit": "AdapterUnfit",
    "unknown_adapter": "UnknownAdapter",
    "name_taken": "NameTaken",
    "unknown_job": "UnknownJob",
    "unknown_upload": "UnknownUpload",
    "unknown_log": "UnknownLog",
    "no_output": "NoOutput",
    "no_picture": "NoPicture",
    "wrong_state": "WrongState",
    "engine_missing": "EngineMissing",
    "weights_absent": "WeightsAbsent",
    "weights_corrupt": "WeightsCorrupt",
    "weights_in_use": "WeightsInUse",
    "does_not_fit": "DoesNotFit",
    "not_allowed": "NotAllowed",
    "queue_full": "QueueFull",
    "disk_full": "DiskFull",
    "disk_read_only": "DiskReadOnly",
    "cache_full": "CacheFull",
    "settings_invalid": "SettingsInvalid",
    "folder_unsafe": "FolderUnsafe",
    "database_unusable": "DatabaseUnusable",
    "daemon_unreachable": "DaemonUnreachable",
    "daemon_running": "DaemonRunning",
    "daemon_elsewhere": "DaemonElsewhere",
    "daemon_start_failed": "DaemonStartFailed",
    "version_mismatch": "VersionMismatch",
    "timed_out": "TimedOut",
    "interrupted": "Interrupted",
    "unknown_download": "UnknownDownload",
    "fetch_failed": "FetchError",
    "hub_unreachable": "HubUnreachable",
    "hub_refused": "HubRefused",
    "hub_offline": "HubOffline",
    "rate_limited": "RateLimited",
    "gated_repository": "GatedRepository",
    "repository_not_found": "RepositoryNotFound",
    "revision_not_found": "RevisionNotFound",
    "file_not_on_hub": "FileNotOnHub",
    "digest_mismatch": "DigestMismatch",
    "unsafe_path": "UnsafePath",
    "download_busy": "DownloadBusy",
    "cache_unusable": "CacheUnusable",
    "fetcher_crashed": "FetcherCrashed",
    "worker_error": "WorkerError",
    "worker_start_failed": "WorkerStartFailed",
    "worker_crashed": "WorkerCrashed",
    "worker_killed": "WorkerKilled",
    "worker_hung": "WorkerHung",
    "host_out_of_memory": "HostOutOfMemory",
    "device_lost": "DeviceLost",
    "out_of_memory": "OutOfMemory",
    "weights_changed": "WeightsChanged",
    "weights_unreadable": "WeightsUnreadable",
    "latents_not_finite": "LatentsNotFinite",
    "compile_failed": "CompileFailed",
    "codec_missing": "CodecMissing",
    "adapter_unusable": "AdapterUnusable",
    "generation_failed": "GenerationFailed",
    "dependency_failed": "DependencyFailed",
    "key_reused": "KeyReused",
}


def tree(cls: type[WantuiError] = WantuiError) -> list[type[WantuiError]]:
    """Those of `wantui.errors`, each once."""
    found = [cls, *(deeper for sub in cls.__subclasses__() for deeper in tree(sub))]
    return [each for each in dict.fromkeys(found) if in_errors(each)]


def in_errors(cls: type[WantuiError]) -> bool:
    """Whether the class is one that `wantui.errors` exports, under its own name."""
    return getattr(errors, cls.__name__, None) is cls


def test_the_exported_codes_are_these_and_each_names_one_class() -> None:
    assert {cls.code: cls.__name__ for cls in tree()} == CODES
    assert len(tree()) == len(CODES)


def test_no_error_lives_outside_the_tree() -> None:
    def everywhere(cls: type[WantuiError]) -> set[str]:
        return {cls.__module__}.union(*(everywhere(sub) for sub in cls.__subclasses__()))

    assert {module.rpartition(".")[0] for module in everywhere(WantuiError)} == {"wantui.errors"}


def test_all_that_is_exported_is_listed() -> None:
    assert {*CODES.values(), "Detail", "ExitCode", "error_from_wire"} == set(errors.__all__)
    assert len(errors.__all__) == len(set(errors.__all__))


def test_the_docstring_draws_every_class_once() -> None:
    assert errors.__doc__ is not None
    drawn = errors.__doc__[: errors.__doc__.index("A class is a code")]
    names = [name for name in re.findall(r"[A-Z]\w+", drawn) if hasattr(errors, name)]
    assert sorted(names) == sorted(CODES.values())


@pytest.mark.parametrize("cls", tree(), ids=lambda cls: cls.code)
def test_every_class_survives_the_wire(cls: type[WantuiError]) -> None:
    sent = cls("what happened", hint="what to do", detail={"field": "steps"})
    got = error_from_wire(sent.code, sent.message, sent.hint, sent.detail)
    assert type(got) is cls
    assert (got.message, got.hint, got.detail) == ("what happened", "what to do", sent.detail)


def test_a_code_of_a_newer_peer_becomes_a_plain_error_with_its_message() -> None:
    got = error_from_wire("from_the_future", "what happened", "what to do")
    assert type(got) is WantuiError
    assert str(got) == "what happened"


def test_every_class_has_a_hint_but_the_one_that_the_user_caused() -> None:
    assert [cls.code for cls in tree() if not cls.default_hint] == ["interrupted"]


def test_every_class_has_a_status_of_failure_and_an_exit_code_of_failure() -> None:
    assert all(400 <= cls.http_status <= 599 for cls in tree())
    assert all(cls.exit_code is not ExitCode.OK for cls in tree())


def test_a_field_names_what_is_allowed_and_what_is_nearest() -> None:
    error = InvalidRequest.for_field("steps", "0 is out of range", allowed="1 to 100", nearest=1)
    assert error.message == "steps: 0 is out of range"
    assert error.hint == "allowed: 1 to 100; nearest: 1"
    assert error.detail == {"field": "steps", "allowed": "1 to 100", "nearest": 1}
