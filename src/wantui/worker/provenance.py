"""How a video came to be, for its comment and for its job's folder."""

from __future__ import annotations

from pathlib import Path

import av
import torch

import wantui
from wantui.api.provenance import Provenance
from wantui.pipe.messages import Generate
from wantui.worker import engine
from wantui.worker.weights import short


def provenance(order: Generate, device: torch.device) -> Provenance:
    """What decides the frames of this order on this device."""
    folder = Path(order.weights.folder)
    return Provenance(
        wantui=wantui.__version__,
        job=order.job,
        model=order.weights.model,
        quality=order.quality,
        faithful=order.faithful,
        params=order.params,
        weights={_named(Path(file.path), folder): file.digest for file in order.weights.files},
        plan=order.plan,
        encoding=order.encoding,
        device=device_name(device),
        versions=engine.versions(loras=bool(order.loras)) | {"av": av.__version__},
    )


def _named(path: Path, folder: Path) -> str:
    """A video is given away: of a file that is elsewhere it tells no more than needed."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else short(path)


def device_name(device: torch.device) -> str:
    """As torch names it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
