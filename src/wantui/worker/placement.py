"""Where components are: all on the device, or only those of the stage at work."""

from __future__ import annotations

import torch
from torch import nn

from wantui.api.plan import Residency


class Placement:
    """Brings one component at a time to the device.

    Weights never change, so their copy in host memory stays and the device's is only dropped:
    nothing is ever copied back. RESIDENT components are on the device from the start.
    """

    def __init__(
        self, components: dict[str, nn.Module], device: torch.device, residency: Residency
    ) -> None:
        self.device = device
        self._components = components
        self._staged = residency is Residency.STAGED and device.type != "cpu"
        self._on_device: str | None = None
        self._host: list[tuple[nn.Module, str, nn.Parameter]] = []

    def bring(self, name: str) -> None:
        """See that a component is on the device; where staged, the one before it goes."""
        if not self._staged or name == self._on_device:
            return
        self.clear()
        copies: dict[nn.Parameter, nn.Parameter] = {}  # a tied weight is one copy
        component = self._components[name]
        for module in component.modules():
            for key, parameter in list(module.named_parameters(recurse=False)):
                self._host.append((module, key, parameter))
                if parameter not in copies:
                    moved = parameter.detach().to(self.device)
                    copies[parameter] = nn.Parameter(moved, requires_grad=False)
                setattr(module, key, copies[parameter])
            for key, buffer in list(module.named_buffers(recurse=False)):
                setattr(module, key, buffer.to(self.device))  # tables of a megabyte: they stay
        self._on_device = name

    def clear(self) -> None:
        """Take what is on the device off it, where components are staged."""
        for module, key, parameter in self._host:
            setattr(module, key, parameter)
        self._host.clear()
        self._on_device = None
