"""`wantui hw`: within 80 columns on every machine, live, and as a profile."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests import made
from tests.cli.command import CTRL_C, WANTUI, in_terminal, wantui
from tests.synthetic import NAMES, synthetic
from wantui.api.hardware import Hardware
from wantui.cli.hardware import drawn, gauges
from wantui.cli.table import display_width
from wantui.client import machine


def lines(hardware: Hardware, width: int = 80) -> list[str]:
    return drawn(gauges(hardware, (made.worker(),)), width)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_synthetic_machine_is_told_within_the_width(name: str, width: int) -> None:
    known = made.hardware()
    hardware = synthetic(name).hardware.model_copy(
        update={"disks": known.disks, "folders": known.folders, "profile": known.profile}
    )
    shown = lines(hardware, width)
    assert max(map(display_width, shown)) <= width
    told = " ".join(" ".join(shown).split())
    assert hardware.cpu.name in told
    for gpu in hardware.gpus:
        assert gpu.name in told
    for device in hardware.accelerators:
        assert f"{device.name} " in told
        assert "wantui runs on the CPU" in told


def test_who_holds_a_gpus_memory_is_told_and_ours_is_known() -> None:
    told = "\n".join(lines(made.hardware(made.gpu())))
    assert "18.0 GB: our worker 99, demo" in told
    assert "1.0 GB: Xorg 4711" in told
    assert "PCIe 5.0 x16, ECC" in told
    assert "attention: native 410 TFLOP/s" in told


def test_a_component_that_cannot_be_built_is_told_with_the_reason() -> None:
    engine = made.hardware().engine
    assert engine is not None
    (vae,) = engine.components
    bad = (
        vae.model_copy(update={"model": "other", "error": "this engine has no AutoencoderKLWan"}),
        vae.model_copy(update={"model": "third", "parameter_count": 2}),
    )
    words = machine.built_words(engine.model_copy(update={"components": (vae, *bad)}))
    assert words == (
        "demo; other: vae: this engine has no AutoencoderKLWan; third: vae: 2 parameters, not 1"
    )


def test_a_machine_is_written_as_a_profile_once(
    environment: dict[str, str], tmp_path: Path
) -> None:
    printed = wantui(environment, "hw", "--export").stdout
    file = tmp_path / "mine.toml"
    wantui(environment, "hw", "--export", "-o", str(file))
    assert tomllib.loads(file.read_text()).keys() == tomllib.loads(printed).keys()
    again = wantui(environment, "hw", "--export", "-o", str(file), exits=2)
    assert f"{file} exists already" in again.stderr
    nobody = wantui(environment, "hw", "--export", "--device", "GPU-7", exits=1)
    assert "no device GPU-7" in nobody.stderr
    assert "are for --export" in wantui(environment, "hw", "-o", "x", exits=2).stderr


def test_a_followed_machine_is_a_document_a_second(environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [*WANTUI, "hw", "-f", "--json"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first, second = (json.loads(process.stdout.readline()) for _ in range(2))
    process.kill()
    process.communicate()
    assert first["measured_at"] < second["measured_at"]


def test_a_followed_machine_stays_in_its_place(environment: dict[str, str]) -> None:
    with in_terminal(environment, "hw", "-f") as terminal:
        terminal.read_until(r"profile +cpu")
        terminal.read_until(r"\x1b\[\d+F")  # up again, over what was written
        terminal.type(CTRL_C)
        terminal.rest()
        assert terminal.process.returncode == 130


def test_a_followed_machine_is_a_line_a_second_in_a_log(environment: dict[str, str]) -> None:
    with in_terminal(environment, "hw", "-f", data_too=False) as terminal:
        assert terminal.process.stdout is not None
        line = terminal.process.stdout.readline().decode()
    assert "cpu/busy" in line
    assert "ram" in line
