"""Telling those who listen to a conversation that something new is there.

Listeners are told *that* something changed, not what: they read it from storage, by position. So nothing is lost or
doubled however often they are told.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager


class Subscription:
    """One listener of one conversation."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._open = True

    def wake(self) -> None:
        """Something changed."""
        self._changed.set()

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
    def subscribe(self, conversation_id: str) -> Iterator[Subscription]:
        """Listen to one conversation."""
        subscription = Subscription()
        self._subscriptions[conversation_id].add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[conversation_id].discard(subscription)
            if not self._subscriptions[conversation_id]:
                del self._subscriptions[conversation_id]

    def changed(self, conversation_id: str) -> None:
        """Wake everyone who listens to this conversation."""
        for subscription in self._subscriptions.get(conversation_id, ()):
            subscription.wake()

    def close(self) -> None:
        """End every subscription: the server stops."""
        for subscriptions in list(self._subscriptions.values()):
            for subscription in list(subscriptions):
                subscription.close()

    def wake_all(self) -> None:
        """Wake everyone: after a lost connection nobody knows what was missed."""
        for conversation_id in list(self._subscriptions):
            self.changed(conversation_id)
