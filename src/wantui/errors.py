"""The error tree. Every failure a person or a client sees is one of these.

    WantuiError
     +- InvalidRequest            a field of a request is wrong
     |   +- UnknownField          a field that no request has
     |   +- UnknownModel          no model of that name
     |   +- InvalidImage          bytes that are no picture we take
     |   +- InvalidAdapter        a file that is no LoRA we take
     |       +- AdapterUnfit      a LoRA that fits no model of the catalog
     +- UnknownJob, UnknownUpload, UnknownDownload, UnknownLog, NoOutput, NoPicture
     +- UnknownAdapter, NameTaken
     +- WrongState                the job is not in a state that allows it
     +- EngineMissing, WeightsAbsent, WeightsCorrupt, WeightsInUse, DoesNotFit
     +- NotAllowed                someone else's job, or something of the daemon's owner
     +- QueueFull, CacheFull
     +- DiskFull                  no space left
     |   +- DiskReadOnly          or nothing may be written at all
     +- SettingsInvalid, FolderUnsafe, DatabaseUnusable
     +- DaemonUnreachable, DaemonStartFailed, VersionMismatch, TimedOut, Interrupted
     +- DaemonRunning             another one holds the lock
     |   +- DaemonElsewhere       on another machine that shares the folder
     +- FetchError                weights did not come, or not as they should
     |   +- HubUnreachable, HubRefused, HubOffline, RateLimited
     |   +- GatedRepository, RepositoryNotFound, RevisionNotFound, FileNotOnHub
     |   +- DigestMismatch, UnsafePath, DownloadBusy, CacheUnusable, FetcherCrashed
     +- WorkerError               an attempt of a job failed
         +- WorkerCrashed, WorkerStartFailed, OutOfMemory, WeightsChanged, WeightsUnreadable,
            LatentsNotFinite, CompileFailed, CodecMissing, AdapterUnusable, GenerationFailed

A class is a code; `code`, `message`, `hint` and `detail` are what travels, over the API as
`{"error": {...}}` and over the pipe alike, and `error_from_wire` makes the same class again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, ClassVar

Detail = Mapping[str, Any]


class ExitCode(IntEnum):
    """What a `wantui` command exits with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_DAEMON = 3
    TIMED_OUT = 4
    VERSIONS_DIFFER = 5
    INTERRUPTED = 130


class WantuiError(Exception):
    """A failure with a stable code, a message that names the thing, and a hint what to do next."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    default_hint: ClassVar[str] = "see: wantui logs daemon"

    def __init__(
        self, message: str, *, hint: str | None = None, detail: Detail | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint
        self.detail: dict[str, Any] = dict(detail or {})


class InvalidRequest(WantuiError):
    """A field is missing, of the wrong kind, or outside what is allowed."""

    code = "invalid_request"
    http_status = 422
    exit_code = ExitCode.USAGE
    default_hint = "see: wantui generate --help"

    @classmethod
    def for_field(
        cls, field: str, problem: str, *, allowed: str, nearest: object | None = None
    ) -> InvalidRequest:
        """Name the field, the allowed values and, where there is one, the nearest valid value."""
        detail: dict[str, Any] = {"field": field, "allowed": allowed}
        hint = f"allowed: {allowed}"
        if nearest is not None:
            detail["nearest"] = nearest
            hint += f"; nearest: {nearest}"
        return cls(f"{field}: {problem}", hint=hint, detail=detail)


class UnknownField(InvalidRequest):
    """A request has a field that wantui does not know."""

    code = "unknown_field"


class UnknownModel(InvalidRequest):
    """No model of the catalog has this name or alias."""

    code = "unknown_model"
    http_status = 404
    default_hint = "see: wantui ls"


class InvalidImage(InvalidRequest):
    """The bytes are not a PNG, JPEG or WebP picture within the limits."""

    code = "invalid_image"
    default_hint = "give a PNG, JPEG or WebP file"


class InvalidAdapter(InvalidRequest):
    """The file is not a LoRA for a Wan transformer, in safetensors, that wantui can apply."""

    code = "invalid_adapter"
    default_hint = "give a LoRA for Wan as .safetensors: low-rank pairs, with alpha and diff or not"


class AdapterUnfit(InvalidAdapter):
    """A LoRA, but for no model of the catalog. Detail: dim, blocks, rank, problems by model."""

    code = "adapter_unfit"
    default_hint = "see: wantui ls"


class UnknownJob(WantuiError):
    code = "unknown_job"
    http_status = 404
    default_hint = "see: wantui queue --all"


class UnknownUpload(WantuiError):
    code = "unknown_upload"
    http_status = 404
    default_hint = "send the image again: uploads that no job uses are kept for a day"


class UnknownAdapter(WantuiError):
    """No adapter has this id or name, or more than one has ids that begin like this."""

    code = "unknown_adapter"
    http_status = 404
    default_hint = "see: wantui lora ls"


class NameTaken(WantuiError):
    """Another adapter has this name."""

    code = "name_taken"
    http_status = 409
    default_hint = "give another with --name"


class UnknownLog(WantuiError):
    code = "unknown_log"
    http_status = 404
    default_hint = "logs are: daemon, worker, fetcher, hooks, or a job's id"


class NoOutput(WantuiError):
    """The job has no video (yet)."""

    code = "no_output"
    http_status = 409
    default_hint = "see: wantui job ID"


class NoPicture(WantuiError):
    """The job has no preview, no thumbnail, or no such frame (yet, or any more)."""

    code = "no_picture"
    http_status = 404
    default_hint = "see: wantui job ID"


class WrongState(WantuiError):
    """The job's state does not allow what was asked."""

    code = "wrong_state"
    http_status = 409
    default_hint = "see: wantui job ID"


