"""What was asked for cannot be: a field, a name, or a state that does not allow it."""

from __future__ import annotations

from typing import Any

from wantui.errors.tree import ExitCode, WantuiError


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


class UnknownDownload(WantuiError):
    code = "unknown_download"
    http_status = 404
    default_hint = "see: wantui downloads"


class UnknownAdapter(WantuiError):
    """No adapter has this id or name, or more than one has ids that begin like this."""

    code = "unknown_adapter"
    http_status = 404
    default_hint = "see: wantui lora ls"


class UnknownLog(WantuiError):
    code = "unknown_log"
    http_status = 404
    default_hint = "logs are: daemon, worker, fetcher, hooks, or a job's id"


class NameTaken(WantuiError):
    """Another adapter has this name."""

    code = "name_taken"
    http_status = 409
    default_hint = "give another with --name"


class NoOutput(WantuiError):
    """The job has no video (yet)."""

    code = "no_output"
    http_status = 409
    default_hint = "see: wantui job ID"


class NoPicture(WantuiError):
    """The job has no preview, thumbnail, proxy, or such a frame (yet, or any more)."""

    code = "no_picture"
    http_status = 404
    default_hint = "see: wantui job ID"


class WrongState(WantuiError):
    """The job's state does not allow what was asked."""

    code = "wrong_state"
    http_status = 409
    default_hint = "see: wantui job ID"


class DependencyFailed(WantuiError):
    """A job that this one was to come after failed or was cancelled. Detail: job."""

    code = "dependency_failed"
    http_status = 409
    default_hint = "see: wantui job ID"

    @classmethod
    def of(cls, job_id: int, state: str) -> DependencyFailed:
        """Of that job, as it ended."""
        hint = f"run: wantui retry {job_id}, then retry this one"
        ended = "failed" if state == "failed" else f"was {state}"
        message = f"job {job_id}, which this one comes after, {ended}"
        return cls(message, hint=hint, detail={"job": job_id})


class KeyReused(WantuiError):
    """An Idempotency-Key that came with another request before."""

    code = "key_reused"
    http_status = 422
    default_hint = "make a new key for each request; send the same only to send the same again"


class NotAllowed(WantuiError):
    """A guest of the daemon's shared socket asked to change what is not its own. Detail: job."""

    code = "not_allowed"
    http_status = 403
    default_hint = "ask the user that the daemon runs as: wantui daemon status"


class QueueFull(WantuiError):
    code = "queue_full"
    http_status = 503
    default_hint = "wait for jobs to finish, or raise [queue] max_unfinished"
