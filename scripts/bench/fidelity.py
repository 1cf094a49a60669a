"""What every fast way costs the demo: is it drawn as asked, how near to faithful, how fast.

`fidelity.py [--clips N]`: the same N prompts and seeds in each way, by the worker's own stages in
this process. Colour, shape and direction are read from the frames (scripts/demo_model/detect.py).
Qualities are the catalog's; the other ways are what a plan or a model of one's own may bring.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np
import torch
from row import median, row
from tests.gguf_files import F32, q8_0_where_it_fits, weights_of, write_gguf
from tests.worker.drawn import ASPECTS, LORAS, RECIPE, Clip, Demo, asked, right_in
from tests.worker.orders import lora_file
from torch import Tensor

from wantui.api.job import JobRequest, Params, Sampler
from wantui.api.plan import DType, Residency
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Quality
from wantui.catalog.resolve import resolve
from wantui.errors import CompileFailed
from wantui.paths import demo_weights, shipped_config
from wantui.pipe.messages import LoraFile
from wantui.worker.condition import conditioning
from wantui.worker.decode import TILE, decode
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.lora import loras_on
from wantui.worker.stop import StopFlag

SEED = 7007
"""Of the prompts, which neither the demo nor a LoRA of it was trained on or chosen by."""
FEW_STEPS = LORAS / "few-steps.safetensors"
FAITHFUL = Quality(id="faithful", name="Faithful", summary="", faithful=True)
Q4_0 = gguf.GGMLQuantizationType.Q4_0


@dataclass(frozen=True)
class Way:
    """How the demo's clips are made: faithfully, but for what is said; or why they cannot be."""

    name: str = "faithful"
    quality: Quality = FAITHFUL
    sampler: Sampler = RECIPE.sampler
    model: Demo = field(default_factory=Demo)
    dtype: DType = DType.FLOAT32
    half_decode: bool = False
    compiled: bool = False
    loras: tuple[LoraFile, ...] = ()
    lacks: str = ""

    def params(self, prompt: str, seed: int) -> Params:
        request = JobRequest(prompt=prompt, seed=seed, sampler=self.sampler)
        return resolve(self.quality.applied_to(RECIPE), request, None)


@dataclass(frozen=True)
class Made:
    clips: list[Tensor]
    """(frames, 3, height, width) in 0 to 1."""
    seconds: float
    """Of one core's computing, for a clip from its prompt to its frames: the median."""


def ways(folder: Path) -> Iterator[Way]:
    """All that are not faithful on a CPU; files that they need are written to `folder`."""
    yield Way("weights and attention in bf16, as faithful is on a GPU", dtype=DType.BFLOAT16)
    yield Way("decode in bf16 (--allow-degrade)", half_decode=True)
    side = f"{RECIPE.defaults.width}x{RECIPE.defaults.height}"
    yield Way("decode in tiles", lacks=f"all of {side} is in one tile of {TILE}x{TILE}")
    yield Way("compiled blocks", compiled=True)
    yield Way("GGUF Q8_0", model=quantised(folder / "Q8_0.gguf", gguf.GGMLQuantizationType.Q8_0))
    yield Way("GGUF Q4_0", model=quantised(folder / "Q4_0.gguf", Q4_0))
    for quality in Catalog.load(shipped_config()).qualities:
        if not quality.faithful:
            yield from of_quality(quality)


def quantised(path: Path, kind: gguf.GGMLQuantizationType) -> Demo:
    """The demo with its transformer in a GGUF file, as publishers quantise."""

    def encoding(key: str, tensor: np.typing.NDArray[np.float32]) -> gguf.GGMLQuantizationType:
        return F32 if q8_0_where_it_fits(key, tensor) is F32 else kind

    write_gguf(path, weights_of(demo_weights() / "transformer"), encoding)
    return Demo(gguf=path)