class EngineMissing(WantuiError):
    """The packages that run models are not installed beside the daemon."""

    code = "engine_missing"
    http_status = 409
    default_hint = "run: pip install 'wantui[engine]' && wantui daemon restart"


class WeightsAbsent(WantuiError):
    code = "weights_absent"
    http_status = 409
    default_hint = "see: wantui ls"


class WeightsCorrupt(WantuiError):
    """Files are not what their publisher's digests or their own headers say. Detail: paths."""

    code = "weights_corrupt"
    http_status = 409
    default_hint = "run: wantui repair MODEL"


class WeightsInUse(WantuiError):
    """A worker has them loaded, a job waits for them, or they are to be kept."""

    code = "weights_in_use"
    http_status = 409
    default_hint = "see: wantui queue"


class DoesNotFit(WantuiError):
    """No device of this machine can ever hold the model."""

    code = "does_not_fit"
    http_status = 409
    default_hint = "see: wantui show MODEL"


class NotAllowed(WantuiError):
    """A guest of the daemon's shared socket asked to change what is not its own. Detail: job."""

    code = "not_allowed"
    http_status = 403
    default_hint = "ask the user that the daemon runs as: wantui daemon status"


class QueueFull(WantuiError):
    code = "queue_full"
    http_status = 503
    default_hint = "wait for jobs to finish, or raise [queue] max_unfinished"


class DiskFull(WantuiError):
    code = "disk_full"
    http_status = 507
    default_hint = "free some space, then send it again"


class DiskReadOnly(DiskFull):
    """The file system takes no writes: it was mounted so, or the kernel found it damaged."""

    code = "disk_read_only"
    default_hint = "see why: dmesg; then: mount -o remount,rw MOUNTPOINT"


class CacheFull(WantuiError):
    """Converted weights would take more than the settings allow. Detail: needed, kept, allowed."""

    code = "cache_full"
    http_status = 409
    default_hint = "run: wantui prune, or raise [store] converted_bytes"


class SettingsInvalid(WantuiError):
    code = "settings_invalid"
    exit_code = ExitCode.USAGE
    default_hint = "mend that line; the shipped wantui.toml says what each setting is"


class FolderUnsafe(WantuiError):
    """A folder of ours belongs to someone else, is a link, or cannot be made private."""

    code = "folder_unsafe"
    exit_code = ExitCode.USAGE
    default_hint = "make it yours and private: chmod 700 FOLDER, or set WANTUI_HOME"


