"""A VAE that decodes in bf16, as a job may allow: near to fp32, and fp32 again afterwards."""

from __future__ import annotations

import numpy as np
import torch

from tests.worker.orders import Desk
from tests.worker.process import WorkerProcess
from wantui.api.plan import DType, Residency
from wantui.worker.decode import Frames, decode
from wantui.worker.load import LoadKey, load
from wantui.worker.stop import StopFlag

IN_TURNS = Residency(components_stay=False)


def test_it_is_near_and_the_next_decode_has_the_bits_of_the_first(ti2v: Desk) -> None:
    stop = StopFlag()
    key = LoadKey(ti2v.model.files, DType.FLOAT32, IN_TURNS, torch.device("cpu"))
    with torch.inference_mode():
        model = load(key, stop.check)
        latents = torch.randn(1, 48, 2, 4, 4, generator=torch.Generator().manual_seed(1))

        def clip(*, half: bool) -> Frames:
            frames = np.concatenate(list(decode(model, latents, stop, half=half)))
            model.placement.clear()
            return frames

        whole, narrow, again = (clip(half=half) for half in (False, True, False))
    assert np.array_equal(whole, again)
    assert not np.array_equal(whole, narrow)
    assert np.abs(whole.astype(int) - narrow.astype(int)).mean() < 4


def test_a_job_is_decoded_so_if_its_plan_says_so(worker: WorkerProcess, ti2v: Desk) -> None:
    order = ti2v.order()
    plan = order.plan.model_copy(update={"residency": IN_TURNS, "decode_dtype": DType.BFLOAT16})
    plain = worker.complete(order)
    degraded = worker.complete(ti2v.next().order().model_copy(update={"plan": plan}))
    assert plain.output.frames_sha256 != degraded.output.frames_sha256
    assert {peak.stage for peak in degraded.peaks} >= {"encode", "denoise", "decode"}
