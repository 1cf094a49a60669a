"""The root of the tree, and how an error is made again of what travels."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, ClassVar

Detail = Mapping[str, Any]


class ExitCode(IntEnum):
    """What a `wantui` command exits with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_DAEMON = 3
    TIMED_OUT = 4
    VERSIONS_DIFFER = 5
    INTERRUPTED = 130


class WantuiError(Exception):
    """A failure with a stable code, a message that names the thing, and a hint what to do next."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    default_hint: ClassVar[str] = "see: wantui logs daemon"

    def __init__(
        self, message: str, *, hint: str | None = None, detail: Detail | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint
        self.detail: dict[str, Any] = dict(detail or {})

    @property
    def told(self) -> str:
        """Message and hint, for where there is one line."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


def _subclasses(cls: type[WantuiError]) -> list[type[WantuiError]]:
    return [cls, *(deeper for sub in cls.__subclasses__() for deeper in _subclasses(sub))]


def error_from_wire(
    code: str, message: str, hint: str, detail: Detail | None = None
) -> WantuiError:
    """Make the error that `code` names; a code of a newer peer becomes a plain WantuiError."""
    by_code = {cls.code: cls for cls in _subclasses(WantuiError)}
    return by_code.get(code, WantuiError)(message, hint=hint, detail=detail)
