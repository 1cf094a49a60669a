"""An attempt of a job failed."""

from __future__ import annotations

from wantui.errors.tree import WantuiError


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
