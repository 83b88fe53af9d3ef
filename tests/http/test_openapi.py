"""The description at ``/api/openapi.json`` is valid, complete, and strict enough to find a wrong response."""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from typing import Any

import aiohttp
import pytest
from openapi_spec_validator import openapi_v31_spec_validator, schemas

from bot.app import make_app
from bot.assistant.agent import Assistant
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from tests.http.chat import Chat
from tests.http.contract import OPENAPI, NotAsDescribed, description
from tests.integration.stored import on_sqlite

pytestmark = on_sqlite

UNDESCRIBED = {("GET", "/"), ("GET", "/web/{name}"), ("GET", "/api/openapi.json")}


def _errors(document: dict[str, Any]) -> list[str]:
    """What the OpenAPI validator finds wrong."""
    # The validator that fits Rasa's old jsonschema cannot read its own schema file on Python 3.12; we hand it over.
    file = files("openapi_spec_validator") / "resources" / "schemas" / "v3.1" / "schema.json"
    schemas.schema_v31.__wrapped__ = json.loads(file.read_text(encoding="utf-8"))
    return [str(error.message) for error in openapi_v31_spec_validator.iter_errors(document)]


async def test_the_served_description_is_valid_openapi(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/openapi.json") as response:
        document = await response.json()
    assert _errors(document) == []
    del document["paths"]["/api/chat/conversations/{id}"]["delete"]["parameters"]
    assert len(_errors(document)) == 1, "the validator really looks"


async def test_the_served_description_is_the_one_the_other_tests_go_by(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/openapi.json") as response:
        document = await response.json()
    assert document == json.loads(OPENAPI.read_text(encoding="utf-8"))


async def test_every_route_is_described_and_every_described_route_is_there(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    routes = {
        (route.method, route.resource.canonical)
        for route in make_app(settings, store, assistant).router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    described = {
        (method.upper(), path)
        for path, operations in description().document["paths"].items()
        for method in operations
        if method != "parameters"
    }
    # The desk's pages and what they ask for are for our own pages; bot.desk.routing has their table, and a test of it.
    desk = {row for row in routes if row[1].startswith("/desk")}
    assert described == routes - UNDESCRIBED - desk
    assert described, "there is something to compare"


async def test_every_refusal_that_is_described_says_problem_json(http: aiohttp.ClientSession) -> None:
    refusals = [
        (path, method, status, sorted(response["content"]))
        for path, operations in description().document["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        if status >= "400" and path.startswith("/api/")
    ]
    assert len(refusals) > 10
    assert [refusal for refusal in refusals if refusal[3] != ["application/problem+json"]] == []


async def test_tokens_are_described_for_every_operation_but_the_start(http: aiohttp.ClientSession) -> None:
    document = description().document
    assert document["security"] == [{"conversation": []}]
    open_to_all = {
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
        if operation.get("security") == []
    }
    assert open_to_all == {"start", "live", "ready", "metrics"}


def _spoilt(body: dict[str, Any], **changes: Any) -> bytes:
    message = copy.deepcopy(body)
    message["messages"][0] |= changes
    return json.dumps(message).encode()


async def test_a_response_that_differs_from_the_description_is_found(chat: Chat) -> None:
    body = {"messages": await chat.say("hello")}
    path, json_type = f"{chat.path}/messages", "application/json"
    check = description().check
    check("POST", path, 200, json_type, json.dumps(body).encode())
    wrong = {
        "an unknown status": (418, json_type, json.dumps(body).encode()),
        "an undescribed field": (200, json_type, _spoilt(body, mood="good")),
        "a sender that is none": (200, json_type, _spoilt(body, sender="ghost")),
        "an id that is no UUID": (200, json_type, _spoilt(body, id="7")),
        "a moment that is none": (200, json_type, _spoilt(body, sent_at="yesterday")),
        "buttons without payload": (200, json_type, _spoilt(body, buttons=[{"title": "More"}])),
        "no messages": (200, json_type, b"{}"),
        "another content type": (200, "text/html", json.dumps(body).encode()),
        "a problem without words": (404, "application/problem+json", b'{"status": 404}'),
    }
    for status, content_type, content in wrong.values():
        with pytest.raises(NotAsDescribed):
            check("POST", path, status, content_type, content)
    with pytest.raises(NotAsDescribed):
        check("DELETE", chat.path, 204, json_type, b"{}")
    with pytest.raises(NotAsDescribed):
        check("GET", "/nowhere", 404, "text/html", b"<h1>404</h1>")


async def test_health_and_metrics_answer(http: aiohttp.ClientSession) -> None:
    async with http.get("/health/live") as response:
        assert (response.status, await response.json()) == (200, {"status": "live"})
    async with http.get("/health/ready") as response:
        assert (response.status, await response.json()) == (200, {"status": "ready", "model": True, "database": True})
    async with http.get("/metrics") as response:
        assert (response.status, response.content_type) == (200, "text/plain")
        assert "bot_turn_seconds_bucket" in await response.text()
