"""A device as it is at this moment: with what others hold of it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from wantui.api.hardware import Gpu, Hardware, MemoryHolder
from wantui.hardware.estimates.site import Site


class Ours(NamedTuple):
    """The worker of this device, if one runs: what it holds, it gives up for the next job."""

    pids: Collection[int] = ()
    host_bytes: int = 0


def site_now(site: Site, hardware: Hardware, ours: Ours) -> Site:
    """With what is free, and what our own worker would free. Never more than the site has."""
    host = min(site.host_bytes, hardware.memory.available_bytes + ours.host_bytes)
    if site.is_cpu:
        return replace(
            site,
            device_bytes=min(site.device_bytes, host),
            capacity_bytes=min(site.capacity_bytes, host),
            host_bytes=host,
        )
    gpu = next((gpu for gpu in hardware.gpus if gpu.uuid == site.device), None)
    if gpu is None:
        return replace(site, host_bytes=host)
    free = gpu.memory_total_bytes - _held_by_others(gpu, ours)
    return replace(
        site,
        device_bytes=min(site.device_bytes, free),
        capacity_bytes=min(site.capacity_bytes, free),
        host_bytes=host,
    )


def holders(hardware: Hardware, device: str, ours: Ours) -> tuple[MemoryHolder, ...]:
    """Who else has memory of a device, the largest first."""
    return tuple(
        holder
        for gpu in hardware.gpus
        if gpu.uuid == device
        for holder in gpu.holders
        if holder.pid not in ours.pids
    )


def _held_by_others(gpu: Gpu, ours: Ours) -> int:
    """Of what is used, all but our worker's. A driver that does not tell whose it is, or gives
    another container's numbers to processes, leaves the benefit of the doubt to a worker that
    runs: what is not there after all ends as out of memory, and is planned anew.
    """
    told = [holder for holder in gpu.holders if holder.pid in ours.pids]
    if ours.pids and not any(holder.bytes for holder in told):
        return 0
    return max(gpu.memory_used_bytes - sum(holder.bytes or 0 for holder in told), 0)
