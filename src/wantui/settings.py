"""Typed settings. The shipped `wantui.toml` holds every default; the user's file goes over it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from wantui.errors import SettingsInvalid
from wantui.paths import Paths, shipped_config
from wantui.text import nearest

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]


class _Section(BaseModel):
    """Built at first use: most commands talk to a daemon that runs, and load no settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


def _absolute(path: str) -> str:
    if path and not Path(path).expanduser().is_absolute():
        raise ValueError("is not an absolute path")
    return path


class DaemonSettings(_Section):
    shutdown_grace_s: Seconds
    start_timeout_s: Seconds
    shared_socket: Annotated[str, AfterValidator(_absolute)]

    @property
    def group_socket(self) -> Path | None:
        """Where the users of a group find the daemon, if they may."""
        return Path(self.shared_socket).expanduser() if self.shared_socket else None


class QueueSettings(_Section):
    max_unfinished: Count
    max_overtaken: Annotated[int, Field(ge=0)]
    max_crashes: Count
    max_interruptions: Count


class RetentionSettings(_Section):
    checkpoints_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    without_video_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    videos_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    videos: Annotated[int, Field(ge=0)]
    videos_bytes: Annotated[int, Field(ge=0)]


class WorkerSettings(_Section):
    keep_alive_s: Seconds
    start_timeout_s: Seconds
    heartbeat_timeout_s: Seconds
    step_timeout_s: Seconds
    timeout_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    stop_grace_s: Seconds
    checkpoint_every_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    compile: bool


class CacheSettings(_Section):
    embeddings_bytes: Annotated[int, Field(ge=0)]


class PreviewSettings(_Section):
    frames: Count
    per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)]


X26xPreset = Literal[
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
]


class X26xSettings(_Section):
    crf: Annotated[int, Field(ge=0, le=51)]
    preset: X26xPreset


class Av1Settings(_Section):
    crf: Annotated[int, Field(ge=0, le=63)]
    preset: Annotated[int, Field(ge=0, le=13)]


class VideoSettings(_Section):
    codec: Literal["h264", "h265", "av1"]
    h264: X26xSettings
    h265: X26xSettings
    av1: Av1Settings


class StoreSettings(_Section):
    connections: Count
    max_bytes_per_second: Annotated[int, Field(ge=0)]
    stall_s: Seconds
    tries: Count
    converted_bytes: Annotated[int, Field(ge=0)]


class HardwareSettings(_Section):
    profile: str


class EventSettings(_Section):
    history: Count
    subscriber_buffer: Count
    heartbeat_s: Seconds
    max_subscribers: Count


class LimitSettings(_Section):
    image_bytes: Count
    image_pixels: Count
    adapter_bytes: Count
    body_bytes: Count
    batch_bytes: Count


class HookSettings(_Section):
    job_finished: Annotated[tuple[str, ...], Field(strict=False)]
    timeout_s: Seconds


class LogSettings(_Section):
    file_bytes: Count
    backups: Annotated[int, Field(ge=0)]


class TuiSettings(_Section):
    theme: str
    refresh_s: Seconds
    low_bandwidth: Literal["auto", "on", "off"]
    keys: dict[str, str]


class Settings(_Section):
    """All of `config/wantui.toml`, which says what each one means."""

    default_model: str
    daemon: DaemonSettings
    queue: QueueSettings
    retention: RetentionSettings
    worker: WorkerSettings
    cache: CacheSettings
    preview: PreviewSettings
    video: VideoSettings
    store: StoreSettings
    hardware: HardwareSettings
    events: EventSettings
    limits: LimitSettings
    logs: LogSettings
    hooks: HookSettings
    tui: TuiSettings


def load_settings(paths: Paths) -> Settings:
    """The shipped settings with the user's over them.

    Raises SettingsInvalid naming the file, the key and the nearest known key.
    """
    shipped = _read(shipped_config() / "wantui.toml")
    own = _read_own(paths.settings)
    _refuse_unknown(own, shipped, paths.settings)
    try:
        return Settings.model_validate(_merged(shipped, own))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsInvalid(f"{paths.settings}: {key}: {first['msg']}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error


def _read_own(path: Path) -> dict[str, Any]:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingsInvalid(f"{path}: {error.strerror}") from error
    return _read(path)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if both else value
    return merged


def _nearest_key(key: str, known: dict[str, Any]) -> str | None:
    """Where a key belongs that stands outside of its section, else the most similar one."""
    for section, inside in known.items():
        if isinstance(inside, dict) and key in inside:
            return f"{section}.{key}"
    return nearest(key, known)


def _refuse_unknown(
    own: dict[str, Any], known: dict[str, Any], path: Path, prefix: str = ""
) -> None:
    """A table that ships empty takes any key: whoever uses it knows which there are."""
    for key, value in own.items():
        if key not in known:
            near = _nearest_key(key, known)
            hint = f"did you mean {prefix}{near}?" if near else None
            raise SettingsInvalid(f"{path}: no setting is called {prefix}{key}", hint=hint)
        if isinstance(value, dict) and (inside := known[key]) and isinstance(inside, dict):
            _refuse_unknown(value, inside, path, f"{prefix}{key}.")
