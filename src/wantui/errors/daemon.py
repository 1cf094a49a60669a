"""Between a client and its daemon."""

from __future__ import annotations

from wantui.errors.tree import ExitCode, WantuiError


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
