"""The GPU's driver, and torch's build for it: what each says of the devices must agree."""

from __future__ import annotations

from collections.abc import Iterator

from wantui.api.doctor import Finding, error, ok, warn
from wantui.api.hardware import EngineFacts, Hardware

CHECK = "driver"
LEAST_DRIVER = {11: (450, 80), 12: (525, 60), 13: (580, 65)}
"""By CUDA's major version, the first driver for Linux that runs what was built with any minor one.
Source: NVIDIA, CUDA Compatibility, table "minor version compatibility"."""
REINSTALL = "pip install --force-reinstall torch"
HIDING = "CUDA_VISIBLE_DEVICES"
SHOW_ALL = f"env -u {HIDING} wantui daemon restart"
HANGS = "it hangs"
"""How the probe's reason for a silent driver ends."""


def check_driver(hardware: Hardware) -> Iterator[Finding]:
    """Driver, torch's build and devices, one against the other."""
    yield from (
        warn(CHECK, note, fix=SHOW_ALL if HIDING in note else "nvidia-smi")
        for note in hardware.gpu_notes
    )
    engine = hardware.engine
    if hardware.gpu_reason is not None and hardware.gpu_reason.endswith(HANGS):
        yield error(CHECK, hardware.gpu_reason, fix="sudo reboot")
    elif engine is None:
        yield warn(CHECK, "the engine was not asked: a job runs", fix="wantui doctor")
    elif engine.error is not None:
        yield error("engine", engine.error, fix=_mend(engine.error))
    elif hardware.gpus:
        yield from _with_gpus(hardware, engine)
    else:
        yield ok(CHECK, f"no GPU, jobs run on the CPU: {hardware.gpu_reason or 'none is there'}")


def _mend(problem: str) -> str:
    if "not installed" in problem:
        return "pip install 'wantui[engine]'"
    return "python -m wantui.worker probe"


def _with_gpus(hardware: Hardware, engine: EngineFacts) -> Iterator[Finding]:
    names = ", ".join(dict.fromkeys(gpu.name for gpu in hardware.gpus))
    if engine.cuda is None:
        what = f"torch {engine.torch} is built without CUDA, and there is {names}"
        yield error(CHECK, what, fix=REINSTALL)
        return
    known = _version(hardware.driver or "")
    least = LEAST_DRIVER.get(_version(engine.cuda)[0])
    if least is not None and known < least:
        wanted = ".".join(map(str, least))
        what = f"driver {hardware.driver} is too old for CUDA {engine.cuda}: {wanted} is the least"
        yield error(CHECK, what, fix=f"sudo apt-get install nvidia-driver-{least[0]}")
    elif len(engine.devices) < len(hardware.gpus):
        what = f"the driver has {len(hardware.gpus)} GPUs, torch sees {len(engine.devices)}"
        yield error(CHECK, what, fix="python -c 'import torch; torch.cuda.init()'")
    else:
        told = f"driver {hardware.driver}, torch {engine.torch} for CUDA {engine.cuda}"
        yield ok(CHECK, f"{told}, cuDNN {engine.cudnn or 'none'}", names)


def _version(text: str) -> tuple[int, int]:
    """Major and minor; zeros for what is no number."""
    major, _, rest = text.partition(".")
    minor = rest.partition(".")[0]
    return int(major) if major.isdigit() else 0, int(minor) if minor.isdigit() else 0
