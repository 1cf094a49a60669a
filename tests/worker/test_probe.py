"""What the engine says of this machine, asked as the daemon asks it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from wantui.api.hardware import EngineFacts
from wantui.pipe.probe import ComponentToBuild, ProbeOrder
from wantui.worker import engine
from wantui.worker.attending import try_backends

TINY_VAE = {"base_dim": 3, "z_dim": 16, "dim_mult": [1] * 4, "num_res_blocks": 1}


def part(class_name: str, config: dict[str, object], expected: int | None) -> ComponentToBuild:
    return ComponentToBuild(
        model="tiny",
        component="vae",
        class_name=class_name,
        config=config,
        expected_count=expected,
    )


def asked(order: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "wantui.worker", "probe"]
    return subprocess.run(command, input=order, capture_output=True, check=False, timeout=110)


def test_the_answer_is_all_that_standard_output_has() -> None:
    known = engine.parameter_count(engine.meta_vae(TINY_VAE))
    order = ProbeOrder(
        components=(
            part("AutoencoderKLWan", TINY_VAE, known),
            part("AutoencoderKLWan", {**TINY_VAE, "dim_mult": "x"}, known),
            part("AutoencoderOfTomorrow", {}, None),
        )
    )
    done = asked(order.model_dump_json().encode())
    facts = EngineFacts.model_validate_json(done.stdout)
    assert facts.torch == torch.__version__
    assert facts.cuda == torch.version.cuda
    good, wrong, unknown = facts.components
    assert (good.parameter_count, good.error) == (known, None)
    assert wrong.parameter_count is None
    assert wrong.error
    assert unknown.error == "this engine has no AutoencoderOfTomorrow"


def test_an_order_that_is_none_is_no_answer() -> None:
    done = asked(b'{"components": 7}')
    assert done.returncode != 0
    assert done.stdout == b""


def test_without_an_order_the_machine_alone_is_told() -> None:
    facts = EngineFacts.model_validate_json(asked(b"").stdout)
    assert facts.components == ()
    assert facts.attention


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_ways_to_attend_are_tried_against_fp32() -> None:
    tried = {way.name: way for way in try_backends(torch.device("cpu"), torch.float32)}
    native, math = tried["native"], tried["_native_math"]
    for way in (native, math):
        assert way.available
        assert way.relative_error is not None
        assert way.relative_error < 1e-5
        assert way.operations_per_second is None  # a CPU is not timed
    cudnn = tried["_native_cudnn"]
    assert not cudnn.available
    assert cudnn.reason
    assert not any(name.endswith("_hub") for name in tried)
    halved = {way.name: way for way in try_backends(torch.device("cpu"), torch.bfloat16)}
    assert halved["native"].relative_error is not None
    assert 1e-4 < halved["native"].relative_error < 2e-2  # 8 bits of a number
