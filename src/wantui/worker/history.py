"""What the denoising loop is between two steps: the latents, and what its scheduler remembers.

Source: diffusers 0.42.1, `schedulers/scheduling_unipc_multistep.py`,
`scheduling_dpmsolver_multistep.py` and `scheduling_flow_match_euler_discrete.py`: these are all
the attributes that `step` both reads and writes; what else it uses, `set_timesteps` makes. The
seed's generator is not among them: the noise that latents begin with is its only use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from wantui.worker import engine

_COUNTS = ("_step_index", "lower_order_nums", "this_order")
_TENSOR = "last_sample"
_TENSORS = "model_outputs"


@dataclass(frozen=True)
class LoopState:
    """After `step` steps. The tensors are those that the loop goes on with: read them only."""

    step: int
    latents: Tensor
    """(1, z, lf, lh, lw), fp32."""
    tensors: Mapping[str, Tensor]
    counts: Mapping[str, int]

    @classmethod
    def of(cls, step: int, latents: Tensor, scheduler: engine.Scheduler) -> LoopState:
        outputs = getattr(scheduler, _TENSORS, [])
        tensors = {f"{_TENSORS}.{index}": output for index, output in enumerate(outputs)}
        tensors[_TENSOR] = getattr(scheduler, _TENSOR, None)
        counts = {name: getattr(scheduler, name) for name in _COUNTS if hasattr(scheduler, name)}
        return cls(
            step,
            latents,
            {name: tensor for name, tensor in tensors.items() if tensor is not None},
            {name: count for name, count in counts.items() if count is not None},
        )

    def on_host(self) -> LoopState:
        """The same in host memory, for a thread that writes it."""
        tensors = {name: tensor.cpu() for name, tensor in self.tensors.items()}
        return LoopState(self.step, self.latents.cpu(), tensors, self.counts)

    def restore(self, scheduler: engine.Scheduler, device: torch.device) -> Tensor:
        """Have a scheduler whose timesteps are set remember this; returns the latents."""
        for name, count in self.counts.items():
            setattr(scheduler, name, count)
        for name, tensor in self.tensors.items():
            attribute, _, index = name.partition(".")
            if index:
                getattr(scheduler, attribute)[int(index)] = tensor.to(device)
            else:
                setattr(scheduler, attribute, tensor.to(device))
        return self.latents.to(device)
