"""Errors over HTTP as ``application/problem+json`` (RFC 9457), with words a person can read."""

from __future__ import annotations

import json
import logging
import math
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.conversation import metrics
from bot.model import ConversationNotFound, TurnNotFinished
from bot.storage.database import StorageUnavailable

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """Refuses a request.

    Args:
        status: the HTTP status.
        detail: one or two sentences for the person whose client asked.
        retry_after: seconds after which the same request may succeed; left out when it never will.
    """

    def __init__(self, status: HTTPStatus, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after

    def response(self) -> web.Response:
        """The response that says it."""
        body = {"type": "about:blank", "title": self.status.phrase, "status": self.status.value, "detail": self.detail}
        headers = {} if self.retry_after is None else {"Retry-After": str(max(1, math.ceil(self.retry_after)))}
        if self.status is HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        return web.Response(text=json.dumps(body), status=self.status.value, content_type=CONTENT_TYPE, headers=headers)


_DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "This message is too large. A message has at most 5,000 characters.",
}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error of a request into a problem; never show a stack, never lose a retry hint."""
    try:
        return await handler(request)
    except Problem as problem:
        found = problem
    except ConversationNotFound:
        found = Problem(HTTPStatus.NOT_FOUND, "This conversation does not exist, or it was deleted.")
    except TurnNotFinished:
        found = Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Your message arrived. The answer takes longer than usual; please ask again in a moment.",
            retry_after=2,
        )
    except StorageUnavailable:
        found = Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "The service is not available just now. Please try again.", retry_after=3
        )
    except web.HTTPException as error:
        if error.status < 400:
            raise
        status = HTTPStatus(error.status)
        found = Problem(status, _DETAILS.get(status, status.description or status.phrase))
        response = found.response()
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        metrics.REFUSED.labels(str(status.value)).inc()
        return response
    except ConnectionResetError:
        raise  # the visitor is gone; there is nobody to tell
    except Exception as error:
        # The kind of error and where, without its text, which may quote what somebody wrote.
        log.error("Unexpected %s in %s", type(error).__name__, request.match_info.route.name or "a request")
        found = Problem(
            HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side. Please try again.", retry_after=3
        )
    metrics.REFUSED.labels(str(found.status.value)).inc()
    return found.response()
