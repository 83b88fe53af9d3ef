"""The database goes away and comes back: nothing acknowledged is lost, nothing is doubled, and everybody is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import aiohttp
import pytest

from bot.app import open_store
from bot.assistant.agent import Assistant
from bot.settings import Settings
from tests.conftest import serve
from tests.http.chat import Chat
from tests.http.contract import client
from tests.http.patience import eventually
from tests.http.stream import listen
from tests.integration.line import Line, line_to
from tests.integration.stored import on_postgresql

pytestmark = on_postgresql


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    async with line_to(database_url) as opened:
        yield opened


@pytest.fixture
async def http(settings: Settings, line: Line, assistant: Assistant) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a server whose line to the database can be cut."""
    changed = settings.replace(database_url=line.url)
    async with open_store(changed) as store, serve(changed, store, assistant) as url, client(url) as session:
        yield session


async def test_without_its_database_the_service_lives_but_is_not_ready(http: aiohttp.ClientSession, line: Line) -> None:
    async def readiness() -> tuple[int, bool]:
        async with http.get("/health/ready") as response:
            return response.status, (await response.json())["database"]

    assert await readiness() == (200, True)
    await line.cut()
    assert await readiness() == (503, False)
    async with http.get("/health/live") as response:
        assert response.status == 200
    await line.open()
    assert await readiness() == (200, True)


async def test_during_an_outage_everybody_is_asked_to_come_again_and_then_served(
    http: aiohttp.ClientSession, line: Line
) -> None:
    chat = await Chat.start(http)
    question = {"id": str(uuid4()), "text": "what is vaginismus"}
    await chat.say("hello")
    before = await chat.history()
    await line.cut()
    for method, path in (
        ("POST", "/api/chat/conversations"),
        ("POST", f"{chat.path}/messages"),
        ("GET", f"{chat.path}/messages"),
        ("GET", f"{chat.path}/events"),
        ("DELETE", chat.path),
    ):
        async with http.request(method, path, json=question, headers=chat.headers) as response:
            assert response.status == 503, method
            assert response.content_type == "application/problem+json"
            assert int(response.headers["Retry-After"]) >= 1
    await line.open()
    status, body = await chat.send(question)
    assert status == 200
    assert await chat.history() == [*before, (await chat.history())[len(before)], *body["messages"]]


async def test_messages_sent_through_an_outage_are_each_answered_once(http: aiohttp.ClientSession, line: Line) -> None:
    """As the page does: the same id again until there is an answer."""
    chats = [await Chat.start(http) for _ in range(5)]

    async def insist(chat: Chat, text: str) -> list[str]:
        message = {"id": str(uuid4()), "text": text}
        while True:
            status, body = await chat.send(message)
            if status == 200:
                return [found["id"] for found in body["messages"]]
            assert status == 503, body
            await asyncio.sleep(0.05)

    async def talk(chat: Chat) -> list[str]:
        given = []
        for text in ("what is vaginismus", "thank you", "what helps", "hello"):
            given += await insist(chat, text)
        return given

    talking = [asyncio.create_task(talk(chat)) for chat in chats]
    for _ in range(3):
        await asyncio.sleep(0.15)
        await line.cut()
        await asyncio.sleep(0.15)
        await line.open()
    for chat, task in zip(chats, talking, strict=True):
        given = await task
        history = await chat.history()
        assert [found["id"] for found in history if found["sender"] == "assistant"] == given
        assert sum(found["sender"] == "user" for found in history) == 4


async def test_who_listens_through_an_outage_misses_nothing(http: aiohttp.ClientSession, line: Line) -> None:
    """As a browser does: when the stream ends, listen again behind the last event."""
    chat = await Chat.start(http)
    seen: list[str] = []

    async def keep_listening() -> None:
        while True:
            with suppress(AssertionError):  # 503: come again
                async with listen(chat, after=seen[-1] if seen else None) as stream:
                    while (event := await stream.next(seconds=60)) is not None:
                        seen.append(event.data["id"])
            await asyncio.sleep(0.05)

    listening = asyncio.create_task(keep_listening())
    await chat.say("hello")
    await line.cut()
    await asyncio.sleep(0.1)
    await line.open()
    await chat.say("thank you")
    everything = [found["id"] for found in await chat.history()]

    async def all_seen() -> bool:
        return len(seen) >= len(everything)

    await eventually(all_seen)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert seen == everything
