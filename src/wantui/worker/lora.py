"""LoRAs on a loaded model: added for one attempt, and gone without a trace after it.

Products go beside their layers by PEFT, as diffusers' `load_lora_weights` and `set_adapters` have
it, to the bit. What a file adds to a weight, a bias or a table as it is (`diff`, `diff_b`) is added
for the time of each forward of its module: the base weights, which may lie in slabs that are
streamed to the device, are never written to. Source: diffusers 0.42.1, `loaders/peft.py`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from wantui.api.lora import LoraExpert
from wantui.pipe.messages import LoraFile
from wantui.worker import engine
from wantui.worker.load import LoadedModel
from wantui.worker.lora_file import Change, LoraTensors, read, unusable

log = logging.getLogger(__name__)

_COMPONENTS = {
    "transformer": LoraExpert.HIGH,
    "transformer_2": LoraExpert.LOW,
}


@contextlib.contextmanager
def loras_on(
    model: LoadedModel, loras: Iterable[LoraFile], check_stop: Callable[[], None]
) -> Iterator[None]:
    """Add LoRAs to the experts that they are for, and take them off again whatever happens.

    `check_stop` is called before each tensor is read and ends it by raising. Raises
    AdapterUnusable naming the LoRA and the first tensor that has no place.
    """
    experts = {name: part for name in _COMPONENTS if (part := getattr(model, name)) is not None}
    strengths: dict[str, dict[str, float]] = {name: {} for name in experts}
    with contextlib.ExitStack() as undo:
        for number, lora in enumerate(loras):
            used, tensors = lora.used, read(lora, check_stop)
            targets = [name for name in experts if _COMPONENTS[name].meets(used.expert)]
            if not targets:
                raise unusable(lora, f"{model.key.files.model} has no {used.expert}-noise expert")
            for name in targets:
                _Adding(lora, f"lora_{number}", experts[name], model.device).add(tensors, undo)
                strengths[name][f"lora_{number}"] = used.strength
            log.info(
                "added the LoRA %s to %s: %d modules, strength %g",
                *(used.name, " and ".join(targets), len(tensors.changes), used.strength),
            )
        for name, expert in experts.items():
            if strengths[name]:
                engine.weigh_loras(expert, strengths[name])
        yield


class _Adding:
    """One LoRA on its way into one expert."""

    def __init__(
        self, lora: LoraFile, name: str, expert: engine.Transformer, device: torch.device
    ) -> None:
        self._lora = lora
        self._name = name
        self._expert = expert
        self._device = device

    def add(self, tensors: LoraTensors, undo: contextlib.ExitStack) -> None:
        """All of it, so that `undo` takes it off."""
        pairs = {module: change for module, change in tensors.changes.items() if change.is_pair}
        for module, change in tensors.changes.items():
            self._check(module, change)
            if change.diff is not None:
                self._shift(module, "weight", change.diff, undo)
            if change.bias_diff is not None and not change.is_pair:
                self._shift(module, "bias", change.bias_diff, undo)
        if pairs:
            undo.callback(engine.remove_loras, self._expert)
            self._add_pairs(pairs, tensors)

    def _add_pairs(self, pairs: dict[str, Change], tensors: LoraTensors) -> None:
        with_bias = any(change.bias_diff is not None for change in pairs.values())
        state = dict(self._state(pairs, with_bias=with_bias))
        metadata = None
        if tensors.scaling is not None:
            targets = {"target_modules": list(pairs), "lora_bias": with_bias}
            metadata = tensors.scaling.model_dump() | targets
        try:
            engine.add_lora(self._expert, state, self._name, metadata)
        except (ValueError, RuntimeError) as error:
            raise unusable(self._lora, str(error)) from error
        for key, tensor in state.items():
            self._put(key, tensor)

    def _state(self, pairs: dict[str, Change], *, with_bias: bool) -> Iterator[tuple[str, Tensor]]:
        """As PEFT names it; where one product has a bias every one has, if only of zeros."""
        for module, change in pairs.items():
            down, up, bias = change.down, change.up, change.bias_diff
            if down is None or up is None:
                continue
            yield f"{module}.lora_A.weight", down
            yield f"{module}.lora_B.weight", up
            if with_bias:
                yield f"{module}.lora_B.bias", up.new_zeros(up.shape[0]) if bias is None else bias

    def _put(self, key: str, tensor: Tensor) -> None:
        """A tensor in its place: on the device, wherever the base weight is, and in its type."""
        path, _, part = key.rpartition(".")
        layer = self._expert.get_submodule(f"{path}.{self._name}")
        setattr(layer, part, self._parameter(key, tensor))

    def _parameter(self, key: str, tensor: Tensor) -> nn.Parameter:
        kept = engine.kept_in_fp32(self._expert, key)
        dtype = torch.float32 if kept else self._expert.dtype
        return nn.Parameter(tensor.to(dtype).to(self._device), requires_grad=False)

    def _check(self, module: str, change: Change) -> None:
        """See that there is such a module or parameter, and that a product has its size."""
        target = self._target(module)
        if change.down is None or change.up is None:
            return
        size = engine.layer_size(target) if isinstance(target, nn.Module) else None
        if size is None:
            raise unusable(self._lora, f"{module} takes no low-rank product")
        if not size.takes(tuple(change.down.shape), tuple(change.up.shape)):
            shapes = f"{list(change.up.shape)} and {list(change.down.shape)}"
            raise unusable(self._lora, f"{module} is {size}, not {shapes}")

    def _owner(self, module: str) -> nn.Module:
        """What a module, or a parameter, is a part of."""
        try:
            owner: nn.Module = self._expert.get_submodule(module.rpartition(".")[0])
        except AttributeError:
            raise unusable(self._lora, f"the model has no {module}") from None
        return owner

    def _target(self, module: str) -> nn.Module | nn.Parameter:
        target = getattr(self._owner(module), module.rpartition(".")[2], None)
        if not isinstance(target, nn.Module | nn.Parameter):
            raise unusable(self._lora, f"the model has no {module}")
        return target

    def _shift(self, module: str, name: str, diff: Tensor, undo: contextlib.ExitStack) -> None:
        """Add a difference to a module's parameter, or to the parameter that `module` names."""
        if not diff.any():
            return
        target = self._target(module)
        if isinstance(target, nn.Module):
            owner = engine.base_layer(target)
        else:
            owner, name = self._owner(module), module.rpartition(".")[2]
        parameter = getattr(owner, name, None)
        if parameter is not None and not parameter.is_floating_point():
            raise unusable(self._lora, f"{module} is quantised: nothing can be added to it")
        if parameter is None or parameter.numel() != diff.numel():
            raise unusable(self._lora, f"the model's {module} has no {name} of {list(diff.shape)}")
        delta = diff.to(self._device, torch.float32).reshape(parameter.shape)
        undo.enter_context(shifted(owner, name, delta * self._lora.used.strength))


@contextlib.contextmanager
def shifted(owner: nn.Module, name: str, delta: Tensor) -> Iterator[None]:
    """While this is open every forward of `owner` sees its parameter with `delta` added in fp32.

    The parameter itself stays what it is. Around the forward and not by hooks: those of who brings
    the weights to the device come and go, and have to be done before.
    """
    inner = owner.forward
    was_wrapped = "forward" in vars(owner)

    def forward(*inputs: object, **named: object) -> object:
        base = getattr(owner, name)
        moved = (base.float() + delta).to(base.dtype)
        setattr(owner, name, nn.Parameter(moved, requires_grad=False))
        try:
            return inner(*inputs, **named)
        finally:
            setattr(owner, name, base)

    setattr(owner, "forward", forward)  # noqa: B010 - a method, which mypy holds to be fixed
    try:
        yield
    finally:
        if was_wrapped:
            setattr(owner, "forward", inner)  # noqa: B010 - as above
        else:
            del owner.forward
