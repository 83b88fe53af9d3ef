"""Event streams: each message once and in order, across disconnections, erasure, shutdown and several servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web

from bot.app import make_app, open_store
from bot.assistant.agent import Assistant
from bot.channels import web as web_channel
from bot.model import Message
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from bot.storage.database import StorageUnavailable
from tests.conftest import serve
from tests.http.chat import Chat
from tests.http.contract import client
from tests.http.patience import eventually
from tests.http.stream import Event, listen
from tests.integration.stored import on_postgresql, on_sqlite

ERASED = Event("erased", None, {})


async def test_a_stream_gives_each_message_once_and_in_order(chat: Chat) -> None:
    async with listen(chat) as stream:
        await chat.say("what is vaginismus")
        await asyncio.gather(*(chat.say(text) for text in ("thank you", "hello", "what helps")))
        everything = await chat.history()
        assert await stream.take(len(everything)) == everything
        assert await stream.is_silent()


async def test_a_stream_opened_later_begins_at_the_beginning(chat: Chat) -> None:
    await chat.say("hello")
    everything = await chat.history()
    async with listen(chat) as stream:
        assert await stream.take(len(everything)) == everything
        await chat.say("thank you")
        later = await chat.history(after=everything[-1]["id"])
        assert await stream.take(len(later)) == later


async def test_a_stream_resumes_behind_the_last_event_without_gap_or_double(chat: Chat) -> None:
    await chat.say("what is vaginismus")
    async with listen(chat) as stream:
        seen = await stream.take(1)
    await chat.say("thank you")
    await chat.say("what helps")
    async with listen(chat, after=seen[-1]["id"]) as stream:
        seen += await stream.take(2)
    async with listen(chat, after=seen[-1]["id"].upper()) as stream:
        everything = await chat.history()
        seen += await stream.take(len(everything) - 3)
        assert await stream.is_silent()
    assert seen == everything


async def test_listening_again_and_again_while_messages_come_misses_nothing(chat: Chat) -> None:
    questions = ["what is vaginismus", "thank you", "hello", "what helps"]

    async def write() -> None:
        for text in questions:
            await chat.say(text)

    writing = asyncio.create_task(write())
    seen: list[str] = []
    while not writing.done() or len(seen) < len(await chat.history()):
        async with listen(chat, after=seen[-1] if seen else None) as stream:
            with suppress(TimeoutError):
                event = await stream.next(seconds=1)
                assert event is not None
                seen.append(event.data["id"])
    await writing
    assert seen == [found["id"] for found in await chat.history()]


async def test_an_unknown_last_event_means_the_beginning(chat: Chat) -> None:
    await chat.say("hello")
    everything = await chat.history()
    for unknown in ("7", "", "\u00e9", "x" * 1000, str(uuid4())):
        async with listen(chat, after=unknown) as stream:
            assert await stream.take(len(everything)) == everything, unknown


async def test_two_listeners_hear_the_same(chat: Chat) -> None:
    async with listen(chat) as one, listen(chat) as other:
        await chat.say("what is vaginismus")
        everything = await chat.history()
        assert await one.take(len(everything)) == await other.take(len(everything)) == everything


async def test_nobody_hears_another_conversation(chat: Chat) -> None:
    other = await Chat.start(chat.http)
    async with listen(chat) as stream:
        await other.say("hello")
        assert await stream.is_silent()


async def test_what_somebody_types_cannot_forge_an_event(chat: Chat) -> None:
    typed = 'x\n\nid: 1\nevent: erased\ndata: {}\n\r\n\rdata: {"a": 1}\n\n: \u2028\u0085'
    async with listen(chat) as stream:
        await chat.say(typed)
        everything = await chat.history()
        assert everything[0]["text"] == typed
        assert await stream.take(len(everything)) == everything


async def test_an_erased_conversation_ends_its_streams_and_says_so(chat: Chat) -> None:
    await chat.say("hello")
    async with listen(chat) as one, listen(chat) as other:
        for stream in (one, other):
            await stream.take(len(await chat.history()))
        async with chat.http.delete(chat.path, headers=chat.headers) as response:
            assert response.status == 204
        for stream in (one, other):
            assert await stream.next() == ERASED
            assert await stream.next() is None


async def test_silence_is_kept_alive(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_channel, "HEARTBEAT_SECONDS", 0.1)
    async with listen(chat) as stream:
        assert await stream.is_silent(0.5)
        assert stream.comments[:2] == [": keep-alive"] * 2
        await chat.say("hello")
        assert (await stream.take(1))[0]["text"] == "hello"


async def test_a_visitor_who_left_is_forgotten(chat: Chat) -> None:
    async def streams() -> float:
        async with chat.http.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("bot_event_streams "))

    async def none_left() -> bool:
        await chat.say("hello")  # writing to a closed connection is how the server notices at the latest
        return await streams() == before

    before = await streams()
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(listen(chat))
        assert await streams() == before + 3
    await eventually(none_left)


@on_sqlite
async def test_a_stream_ends_properly_and_at_once_when_the_server_stops(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    runner = web.AppRunner(make_app(settings, store, assistant), access_log=None, shutdown_timeout=30)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with client(f"http://127.0.0.1:{runner.addresses[0][1]}") as http:
        chat = await Chat.start(http)
        async with listen(chat) as stream:
            await chat.say("hello")
            await stream.take(len(await chat.history()))
            began = time.monotonic()
            stopping = asyncio.create_task(runner.cleanup())
            assert await stream.next() is None, "ended, not torn off"
            await stopping
            assert time.monotonic() - began < 10, "streams do not use up the time that requests may take"


class _Interrupted(ConversationStore):
    """Storage that is away for a moment while somebody listens."""

    away = False

    async def after(self, conversation_id: str, position: int) -> list[Message]:
        if self.away:
            raise StorageUnavailable("The line was lost.")
        return await super().after(conversation_id, position)


@on_sqlite
async def test_when_storage_goes_away_a_stream_ends_properly_and_can_be_resumed(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    interrupted = _Interrupted(store.database, store.keyring)
    async with serve(settings, interrupted, assistant) as url, client(url) as http:
        chat = await Chat.start(http)
        async with listen(chat) as stream:
            await chat.say("hello")
            seen = await stream.take(2)
            interrupted.away = True
            await chat.say("thank you")
            event = await stream.next()
            assert event is None, "the end of the stream, and no error page within it"
        interrupted.away = False
        async with listen(chat, after=seen[-1]["id"]) as stream:
            rest = await chat.history(after=seen[-1]["id"])
            assert len(rest) > 1
            assert await stream.take(len(rest)) == rest


# Two servers on one PostgreSQL


@pytest.fixture
async def servers(settings: Settings, assistant: Assistant) -> AsyncIterator[list[aiohttp.ClientSession]]:
    """Clients of two servers that share nothing but the database and the key."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            opened = await stack.enter_async_context(open_store(settings))
            url = await stack.enter_async_context(serve(settings, opened, assistant))
            found.append(await stack.enter_async_context(client(url)))
        yield found


