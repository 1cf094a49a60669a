"""GPUs that are there and not for us: hidden by CUDA's variable, or by the container."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.machines import MadeDevice, MadeNvml
from wantui.hardware.probe import Probe
from wantui.hardware.visible import absence, visible

UUIDS = ("GPU-aa11", "GPU-aa22", "GPU-bb33")
NOT_FOUND = "NVML Shared Library Not Found"


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("0", {"GPU-aa11"}),
        ("2, 0", {"GPU-aa11", "GPU-bb33"}),
        ("GPU-bb", {"GPU-bb33"}),
        ("GPU-aa", set()),  # of two
        ("", set()),
        ("-1", set()),
        ("0,-1,1", {"GPU-aa11"}),
        ("7", set()),
        ("²", set()),
        ("NoDevFiles", set()),
    ],
)
def test_cuda_shows_what_its_variable_names(wanted: str, shown: set[str]) -> None:
    assert visible(UUIDS, {"CUDA_VISIBLE_DEVICES": wanted}) == shown


def test_without_the_variable_all_are_shown() -> None:
    assert visible(UUIDS, {}) == set(UUIDS)


def test_a_hidden_gpu_is_named_with_what_hides_it() -> None:
    devices = [MadeDevice(), MadeDevice(told_uuid="GPU-2", told_name="NVIDIA L4")]
    probe = Probe(MadeNvml(devices), environment={"CUDA_VISIBLE_DEVICES": "0"})
    hardware = probe.read({})
    probe.close()
    assert [gpu.uuid for gpu in hardware.gpus] == ["GPU-1"]
    assert hardware.gpu_notes == ("GPU 1: NVIDIA L4 is hidden by CUDA_VISIBLE_DEVICES=0",)


def test_where_all_are_hidden_that_is_the_reason_for_none() -> None:
    probe = Probe(MadeNvml([MadeDevice()]), environment={"CUDA_VISIBLE_DEVICES": ""})
    hardware = probe.read({})
    probe.close()
    assert hardware.gpus == ()
    assert hardware.gpu_reason == "GPU 0: NVIDIA H100 is hidden by CUDA_VISIBLE_DEVICES="


@pytest.mark.parametrize("value", ["void", "none", "", "VOID "])
def test_a_container_without_gpus_says_so(value: str) -> None:
    reason = absence(NOT_FOUND, {"NVIDIA_VISIBLE_DEVICES": value})
    assert "this container was started without GPUs" in reason


def test_a_container_without_the_drivers_library_says_how_to_get_it(tmp_path: Path) -> None:
    assert absence(NOT_FOUND, {"NVIDIA_VISIBLE_DEVICES": "all"}, tmp_path).endswith(NOT_FOUND)
    version = tmp_path / "proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.1")
    assert "--gpus all" in absence(NOT_FOUND, {}, tmp_path)
    assert "--gpus all" not in absence("Driver/library version mismatch", {}, tmp_path)
