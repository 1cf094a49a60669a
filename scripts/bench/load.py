"""Loading TI2V-5B's transformer from the hub's fp32 shards as bf16, the page cache dropped.

Ours against diffusers' `from_pretrained` and against a plain read of the bytes. The weights are
random, of the real shapes, 20 GB in five shards; `--layers 4` makes 3.8 GB of them. The clock stops
once every tensor has been read, as a forward does it: a map alone is no load.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import diffusers
import torch
from row import median, row
from tests.tiny_models import text_image_to_video
from tests.worker.orders import Tiny
from torch import nn

from wantui.api.plan import DType, Residency
from wantui.pipe.conversion import Conversion
from wantui.pipe.fetch import ComponentToConvert, ConvertFiles
from wantui.pipe.file import KnownFile
from wantui.store.converted import KEPT_IN_FP32
from wantui.text import bytes_text
from wantui.worker import engine
from wantui.worker.convert import Rewriting
from wantui.worker.load import LoadKey, load
from wantui.worker.stop import StopFlag

LAYERS = 30
SHARDS_BYTES = (4.98, 4.85, 4.97, 4.85, 0.35)
"""On the hub, in GB; ours have the same shares of what there is."""
STEM = "diffusion_pytorch_model"
CACHE_LINE_BYTES = 64
ROOM = 1.1
"""Times the bytes that are to be written, which must be free."""

_diffusers: Any = diffusers
Load: TypeAlias = Callable[[], None]
"""What is timed; what it needs before was made before."""


def build(folder: Path, layers: int) -> None:
    """A model folder in which only the transformer is of the real size."""
    text_image_to_video(folder)
    shutil.rmtree(folder / "transformer")
    (folder / "transformer").mkdir()
    config = {
        "_class_name": "WanTransformer3DModel",
        "num_attention_heads": 24,
        "attention_head_dim": 128,
        "in_channels": 48,
        "out_channels": 48,
        "ffn_dim": 14336,
        "num_layers": layers,
        "cross_attn_norm": True,
        "qk_norm": "rms_norm_across_heads",
    }
    (folder / "transformer" / "config.json").write_text(json.dumps(config), "utf-8")
    tensors = engine.meta_transformer(config).state_dict()
    need = ROOM * sum(4 * tensor.numel() for tensor in tensors.values())
    if shutil.disk_usage(folder).free < need:
        sys.exit(f"{folder}: {bytes_text(int(need))} are needed")
    write_shards(folder / "transformer", tensors)


def write_shards(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Random fp32, a tensor at a time."""
    generator = torch.Generator().manual_seed(0)
    weight_map: dict[str, str] = {}
    for number, keys in enumerate(split(tensors), start=1):
        name = f"{STEM}-{number:05}-of-{len(SHARDS_BYTES):05}.safetensors"
        weight_map |= dict.fromkeys(keys, name)
        with (folder / name).open("wb") as file:
            write_header(file, {key: tensors[key] for key in keys})
            for key in keys:
                values = torch.randn(tensors[key].shape, generator=generator)
                file.write(values.mul_(0.02).numpy().tobytes())
            os.fsync(file.fileno())
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / f"{STEM}.safetensors.index.json").write_text(json.dumps(index), "utf-8")


def split(tensors: dict[str, torch.Tensor]) -> list[list[str]]:
    """Keys in their order, by the shares of the hub's shards."""
    total = sum(tensor.numel() for tensor in tensors.values())
    shards: list[list[str]] = [[] for _ in SHARDS_BYTES]
    ends = [sum(SHARDS_BYTES[: n + 1]) / sum(SHARDS_BYTES) for n in range(len(SHARDS_BYTES))]
    done = 0
    for key, tensor in tensors.items():
        done += tensor.numel()
        shards[next(n for n, end in enumerate(ends) if done / total <= end or n == 4)].append(key)
    return shards


