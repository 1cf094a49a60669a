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
    """The worker's process ended, or had to be ended, in the middle of a job.

    The job goes on from its checkpoint in another worker, as often as `[queue] max_crashes` allows
    without a further step that was kept.
    """

    code = "worker_crashed"


class WorkerKilled(WorkerCrashed):
    """SIGKILL, neither ours nor the kernel's for want of memory: by hand, or by a supervisor."""

    code = "worker_killed"
    default_hint = "see who ended it (a person, a batch system?); then: wantui retry ID"


class HostOutOfMemory(WorkerCrashed):
    """The kernel's OOM killer ended the worker: host memory, or its container's share, ran out."""

    code = "host_out_of_memory"
    default_hint = "use a smaller size or fewer frames, or give the machine memory or swap"


class WorkerHung(WorkerCrashed):
    """Nothing was heard of the worker, or its work stood still, for far longer than was planned.

    Detail: stage, step, waited_s, and beats: whether its process still answered.
    """

    code = "worker_hung"
    default_hint = "if it was merely slow, raise [worker] step_timeout_s; see: wantui logs ID"


class DeviceLost(WorkerCrashed):
    """A CUDA error after which every call in the worker's process fails, or a GPU that is gone."""

    code = "device_lost"
    default_hint = "see the device's state: wantui hw, nvidia-smi, dmesg (Xid)"


class OutOfMemory(WorkerError):
    """A stage needed more memory than the device had. Detail: stage, needed, free, in bytes."""

    code = "out_of_memory"
    default_hint = "use a smaller size or fewer frames"


class CompileFailed(WorkerError):
    """torch could not compile an expert's blocks on this machine; they run plain from then on."""

    code = "compile_failed"
    default_hint = "once what is missing is there: wantui hw --measure"


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
