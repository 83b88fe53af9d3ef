"""The description of the interface as a judge: every response in these tests is held against ``openapi.json``."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
from jsonschema import Draft202012Validator, FormatChecker, RefResolver

from bot.channels import status

OPENAPI = Path(status.__file__).with_name("openapi.json")
PROBLEM = "application/problem+json"


class NotAsDescribed(AssertionError):
    """A response differs from the description."""


class Description:
    """An OpenAPI document that responses can be held against."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._paths = {
            re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z"): operations
            for path, operations in document["paths"].items()
        }

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """What is described for a method of an address."""
        for pattern, operations in self._paths.items():
            if pattern.match(path):
                found: dict[str, Any] | None = operations.get(method.lower())
                return found
        return None

    def check(self, method: str, path: str, status: int, content_type: str, body: bytes) -> None:
        """Hold one response against the description.

        Raises:
            NotAsDescribed: with what differs.
        """
        what = f"{method} {path} → {status} {content_type}"
        operation = self.operation(method, path)
        if operation is None:
            # Errors have one form everywhere; pages and their parts are not described.
            if status >= 400:
                self._valid(what, content_type, body, {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}})
            return
        response = operation["responses"].get(str(status))
        if response is None:
            raise NotAsDescribed(f"{what}: the description knows no such status.")
        if "content" not in response:
            if body:
                raise NotAsDescribed(f"{what}: a body where none is described.")
            return
        self._valid(what, content_type, body, response["content"])

    def _valid(self, what: str, content_type: str, body: bytes, described: dict[str, Any]) -> None:
        if content_type not in described:
            raise NotAsDescribed(f"{what}: described is {', '.join(described)}.")
        if not content_type.endswith("json"):
            return
        validator = Draft202012Validator(
            described[content_type]["schema"],
            resolver=RefResolver.from_schema(self.document),
            format_checker=FormatChecker(),
        )
        content = json.loads(body)
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(content)]
        if errors:
            raise NotAsDescribed(f"{what}: {'; '.join(errors)}")
        for message in content.get("messages", []) if isinstance(content, dict) else []:
            if datetime.fromisoformat(message["sent_at"]).tzinfo is None:
                raise NotAsDescribed(f"{what}: sent_at without a time zone.")


@lru_cache(maxsize=1)
def description() -> Description:
    """The description that the server hands out (``test_openapi`` sees to it that it is this file)."""
    return Description(json.loads(OPENAPI.read_text(encoding="utf-8")))


async def _check(
    session: aiohttp.ClientSession, context: SimpleNamespace, parameters: aiohttp.TraceRequestEndParams
) -> None:
    response = parameters.response
    # A stream has no end to wait for; tests/http/stream.py reads those.
    body = b"" if response.content_type == "text/event-stream" else await response.read()
    if parameters.method != "HEAD":
        description().check(parameters.method, response.url.path, response.status, response.content_type, body)


@asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client that fails the test when a response is not as described."""
    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(_check)
    async with aiohttp.ClientSession(url, trace_configs=[trace], **options) as session:
        yield session
