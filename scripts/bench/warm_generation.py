"""The demo's second generation on a warm daemon against a fresh script on diffusers' pipeline."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from row import RunningDaemon, median, row, running_daemon
from tests.running import job_when

from wantui.api.job import JobRequest
from wantui.paths import demo_weights

RUNS = 3
PROMPT = "a red circle moving left on a black background"
SCRIPT = f"""
import torch
from diffusers import WanPipeline
pipeline = WanPipeline.from_pretrained({str(demo_weights())!r}, dtype=torch.float32)
pipeline({PROMPT!r}, negative_prompt="", width=128, height=128, num_frames=17,
         num_inference_steps=20, guidance_scale=5.0, max_sequence_length=64,
         generator=torch.Generator().manual_seed(1))
"""


async def generate(daemon: RunningDaemon) -> float:
    async with daemon.client() as client:
        began = time.perf_counter()
        job = await client.submit(JobRequest(prompt=PROMPT, model="demo", seed=1))
        await job_when(client, job.id, lambda job: job.state.finished)
        return time.perf_counter() - began


def script() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as home, running_daemon(Path(home)) as daemon:
        asyncio.run(generate(daemon))
        ours = median([asyncio.run(generate(daemon)) for _ in range(RUNS)])
    theirs = median([script() for _ in range(RUNS)])
    row(
        "second generation, warm daemon vs fresh diffusers script (no mp4)",
        f"{ours:.2f} s",
        f"{theirs:.2f} s",
        f"{ours / theirs:.2f}x",
        "<= 0.25x",
    )


if __name__ == "__main__":
    main()
