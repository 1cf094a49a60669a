"""How failures are answered: always `{"error": {...}}`, with the status of the error's class."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from wantui.api.batch import BatchRequest
from wantui.api.error import ErrorBody, ErrorReply
from wantui.api.job import JobRequest
from wantui.errors import DiskFull, InvalidRequest, QueueFull, UnknownField, WantuiError
from wantui.text import nearest, one_line

log = logging.getLogger(__name__)

RETRY_AFTER_S = "5"


def add_failures(app: FastAPI) -> None:
    app.add_exception_handler(WantuiError, _wantui_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _answer(error: WantuiError, status: int | None = None) -> Response:
    headers = {"Retry-After": RETRY_AFTER_S} if isinstance(error, QueueFull) else None
    return Response(
        ErrorReply(error=ErrorBody.of(error)).model_dump_json(),
        status_code=status or error.http_status,
        media_type="application/json",
        headers=headers,
    )


async def _wantui_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, WantuiError):
        raise error
    if isinstance(error, DiskFull):
        request.app.state.parts.disk_is_full()
    return _answer(error)


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return _answer(_first_problem(error, _body(request)))


def _body(request: Request) -> type[BaseModel]:
    """The model of the bodies that the route takes."""
    field = getattr(request.scope.get("route"), "body_field", None)
    model = field.field_info.annotation if field is not None else None
    return model if isinstance(model, type) and issubclass(model, BaseModel) else JobRequest


async def _http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    plain = InvalidRequest(str(error.detail), hint="see /openapi.json for what there is")
    return _answer(plain, error.status_code)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _answer(WantuiError(f"the daemon failed: {type(error).__name__}"))


def _first_problem(error: RequestValidationError, body: type[BaseModel]) -> InvalidRequest:
    unknown = [each for each in error.errors() if each["type"] == "extra_forbidden"]
    problem = (unknown or error.errors())[0]
    match problem["loc"]:
        case ("body", "jobs", int(number), *inside) if inside and body is BatchRequest:
            one = _refusal({**problem, "loc": ("body", *inside)}, JobRequest)
            return type(one)(
                f"jobs[{number}]: {one.message}",
                hint=one.hint,
                detail={**one.detail, "entry": number},
            )
    return _refusal(problem, body)


def _refusal(problem: Mapping[str, Any], body: type[BaseModel]) -> InvalidRequest:
    where = [str(part) for part in problem["loc"] if part not in ("body", "query", "path")]
    field = one_line(".".join(where), 80) or "body"
    if problem["type"] == "extra_forbidden":
        return unknown_field(field, list(body.model_fields))
    if problem["type"] == "json_invalid":
        return InvalidRequest("the body is not JSON")
    return InvalidRequest.for_field(
        field, one_line(str(problem["msg"]), 200), allowed=_kind(body, field)
    )


def unknown_field(field: str, known: Sequence[str]) -> UnknownField:
    """The refusal of a name that is none of `known`."""
    field = one_line(field, 80)
    near = nearest(field, known)
    return UnknownField(
        f"no field is called {field!r}",
        hint=f"did you mean {near}?" if near else f"fields: {', '.join(known) or 'none'}",
        detail={"field": field, "known": list(known), "nearest": near},
    )


def _kind(request: type[BaseModel], field: str) -> str:
    """What a field takes, in words."""
    info = request.model_fields.get(field)
    names = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}
    kind = str(info.annotation) if info else ""
    return next((words for name, words in names.items() if name in kind), "see /openapi.json")
