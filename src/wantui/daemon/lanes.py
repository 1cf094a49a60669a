"""A lane for every device of the machine, made of a daemon's parts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wantui.api.hardware import Hardware
from wantui.daemon.device_worker import DeviceWorker
from wantui.daemon.lane import Lane
from wantui.hardware.plan import devices

if TYPE_CHECKING:
    from wantui.daemon.parts import Parts


def lanes_of(parts: Parts, hardware: Hardware) -> tuple[Lane, ...]:
    names = {gpu.uuid: gpu.name for gpu in hardware.gpus}
    return tuple(
        _lane(parts, device, names.get(device, hardware.cpu.name)) for device in devices(hardware)
    )


def _lane(parts: Parts, device: str, device_name: str) -> Lane:
    wake = asyncio.Event()
    worker = DeviceWorker(
        device,
        device_name,
        paths=parts.paths,
        settings=parts.settings,
        machine=parts.machine,
        inventory=parts.inventory,
        board=parts.board,
        children=parts.children,
        ended=wake,
    )
    return Lane(
        device,
        worker,
        wake=wake,
        paths=parts.paths,
        settings=parts.settings,
        scheduler=parts.scheduler,
        jobs=parts.jobs,
        inventory=parts.inventory,
        planner=parts.planner,
    )
