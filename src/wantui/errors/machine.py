"""This machine, its folders or its settings do not allow it."""

from __future__ import annotations

from wantui.errors.tree import ExitCode, WantuiError


class EngineMissing(WantuiError):
    """The packages that run models are not installed beside the daemon."""

    code = "engine_missing"
    http_status = 409
    default_hint = "run: pip install 'wantui[engine]' && wantui daemon restart"


class DoesNotFit(WantuiError):
    """No device of this machine can ever hold the model."""

    code = "does_not_fit"
    http_status = 409
    default_hint = "see: wantui show MODEL"


class DiskFull(WantuiError):
    code = "disk_full"
    http_status = 507
    default_hint = "free some space, then send it again"


class DiskReadOnly(DiskFull):
    """The file system takes no writes: it was mounted so, or the kernel found it damaged."""

    code = "disk_read_only"
    default_hint = "see why: dmesg; then: mount -o remount,rw MOUNTPOINT"


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
    default_hint = (
        "it was left as it is; to keep it aside and begin with an empty queue: "
        "wantui daemon set-aside && wantui daemon start"
    )