@pytest.fixture
async def both(servers: list[aiohttp.ClientSession]) -> list[Chat]:
    """One visitor's conversation, on either server."""
    first = await Chat.start(servers[0])
    return [first, Chat(servers[1], first.id, first.token)]


@on_postgresql
async def test_a_message_to_one_server_arrives_on_the_stream_of_the_other(both: list[Chat]) -> None:
    here, there = both
    async with listen(there) as stream:
        assert await stream.is_silent(0.1)
        await here.say("what is vaginismus")
        everything = await here.history()
        assert await stream.take(len(everything)) == everything
        async with here.http.delete(here.path, headers=here.headers) as response:
            assert response.status == 204
        assert await stream.next() == ERASED


@on_postgresql
async def test_two_servers_that_answer_one_conversation_do_not_double_replies(both: list[Chat]) -> None:
    repeated = {"id": str(uuid4()), "text": "what is vaginismus"}
    asked = [
        *(chat.send(repeated) for chat in both * 2),
        *(chat.send({"id": str(uuid4()), "text": "thank you"}) for chat in both * 2),
    ]
    answers = await asyncio.gather(*asked)
    assert [status for status, _ in answers] == [200] * 8
    assert answers[:4] == [answers[0]] * 4
    history = await both[0].history()
    assert history == await both[1].history()
    given = [found["id"] for _, body in answers[3:] for found in body["messages"]]
    assert sorted(given) == sorted(found["id"] for found in history if found["sender"] == "assistant")
    assert len([found for found in history if found["sender"] == "user"]) == 5


@on_postgresql
async def test_the_context_follows_the_visitor_to_another_server(both: list[Chat]) -> None:
    first = await both[0].say("what is vaginismus")
    again = await both[1].say("what is vaginismus")
    assert first[0]["topic"] == again[0]["topic"]
    assert [found["text"] for found in first] != [found["text"] for found in again]


@on_postgresql
async def test_after_a_lost_line_to_the_database_the_stream_catches_up(
    both: list[Chat], store: ConversationStore
) -> None:
    here, there = both
    async with listen(there) as stream:
        await here.say("hello")
        seen = await stream.take(len(await here.history()))
        async with store.database.read() as connection:
            await connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
            )
        await here.say("thank you")
        rest = await here.history(after=seen[-1]["id"])
        assert rest
        assert await stream.take(len(rest)) == rest
