"""The frames that `wantui doctor` compares with: `reference.py` makes them anew with these weights.

A worker makes the clip as it makes any, on the CPU in fp32. With --compare nothing is written: it
prints how near a clip of this machine comes to what ships, with `--dtype bfloat16` too, as a GPU
computes. That is how the tolerance was found.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import tempfile
from pathlib import Path

from wantui.api.plan import DType
from wantui.catalog.catalog import DEMO, Catalog
from wantui.daemon.doctor import trial
from wantui.daemon.doctor.reference import FILE, Reference, compare, frame_path, sums_digest
from wantui.hardware.probe import Probe
from wantui.hardware.profiles import Profiles
from wantui.paths import Paths, demo_reference, demo_weights, shipped_config
from wantui.settings import load_settings


async def clip(reference: Reference, dtype: DType, folder: Path) -> Path:
    """Where its frames are."""
    paths = Paths.from_environment({"WANTUI_HOME": str(folder)})
    settings, recipe = load_settings(paths), Catalog.load(shipped_config()).model(DEMO)
    hardware = Probe().read({}).model_copy(update={"gpus": ()})
    profiles = Profiles.load(shipped_config() / "profiles", None, "auto")
    plan = trial.plan_for(recipe, reference.asked, hardware, profiles)
    plan = plan.model_copy(update={"dtype": dtype})
    claim = trial.claim_for(recipe, reference.asked, paths, settings, plan)
    completed = await trial.carry_out(claim, folder, paths, settings)
    print(f"{dtype}: {completed.timings}")
    return Path(completed.output.frames_folder or "")


def keep(made: Path, reference: Reference) -> None:
    """Put the frames in the place of those that ship, and say what they were made with."""
    for number in reference.frames:
        shutil.copyfile(frame_path(made, number), frame_path(demo_reference(), number))
    file = demo_reference() / FILE
    line = f'weights_sha256 = "{sums_digest(demo_weights())}"'
    file.write_text(re.sub(r"^weights_sha256 = .*$", line, file.read_text(), flags=re.MULTILINE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compare", action="store_true", help="write nothing")
    parser.add_argument("--dtype", type=DType, choices=list(DType), default=DType.FLOAT32)
    arguments = parser.parse_args()
    if not arguments.compare and arguments.dtype is not DType.FLOAT32:
        parser.error("the reference is in float32")
    reference = Reference.load()
    with tempfile.TemporaryDirectory() as folder:
        made = asyncio.run(clip(reference, arguments.dtype, Path(folder)))
        if arguments.compare:
            print(compare(made, reference).words)
        else:
            keep(made, reference)


if __name__ == "__main__":
    main()
