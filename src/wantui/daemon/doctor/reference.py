"""The demo's clip as a CPU made it in fp32, of which a few frames ship; made by
`scripts/demo_model/reference.py`.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageStat
from pydantic import BaseModel, ConfigDict

from wantui.api.doctor import DOCTORS_LABEL, Finding, error, ok
from wantui.api.job import JobRequest
from wantui.api.plan import DType
from wantui.paths import demo_reference
from wantui.store.published import SUMS

CHECK = "clip"
FILE = "clip.toml"


class Tolerance(BaseModel):
    """Decibels of PSNR, of the worst frame: what is below them is another clip."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    float32: float
    bfloat16: float


class Reference(BaseModel):
    """The file's content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights_sha256: str
    """Of the list of the weights' digests, which it was made with."""
    frames: tuple[int, ...]
    """The numbers of those that ship, from 1."""
    least_decibels: Tolerance
    request: JobRequest

    @classmethod
    def load(cls) -> Reference:
        return cls.model_validate(tomllib.loads((demo_reference() / FILE).read_text("utf-8")))

    @property
    def asked(self) -> JobRequest:
        """The request for a clip to compare with it."""
        return self.request.model_copy(update={"png": True, "label": DOCTORS_LABEL})


@dataclass(frozen=True)
class Agreement:
    """How near a clip comes to the reference, in its worst frame."""

    decibels: float
    """PSNR; infinite where they are the same."""
    largest: int
    """The largest difference of a value, of 255."""

    @property
    def words(self) -> str:
        if math.isinf(self.decibels):
            return "the same to the bit"
        return f"{self.decibels:.1f} dB, at most {self.largest} of 255 apart"


def compare(made: Path, reference: Reference) -> Agreement:
    """Frames that a job left in a folder with those that ship. Raises OSError for one that is not
    there or no picture, and ValueError for one of another size.
    """
    pairs = [_apart(_frame(made, n), _frame(demo_reference(), n)) for n in reference.frames]
    return min(pairs, key=lambda pair: pair.decibels)


def frame_path(folder: Path, number: int) -> Path:
    """As the worker names them."""
    return folder / f"{number:05}.png"


def sums_digest(weights: Path) -> str:
    """What names a set of demo weights."""
    return hashlib.sha256((weights / SUMS).read_bytes()).hexdigest()


def check_clip(
    agreement: Agreement, dtype: DType, reference: Reference, where: str, seconds: float
) -> Finding:
    """`where` is the device, `seconds` what the clip took."""
    least = getattr(reference.least_decibels, dtype)
    told = f"the demo's clip in {dtype} against the CPU's reference: {agreement.words}"
    if agreement.decibels < least:
        return error(
            CHECK,
            f"{told}, where {least:g} dB are the least: what is computed here is wrong",
            where=where,
            fix="pip install --force-reinstall 'wantui[engine]' && wantui doctor",
        )
    return ok(CHECK, f"{told} (at least {least:g} dB), in {seconds:.0f} s", where)


def _frame(folder: Path, number: int) -> Image.Image:
    with Image.open(frame_path(folder, number)) as frame:
        return frame.convert("RGB")


def _apart(made: Image.Image, wanted: Image.Image) -> Agreement:
    if made.size != wanted.size:
        raise ValueError(f"a frame is {made.size}, not {wanted.size}")
    apart = ImageStat.Stat(ImageChops.difference(made, wanted))
    squares = sum(apart.sum2) / sum(apart.count)
    decibels = 10 * math.log10(255**2 / squares) if squares else math.inf
    return Agreement(decibels, max(high for _, high in apart.extrema))
