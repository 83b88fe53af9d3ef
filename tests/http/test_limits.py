"""How fast and how much visitors may write, and that one of them does not hold up the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import aiohttp
import pytest

from bot.assistant.agent import Assistant
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from bot.values import Rate
from tests.conftest import serve
from tests.http.chat import Chat
from tests.http.contract import client
from tests.integration.stored import on_sqlite

pytestmark = on_sqlite

START = "/api/chat/conversations"


class Servers:
    """Servers with settings of the test's choice."""

    def __init__(self, settings: Settings, store: ConversationStore, assistant: Assistant) -> None:
        self._settings, self._store, self._assistant = settings, store, assistant

    @asynccontextmanager
    async def __call__(self, **changes: object) -> AsyncIterator[aiohttp.ClientSession]:
        """A client of a server with these settings changed."""
        changed = self._settings.replace(**changes)
        async with serve(changed, self._store, self._assistant) as url, client(url) as http:
            yield http


@pytest.fixture
def servers(settings: Settings, store: ConversationStore, assistant: Assistant) -> Servers:
    return Servers(settings, store, assistant)


async def _send(chat: Chat, text: str = "hello", message_id: str | None = None) -> aiohttp.ClientResponse:
    body = {"id": message_id or str(uuid4()), "text": text}
    async with chat.http.post(f"{chat.path}/messages", json=body, headers=chat.headers) as response:
        await response.read()
        return response


async def _start(http: aiohttp.ClientSession, forwarded: str | None = None) -> int:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    async with http.post(START, json={}, headers=headers) as response:
        return response.status


async def test_who_writes_too_fast_is_asked_to_wait_and_told_how_long(servers: Servers) -> None:
    async with servers(rate_limit=Rate(per_minute=40, burst=2)) as http:
        chat = await Chat.start(http)
        passed = 0
        while (answer := await _send(chat)).status == 200:
            passed += 1
            assert passed < 50
        assert passed >= 2, "a burst passes"
        assert (answer.status, answer.content_type) == (429, "application/problem+json")
        wait = int(answer.headers["Retry-After"])
        assert 1 <= wait <= 2
        assert sum(found["sender"] == "user" for found in await chat.history()) == passed, "refused is not stored"
        await asyncio.sleep(wait)
        assert (await _send(chat)).status == 200


async def test_a_repeated_message_costs_nothing(servers: Servers) -> None:
    async with servers(rate_limit=Rate(per_minute=0.1, burst=2)) as http:
        chat = await Chat.start(http)
        message_id = str(uuid4())
        assert [(await _send(chat, message_id=message_id)).status for _ in range(5)] == [200] * 5
        assert [(await _send(chat)).status for _ in range(2)] == [200, 429]
        assert (await _send(chat, message_id=message_id)).status == 200


async def test_visitors_do_not_use_up_each_others_limit_and_reading_is_free(servers: Servers) -> None:
    async with servers(rate_limit=Rate(per_minute=0.1, burst=1)) as http:
        one, other = await Chat.start(http), await Chat.start(http)
        assert [(await _send(one)).status for _ in range(2)] == [200, 429]
        assert (await _send(other)).status == 200
        for _ in range(20):
            assert await one.history()


async def test_switched_off_nobody_waits(servers: Servers) -> None:
    async with servers(rate_limit=None) as http:
        chat = await Chat.start(http)
        assert [(await _send(chat, "?")).status for _ in range(20)] == [200] * 20


async def test_conversations_cannot_be_started_without_end_from_one_address(servers: Servers) -> None:
    async with servers(start_rate_limit=Rate(per_minute=0.1, burst=3)) as http:
        assert [await _start(http) for _ in range(4)] == [201, 201, 201, 429]
        assert await _start(http, forwarded="198.51.100.7") == 429, "anybody can claim to be somebody else"


async def test_behind_a_proxy_of_our_own_its_word_for_the_address_counts(servers: Servers) -> None:
    async with servers(start_rate_limit=Rate(per_minute=0.1, burst=1), trust_proxy=True) as http:
        assert await _start(http, forwarded="198.51.100.7") == 201
        assert await _start(http, forwarded="198.51.100.8") == 201
        assert await _start(http, forwarded="203.0.113.9, 198.51.100.7") == 429, "only the last entry is the proxy's"
        assert await _start(http, forwarded="") == 201, "without the header it is the proxy's own address"


@pytest.mark.parametrize(
    "text",
    ["\U0001f62d" * 4950, "?" * 4950, "what is it? " * 405, "x" * 4950, "why does it hurt " * 290, "a\n" * 2470],
    ids=["crying", "question marks", "many questions", "one word", "many words", "many lines"],
)
async def test_no_message_keeps_everybody_else_waiting(servers: Servers, text: str) -> None:
    """A turn runs on the one thread that serves all visitors: whatever is written, it must be short."""
    async with servers() as http:
        chat = await Chat.start(http)
        await chat.say("hello")
        began = time.process_time()  # not the clock on the wall: other programs may use the machine
        await chat.say(text + str(uuid4()))
        assert time.process_time() - began < 1.5
