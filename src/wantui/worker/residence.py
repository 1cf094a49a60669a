"""Where one component's weights are: on disk, in host memory, on the device, by the plan."""

from __future__ import annotations

import torch

from wantui.api.plan import Residency
from wantui.worker.component import CheckStop, Component, Pack
from wantui.worker.slab import Layout, Slab
from wantui.worker.stream import BlockStreamer, StreamedBlock, streamed_blocks


class Residence:
    """Brings one component to the device and takes it off again.

    Weights never change, so nothing is ever copied back. The weights of a component that has blocks
    may wait in host memory, and some blocks may stay there while it is at work. All else is read
    from disk each time it is wanted, straight to the device; on a CPU, where no type has to be
    cast, its parameters are the maps of the files themselves.
    """

    def __init__(self, component: Component, device: torch.device, residency: Residency) -> None:
        self._component = component
        self._device = device
        self._residency = residency
        self._slabs: dict[Pack, Slab] = {}
        self._streamer: BlockStreamer | None = None

    @property
    def is_there(self) -> bool:
        """Whether the component can be run."""
        return self._streamer is not None

    def arrange(self, residency: Residency) -> None:
        """Do by another plan from now on. What is in host memory and may stay there, stays."""
        self.leave()
        self._residency = residency
        wanted = self._with_slab()
        for pack in [pack for pack in self._slabs if pack not in wanted]:
            self._forget(pack)

    def prepare(self, check_stop: CheckStop) -> None:
        """Read what the plan wants in host memory; what an earlier call read, stands."""
        missing = [pack for pack in self._with_slab() if pack not in self._slabs]
        self._component.read_ahead(missing)
        for pack in missing:
            slab = self._slabs[pack] = self._read(pack, check_stop)
            self._component.put(pack, slab.parameters)

    def arrive(self, check_stop: CheckStop) -> None:
        """Put the component on the device; it is prepared if it was not."""
        if self.is_there:
            return
        try:
            self.prepare(check_stop)
            streamed = self._streamed()
            staying = [pack for pack in self._component.packs if pack not in streamed]
            self._component.read_ahead(pack for pack in staying if pack not in self._slabs)
            for pack in staying:
                self._to_device(pack, check_stop)
            self._put_buffers()
            self._streamer = self._start(streamed)
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Take the component off the device, and out of host memory if the plan says so."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)  # a copy may still read what is forgotten here
        if self._streamer is not None:
            self._streamer.stop()
            self._streamer = None
        for pack in self._component.packs:
            if pack in self._slabs and self._residency.host_copies_stay:
                self._component.put(pack, self._slabs[pack].parameters)
            else:
                self._forget(pack)

    def _streamed(self) -> list[Pack]:
        blocks = [pack for pack in self._component.packs if pack.block is not None]
        return [blocks[i] for i in streamed_blocks(len(blocks), self._residency.resident_blocks)]

    def _with_slab(self) -> list[Pack]:
        """What has a copy in host memory: what streams, or all of one that may wait there."""
        has_blocks = any(pack.block is not None for pack in self._component.packs)
        if has_blocks and self._residency.host_copies_stay:
            return list(self._component.packs)
        return self._streamed()

    def _read(self, pack: Pack, check_stop: CheckStop) -> Slab:
        slab = Slab(self._layout(pack), self._device)
        places = dict(zip(pack.keys, slab.parameters, strict=True))
        for key, tensor in self._component.read(pack, check_stop):
            places[key].copy_(tensor)
        return slab

    def _layout(self, pack: Pack) -> Layout:
        """On a CPU as what is not in a slab lies there, so that either has the same bits."""
        if self._device.type != "cpu":
            return pack.layout
        tensors = dict(self._component.read(pack, lambda: None))  # maps: it takes no time
        return Layout.aligned_as(tensors[key] for key in pack.keys)

    def _to_device(self, pack: Pack, check_stop: CheckStop) -> None:
        if slab := self._slabs.get(pack):
            buffer = torch.empty(slab.layout.nbytes, dtype=torch.uint8, device=self._device)
            buffer.copy_(slab.buffer, non_blocking=True)
            self._component.put(pack, slab.layout.parameters(buffer))
            return
        for key, tensor in self._component.read(pack, check_stop):
            self._component.put_one(key, tensor.to(self._device))

    def _put_buffers(self) -> None:
        """Tables of a megabyte: they stay."""
        for module in self._component.module.modules():
            for name, buffer in list(module.named_buffers(recurse=False)):
                setattr(module, name, buffer.to(self._device))

    def _start(self, streamed: list[Pack]) -> BlockStreamer:
        streamer = BlockStreamer([self._block(pack) for pack in streamed], self._device)
        streamer.start()
        return streamer

    def _block(self, pack: Pack) -> StreamedBlock:
        if pack.block is None:
            raise ValueError("only blocks stream")
        put = self._component.put
        return StreamedBlock(
            pack.block, self._slabs[pack], lambda parameters: put(pack, parameters)
        )

    def _forget(self, pack: Pack) -> None:
        self._slabs.pop(pack, None)
        self._component.take_away(pack)