class DatabaseUnusable(WantuiError):
    """The database does not open, is damaged, or was written by a newer wantui."""

    code = "database_unusable"
    default_hint = "it was left as it is; move it away to start with an empty queue"


class DaemonUnreachable(WantuiError):
    code = "daemon_unreachable"
    http_status = 503
    exit_code = ExitCode.NO_DAEMON
    default_hint = "run: wantui daemon start"


class DaemonRunning(WantuiError):
    """Another daemon holds the lock."""

    code = "daemon_running"
    http_status = 409
    default_hint = "see: wantui daemon status"


class DaemonElsewhere(DaemonRunning):
    """Another machine holds the lock, over a network filesystem."""

    code = "daemon_elsewhere"
    default_hint = "stop it there, or set WANTUI_HOME to a folder of this machine's own"


class DaemonStartFailed(WantuiError):
    code = "daemon_start_failed"
    exit_code = ExitCode.NO_DAEMON
    default_hint = "run it in the foreground to see why: wantui daemon run"


class VersionMismatch(WantuiError):
    code = "version_mismatch"
    http_status = 409
    exit_code = ExitCode.VERSIONS_DIFFER
    default_hint = "run: wantui daemon restart"


class TimedOut(WantuiError):
    code = "timed_out"
    http_status = 504
    exit_code = ExitCode.TIMED_OUT
    default_hint = "the daemon goes on; ask again, or wait longer"


class Interrupted(WantuiError):
    """Ctrl-C: the client stopped waiting; the job goes on."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED
    default_hint = ""


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


class UnknownDownload(WantuiError):
    code = "unknown_download"
    http_status = 404
    default_hint = "see: wantui downloads"


class WorkerError(WantuiError):
    """An attempt failed in, or with, its worker."""

    code = "worker_error"
    default_hint = "see: wantui logs ID"


class WorkerStartFailed(WorkerError):
    """The worker ended before it said that it was ready."""

    code = "worker_start_failed"
    default_hint = "see: wantui logs worker"


class WorkerCrashed(WorkerError):
    """The worker's process ended in the middle of a job."""

    code = "worker_crashed"


class OutOfMemory(WorkerError):
    """A stage needed more memory than the device had. Detail: stage, needed, free, in bytes."""

    code = "out_of_memory"
    default_hint = "use a smaller size or fewer frames"


class CompileFailed(WorkerError):
    """torch could not compile an expert's blocks on this machine."""

    code = "compile_failed"
    default_hint = "set in wantui.toml: [worker] compile = false; then: wantui daemon restart"


class WeightsChanged(WorkerError):
    """A weights file is not the one that was planned with: another size, time or inode."""

    code = "weights_changed"
    default_hint = "submit the job again"


class WeightsUnreadable(WorkerError):
    """A weights file is missing, damaged, or does not match its configuration."""

    code = "weights_unreadable"
    default_hint = "see: wantui show MODEL"


class LatentsNotFinite(WorkerError):
    """Denoising produced NaN or infinity. Detail: step."""

    code = "latents_not_finite"
    default_hint = "the weights may be damaged, or the precision too low"


class CodecMissing(WorkerError):
    """PyAV was built without the encoder that the job asks for. Detail: codec, available."""

    code = "codec_missing"
    default_hint = "run: pip install --force-reinstall --only-binary av av"


class AdapterUnusable(WorkerError):
    """A LoRA's file is gone, has changed, or cannot be added to the model. Detail: adapter."""

    code = "adapter_unusable"
    default_hint = "see: wantui lora ls"


class GenerationFailed(WorkerError):
    """Anything else that went wrong inside the worker, with the exception's name and text."""

    code = "generation_failed"


def _subclasses(cls: type[WantuiError]) -> list[type[WantuiError]]:
    return [cls, *(deeper for sub in cls.__subclasses__() for deeper in _subclasses(sub))]


def error_from_wire(
    code: str, message: str, hint: str, detail: Detail | None = None
) -> WantuiError:
    """Make the error that `code` names; a code of a newer peer becomes a plain WantuiError."""
    by_code = {cls.code: cls for cls in _subclasses(WantuiError)}
    return by_code.get(code, WantuiError)(message, hint=hint, detail=detail)
