"""A picture file to the first frame that a model is given."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from wantui.api.job import ImageUsed
from wantui.errors import InvalidImage

FORMATS = ("PNG", "JPEG", "WEBP")


def first_frame(path: Path, used: ImageUsed | None, width: int, height: int) -> Tensor:
    """(1, 3, height, width) in [-1, 1]: upright, scaled to cover the frame, its middle cut out.

    Raises InvalidImage if the file cannot be read as a picture, or is not the one the job was
    sent with.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidImage(f"{path}: {error.strerror}") from error
    if used is not None and hashlib.sha256(content).hexdigest() != used.sha256:
        raise InvalidImage(f"{path} is not the picture that the job was sent with")
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError) as error:
        raise InvalidImage(f"{path}: {error}") from error
    pixels = np.asarray(_cover(upright, width, height), dtype=np.float32) / 255.0
    return 2.0 * torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0) - 1.0


def _cover(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Source: Wan2.2, `wan/textimage2video.py`: Lanczos to the larger scale, then the centre."""
    scale = max(width / picture.width, height / picture.height)
    size = max(round(picture.width * scale), width), max(round(picture.height * scale), height)
    scaled = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return scaled.crop((left, top, left + width, top + height))
