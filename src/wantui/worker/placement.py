"""Which components are on the device: all that were used, or only the one at work."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from typing import Any

import torch

from wantui.api.plan import Residency
from wantui.worker.component import CheckStop, Component
from wantui.worker.residence import Residence
from wantui.worker.stop import StopOrdered

TEXT_ENCODER = "text_encoder"

log = logging.getLogger(__name__)

_cuda: Any = torch.cuda  # parts of it have no types


class Placement:
    """Brings components to the device as the stages come to need them, and gives them back.

    `attend` says for whom: whose order to stop ends a load, and how its seconds are counted.
    """

    def __init__(
        self, components: Mapping[str, Component], device: torch.device, residency: Residency
    ) -> None:
        self._device = device
        self._residency = residency
        self._residences = {
            name: Residence(component, device, _of(name, residency))
            for name, component in components.items()
        }
        self._expected: dict[str, Future[None]] = {}
        self._reader = ThreadPoolExecutor(1, "prefetch")
        self._check_stop: CheckStop = _go_on
        self._loading: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext

    def attend(
        self,
        check_stop: CheckStop,
        loading: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        """From now on `check_stop` may end a load by raising; loads happen within `loading`."""
        self._check_stop = check_stop
        self._loading = loading

    def arrange(self, residency: Residency) -> None:
        """Do by another plan from now on, with what is in memory already."""
        if residency == self._residency:
            return
        self._settle(*self._expected)
        self._residency = residency
        for name, residence in self._residences.items():
            residence.arrange(_of(name, residency))

    def bring(self, name: str) -> None:
        """See that a component can be run; unless components stay, the others go first.

        Raises what reading raises: WeightsUnreadable, WeightsChanged, StopOrdered, and out of
        memory as torch does.
        """
        residence = self._residences[name]
        if name in self._expected or not residence.is_there:
            with self._loading():
                self._settle(name)
                if not self._residency.components_stay:
                    self._leave()
                residence.arrive(self._check_stop)

    def bring_all(self) -> None:
        """Ahead of any job: as much as the plan lets stay, on the device or in host memory.

        Raises as `bring` does.
        """
        for name, residence in self._residences.items():
            if self._residency.components_stay:
                self.bring(name)
            elif self._residency.host_copies_stay:
                residence.prepare(self._check_stop)

    def expect(self, name: str) -> None:
        """Begin to load a component in a thread, while another is at work, if there is room.

        Where components stay it is put on the device, else it is read into host memory if host
        copies stay, else nothing is done. A name that the model lacks is nothing to wait for. One
        that an earlier attempt expected is begun anew only if that attempt's stop ended it.
        """
        residence, begun = self._residences.get(name), self._expected.get(name)
        if residence is None or residence.is_there or (begun and not _was_stopped(begun)):
            return
        if self._residency.components_stay:
            self._expected[name] = self._reader.submit(self._aside, residence.arrive)
        elif self._residency.host_copies_stay:
            self._expected[name] = self._reader.submit(self._aside, residence.prepare)

    def clear(self) -> None:
        """An attempt is over: unless components stay, the device is free."""
        if not self._residency.components_stay:
            self._leave()

    def close(self) -> None:
        """The model is not needed any more: nothing of it stays anywhere."""
        self._check_stop = _stop
        self._settle(*self._expected)
        self._reader.shutdown()
        self._residency = Residency(components_stay=False)
        for residence in self._residences.values():
            residence.arrange(self._residency)

    def _leave(self) -> None:
        """Take off the device what is there; not what is only being read."""
        for residence in self._residences.values():
            if residence.is_there:
                residence.leave()
                if self._device.type == "cuda":
                    torch.cuda.empty_cache()  # the next one's tensors have other sizes

    def _settle(self, *names: str) -> None:
        """Wait for a load that was begun aside; one that failed is tried again when it is due."""
        for name in names:
            if future := self._expected.pop(name, None):
                wait([future])
                error = future.exception()
                if error is not None and not isinstance(error, StopOrdered):
                    log.warning("%s could not be read ahead: %s", name, error)

    def _may_go_on(self) -> None:
        """Asked for whoever attends by then."""
        self._check_stop()

    def _aside(self, load: Callable[[CheckStop], None]) -> None:
        """On a stream of its own: copies on the usual one would wait for the denoising."""
        side = _cuda.Stream(self._device) if self._device.type == "cuda" else None
        with torch.inference_mode(), torch.cuda.stream(side):
            load(self._may_go_on)
            if side is not None:
                side.synchronize()


def _of(name: str, residency: Residency) -> Residency:
    return residency.of_encoder if name == TEXT_ENCODER else residency


def _was_stopped(begun: Future[None]) -> bool:
    return begun.done() and isinstance(begun.exception(), StopOrdered)


def _go_on() -> None:
    """Nobody stops."""


def _stop() -> None:
    raise StopOrdered
