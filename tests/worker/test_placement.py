"""Staged components take turns on the device; the host's copy is never copied back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wantui.api.plan import Residency
from wantui.worker.placement import Placement

DEVICE = torch.device("meta")
"""A device that is not the host, on every machine."""


def _component() -> nn.Module:
    module = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 3), nn.BatchNorm1d(3))
    module.get_submodule("1").weight = module.get_submodule("0").weight
    return module


def _devices(module: nn.Module) -> set[str]:
    return {parameter.device.type for parameter in module.parameters()}


def test_only_the_component_at_work_is_on_the_device() -> None:
    parts = {"a": _component(), "b": _component()}
    before = {id(p): p.data_ptr() for module in parts.values() for p in module.parameters()}
    placement = Placement(parts, DEVICE, Residency.STAGED)
    placement.bring("a")
    assert (_devices(parts["a"]), _devices(parts["b"])) == ({"meta"}, {"cpu"})
    placement.bring("b")
    assert (_devices(parts["a"]), _devices(parts["b"])) == ({"cpu"}, {"meta"})
    placement.clear()
    after = {id(p): p.data_ptr() for module in parts.values() for p in module.parameters()}
    assert after == before


def test_tied_weights_are_one_copy_on_the_device_too() -> None:
    part = _component()
    placement = Placement({"a": part}, DEVICE, Residency.STAGED)
    placement.bring("a")
    assert part.get_submodule("0").weight is part.get_submodule("1").weight


@pytest.mark.parametrize(
    ("device", "residency"),
    [(DEVICE, Residency.RESIDENT), (torch.device("cpu"), Residency.STAGED)],
)
def test_nothing_moves_where_nothing_has_to(device: torch.device, residency: Residency) -> None:
    part = _component()
    before = list(part.parameters())
    placement = Placement({"a": part}, device, residency)
    placement.bring("a")
    assert all(now is then for now, then in zip(part.parameters(), before, strict=True))
