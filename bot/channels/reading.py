"""Reading requests and writing answers as JSON, the same for the chat and the desk."""

from __future__ import annotations

import json
import socket
from http import HTTPStatus
from typing import Any
from uuid import UUID

from aiohttp import hdrs, web

from bot.channels.problem import Problem


def uuid_of(value: object) -> str | None:
    """A UUID as it is stored, in lower case; nothing for everything else, which no database need ever see."""
    try:
        found = str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if isinstance(value, str) and found == value.lower() else None


async def json_object(request: web.Request, *, may_be_empty: bool = False) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        Problem: it is none.
    """
    try:
        raw = await request.read()
    except web.RequestPayloadError:
        raise Problem(HTTPStatus.BAD_REQUEST, "The request could not be read.") from None
    if not raw and may_be_empty:
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "The request is not JSON.") from None
    if not isinstance(body, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "The request must be a JSON object.")
    return body


def json_response(body: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """An answer that no cache keeps."""
    return web.Response(
        text=json.dumps(body, ensure_ascii=False),
        status=status.value,
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )


async def send_event(
    response: web.StreamResponse, event: str, data: dict[str, Any], *, event_id: str | None = None
) -> None:
    """Write one server-sent event."""
    numbered = "" if event_id is None else f"id: {event_id}\n"
    await response.write(f"{numbered}event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode())


_DEAD_AFTER_MS = 30_000


def event_stream(request: web.Request) -> web.StreamResponse:
    """The beginning of a stream of server-sent events.

    A telephone that lost its network says no goodbye. By default Linux goes on for a quarter of an hour before it
    gives such a connection up, and its owner would count as being there.
    """
    line = None if request.transport is None else request.transport.get_extra_info("socket")
    if line is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER_MS)
    return web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
            hdrs.CACHE_CONTROL: "no-store",
            "X-Accel-Buffering": "no",  # reverse proxies must not hold events back
        }
    )
