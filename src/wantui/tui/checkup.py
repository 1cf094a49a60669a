"""Panels that take stock: what the doctor finds wrong, and the settings in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from wantui.api.doctor import Diagnosis, Severity, summary_of
from wantui.client.doctor import diagnose
from wantui.tui.tone import Fact, Tone
from wantui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from wantui.tui.app import WantuiApp

_TONES = {Severity.OK: Tone.GOOD, Severity.WARN: Tone.WARN, Severity.ERROR: Tone.BAD}
_GLYPHS = {Severity.OK: "✓", Severity.WARN: "!", Severity.ERROR: "✗"}


def examine(app: WantuiApp) -> None:
    """Have the doctor look, and show what was found as soon as it is."""
    looking = "looking, and making a clip: half a minute on two cores"
    shown: list[Fact] = [("doctor", (looking, Tone.BUSY))]
    panel = Panel("doctor", lambda: shown)
    app.push_screen(panel)

    async def look() -> None:
        session = app.session
        if session is None:
            return
        diagnosis = await diagnose(session.paths, None, quick=False)
        shown[:] = diagnosis_facts(diagnosis)
        if panel.is_attached:
            panel.refresh_facts()

    app.work(look())


def diagnosis_facts(diagnosis: Diagnosis) -> Iterator[Fact]:
    """What is wrong first, each with the command that mends it."""
    yield "doctor", (summary_of(diagnosis), _TONES[diagnosis.severity])
    worst_first = sorted(
        diagnosis.findings, key=lambda finding: -list(Severity).index(finding.severity)
    )
    for finding in worst_first:
        severity = finding.severity
        said = f"{_GLYPHS[severity]} {severity}  {finding.what}"
        yield finding.check, (said, _TONES[severity])
        if severity is not Severity.OK:
            yield "", (finding.where, Tone.MUTED)
            yield "  mend it", (finding.fix, Tone.STRONG)


def show_settings(app: WantuiApp) -> None:
    if (session := app.session) is not None:
        dumped = session.settings.model_dump(mode="json")
        facts = [("file", (str(session.paths.settings), Tone.STRONG)), *_settings_facts(dumped)]
        app.push_screen(Panel("settings in force", lambda: facts))


def _settings_facts(values: Mapping[str, object]) -> Iterator[Fact]:
    """A section a paragraph: a fact is a name and a value, and names are short here."""
    for name, value in values.items():
        if not isinstance(value, Mapping):
            yield "", (f"{name} = {value!r}", Tone.PLAIN)
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield f"[{name}]", ("", Tone.MUTED)
            yield from _settings_facts(value)
