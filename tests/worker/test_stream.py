"""However few of an expert's blocks stay on the device, the same bits come out."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.worker.orders import Tiny
from wantui.api.plan import DType, Residency
from wantui.hardware.estimates import weights
from wantui.worker.condition import conditioning
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.slab import ALIGNMENT_BYTES, Layout, Slab
from wantui.worker.stop import StopFlag, StopOrdered
from wantui.worker.stream import SLOTS, BlockStreamer, StreamedBlock, streamed_blocks

CPU = torch.device("cpu")
BLOCKS = 5
_diffusers: Any = diffusers


@pytest.fixture(scope="module")
def deep(tinies: dict[str, Tiny], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tiny]:
    """The tiny models with experts of five blocks: enough for slots to be used in turns."""
    root = tmp_path_factory.mktemp("deep")
    return {kind: Tiny(kind, _deepen(tiny, root / kind)) for kind, tiny in tinies.items()}


def _deepen(tiny: Tiny, folder: Path) -> Path:
    folder.mkdir()
    for part in tiny.folder.iterdir():
        if not part.name.startswith("transformer"):
            (folder / part.name).symlink_to(part)
            continue
        transformer = _diffusers.WanTransformer3DModel
        config = transformer.load_config(part)
        torch.manual_seed(len(part.name))
        transformer.from_config({**config, "num_layers": BLOCKS}).save_pretrained(
            folder / part.name
        )
    return folder


def _load(model: Tiny, residency: Residency, dtype: DType = DType.FLOAT32) -> LoadedModel:
    return load(LoadKey(model.files, dtype, residency, CPU), StopFlag().check)


def _latents(model: LoadedModel, tiny: Tiny, picture: Tensor | None, stop: StopFlag) -> Tensor:
    params = tiny.params(steps=2, guidance=3.0)  # one for each expert, where there are two
    with torch.inference_mode():
        return denoise(
            model,
            params,
            encode(model, params, stop),
            conditioning(model, params, picture, stop),
            stop=stop,
            on_step=lambda _state: None,
        )


def _picture(tiny: Tiny) -> Tensor | None:
    if tiny.kind != "i2v":
        return None
    return torch.linspace(-1, 1, 3 * 32 * 32).view(1, 3, 32, 32)


@pytest.mark.parametrize("dtype", list(DType))
@pytest.mark.parametrize("kind", ["t2v", "i2v", "ti2v"])
def test_latents_are_the_same_to_the_bit_for_any_number_of_resident_blocks(
    deep: dict[str, Tiny], kind: str, dtype: DType
) -> None:
    tiny, stop = deep[kind], StopFlag()
    picture = _picture(tiny)
    model = _load(tiny, Residency.RESIDENT, dtype)
    resident = _latents(model, tiny, picture, stop)
    for blocks in range(BLOCKS + 1):
        model = model.arranged(Residency(blocks, False, host_copies_stay=blocks % 2 == 1))
        assert torch.equal(_latents(model, tiny, picture, stop), resident), blocks
    model.placement.close()


@pytest.mark.parametrize("kind", ["t2v", "i2v", "ti2v"])
def test_weights_from_files_that_align_nothing_have_the_same_bits_from_slabs(
    tinies: dict[str, Tiny], kind: str
) -> None:
    """Of shards, whose headers have all lengths: a product of one row depends on the address."""
    tiny, stop = tinies[kind], StopFlag()
    picture = _picture(tiny)
    model = _load(tiny, Residency.RESIDENT)
    resident = _latents(model, tiny, picture, stop)
    at = {name: p.data_ptr() % 64 for name, p in model.transformer.named_parameters()}
    assert set(at.values()) != {0}
    for blocks, host_copies in itertools.product((None, 0, 1, 2), (False, True)):
        model = model.arranged(Residency(blocks, False, host_copies))
        assert torch.equal(_latents(model, tiny, picture, stop), resident), (blocks, host_copies)
        model.placement.bring("transformer")
        assert {n: p.data_ptr() % 64 for n, p in model.transformer.named_parameters()} == at
    model.placement.close()


def test_a_stop_in_the_middle_of_a_block_leaves_all_usable(deep: dict[str, Tiny]) -> None:
    tiny = deep["ti2v"]
    expected = _latents(_load(tiny, Residency.RESIDENT), tiny, None, StopFlag())
    for at in (0, 2, 4):
        model = _load(tiny, Residency(1, components_stay=False))
        inside = model.transformer.blocks[at].ffn

        def stop_there(*_forward: object) -> None:
            raise StopOrdered

        hook = inside.register_forward_pre_hook(stop_there)
        with pytest.raises(StopOrdered):
            _latents(model, tiny, None, StopFlag())
        hook.remove()
        model.placement.bring("transformer")  # as it is, without a clear in between
        assert torch.equal(_latents(model, tiny, None, StopFlag()), expected)


def test_blocks_that_stay_are_on_the_device_and_the_others_only_while_they_work(
    deep: dict[str, Tiny],
) -> None:
    model = _load(deep["ti2v"], Residency(2, components_stay=False))
    blocks = model.transformer.blocks
    model.placement.bring("transformer")
    streamed = streamed_blocks(BLOCKS, 2)
    at_rest = [_memory(block) for block in blocks]
    at_work: dict[int, int] = {}

    def note(index: int) -> Callable[..., None]:
        def before_forward(*_forward: object) -> None:
            at_work[index] = _memory(blocks[index])

        return before_forward

    for index, block in enumerate(blocks):
        block.attn1.register_forward_pre_hook(note(index))
    _latents(model, deep["ti2v"], None, StopFlag())
    moved = [index for index in range(BLOCKS) if at_work[index] != at_rest[index]]
    assert moved == list(streamed)
    assert len({at_work[index] for index in streamed}) == 2, "two slots take turns"


def _memory(module: nn.Module) -> int:
    """Where the buffer begins that its first parameter is in."""
    return min(p.untyped_storage().data_ptr() for p in module.parameters())


class _Wrapped(nn.Module):
    """What peft makes of a layer: the layer itself, and two matrices beside it."""

    def __init__(self, base_layer: nn.Linear) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.lora_A = nn.Linear(base_layer.in_features, 2, bias=False)
        self.lora_B = nn.Linear(2, base_layer.out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.base_layer(x) + self.lora_B(self.lora_A(x))
        return out


@pytest.mark.parametrize("when", ["before it is brought", "after"])
@pytest.mark.parametrize("blocks", [0, 2, BLOCKS])
def test_an_adapter_that_wraps_layers_of_a_block_works(
    deep: dict[str, Tiny], blocks: int, when: str
) -> None:
    tiny = deep["ti2v"]
    latents = []
    for residency in (Residency.RESIDENT, Residency(blocks, components_stay=False)):
        model = _load(tiny, residency)
        if when == "after":
            model.placement.bring("transformer")
        torch.manual_seed(0)
        for block in model.transformer.blocks:
            block.attn1.to_q = _Wrapped(block.attn1.to_q)
        latents.append(_latents(model, tiny, None, StopFlag()))
        for block in model.transformer.blocks:
            block.attn1.to_q = block.attn1.to_q.base_layer
        latents.append(_latents(model, tiny, None, StopFlag()))
    assert torch.equal(latents[0], latents[2])
    assert torch.equal(latents[1], latents[3])
    assert not torch.equal(latents[0], latents[1])


def test_hooks_stay_outside_of_compiled_forwards(deep: dict[str, Tiny]) -> None:
    tiny = deep["ti2v"]
    expected = _latents(_load(tiny, Residency.RESIDENT), tiny, None, StopFlag())
    model = _load(tiny, Residency(1, components_stay=False))
    compile: Any = torch.compile
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own, of every version another
        for block in model.transformer.blocks:
            block.forward = compile(block.forward, backend="eager", fullgraph=True)
        assert torch.equal(_latents(model, tiny, None, StopFlag()), expected)


def _streamed(block: nn.Module) -> StreamedBlock:
    names = [name for name, _ in block.named_parameters()]
    slab = Slab(Layout.of(block.parameters()), CPU)
    for view, parameter in zip(slab.parameters, block.parameters(), strict=True):
        view.copy_(parameter)

    def put(parameters: Any) -> None:
        for name, parameter in zip(names, parameters, strict=True):
            setattr(block, name, parameter)

    put(slab.parameters)
    return StreamedBlock(block, slab, put)


@given(st.integers(1, 6), st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_blocks_may_run_in_any_order_and_end_in_the_middle(
    blocks: int, runs: list[tuple[int, bool]]
) -> None:
    net = [nn.Linear(1, 3 + n).requires_grad_(requires_grad=False) for n in range(blocks)]
    truth = [block.weight.clone() for block in net]
    streamer = BlockStreamer([_streamed(block) for block in net], CPU)
    streamer.start()
    for index, ends_early in runs:
        block = net[index % blocks]
        one = torch.ones(1, 2 if ends_early else 1)  # too wide: it raises
        try:
            out = block(one)
        except RuntimeError:
            assert ends_early
        else:
            assert torch.equal(out, one @ truth[index % blocks].T + block.bias)
    streamer.stop()
    assert all(torch.equal(block.weight, weight) for block, weight in zip(net, truth, strict=True))


def test_a_start_that_fails_leaves_the_blocks_as_they_were() -> None:
    net = [nn.Linear(1, 3).requires_grad_(requires_grad=False) for _ in range(3)]
    blocks = [_streamed(block) for block in net]
    blocks[1].slab.buffer = blocks[1].slab.buffer[1:]
    with pytest.raises(RuntimeError):
        BlockStreamer(blocks, CPU).start()
    assert not any(block._forward_pre_hooks or block._forward_hooks for block in net)


def test_plans_count_as_many_slots_as_there_are() -> None:
    assert weights.SLOTS == SLOTS


@given(st.integers(1, 60), st.integers(0, 60))
def test_as_many_blocks_stream_as_do_not_stay_and_they_lie_apart(
    blocks: int, resident: int
) -> None:
    streamed = streamed_blocks(blocks, resident)
    assert len(set(streamed)) == len(streamed) == max(0, blocks - resident)
    assert all(0 <= index < blocks for index in streamed)
    gaps = [b - a for a, b in itertools.pairwise((*streamed, *(i + blocks for i in streamed)))]
    if gaps:
        assert max(gaps) - min(gaps) <= 1
    assert streamed_blocks(blocks, None) == ()


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 9), max_size=3),
            st.sampled_from([torch.float32, torch.bfloat16, torch.uint8]),
        ),
        max_size=9,
    )
)
def test_tensors_of_any_type_lie_in_one_buffer_side_by_side(
    tensors: list[tuple[list[int], torch.dtype]],
) -> None:
    made = [torch.ones(shape, dtype=dtype) for shape, dtype in tensors]
    slab = Slab(Layout.of(made), CPU)
    for view, tensor in zip(slab.parameters, made, strict=True):
        view.copy_(tensor)
    for view, tensor, place in zip(slab.parameters, made, slab.layout.places, strict=True):
        assert view.dtype == tensor.dtype
        assert torch.equal(view, tensor)
        assert place.offset % ALIGNMENT_BYTES == 0
    assert slab.buffer.nbytes == slab.layout.nbytes
