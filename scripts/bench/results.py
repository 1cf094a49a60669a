"""Run every benchmark, one at a time, and write their rows to RESULTS.md."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psutil

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
SCRIPTS = (
    "daemon_start",
    "api",
    "events",
    "memory",
    "kill",
    "cli_ls",
    "tui",
    "tui_log",
    "pull",
    "verify",
    "inventory",
    "warm_generation",
    "fidelity",
    "denoise_step",
    "checkpoint",
    "worker_start",
    "preview",
    "load",
    "gpu",
)
TABLE_HEAD = "| name | ours | reference | ratio | budget |\n|---|---|---|---|---|\n"


def main() -> int:
    head = f"# Last figures\n\n{conditions()}\n\nWritten by `run_all`.\n\n"
    table = ""
    failed = []
    for name in SCRIPTS:
        done = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py")],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        sys.stdout.write(done.stdout)
        table += "".join(f"| {line} |\n" for line in done.stdout.splitlines())
        failed += [name] if done.returncode else []
    missing = f"\nFailed: {', '.join(failed)}.\n" if failed else ""
    RESULTS.write_text(head + TABLE_HEAD + table + missing, "utf-8")
    return 1 if failed else 0


def conditions() -> str:
    """When, on what, and how busy it was before."""
    memory_gib = psutil.virtual_memory().total / 2**30
    kernel, *_ = platform.release().split("-")
    return (
        f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}: {psutil.cpu_count()} cores of {processor()},"
        f" {memory_gib:.0f} GiB, {gpus()}; Linux {kernel}, Python {platform.python_version()},"
        f" torch {version('torch')}; load average {os.getloadavg()[0]:.1f} before."
    )


def processor() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    return found[1] if found else platform.machine()


def gpus() -> str:
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "no GPU"
    return ", ".join(listed.stdout.splitlines())


if __name__ == "__main__":
    sys.exit(main())
