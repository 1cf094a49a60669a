"""One message a line of UTF-8 JSON. Not a byte of stdout or stderr can get between."""

from __future__ import annotations

from pydantic import TypeAdapter

from wantui.pipe.messages import AnyOrder, AnyReport, Message, Order, Report

MAX_LINE_BYTES = 1 << 20
"""Longer lines mean a broken peer: a prompt is 10,000 characters at most."""

_ORDER: TypeAdapter[Order] = TypeAdapter(AnyOrder)
_REPORT: TypeAdapter[Report] = TypeAdapter(AnyReport)


def encode(message: Message) -> bytes:
    return message.model_dump_json().encode() + b"\n"


def decode_order(line: bytes) -> Order:
    """Raises pydantic.ValidationError if the line is no order."""
    return _ORDER.validate_json(line)


def decode_report(line: bytes) -> Report:
    """Raises pydantic.ValidationError if the line is no report."""
    return _REPORT.validate_json(line)
