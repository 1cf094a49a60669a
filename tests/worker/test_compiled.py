"""Compiled blocks: what they compute, what they leave, and how often they are compiled."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo import register_backend

from tests.worker.orders import Tiny
from wantui.api.plan import DType, Residency
from wantui.errors import CompileFailed
from wantui.worker.compiled import Compiler
from wantui.worker.condition import conditioning
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode
from wantui.worker.failure import ends_worker
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.stop import StopFlag, StopOrdered

CPU = torch.device("cpu")
_counters: Any = torch._dynamo.utils.counters


def _load(tiny: Tiny, residency: Residency = Residency.RESIDENT) -> LoadedModel:
    return load(LoadKey(tiny.files, DType.FLOAT32, residency, CPU), StopFlag().check)


def _latents(model: LoadedModel, tiny: Tiny, stop: StopFlag | None = None, **size: int) -> Tensor:
    params, stop = tiny.params(steps=2, **size), stop or StopFlag()
    with torch.inference_mode():
        return denoise(
            model,
            params,
            encode(model, params, stop),
            conditioning(model, params, None, stop),
            stop=stop,
            on_step=lambda _state: None,
        )


def _compiled_graphs() -> int:
    return int(_counters["stats"]["unique_graphs"])


@pytest.mark.parametrize("kind", ["t2v", "ti2v"])
def test_captured_blocks_compute_what_the_plain_ones_do(kind: str, tinies: dict[str, Tiny]) -> None:
    tiny = tinies[kind]
    model = _load(tiny)
    plain = _latents(model, tiny)
    with Compiler(backend="eager").running(model.blocks, "one size"):
        assert torch.equal(_latents(model, tiny), plain)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
def test_blocks_compiled_for_this_processor_compute_nearly_the_same(
    tinies: dict[str, Tiny],
) -> None:
    tiny = tinies["t2v"]
    model = _load(tiny)
    plain = _latents(model, tiny)
    with Compiler().running(model.blocks, "one size"):
        torch.testing.assert_close(_latents(model, tiny), plain, rtol=1e-4, atol=1e-4)


def test_blocks_that_stream_through_slots_share_what_was_compiled(tinies: dict[str, Tiny]) -> None:
    tiny = tinies["t2v"]
    residency = Residency(resident_blocks=0, components_stay=False, host_copies_stay=True)
    model = _load(tiny, residency)
    plain = _latents(model, tiny)
    _counters.clear()
    with Compiler(backend="eager").running(model.blocks, "one size"):
        assert torch.equal(_latents(model, tiny), plain)
    assert _compiled_graphs() == 1


def test_jobs_of_many_sizes_are_compiled_one_after_the_other(tinies: dict[str, Tiny]) -> None:
    tiny = tinies["t2v"]
    model, compiler = _load(tiny), Compiler(backend="eager")
    assert torch._dynamo.config.recompile_limit < 10
    for width in range(16, 16 * 11, 16):
        with compiler.running(model.blocks, width):
            _latents(model, tiny, width=width, height=16, frames=5)


def test_a_second_job_of_the_same_size_compiles_nothing(tinies: dict[str, Tiny]) -> None:
    tiny = tinies["t2v"]
    model, compiler = _load(tiny), Compiler(backend="eager")
    with compiler.running(model.blocks, "one size"):
        _latents(model, tiny)
    _counters.clear()
    with compiler.running(model.blocks, "one size"):
        _latents(model, tiny)
    assert _compiled_graphs() == 0


def test_an_order_to_stop_is_heard_between_compiled_blocks(tinies: dict[str, Tiny]) -> None:
    tiny = tinies["t2v"]
    model, stop = _load(tiny), StopFlag()
    stop_after: list[int] = []

    def stop_once(_module: nn.Module, _inputs: object, _output: object) -> None:
        stop_after.append(1)
        stop.order()

    model.blocks[0].register_forward_hook(stop_once)
    with (
        Compiler(backend="eager").running(model.blocks, "one size"),
        pytest.raises(StopOrdered),
    ):
        _latents(model, tiny, stop)
    assert stop_after == [1]


def test_nothing_is_left_on_blocks_that_ran_compiled(tinies: dict[str, Tiny]) -> None:
    model = _load(tinies["t2v"])
    with pytest.raises(KeyError), Compiler(backend="eager").running(model.blocks, "one size"):
        raise KeyError
    assert all("forward" not in vars(block) for block in model.blocks)


class _Untraceable(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0)  # torch cannot compile a function that does this
        return x


def test_code_that_cannot_be_compiled_is_a_typed_error_with_the_way_out() -> None:
    block = _Untraceable()
    with Compiler(backend="eager").running([block], 1), pytest.raises(CompileFailed) as failure:
        block(torch.ones(1))
    assert "hw --measure" in (failure.value.hint or "")


_LACKS = {
    "no memory": torch.OutOfMemoryError("3 GiB"),
    "no room": OSError(errno.ENOSPC, "the disk is full"),
}


@pytest.mark.parametrize("name", _LACKS)
def test_what_a_compiler_ran_out_of_is_no_failure_of_the_machine_to_compile(name: str) -> None:
    def backend(_graph: object, _inputs: object) -> Any:
        raise _LACKS[name]

    register_backend(name=name, compiler_fn=backend)
    block = nn.Linear(1, 1)
    with Compiler(backend=name).running([block], 1), pytest.raises(type(_LACKS[name])) as failure:
        block(torch.ones(1, 1))
    assert failure.value is _LACKS[name]


_LAUNCHES: dict[str, type[Exception]] = {
    "Triton Error [CUDA]: device kernel image is invalid": CompileFailed,
    "Triton Error [CUDA]: an illegal memory access was encountered": RuntimeError,
}


@pytest.mark.parametrize("said", _LAUNCHES)
def test_a_kernel_that_the_device_does_not_take_is_told_from_one_that_breaks_it(said: str) -> None:
    def backend(_graph: object, _inputs: object) -> Callable[..., Any]:
        def launch(*_inputs: object) -> object:
            raise RuntimeError(said)

        return launch

    name = f"launches{len(said)}"
    register_backend(name=name, compiler_fn=backend)
    block = nn.Linear(1, 1)
    with Compiler(backend=name).running([block], 1), pytest.raises(_LAUNCHES[said]) as failure:
        block(torch.ones(1, 1))
    lost = not isinstance(failure.value, CompileFailed)
    assert ends_worker(failure.value) == lost


def test_blocks_that_are_all_unlike_are_a_typed_error_too() -> None:
    inputs, blocks = torch.ones(1, 1), [nn.Linear(1, width) for width in range(1, 12)]
    with Compiler(backend="eager").running(blocks, 1), pytest.raises(CompileFailed):
        [block(inputs) for block in blocks]
