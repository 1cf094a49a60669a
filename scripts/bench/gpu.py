"""The GPU's rows: ours against the diffusers pipeline on seeded-random weights of the real sizes.

TI2V-5B at 1280x704 with 121 frames, from noise to decoded frames, with compiled blocks and without;
then one expert of A14B at 832x480 with 81 frames, all its blocks resident and half of them
streamed. Last the peaks of both at two sizes and three residencies, by one forward each. The text
encoder is a tiny one: what it costs is the same on both sides. Needs 50 GB of disk, and a GPU with
80 GB for A14B; without a GPU it says so and measures nothing. `--tiny` runs it all on tiny models,
on a CPU too, to see that it runs: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import diffusers
import torch
from row import median, row
from tests.tiny_models import text_image_to_video, text_to_video
from tests.worker.orders import Tiny

from wantui.api.job import Params
from wantui.api.plan import DType, Residency
from wantui.text import bytes_text
from wantui.worker.condition import conditioning
from wantui.worker.decode import decode
from wantui.worker.denoise import denoise
from wantui.worker.encode import encode
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.stop import StopFlag

MATMUL = 8192
"""Side of the matrices by which the card's own rate is told."""
_diffusers: Any = diffusers
T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """A model of a real size, and the video that is made with it."""

    kind: str
    transformer: dict[str, Any]
    vae: dict[str, Any] | None
    """None: the tiny one, where nothing is decoded."""
    video: dict[str, int]
    other: dict[str, int]
    """Another size, of which only peaks are taken."""

    @property
    def tokens(self) -> int:
        """Of one forward: latents' positions by patches of 1x2x2."""
        time_stride, side_stride = 4, 16 if self.kind == "ti2v" else 8
        rows, columns = (self.video[side] // (2 * side_stride) for side in ("height", "width"))
        return ((self.video["frames"] - 1) // time_stride + 1) * rows * columns

    def forward_flop(self, parameters: int) -> float:
        """Two for each weight and token, and attention's two products, each way and layer."""
        layers: int = self.transformer["num_layers"]
        heads: int = self.transformer["num_attention_heads"]
        width: int = heads * self.transformer["attention_head_dim"]
        return 2.0 * parameters * self.tokens + 4.0 * layers * self.tokens**2 * width


NAMES = {"ti2v": "5B", "t2v": "one expert of A14B"}
_COMMON = {"attention_head_dim": 128, "cross_attn_norm": True, "qk_norm": "rms_norm_across_heads"}
_COMMON |= {"text_dim": 32}
SMALL = Case(
    "ti2v",
    _COMMON
    | {"num_attention_heads": 24, "num_layers": 30, "ffn_dim": 14336}
    | {"in_channels": 48, "out_channels": 48},
    {
        "base_dim": 160,
        "decoder_base_dim": 256,
        "z_dim": 48,
        "is_residual": True,
        "in_channels": 12,
        "out_channels": 12,
        "patch_size": 2,
        "scale_factor_spatial": 16,
        "scale_factor_temporal": 4,
        "latents_mean": [0.0] * 48,
        "latents_std": [1.0] * 48,
    },
    {"width": 1280, "height": 704, "frames": 121},
    {"width": 704, "height": 704, "frames": 61},
)
LARGE = Case(
    "t2v",
    _COMMON
    | {"num_attention_heads": 40, "num_layers": 40, "ffn_dim": 13824}
    | {"in_channels": 16, "out_channels": 16},
    None,
    {"width": 832, "height": 480, "frames": 81},
    {"width": 832, "height": 480, "frames": 41},
)


def tiny(case: Case) -> Case:
    shrunk = {"num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 4, "ffn_dim": 32}
    side = {"ti2v": 64, "t2v": 32}[case.kind]
    video = {"width": side, "height": side, "frames": 9}
    return Case(case.kind, case.transformer | shrunk, None, video, video | {"frames": 5})


def build(folder: Path, case: Case, device: torch.device) -> Tiny:
    """The case's model with one expert, made on the device in bf16."""
    (text_image_to_video if case.kind == "ti2v" else text_to_video)(folder)
    for name in ("transformer", "transformer_2"):
        shutil.rmtree(folder / name, ignore_errors=True)
    index = folder / "model_index.json"
    changed = {"transformer_2": [None, None], "boundary_ratio": None}
    index.write_text(json.dumps(json.loads(index.read_text("utf-8")) | changed), "utf-8")
    torch.manual_seed(0)
    with device:
        made = _diffusers.WanTransformer3DModel(**case.transformer).to(torch.bfloat16)
        made.save_pretrained(folder / "transformer")
        if case.vae is not None:
            shutil.rmtree(folder / "vae")
            _diffusers.AutoencoderKLWan(**case.vae).save_pretrained(folder / "vae")
    return Tiny(case.kind, folder)


def params_of(model: Tiny, case: Case, steps: int) -> Params:
    return model.params(**case.video, steps=steps, boundary=None, guidance_low=None)


def loaded(model: Tiny, residency: Residency, device: torch.device) -> LoadedModel:
    return load(LoadKey(model.files, DType.BFLOAT16, residency, device), StopFlag().check)


@dataclass
class Run:
    """What one video took: seconds in all and of each step, peak bytes of each stage."""

    latents: torch.Tensor
    seconds: float
    steps_s: list[float]
    peaks: dict[str, int]


class Watch:
    """Wall clock and peak memory, with the device's work waited for."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self.peaks: dict[str, int] = {}

    def now(self) -> float:
        if self._cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    def stage(self, name: str, work: Callable[[], T]) -> T:
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        done = work()
        if self._cuda:
            self.peaks[name] = torch.cuda.max_memory_allocated()
        return done


def ours(model: LoadedModel, params: Params, *, decoding: bool, compiled: bool = True) -> Run:
    stop, watch = StopFlag(), Watch(model.device)
    stamps: list[float] = []
    size = (params.width, params.height, params.frames)
    running = model.compiler.running(model.blocks, size) if compiled else nullcontext()
    with torch.inference_mode(), running:
        began = watch.now()
        prompts = watch.stage("encode", lambda: encode(model, params, stop))
        steering = conditioning(model, params, None, stop)
        latents: torch.Tensor = watch.stage(
            "denoise",
            lambda: denoise(
                model,
                params,
                prompts,
                steering,
                stop=stop,
                on_step=lambda _state: stamps.append(watch.now()),
            ),
        )
        if decoding:
            watch.stage("decode", lambda: [len(chunk) for chunk in decode(model, latents, stop)])
        ended = watch.now()
        model.placement.clear()
    steps = [after - before for before, after in pairwise(stamps)]
    return Run(latents, ended - began, steps, watch.peaks)


def theirs(model: Tiny, params: Params, device: torch.device) -> Run:
    dtype = {"default": torch.bfloat16, "vae": torch.float32}
    pipeline = _diffusers.WanPipeline.from_pretrained(
        model.folder, dtype=dtype, expand_timesteps=model.kind == "ti2v"
    ).to(device)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = type(pipeline.scheduler).from_config(
        pipeline.scheduler.config, flow_shift=params.shift
    )
    watch, kept = Watch(device), list[torch.Tensor]()

    def keep(_pipeline: object, _step: int, _time: object, given: dict[str, Any]) -> dict[str, Any]:
        kept[:] = [given["latents"].clone()]
        return {}

    began = watch.now()
    watch.stage(
        "all of it",
        lambda: pipeline(
            prompt=params.prompt,
            negative_prompt=params.negative_prompt,
            height=params.height,
            width=params.width,
            num_frames=params.frames,
            num_inference_steps=params.steps,
            guidance_scale=params.guidance,
            generator=torch.Generator(device).manual_seed(params.seed),
            max_sequence_length=model.files.text_tokens,
            output_type="pil",
            callback_on_step_end=keep,
        ),
    )
    return Run(kept[0], watch.now() - began, [], watch.peaks)


def matmul_rate(device: torch.device) -> float:
    """The card's own, in FLOP a second, of large square bf16 matrices."""
    side = MATMUL if device.type == "cuda" else 256
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    watch, times = Watch(device), list[float]()
    for _ in range(20):
        began = watch.now()
        for _ in range(4):
            torch.mm(a, a)
        times.append((watch.now() - began) / 4)
    return 2.0 * side**3 / median(times)


def against_the_pipeline(folder: Path, case: Case, steps: int, device: torch.device) -> None:
    model = build(folder, case, device)
    params = params_of(model, case, steps)
    held = loaded(model, Residency.RESIDENT, device)
    plain = ours(held, params, decoding=False, compiled=False)
    ours(held, params_of(model, case, 1), decoding=True)  # kernels are chosen and built
    mine = ours(held, params, decoding=True)
    parameters, what = sum(p.numel() for p in held.transformer.parameters()), title(case, steps)
    held.placement.close()
    other = theirs(model, params, device)
    give_back()
    ratio = f"{mine.seconds / other.seconds:.2f}x"
    row(f"{what} vs the diffusers pipeline", f"{mine.seconds:.1f} s", f"{other.seconds:.1f} s",
        ratio, "<= 0.6x")  # fmt: skip
    own = matmul_rate(device)
    for way, run in (("plain blocks", plain), ("compiled blocks", mine)):
        off = (run.latents - other.latents.to(run.latents)).float().pow(2).mean().sqrt().item()
        row(f"{what}, {way}: the latents differ by (rms)", f"{off:.2g}", "-", "-",
            "within bf16 noise")  # fmt: skip
        rate = 2 * case.forward_flop(parameters) / median(run.steps_s)
        row(f"{what}, {way}: a step", f"{median(run.steps_s):.3f} s", "-", "-", "-")
        row(f"{what}, {way}: FLOP rate in denoise, share of the card's own in bf16 products",
            f"{rate / 1e12:.0f} TFLOP/s", f"{own / 1e12:.0f} TFLOP/s", f"{rate / own:.2f}",
            ">= 0.6")  # fmt: skip
        for name, peak in run.peaks.items():
            row(f"{what}, {way}: peak of {name}", bytes_text(peak), "-", "-", "-")
    for peak in other.peaks.values():
        row(f"{what}: peak of the diffusers pipeline", "-", bytes_text(peak), "-", "-")
    held = loaded(model, streaming(None), device)
    peaks(model, case, held)
    held.placement.close()


def give_back() -> None:
    """A pipeline is in circles of references: its weights would count in what comes next."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def peaks(model: Tiny, case: Case, held: LoadedModel) -> None:
    """What a forward takes, by size and by how many blocks stay; allocated, with the weights."""
    blocks: int = case.transformer["num_layers"]
    for video in (case.video, case.other):
        params = model.params(**video, steps=1, boundary=None, guidance=1, guidance_low=None)
        for resident, compiled in ((None, True), (blocks // 2, True), (0, True), (None, False)):
            held = held.arranged(streaming(resident))
            run = ours(held, params, decoding=False, compiled=compiled)
            what = f"{NAMES[case.kind]} {'x'.join(map(str, video.values()))}"
            stay = "all" if resident is None else str(resident)
            way = "compiled" if compiled else "plain"
            row(f"{what}, {stay} of {blocks} blocks stay, {way}: peak of a forward",
                bytes_text(run.peaks.get("denoise", 0)), "-", "-", "-")  # fmt: skip


def streaming(resident: int | None) -> Residency:
    return Residency(resident, components_stay=False, host_copies_stay=True)


def half_streamed(folder: Path, case: Case, steps: int, device: torch.device) -> None:
    model = build(folder, case, device)
    params, medians = params_of(model, case, steps), []
    held = loaded(model, streaming(None), device)
    for resident in (None, case.transformer["num_layers"] // 2):
        held = held.arranged(streaming(resident))
        ours(held, params_of(model, case, 1), decoding=False)
        medians.append(median(ours(held, params, decoding=False).steps_s))
    whole, half = medians
    row(f"{title(case, steps)}: a step with half of the blocks streamed vs all resident",
        f"{half:.2f} s", f"{whole:.2f} s", f"{half / whole:.2f}x", "<= 1.15x")  # fmt: skip
    peaks(model, case, held)
    held.placement.close()


def title(case: Case, steps: int) -> str:
    video = case.video
    return f"{NAMES[case.kind]} {video['width']}x{video['height']}x{video['frames']}, {steps} steps"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10, help="of 5B; a fourth of it of A14B")
    parser.add_argument("--folder", type=Path, help="where to make the weights; default: temporary")
    parser.add_argument("--tiny", action="store_true", help="only see that it runs")
    parser.add_argument("--only", choices=("5b", "a14b"))
    parser.add_argument("--layers", type=int, help="of A14B's 40: fewer are made and read sooner")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not arguments.tiny:
        row("GPU rows: there is no GPU", "not measured", "-", "-", "-")
        return
    shrink = tiny if arguments.tiny else lambda case: case
    layers = {"num_layers": arguments.layers} if arguments.layers else {}
    large = replace(LARGE, transformer=LARGE.transformer | layers)
    for name, case, measure, steps in (
        ("5b", SMALL, against_the_pipeline, arguments.steps),
        ("a14b", large, half_streamed, max(3, arguments.steps // 4)),
    ):
        if arguments.only in (None, name):
            with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
                measure(Path(folder) / name, shrink(case), steps, device)


if __name__ == "__main__":
    main()
