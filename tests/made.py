"""API objects as the daemon makes them, with few words."""

from __future__ import annotations

from typing import Any

from wantui import __version__
from wantui.api.download import Download, DownloadState
from wantui.api.error import ErrorBody
from wantui.api.hardware import (
    AttentionBackend,
    BuiltComponent,
    Cpu,
    Disk,
    EngineFacts,
    Folder,
    Gpu,
    Hardware,
    Memory,
    MemoryHolder,
    PcieLink,
    ProfileMatch,
)
from wantui.api.hello import Hello
from wantui.api.job import (
    Attempt,
    Job,
    JobState,
    JobWarning,
    Output,
    Params,
    Progress,
    Stage,
    Timings,
    WaitsFor,
)
from wantui.api.model import (
    ComponentStatus,
    Defaults,
    Limits,
    ModelStatus,
    QualityOffer,
    WeightsState,
    WeightsStatus,
)
from wantui.api.plan import DType, Plan, Residency
from wantui.api.queue import Queue
from wantui.api.report import Health, Metrics, Suitability, Tally
from wantui.api.status import Status
from wantui.api.worker import Worker, WorkerState

NOW = 1_790_000_000.0
GB = 10**9


def hello(boot: str = "b00t", **fields: Any) -> Hello:
    values = {
        "version": __version__,
        "api_version": 1,
        "pid": 4242,
        "uid": 1000,
        "boot": boot,
        "started_at": NOW,
        "socket": "/home/ada/.local/state/wantui/run/wantui.sock",
        "engine_installed": True,
    }
    return Hello(**{**values, **fields})


def params(prompt: str = "a red circle moving left", **fields: Any) -> Params:
    values = {
        "prompt": prompt,
        "negative_prompt": "",
        "width": 128,
        "height": 128,
        "frames": 17,
        "fps": 8,
        "steps": 20,
        "guidance": 5.0,
        "guidance_low": None,
        "shift": 5.0,
        "boundary": None,
        "sampler": "unipc",
        "seed": 7,
        "image": None,
    }
    return Params(**{**values, **fields})


def plan() -> Plan:
    return Plan(
        device="cpu",
        device_name="CPU",
        dtype=DType.FLOAT32,
        residency=Residency.RESIDENT,
        weights_bytes=300_000,
        device_bytes=300_000,
        device_total_bytes=64 * GB,
        reason="it fits",
    )


def job(id: int = 1, state: JobState = JobState.QUEUED, rev: int = 1, **fields: Any) -> Job:
    values: dict[str, Any] = {
        "model": "demo",
        "quality": "faithful",
        "params": params(fields.pop("prompt", f"prompt of job {id}")),
        "owner": 1000,
        "created_at": NOW + id,
    }
    return Job(id=id, rev=rev, state=state, **{**values, **fields})


def running(id: int = 1, rev: int = 1, step: int = 7, **fields: Any) -> Job:
    progress = Progress(stage=Stage.DENOISE, step=step, of=20, fraction=step / 20, eta_s=12.4)
    return job(
        id,
        JobState.RUNNING,
        rev,
        progress=progress,
        plan=plan(),
        started_at=NOW + id + 1,
        attempts=(attempt(),),
        **fields,
    )


def attempt(error: ErrorBody | None = None) -> Attempt:
    finished = NOW + 5 if error else None
    return Attempt(number=1, worker_pid=99, started_at=NOW, finished_at=finished, error=error)


def completed(id: int = 1, rev: int = 1, **fields: Any) -> Job:
    output = Output(
        path=f"/home/ada/.local/share/wantui/jobs/{id}/output.mp4",
        bytes=45_321,
        sha256="ab" * 32,
        frames_sha256="cd" * 32,
        width=128,
        height=128,
        frames=17,
        fps=8,
    )
    values: dict[str, Any] = {
        "plan": plan(),
        "attempts": (attempt(),),
        "timings": Timings(load_s=0.5, encode_s=0.1, denoise_s=3.2, decode_s=0.4, write_s=0.1),
        "output": output,
        "started_at": NOW + id,
        "finished_at": NOW + id + 4.5,
        "warnings": (JobWarning(code="prompt_cut", message="the prompt was cut at 64 tokens"),),
    }
    return job(id, JobState.COMPLETED, rev, **{**values, **fields})


