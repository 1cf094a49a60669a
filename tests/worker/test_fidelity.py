"""What the bench of fast ways says of each: enough of what is asked for is still drawn."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.worker.drawn import SCRIPTS
from tests.worker.orders import environment

BENCH = SCRIPTS.parent / "bench" / "fidelity.py"
CLIPS = 6
_ROW = re.compile(r"demo, ([^:]+): .* \| (\d+), (\d+), (\d+) %; [\d.]+ s; ([\d.]+) dB \|")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_fast_way_draws_what_is_asked_for_and_the_leaner_ones_are_further_off() -> None:
    done = subprocess.run(
        [sys.executable, BENCH, "--clips", str(CLIPS)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    rows = [found.groups() for line in done.stdout.splitlines() if (found := _ROW.match(line))]
    near = {name: float(decibels) for name, *_, decibels in rows}
    for name, *aspects, _ in rows:
        if "without its LoRA" not in name:
            assert min(map(int, aspects)) >= 50, done.stdout
    assert near["GGUF Q8_0"] > near["GGUF Q4_0"] + 10
    assert near["decode in bf16 (--allow-degrade)"] > 45
    assert near["weights and attention in bf16, as faithful is on a GPU"] > 40
