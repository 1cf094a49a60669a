"""How a failure travels: `{"error": {"code", "message", "hint", "detail"?}}`."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field

from wantui.api.base import Reply
from wantui.errors import WantuiError, error_from_wire


class ErrorBody(Reply):
    """One typed failure; `code` is a class of `wantui.errors`."""

    code: str
    message: str
    hint: str
    detail: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, error: WantuiError) -> Self:
        return cls(code=error.code, message=error.message, hint=error.hint, detail=error.detail)

    def to_error(self) -> WantuiError:
        return error_from_wire(self.code, self.message, self.hint, self.detail)


class ErrorReply(Reply):
    error: ErrorBody
