"""Listening to an event stream as a browser does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.http.chat import Chat

SECONDS = 15.0


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    id: str | None
    data: Any


class Stream:
    """An open event stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.comments: list[str] = []

    async def next(self, seconds: float = SECONDS) -> Event | None:
        """The next event; nothing when the stream has ended properly."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            while line := await self.response.content.readline():
                text = line.decode().rstrip("\n")
                if text.startswith(":"):
                    self.comments.append(text)
                elif text:
                    name, _, value = text.partition(": ")
                    assert name in {"id", "event", "data", "retry"}, text
                    assert name not in fields, f"{name} twice in one event"
                    fields[name] = value
                elif fields.get("event") == "alive":  # the desk's: a page can see it, unlike a comment
                    self.comments.append(": keep-alive")
                    fields = {}
                elif "data" in fields:
                    return Event(fields.get("event", "message"), fields.get("id"), json.loads(fields["data"]))
                else:
                    fields = {}
        return None

    async def take(self, count: int) -> list[dict[str, Any]]:
        """The messages of the next events."""
        found = []
        for _ in range(count):
            event = await self.next()
            assert event is not None, "the stream ended"
            assert event.name == "message"
            assert event.id == event.data["id"]
            found.append(event.data)
        return found

    async def is_silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for a moment."""
        try:
            event = await self.next(seconds)
        except TimeoutError:
            return True
        raise AssertionError(f"unexpected: {event}")


@asynccontextmanager
async def listen(chat: Chat, after: str | None = None) -> AsyncIterator[Stream]:
    """Open the event stream of a conversation; ``after`` is the id of the last event that was seen."""
    headers = chat.headers | ({} if after is None else {"Last-Event-ID": after})
    async with chat.http.get(f"{chat.path}/events", headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        yield Stream(response)
