"""The two kinds of message: what a client sends, and what it gets.

Built at first use: a command of the CLI needs a few of them, and building all takes 15 ms.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, field_validator

API_VERSION = 1
"""Rises when a client of the last version would misread a reply."""


class Request(BaseModel):
    """Sent by a client. A field we do not know is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _travels(cls, value: object) -> object:
        """JSON can escape half a surrogate pair, which is no character and cannot be kept."""
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError("it holds half of a surrogate pair") from None
        return value


class Reply(BaseModel):
    """Sent by the daemon. A client ignores fields of a newer daemon."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, ser_json_inf_nan="null", defer_build=True
    )
