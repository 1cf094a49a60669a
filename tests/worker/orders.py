"""Orders as the daemon makes them, for the tiny models and for the demo."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from tests.tiny_models import BOUNDARY, TEXT_TOKENS
from wantui.api.job import ImageUsed, Params, Sampler
from wantui.api.lora import LoraExpert, LoraUsed
from wantui.api.plan import DType, Plan, Residency
from wantui.api.video import Codec, Encoding
from wantui.pipe.file import KnownFile
from wantui.pipe.messages import EmbeddingCache, Generate, LoraFile, ModelFiles
from wantui.pipe.preview import LatentRgb, PreviewOrder, Projection

ENCODING = Encoding(codec=Codec.H264, crf=17, preset="medium", png=False)


@dataclass(frozen=True)
class Tiny:
    """A model of `tests.tiny_models` on disk."""

    kind: str
    folder: Path

    @property
    def experts(self) -> int:
        return 1 if self.kind == "ti2v" else 2

    @property
    def files(self) -> ModelFiles:
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return ModelFiles(
            model=self.kind,
            folder=str(self.folder),
            pipeline="WanImageToVideoPipeline" if self.kind == "i2v" else "WanPipeline",
            expand_timesteps=self.kind == "ti2v",
            text_tokens=TEXT_TOKENS,
            files=tuple(weights_file(path) for path in paths),
        )

    def params(self, **changes: Any) -> Params:
        side = 64 if self.kind == "ti2v" else 32
        params = Params(
            prompt="a red cat walks",
            negative_prompt="grey",
            width=side,
            height=side,
            frames=9,
            fps=8,
            steps=3,
            guidance=4.0,
            guidance_low=3.0 if self.experts == 2 else None,
            shift=5.0,
            boundary=BOUNDARY if self.experts == 2 else None,
            sampler=Sampler.UNIPC,
            seed=7,
            image=None,
        )
        return params.model_copy(update=changes)


def weights_file(path: Path) -> KnownFile:
    return KnownFile.at(str(path), path.stat(), hashlib.sha256(path.read_bytes()).hexdigest())


def plan(dtype: DType = DType.FLOAT32) -> Plan:
    return Plan(
        device="cpu",
        device_name="CPU",
        dtype=dtype,
        residency=Residency.RESIDENT,
        weights_bytes=1,
        device_bytes=1,
        device_total_bytes=1,
        reason="there is no GPU",
    )


@dataclass(frozen=True)
class Desk:
    """Writes orders whose files go to one folder."""

    folder: Path
    model: Tiny
    job: int = 1

    def order(
        self, *, image: Path | None = None, loras: Sequence[LoraFile] = (), **params: Any
    ) -> Generate:
        used = image_used(image) if image else None
        params["loras"] = tuple(lora.used for lora in loras)
        return Generate(
            job=self.job,
            attempt=1,
            weights=self.model.files,
            plan=plan(),
            params=self.model.params(image=used, **params),
            quality="faithful",
            loras=tuple(loras),
            image=str(image) if image else None,
            output=str(self.output),
            checkpoint=str(self.checkpoint),
            checkpoint_every_s=0.0,
            embeddings=EmbeddingCache(folder=str(self.folder / "embeddings"), most_bytes=1 << 30),
            encoding=ENCODING,
            thumbnail=str(self.folder / f"{self.job}.thumbnail.webp"),
            proxy=str(self.folder / f"{self.job}.proxy.webp"),
            frames_folder=None,
            preview=None,
            provenance=str(self.provenance),
            log=str(self.log),
        )

    def preview(self, per_second: float = 1000.0) -> PreviewOrder:
        channels = 48 if self.model.kind == "ti2v" else 16
        row = (0.2, 0.1, -0.1)
        return PreviewOrder(
            path=str(self.folder / f"{self.job}.preview.webp"),
            latent_rgb=LatentRgb(rest=Projection(factors=(row,) * channels, bias=(0.1, 0.0, -0.1))),
            frames=2,
            per_second=per_second,
        )

    def next(self) -> Desk:
        return replace(self, job=self.job + 1)

    @property
    def output(self) -> Path:
        return self.folder / f"{self.job}.mp4"

    @property
    def checkpoint(self) -> Path:
        return self.folder / f"{self.job}.checkpoint"

    @property
    def provenance(self) -> Path:
        return self.folder / f"{self.job}.json"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.job}.log"


def lora_file(path: Path, strength: float = 1.0, expert: LoraExpert = LoraExpert.BOTH) -> LoraFile:
    """As the daemon orders a LoRA that lies at `path`."""
    used = LoraUsed(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        name=path.stem,
        bytes=path.stat().st_size,
        rank=4,
        strength=strength,
        expert=expert,
    )
    return LoraFile(used=used, file=weights_file(path))


def image_used(path: Path) -> ImageUsed:
    with Image.open(path) as picture:
        return ImageUsed(
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            format=(picture.format or "").lower(),
            width=picture.width,
            height=picture.height,
        )


def environment() -> dict[str, str]:
    """The worker's: no GPU, whatever the machine has."""
    return {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
