"""One call of the API: a request out, a typed reply or a typed error back."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from typing import TypeVar

from pydantic import ValidationError

from wantui.api.base import Reply, Request
from wantui.api.error import ErrorReply
from wantui.client.address import Address
from wantui.client.exchange import Answer, Query, exchange, target_of
from wantui.errors import VersionMismatch, WantuiError

R = TypeVar("R", bound=Reply)

REQUEST_TIMEOUT_S = 30.0


class Calls:
    """To one daemon. It holds nothing open between calls."""

    def __init__(self, address: Address) -> None:
        self.address = address

    async def _pieces(self, path: str) -> AsyncGenerator[bytes]:
        async with self._answer("GET", path) as answer:
            async for piece in answer.pieces():
                yield piece

    async def _get(
        self,
        path: str,
        reply: type[R],
        query: Query | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> R:
        return await self._call("GET", path, reply, query=query, timeout_s=timeout_s)

    async def _call(
        self,
        method: str,
        path: str,
        reply: type[R],
        *,
        query: Query | None = None,
        body: bytes | AsyncIterable[bytes] | Request = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> R:
        headers = dict(headers or {})
        if isinstance(body, Request):
            headers["Content-Type"] = "application/json"
            body = body.model_dump_json(exclude_unset=True).encode()
        async with self._answer(
            method, target_of(path, query), headers=headers, body=body, silence_s=timeout_s
        ) as answer:
            content = await answer.read()
        try:
            return reply.model_validate_json(content)
        except ValidationError as error:
            raise VersionMismatch(f"{path}: this client cannot read the answer") from error

    @contextlib.asynccontextmanager
    async def _answer(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterable[bytes] = b"",
        silence_s: float = REQUEST_TIMEOUT_S,
    ) -> AsyncIterator[Answer]:
        """A good answer; raises the daemon's typed error for another one."""
        async with exchange(
            self.address.socket,
            method,
            target,
            headers=headers,
            body=body,
            silence_s=silence_s,
            owner=self.address.check_owner(),
        ) as answer:
            if not answer.is_success:
                raise await _error_of(answer)
            yield answer


async def _error_of(answer: Answer) -> WantuiError:
    """The daemon's own, if it is one."""
    try:
        return ErrorReply.model_validate_json(await answer.read()).error.to_error()
    except ValidationError:
        return WantuiError(f"the daemon answered {answer.status}")
