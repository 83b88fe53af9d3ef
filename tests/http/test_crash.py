"""What a visitor was told is stored stays stored, and is answered once, however the server ends.

The real command in a process of its own, killed without warning in the middle of a crowd, and started again.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from bot.app import open_store
from bot.settings import Settings
from tests.http.chat import Chat
from tests.http.contract import client
from tests.http.patience import eventually
from tests.http.stream import listen
from tests.integration.processes import Running, environment, running
from tests.integration.stored import all_rows

VISITORS = 20
ANSWERED_BEFORE_THE_END = 120
QUESTIONS = ("what is vaginismus", "thank you", "what helps against it", "is it my fault", "hello", "how common is it")

pytestmark = pytest.mark.timeout(400)


class Visitor:
    """Somebody who writes without pause, and remembers what she was told."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.told: dict[str, list[str]] = {}
        """By message: the ids of the replies that arrived."""
        self.sent: list[str] = []
        """Every message she ever sent, arrived or not."""
        self.texts: dict[str, str] = {}

    async def write(self) -> None:
        """Write until the server is gone."""
        number = 0
        while True:
            message_id, text = str(uuid4()), QUESTIONS[number % len(QUESTIONS)]
            number += 1
            self.sent.append(message_id)
            self.texts[message_id] = text
            try:
                await self.send(message_id)
            except (aiohttp.ClientError, ConnectionError):
                return

    async def send(self, message_id: str) -> None:
        """Send a message, for the first time or again."""
        status, body = await self.chat.send({"id": message_id, "text": self.texts[message_id]})
        assert status == 200, body
        replies = [found["id"] for found in body["messages"]]
        assert replies, "an answer has words"
        assert self.told.setdefault(message_id, replies) == replies, "the same id, the same replies"


def _environment(folder: Path, settings: Settings, model: Path) -> dict[str, str]:
    return environment(
        folder / "home",
        BOT_DATA_DIR=str(settings.data_dir),
        BOT_DATABASE_URL=settings.database_url,
        BOT_MODEL=str(model),
        BOT_PORT="0",
        BOT_RATE_LIMIT="off",
        BOT_SHUTDOWN_SECONDS="30",
    )


@asynccontextmanager
async def _server(env: dict[str, str], log: Path) -> AsyncIterator[tuple[Running, str]]:
    """``bot run`` as a process; gives it and its address as soon as it says that it is ready."""
    with running("bot", "run", env=env, log=log) as process:
        output = await asyncio.to_thread(process.wait_for, "Ready.")
        address = re.search(r"http://localhost:(\d+)/", output)
        assert address, output
        yield process, f"http://127.0.0.1:{address[1]}"


async def test_a_killed_server_loses_nothing_and_answers_everything_once(
    settings: Settings, model: Path, tmp_path: Path
) -> None:
    env = _environment(tmp_path, settings, model)

    async with _server(env, tmp_path / "first.log") as (process, url), client(url) as http:
        visitors = [Visitor(await Chat.start(http)) for _ in range(VISITORS)]
        writing = [asyncio.create_task(visitor.write()) for visitor in visitors]

        async def enough() -> bool:
            return sum(len(visitor.told) for visitor in visitors) >= ANSWERED_BEFORE_THE_END

        await eventually(enough, seconds=120)
        process.process.kill()
        await asyncio.gather(*writing)
        await asyncio.to_thread(process.process.wait)

    # What the dead process left in the database, before anybody touches it.
    async with open_store(settings) as store:
        rows = (await all_rows(store.database))["messages"]
    stored = {(row["conversation_id"], row["id"]) for row in rows if row["sender"] == "user"}
    unanswered = sum(row["sender"] == "user" and row["answered_at"] is None for row in rows)
    acknowledged = {(visitor.chat.id, message_id) for visitor in visitors for message_id in visitor.told}
    assert len(acknowledged) >= ANSWERED_BEFORE_THE_END
    assert acknowledged <= stored
    assert unanswered > 0, "it was killed in the middle of something"

    async with _server(env, tmp_path / "second.log") as (process, url), client(url) as http:
        for number, visitor in enumerate(visitors):
            visitor.chat.http = http
            # Every other one retries what she does not know about; the others just wait.
            if number % 2:
                await asyncio.gather(*(visitor.send(message_id) for message_id in visitor.sent[-2:]))

        async with open_store(settings) as store:

            async def all_answered() -> bool:
                rows = (await all_rows(store.database))["messages"]
                return all(row["answered_at"] for row in rows if row["sender"] == "user")

            await eventually(all_answered, seconds=15)  # by the start itself, not by a later sweep
        for number, visitor in enumerate(visitors):
            history = await visitor.chat.history()
            own = [found["id"] for found in history if found["sender"] == "user"]
            arrived = {message_id for conversation_id, message_id in stored if conversation_id == visitor.chat.id}
            expected = [found for found in visitor.sent if found in arrived or number % 2 or found in visitor.told]
            assert own == expected, "every message once, in the order it was written"
            # Asking with the same id again shows which replies belong to which message: each reply to exactly one.
            before_asking = dict(visitor.told)
            for message_id in own:
                await visitor.send(message_id)
            assert before_asking.items() <= visitor.told.items()
            replies = Counter(reply for message_id in own for reply in visitor.told[message_id])
            assert replies == Counter(found["id"] for found in history if found["sender"] == "assistant")
            assert set(replies.values()) == {1}
            # All replies to one message were stored in one moment: it was answered once, not in two halves or twice.
            moments = {found["id"]: found["sent_at"] for found in history}
            for message_id in own:
                assert len({moments[reply] for reply in visitor.told[message_id]}) == 1
            assert await visitor.chat.history() == history

        # Ctrl-C with somebody listening: a clean end within moments, not after the time requests may take.
        async with listen(visitors[0].chat, after=visitors[0].sent[0]) as stream:
            assert await stream.next() is not None
            began = time.monotonic()
            status = await asyncio.to_thread(process.stop)
            assert status == 0, process.output
            assert time.monotonic() - began < 15
            while await stream.next() is not None:
                pass
        assert "Traceback" not in process.output
        assert "ERROR" not in process.output
