"""Draw every area of the TUI as an SVG, at two sizes, from a daemon that makes demo clips.

`python scripts/pictures.py` writes docs/tui/AREA-COLUMNSxLINES.svg. The README shows some of them.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# ruff: noqa: E402 - the tests' daemon is not installed

from tests.running import RunningDaemon, job_when, running_daemon, tiny
from tests.tui.screens import lines, text, until
from textual.pilot import Pilot

from wantui.api.job import JobState
from wantui.client import Client
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.screens.generate import GenerateScreen

FOLDER = ROOT / "docs" / "tui"
SIZES = ((80, 24), (160, 50))
SHOWN_HOME = "/home/ada/wantui"
"""Written in the place of the temporary home, which is as long: no line moves."""
WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rich has a page fetch its font from elsewhere; any monospaced one of the reader's will do."""
CLIPS = (
    "a red circle moving left on a black background",
    "a blue bar moving up on a white background",
    "a green triangle moving right on a yellow background",
)
LONG = {"size": "256x256", "frames": 33, "steps": 100}
SETTLE_S = 2.0
"""For what is read once a second, and for pictures that come over the socket."""


@contextmanager
def temporary_home() -> Iterator[Path]:
    name = "/tmp/wantui-"
    home = Path(name + secrets.token_hex(8)[: len(SHOWN_HOME) - len(name)])
    home.mkdir(mode=0o700)
    try:
        yield home
    finally:
        shutil.rmtree(home)


async def make_jobs(client: Client) -> None:
    """Clips, a job that runs while pictures are taken, and some of every other state."""
    for seed, prompt in enumerate(CLIPS):
        made = await client.submit(tiny(prompt, size="128x128", frames=17, steps=20, seed=seed))
        await job_when(client, made.id, lambda job: job.state is JobState.COMPLETED)
    long = await client.submit(tiny("a white circle moving down on a purple background", **LONG))
    waiting = [
        (await client.submit(tiny(f"a {colour} circle on a black background", **LONG))).id
        for colour in ("yellow", "cyan", "blue", "green")
    ]
    await client.hold(waiting[2])
    await client.cancel(waiting[3])
    await job_when(client, long.id, lambda job: bool(job.progress and job.progress.step))


async def draw(daemon: RunningDaemon, home: Path, size: tuple[int, int]) -> None:
    os.environ["WANTUI_HOST"] = f"unix://{daemon.paths.socket}"
    app = WantuiApp(daemon.paths)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "● connected" in text(app), "a daemon")
        for area in Area:
            await look_at(app, pilot, area)
            path = FOLDER / f"{area}-{size[0]}x{size[1]}.svg"
            path.write_text(picture(app, home), "utf-8")
            print(path.relative_to(ROOT), path.stat().st_size, len(lines(app)), flush=True)


async def look_at(app: WantuiApp, pilot: Pilot[int], area: Area) -> None:
    await app.switch_mode(area)
    if isinstance(screen := app.area_screen, GenerateScreen):
        screen.fill({"prompt": "a red triangle moving up on a white background", "model": "demo"})
        await until(pilot, lambda: "fits: " in text(app), "a plan")
    if area is Area.GALLERY:
        await pilot.press("end")  # the first clip, of the size that the demo was made for
    await asyncio.sleep(SETTLE_S)
    await pilot.pause()


def picture(app: WantuiApp, home: Path) -> str:
    """The screen as it is, of a home that people know; a line may have cut the path short."""
    svg = WEB_FONTS.sub("", app.export_screenshot(title="wantui", simplify=True))
    for length in range(len(SHOWN_HOME), len("/tmp"), -1):
        svg = svg.replace(str(home)[:length], SHOWN_HOME[:length])
    return svg


async def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with temporary_home() as home, running_daemon(home) as daemon:
        async with daemon.client() as client:
            await make_jobs(client)
        for size in SIZES:
            await draw(daemon, home, size)


if __name__ == "__main__":
    asyncio.run(main())