def converted(folder: Path) -> Path:
    """The same model with the shards that `wantui convert` makes of its transformer."""
    files = sorted((folder / "transformer").glob(f"{STEM}*"))
    part = ComponentToConvert(
        conversion=Conversion(
            sources={path.name: path.name for path in files},  # nobody looks for them
            dtype=DType.BFLOAT16,
            kept_in_fp32=KEPT_IN_FP32["WanTransformer3DModel"],
        ),
        files=tuple(KnownFile.at(str(path), path.stat()) for path in files),
    )
    root, model = folder / "converted", folder / "bf16"
    Rewriting(ConvertFiles(root=str(root), components=(part,)), lambda _report: None).run()
    shutil.copytree(
        *(folder, model), ignore=shutil.ignore_patterns("transformer", "converted", "bf16")
    )
    (root / part.conversion.key).rename(model / "transformer")
    shutil.copy(folder / "transformer" / "config.json", model / "transformer")
    return model


def write_header(file: BinaryIO, tensors: dict[str, torch.Tensor]) -> None:
    """Source: the format's description in safetensors' README."""
    header, offset = {}, 0
    for key, tensor in tensors.items():
        end = offset + 4 * tensor.numel()
        header[key] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    content = json.dumps(header).encode()
    content += b" " * (-len(content) % 8)
    file.write(len(content).to_bytes(8, "little") + content)


def touch(module: nn.Module) -> None:
    """Read every cache line of every parameter."""
    for parameter in module.parameters():
        lines = parameter.detach().flatten().view(torch.uint8)
        whole = lines.numel() // CACHE_LINE_BYTES * CACHE_LINE_BYTES
        lines[:whole:CACHE_LINE_BYTES].sum()


def ours(folder: Path) -> Load:
    device = torch.device("cpu")
    files = Tiny("ti2v", folder).files  # hashes them, as the daemon has long before a load

    def run() -> None:
        model = load(LoadKey(files, DType.BFLOAT16, Residency.RESIDENT, device), StopFlag().check)
        model.placement.bring("transformer")
        touch(model.transformer)

    return run


def theirs(folder: Path) -> Load:
    def run() -> None:
        touch(
            _diffusers.WanTransformer3DModel.from_pretrained(
                folder / "transformer", dtype=torch.bfloat16
            )
        )

    return run


def plain_read(folder: Path) -> Load:
    buffer = bytearray(16 << 20)

    def run() -> None:
        for path in shards(folder):
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass

    return run


WAYS: dict[str, Callable[[Path], Load]] = {
    "ours": ours,
    "from_pretrained": theirs,
    "plain read": plain_read,
}


def shards(folder: Path) -> Iterator[Path]:
    yield from sorted((folder / "transformer").glob("*.safetensors"))


def drop_page_cache(folder: Path) -> None:
    for path in shards(folder):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(way: str, folder: Path) -> None:
    """In a process of its own: print the seconds that one way takes."""
    torch.set_num_threads(os.cpu_count() or 1)
    prepared = WAYS[way](folder)
    drop_page_cache(folder)
    with torch.inference_mode():
        began = time.perf_counter()
        prepared()
        print(time.perf_counter() - began)


def seconds(way: str, folder: Path) -> float:
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(
    name: str, folder: Path, reference: Path, rounds: int, budgets: tuple[str, str]
) -> None:
    """Two rows; the ways take turns, so that what else the machine does hits them all."""
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, where in zip(WAYS, (folder, reference, folder), strict=True):
            times[way].append(seconds(way, where))
    mine, other, plain = (median(each) for each in times.values())
    size = bytes_text(sum(path.stat().st_size for path in shards(folder)))
    title = f"load of a 5B transformer as bf16, {name}, {size}, cold"
    for what, theirs_s, budget in (
        ("from_pretrained of fp32 shards", other, budgets[0]),
        ("a plain read of the bytes", plain, budgets[1]),
    ):
        row(
            f"{title}, vs {what}",
            f"{mine:.1f} s",
            f"{theirs_s:.1f} s",
            f"{mine / theirs_s:.2f}x" if theirs_s else str(math.inf),
            budget,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to make the weights; default: temporary")
    parser.add_argument(
        "--converted",
        action="store_true",
        help="also what `wantui convert` makes of it: 10 GB",
    )
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        run(arguments.way, arguments.folder)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        made = Path(folder)
        build(made, arguments.layers)
        compare("fp32 shards", made, made, arguments.rounds, ("-", "-"))
        if arguments.converted:
            bf16 = converted(made)
            compare("converted", bf16, made, arguments.rounds, ("<= 0.35x", "<= 1.3x"))


if __name__ == "__main__":
    main()
