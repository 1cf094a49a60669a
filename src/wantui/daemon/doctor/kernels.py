"""What the engine computes with: attention that attends, components that build, a compiler."""

from __future__ import annotations

from collections.abc import Iterator

from wantui.api.doctor import Finding, error, ok, warn
from wantui.api.hardware import AttentionBackend, BuiltComponent, EngineFacts
from wantui.daemon.doctor.driver import REINSTALL

MOST_ERROR_BFLOAT16 = 2e-2
"""Of the norms of the difference and of the result. Rounding to 8 bits makes 2e-3 to 5e-3."""
MOST_ERROR_FLOAT32 = 1e-4
"""Summing in another order makes 1e-6 at the most."""
USED = "native"
"""What jobs attend by."""
LOSSY = "sage"
"""Quantised attention, which is nobody's by default."""
NO_COMPILER = "C compiler"


def check_attention(engine: EngineFacts) -> Iterator[Finding]:
    """Every way to attend that runs here, against fp32 on the same numbers."""
    most = MOST_ERROR_BFLOAT16 if engine.devices else MOST_ERROR_FLOAT32
    tried = {way.name: way for way in engine.attention}
    used = tried.get(USED)
    if used is None or not used.available:
        reason = used.reason if used else "the engine does not know it"
        yield error("attention", f"it does not run: {reason}", where=USED, fix=REINSTALL)
    wrong = [way for way in tried.values() if _error(way) > most and LOSSY not in way.name]
    others = [way.name for way in wrong if way.name != USED]
    if used in wrong:
        what = f"it is wrong by {_error(used):.1e} of its result, where {most:g} is the most"
        yield error("attention", what, where=USED, fix=REINSTALL)
    if others:
        what = "ways that no job takes are wrong"
        yield warn("attention", what, where=", ".join(others), fix=REINSTALL)
    good = [way.name for way in tried.values() if way.available and way not in wrong]
    if USED in good:
        what = f"exact to {_error(tried[USED]):.0e}; of {len(tried)} ways {len(good)} run here"
        yield ok("attention", what, USED)


def check_components(engine: EngineFacts) -> Iterator[Finding]:
    """What the catalog's models are made of, as this engine builds it."""
    bad = [part for part in engine.components if part.error or _miscounted(part)]
    for part in bad:
        why = part.error or f"{part.parameter_count} parameters, not {part.expected_count}"
        what = f"{part.component} cannot be built: {why}"
        fix = "pip install --force-reinstall 'wantui[engine]'"
        yield error("components", what, where=part.model, fix=fix)
    if engine.components and not bad:
        yield ok("components", f"all {len(engine.components)} of the catalog's models are built")


def check_compiling(engine: EngineFacts, settings_file: str, *, wanted: bool) -> Iterator[Finding]:
    """Whether torch compiles for the GPU where the settings ask for it."""
    if not wanted or not engine.devices:
        return
    if engine.compiles:
        yield ok("compiling", "torch compiles for the GPU")
        return
    what = f"torch does not compile, jobs run plain and slower: {engine.compile_problem}"
    if NO_COMPILER in engine.compile_problem:
        yield warn("compiling", what, fix="sudo apt-get install gcc python3-dev")
    else:
        fix = f"printf '[worker]\\ncompile = false\\n' >> '{settings_file}'"
        yield warn("compiling", what, where=settings_file, fix=fix)


def _error(way: AttentionBackend | None) -> float:
    return (way.relative_error if way else None) or 0.0


def _miscounted(part: BuiltComponent) -> bool:
    return part.expected_count not in (None, part.parameter_count)
