"""What a preview costs the denoising of a 1280x720x81 video, on a CPU, and its writer apart."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch
from row import median, row

from wantui.catalog.preview import latent_rgb
from wantui.pipe.preview import PreviewOrder
from wantui.worker.preview import Preview

ROUNDS = 30
LATENTS = (1, 16, 21, 90, 160)
"""A14B at 1280x720, 81 frames."""
FRAMES = 6
A_STEP_S = 1.0
"""Less than a step of this size takes on any GPU there is."""


def main() -> None:
    torch.set_num_threads(1)  # it is a moment's work: more would measure how busy the cores are
    clean = torch.randn(LATENTS)
    offered: list[float] = []
    shown: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        order = PreviewOrder(
            path=str(Path(folder) / "preview.webp"),
            latent_rgb=latent_rgb("wan21"),
            frames=FRAMES,
            per_second=1e9,
        )
        for _ in range(ROUNDS):
            start = time.perf_counter()
            with Preview(order, 5.0, lambda _rev: None) as preview:
                begun = time.perf_counter()
                preview.offer(clean)
                offered.append(time.perf_counter() - begun)
            shown.append(time.perf_counter() - start)
        size = Path(order.path).stat().st_size
    cost, whole = median(offered), median(shown)
    row(
        f"a preview at 720p x 81: {whole * 1000:.0f} ms to {size / 1000:.0f} kB on disk, "
        "of which a step waits for",
        f"{cost * 1000:.1f} ms",
        f"a step of {A_STEP_S:g} s",
        f"{cost / A_STEP_S:.4f}x",
        "<= 0.02x",
    )


if __name__ == "__main__":
    main()
