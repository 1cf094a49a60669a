"""What a doctor found: every finding with its place, and with the command that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from wantui.api.base import Reply
from wantui.text import duration_text, one_line

DOCTORS_LABEL = "wantui doctor"
"""Of the job that a doctor has made, and removes."""

_PLACES = (
    *("WANTUI_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"),
    *("HF_ENDPOINT", "HF_HUB_OFFLINE", "SSL_CERT_FILE", "CUDA_VISIBLE_DEVICES"),
)
_SECRETS = ("HF_TOKEN", "HTTPS_PROXY", "https_proxy")
"""Of which it is told whether they are set: a proxy's address may hold a password."""


class Severity(StrEnum):
    OK = "ok"
    WARN = "warn"
    """Worth knowing; jobs run all the same."""
    ERROR = "error"
    """Jobs fail, or make what they should not."""


class Finding(Reply):
    check: str
    """What was looked at, in a word: `driver`, `disks`, `clip`."""
    severity: Severity
    what: str
    """In one sentence."""
    where: str = ""
    """A path, a device, a process; empty where it is this machine."""
    fix: str = ""
    """The command that mends it; empty where there is nothing to mend."""


class Diagnosis(Reply):
    findings: tuple[Finding, ...]
    """In the order in which things were looked at."""
    environment: Mapping[str, str] = {}
    """Of whoever looked, as `environment_of` tells it."""
    quick: bool = False
    """Whether no clip was made."""
    seconds: float

    @property
    def severity(self) -> Severity:
        """Of the worst finding."""
        found = {finding.severity for finding in self.findings}
        return next((one for one in (Severity.ERROR, Severity.WARN) if one in found), Severity.OK)

    def count(self, severity: Severity) -> int:
        return sum(finding.severity is severity for finding in self.findings)


def ok(check: str, what: str, where: str = "") -> Finding:
    return Finding(check=check, severity=Severity.OK, what=what, where=where)


def warn(check: str, what: str, *, where: str = "", fix: str) -> Finding:
    return Finding(check=check, severity=Severity.WARN, what=what, where=where, fix=fix)


def error(check: str, what: str, *, where: str = "", fix: str) -> Finding:
    return Finding(check=check, severity=Severity.ERROR, what=what, where=where, fix=fix)


def lines_of(finding: Finding) -> list[str]:
    """For people: what was found, and below it where, and the command that mends it."""
    lines = [f"{finding.severity:<5}  {finding.check:<10}  {one_line(finding.what)}"]
    if finding.severity is not Severity.OK:
        below = " " * 19
        lines += [f"{below}{one_line(finding.where)}"] if finding.where else []
        lines.append(f"{below}fix: {one_line(finding.fix)}")
    return lines


def summary_of(diagnosis: Diagnosis) -> str:
    fine, warnings, errors = (diagnosis.count(severity) for severity in Severity)
    seconds = duration_text(diagnosis.seconds)
    return f"{fine} fine, {warnings} to know of, {errors} to mend; it took {seconds}"


def environment_of(variables: Mapping[str, str]) -> dict[str, str]:
    """What of an environment decides where wantui looks, without secrets."""
    told = {name: variables[name] for name in _PLACES if variables.get(name)}
    return told | {name: "set" for name in _SECRETS if variables.get(name)}
