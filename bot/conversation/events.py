"""Telling those who listen to a conversation that something new is there.

Listeners are told *that* something changed, not what: they read it from storage, by position. So nothing is lost or
doubled however often they are told.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any


class Subscription:
    """One listener of one conversation."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._open = True
        self._signals: deque[dict[str, Any]] = deque(maxlen=8)

    def wake(self) -> None:
        """Something changed."""
        self._changed.set()

    def signal(self, data: dict[str, Any]) -> None:
        """Something that is true for a moment only, such as that somebody is typing. It is stored nowhere."""
        self._signals.append(data)
        self._changed.set()

    def signals(self) -> list[dict[str, Any]]:
        """The signals since the last call."""
        found = list(self._signals)
        self._signals.clear()
        return found

    def close(self) -> None:
        """Nothing will come any more: the server stops."""
        self._open = False
        self._changed.set()

    async def changes(self, *, heartbeat: float) -> AsyncIterator[bool]:
        """Yield true whenever something may have changed, and false after ``heartbeat`` seconds of silence."""
        while self._open:
            try:
                async with asyncio.timeout(heartbeat):
                    await self._changed.wait()
            except TimeoutError:
                yield False
            else:
                self._changed.clear()
                yield True


class Listeners:
    """All listeners in this process."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = defaultdict(set)

    def __len__(self) -> int:
        return sum(len(subscriptions) for subscriptions in self._subscriptions.values())

    @contextmanager
    def subscribe(self, *keys: str) -> Iterator[Subscription]:
        """Listen to conversations, by their ids, or to the desk's lists."""
        subscription = Subscription()
        for key in keys:
            self._subscriptions[key].add(subscription)
        try:
            yield subscription
        finally:
            for key in keys:
                self._subscriptions[key].discard(subscription)
                if not self._subscriptions[key]:
                    del self._subscriptions[key]

    def changed(self, conversation_id: str) -> None:
        """Wake everyone who listens to this conversation."""
        for subscription in self._subscriptions.get(conversation_id, ()):
            subscription.wake()

    def signal(self, conversation_id: str, data: dict[str, Any]) -> None:
        """Give a signal to everyone who listens to this conversation."""
        for subscription in self._subscriptions.get(conversation_id, ()):
            subscription.signal(data)

    def close(self) -> None:
        """End every subscription: the server stops."""
        for subscriptions in list(self._subscriptions.values()):
            for subscription in list(subscriptions):
                subscription.close()

    def wake_all(self) -> None:
        """Wake everyone: after a lost connection nobody knows what was missed."""
        for conversation_id in list(self._subscriptions):
            self.changed(conversation_id)