def of_quality(quality: Quality) -> Iterator[Way]:
    """With the LoRA that it needs, and beside it without, which shows what that is for."""
    if not quality.adapters:
        yield Way(quality.id, quality)
        return
    if FEW_STEPS.exists():
        loras = (lora_file(FEW_STEPS),)
        yield Way(f"{quality.id}, --sampler euler", quality, Sampler.EULER, loras=loras)
    else:
        yield Way(quality.id, lacks="there is no few-step LoRA of the demo")
    yield Way(f"{quality.id} without its LoRA, for comparison", quality, Sampler.EULER)


def made(way: Way, prompts: list[str]) -> Made | str:
    """A clip of each prompt, or why there are none."""
    if way.lacks:
        return way.lacks
    key = LoadKey(way.model.files, way.dtype, Residency.RESIDENT, torch.device("cpu"))
    model = load(key, StopFlag().check)
    clips, times = [], []
    with running(way, model):
        try:
            drawn(way, model, prompts[0], 0)  # what is made at a first use is made
        except CompileFailed as error:
            return error.message
        for seed, prompt in enumerate(prompts):
            began = time.process_time()
            clips.append(drawn(way, model, prompt, seed))
            times.append(time.process_time() - began)
    return Made(clips, median(times))


@contextlib.contextmanager
def running(way: Way, model: LoadedModel) -> Iterator[None]:
    """With its LoRAs and its compiled blocks, as for an attempt."""
    with contextlib.ExitStack() as added:
        added.enter_context(loras_on(model, way.loras, StopFlag().check))
        if way.compiled:
            added.enter_context(model.compiler.running(model.blocks, "the one size"))
        yield


@torch.inference_mode()
def drawn(way: Way, model: LoadedModel, prompt: str, seed: int) -> Tensor:
    params, stop = way.params(prompt, seed), StopFlag()
    latents = denoise(
        model,
        params,
        encode(model, params, stop),
        conditioning(model, params, None, stop),
        stop=stop,
        on_step=lambda _state: None,
    )
    frames = np.concatenate(list(decode(model, latents, stop, half=way.half_decode)))
    return torch.from_numpy(frames).permute(0, 3, 1, 2) / 255


def decibels(clips: list[Tensor], faithful: list[Tensor]) -> float:
    """Peak signal to noise over all of them together; infinite where they are the same."""
    off = (torch.stack(clips) - torch.stack(faithful)).square().mean()
    return -10 * float(off.log10())


def scores(wanted: list[tuple[Clip, str]], clips: list[Tensor]) -> str:
    """Of how many clips, in percent, each aspect is seen as it was asked for."""
    seen: Counter[str] = Counter()
    for (clip, _), frames in zip(wanted, clips, strict=True):
        seen.update(right_in(clip, frames))
    return ", ".join(f"{100 * seen[aspect] / len(clips):.0f}" for aspect in ASPECTS) + " %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=32)
    wanted = asked(SEED, parser.parse_args().clips)
    prompts = [prompt for _, prompt in wanted]
    torch.set_num_threads(1)  # its products are small: a second one gives them nothing
    faithful = made(Way(), prompts)
    assert isinstance(faithful, Made)
    reference = f"{scores(wanted, faithful.clips)}; {faithful.seconds:.2f} s"
    with tempfile.TemporaryDirectory() as folder:
        for way in ways(Path(folder)):
            fast = made(way, prompts)
            if isinstance(fast, str):
                row(f"demo, {way.name}: not run, {fast}", *("-",) * 4)
                continue
            near = decibels(fast.clips, faithful.clips)
            row(
                f"demo, {way.name}: {', '.join(ASPECTS)} of {len(wanted)} clips as asked;"
                " computing for one; PSNR to faithful",
                f"{scores(wanted, fast.clips)}; {fast.seconds:.2f} s; {near:.1f} dB",
                reference,
                f"{fast.seconds / faithful.seconds:.2f}x",
                "-",
            )


if __name__ == "__main__":
    main()
