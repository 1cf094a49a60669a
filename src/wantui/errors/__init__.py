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
     +- DependencyFailed          a job that this one comes after did not end well
     +- KeyReused                 an idempotency key came with another request
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
         +- WorkerCrashed         it ended, or had to be ended: another one goes on with the job
         |   +- WorkerKilled, WorkerHung, HostOutOfMemory, DeviceLost
         +- WorkerStartFailed, OutOfMemory, WeightsChanged, WeightsUnreadable,
            LatentsNotFinite, CompileFailed, CodecMissing, AdapterUnusable, GenerationFailed

A class is a code; `code`, `message`, `hint` and `detail` are what travels, over the API as
`{"error": {...}}` and over the pipe alike, and `error_from_wire` makes the same class again.
"""

from __future__ import annotations

from wantui.errors.daemon import (
    DaemonElsewhere,
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
    DiskReadOnly,
    DoesNotFit,
    EngineMissing,
    FolderUnsafe,
    SettingsInvalid,
)
from wantui.errors.request import (
    AdapterUnfit,
    DependencyFailed,
    InvalidAdapter,
    InvalidImage,
    InvalidRequest,
    KeyReused,
    NameTaken,
    NoOutput,
    NoPicture,
    NotAllowed,
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
    DeviceLost,
    GenerationFailed,
    HostOutOfMemory,
    LatentsNotFinite,
    OutOfMemory,
    WeightsChanged,
    WeightsUnreadable,
    WorkerCrashed,
    WorkerError,
    WorkerHung,
    WorkerKilled,
    WorkerStartFailed,
)

__all__ = [
    "AdapterUnfit",
    "AdapterUnusable",
    "CacheFull",
    "CacheUnusable",
    "CodecMissing",
    "CompileFailed",
    "DaemonElsewhere",
    "DaemonRunning",
    "DaemonStartFailed",
    "DaemonUnreachable",
    "DatabaseUnusable",
    "DependencyFailed",
    "Detail",
    "DeviceLost",
    "DigestMismatch",
    "DiskFull",
    "DiskReadOnly",
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
    "HostOutOfMemory",
    "HubOffline",
    "HubRefused",
    "HubUnreachable",
    "Interrupted",
    "InvalidAdapter",
    "InvalidImage",
    "InvalidRequest",
    "KeyReused",
    "LatentsNotFinite",
    "NameTaken",
    "NoOutput",
    "NoPicture",
    "NotAllowed",
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
    "WorkerHung",
    "WorkerKilled",
    "WorkerStartFailed",
    "WrongState",
    "error_from_wire",
]