def failed(id: int = 1, rev: int = 1, message: str = "the worker ended by signal 9") -> Job:
    error = ErrorBody(code="worker_crashed", message=message, hint=f"see: wantui logs {id}")
    return job(
        id,
        JobState.FAILED,
        rev,
        error=error,
        attempts=(attempt(error),),
        started_at=NOW + id,
        finished_at=NOW + id + 2,
    )


def record(successes: int = 11, failures: int = 1) -> Metrics:
    """As many generations, of late as ever."""
    count = successes + failures
    numbers: dict[str, Any] = {
        "generations": count,
        "successes": successes,
        "failures": failures,
        "success_rate": successes / count,
        "mean_seconds": 8.4,
    }
    return Metrics(**numbers, last_day=Tally(), last_week=Tally(**numbers))


def model(
    id: str = "demo", state: WeightsState = WeightsState.VERIFIED, **fields: Any
) -> ModelStatus:
    needed = 300_000 if id == "demo" else 126 * GB
    present = {WeightsState.ABSENT: 0, WeightsState.PARTIAL: needed // 3}.get(state, needed)
    component = ComponentStatus(
        name="transformer",
        class_name="WanTransformer3DModel",
        parameter_count=None if id == "demo" else 14_288_491_584,
        state=state,
        bytes_present=present,
        bytes_needed=needed,
        missing=()
        if state is WeightsState.VERIFIED
        else tuple(f"transformer/model-{n:05}-of-00012.safetensors" for n in range(1, 13)),
    )
    weights = WeightsStatus(
        state=state,
        bytes_present=present,
        bytes_needed=needed,
        folder=None,
        revision=None,
        components=(component,),
        get_command=None if id == "demo" else f"wantui pull {id}",
    )
    values: dict[str, Any] = {
        "name": id.title(),
        "summary": "A model of the test",
        "tasks": ("text-to-video",),
        "repository": None,
        "license": "Apache-2.0",
        "aliases": (),
        "parameter_count": None if id == "demo" else 28_576_983_168,
        "weights": weights,
        "health": Health(last_error=None, last_verified_at=None),
        "implemented": True if id == "demo" else None,
        "estimated_vram_bytes": GB if id == "demo" else None,
        "hardware": Suitability(recommended_profile="cpu", reasons=("no GPU is used",)),
        "metrics": record() if id == "demo" else Metrics(),
        "loaded": False,
        "takes_image": True,
        "needs_image": False,
        "qualities": (QualityOffer(id="faithful", summary="", faithful=True, needs_loras=False),),
        "defaults": Defaults(
            width=128,
            height=128,
            frames=17,
            fps=8,
            steps=20,
            guidance=5.0,
            guidance_low=None if id == "demo" else 3.0,
            shift=5.0,
            negative_prompt="",
        ),
        "limits": Limits(
            size_multiple=32,
            sizes=("128x128",),
            min_side=32,
            max_pixels=65_536,
            max_frames=33,
            frame_stride=4,
            max_steps=100,
            max_prompt_characters=10_000,
            text_tokens=64,
        ),
        "rev": 1,
    }
    return ModelStatus(id=id, **{**values, **fields})


def gpu(index: int = 0) -> Gpu:
    return Gpu(
        uuid=f"GPU-{index}",
        index=index,
        name="NVIDIA H100 80GB HBM3",
        memory_total_bytes=80 * GB,
        memory_used_bytes=21 * GB,
        compute_capability="9.0",
        utilization_percent=97.0,
        temperature_c=61.0,
        power_w=512.0,
        power_limit_w=700.0,
        holders=(
            MemoryHolder(pid=99, name="python3", bytes=18 * GB),
            MemoryHolder(pid=4711, name="Xorg", bytes=GB),
        ),
        clock_mhz=1755,
        clock_max_mhz=1980,
        memory_clock_mhz=2619,
        pcie=PcieLink(generation=5, lanes=16, max_generation=5, max_lanes=16),
        ecc=True,
    )


def hardware(*gpus: Gpu, at: float = NOW) -> Hardware:
    return Hardware(
        gpus=gpus,
        driver="580.65" if gpus else None,
        gpu_reason=None if gpus else "no NVIDIA driver answers",
        cpu=Cpu(
            name="AMD EPYC 9354",
            cores=32,
            physical_cores=32,
            utilization_percent=12.0,
            extensions=("avx2", "avx512f"),
        ),
        memory=Memory(total_bytes=64 * GB, available_bytes=41 * GB),
        disks=(
            Disk(role="weights", path="/home/ada/.cache", total_bytes=500 * GB, free_bytes=20 * GB),
            Disk(role="jobs", path="/home/ada/jobs", total_bytes=500 * GB, free_bytes=200 * GB),
        ),
        folders=(Folder(role="hub", path="/home/ada/.cache", bytes=57 * GB),),
        engine=EngineFacts(
            torch="2.13.0+cu130",
            cuda="13.0",
            attention=(
                AttentionBackend(
                    name="native",
                    available=True,
                    relative_error=0.002,
                    operations_per_second=4.1e14,
                ),
                AttentionBackend(name="sage", available=False, reason="not installed"),
            ),
            components=(
                BuiltComponent(
                    model="demo",
                    component="vae",
                    class_name="AutoencoderKLWan",
                    parameter_count=1,
                    expected_count=1,
                ),
            ),
        ),
        profile=ProfileMatch(
            name="h100",
            summary="H100 SXM, 80 GB",
            why="it is for NVIDIA H100 80GB HBM3",
            expected_flops=5.9e14,
            memory_bytes_per_second=3.35e12,
            host_to_device_bytes_per_second=5.04e10,
            disk_read_bytes_per_second=3e9,
            memory_reserve_bytes=GB // 2,
        ),
        measured_at=at,
    )


def worker(rev: int = 1, state: WorkerState = WorkerState.BUSY) -> Worker:
    return Worker(
        device="cpu",
        device_name="CPU",
        state=state,
        pid=99,
        model="demo",
        job=1,
        rss_bytes=None,
        started_at=NOW,
        rev=rev,
    )


def download(rev: int = 1, model: str = "t2v-a14b", **fields: Any) -> Download:
    values: dict[str, Any] = {
        "repository": "Wan-AI/Wan2.2-T2V-A14B-Diffusers",
        "state": DownloadState.RUNNING,
        "bytes_done": rev * GB,
        "bytes_total": 126 * GB,
        "created_at": NOW,
    }
    return Download(id=1, rev=rev, model=model, **{**values, **fields})


def queue(*jobs: Job, paused: bool = False, rev: int = 1, **fields: Any) -> Queue:
    counts = {state: sum(job.state is state for job in jobs) for state in JobState}
    return Queue(paused=paused, counts=counts, rev=rev, **fields)


def status(
    *jobs: Job, boot: str = "b00t", models: tuple[ModelStatus, ...] | None = None, **fields: Any
) -> Status:
    default = (model(), model("t2v-a14b", WeightsState.ABSENT))
    values: dict[str, Any] = {
        "queue": queue(*jobs),
        "downloads": (),
        "workers": (),
        "hardware": hardware(),
    }
    return Status(
        hello=hello(boot),
        event_id=f"{boot}.1",
        jobs=jobs,
        models=default if models is None else models,
        **{**values, **fields},
    )


def busy() -> Status:
    """One of every state that people meet."""
    return status(
        running(9, prompt="a paper boat on a rainy street, seen from above, slow camera"),
        job(10, waits_for=(WaitsFor.DEVICE,), prompt="dunes at night"),
        job(11, waits_for=(WaitsFor.DEVICE,), prompt="a lighthouse in a storm"),
        job(12, JobState.HELD, prompt="a market in the morning"),
        completed(8, prompt="a red circle moving left on a black background"),
        failed(7),
        job(6, JobState.CANCELLED, prompt="too long", finished_at=NOW),
        models=(
            model(loaded=True),
            model("t2v-a14b", WeightsState.ABSENT),
            model("i2v-a14b", WeightsState.PARTIAL, needs_image=True),
        ),
        workers=(worker(),),
        hardware=hardware(gpu()),
    )
