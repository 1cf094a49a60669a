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
     +- QueueFull, DiskFull, CacheFull
     +- SettingsInvalid, FolderUnsafe, DatabaseUnusable
     +- DaemonUnreachable, DaemonRunning, DaemonStartFailed, VersionMismatch, TimedOut,
     |  Interrupted
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

from wantui.errors.daemon import (
    DaemonRunning,
    DaemonStartFailed,
    DaemonUnreachable,
    Interrupted,
    TimedOut,
    VersionMismatch,
)
from wantui.errors.fetch import (
    CacheUnusable,
    DigestMismatch,
    DownloadBusy,
    FetcherCrashed,
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
from wantui.errors.machine import (
    DatabaseUnusable,
    DiskFull,
    DoesNotFit,
    EngineMissing,
    FolderUnsafe,
    SettingsInvalid,
)
from wantui.errors.request import (
    AdapterUnfit,
    InvalidAdapter,
    InvalidImage,
    InvalidRequest,
    NameTaken,
    NoOutput,
    NoPicture,
    QueueFull,
    UnknownAdapter,
    UnknownDownload,
    UnknownField,
    UnknownJob,
    UnknownLog,
    UnknownModel,
    UnknownUpload,
    WrongState,
)
from wantui.errors.tree import (
    Detail,
    ExitCode,
    WantuiError,
    error_from_wire,
)
from wantui.errors.weights import (
    CacheFull,
    WeightsAbsent,
    WeightsCorrupt,
    WeightsInUse,
)
from wantui.errors.worker import (
    AdapterUnusable,
    CodecMissing,
    CompileFailed,
    GenerationFailed,
    LatentsNotFinite,
    OutOfMemory,
    WeightsChanged,
    WeightsUnreadable,
    WorkerCrashed,
    WorkerError,
    WorkerStartFailed,
)

__all__ = [
    "AdapterUnfit",
    "AdapterUnusable",
    "CacheFull",
    "CacheUnusable",
    "CodecMissing",
    "CompileFailed",
    "DaemonRunning",
    "DaemonStartFailed",
    "DaemonUnreachable",
    "DatabaseUnusable",
    "Detail",
    "DigestMismatch",
    "DiskFull",
    "DoesNotFit",
    "DownloadBusy",
    "EngineMissing",
    "ExitCode",
    "FetchError",
    "FetcherCrashed",
    "FileNotOnHub",
    "FolderUnsafe",
    "GatedRepository",
    "GenerationFailed",
    "HubOffline",
    "HubRefused",
    "HubUnreachable",
    "Interrupted",
    "InvalidAdapter",
    "InvalidImage",
    "InvalidRequest",
    "LatentsNotFinite",
    "NameTaken",
    "NoOutput",
    "NoPicture",
    "OutOfMemory",
    "QueueFull",
    "RateLimited",
    "RepositoryNotFound",
    "RevisionNotFound",
    "SettingsInvalid",
    "TimedOut",
    "UnknownAdapter",
    "UnknownDownload",
    "UnknownField",
    "UnknownJob",
    "UnknownLog",
    "UnknownModel",
    "UnknownUpload",
    "UnsafePath",
    "VersionMismatch",
    "WantuiError",
    "WeightsAbsent",
    "WeightsChanged",
    "WeightsCorrupt",
    "WeightsInUse",
    "WeightsUnreadable",
    "WorkerCrashed",
    "WorkerError",
    "WorkerStartFailed",
    "WrongState",
    "error_from_wire",
]
