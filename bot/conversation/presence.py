"""Who is there: visitors whose page is open, and staff whose desk is open. Noted a few times a minute, all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from bot.model import now
from bot.storage.cards import CardStore


class Staff(Protocol):
    """Where it is kept when staff were last there."""

    async def seen(self, ids: Collection[str], moment: datetime) -> None:
        """These have the desk open at a moment."""


class Presence:
    """Counts open streams in this process."""

    def __init__(self, cards: CardStore, staff: Staff) -> None:
        self._cards = cards
        self._staff = staff
        self._visitors: Counter[str] = Counter()
        self._members: Counter[str] = Counter()

    @contextmanager
    def visitor(self, conversation_id: str) -> Iterator[None]:
        """A visitor's page is open."""
        yield from _counted(self._visitors, conversation_id)

    @contextmanager
    def member(self, staff_id: str) -> Iterator[None]:
        """Somebody's desk is open."""
        yield from _counted(self._members, staff_id)

    async def note(self) -> int:
        """Store who is there now; how many visitors came back.

        Raises:
            StorageUnavailable: the database does not answer just now.
        """
        if self._members:
            await self._staff.seen(list(self._members), now())
        return await self._cards.present(list(self._visitors))


def _counted(there: Counter[str], key: str) -> Iterator[None]:
    there[key] += 1
    try:
        yield
    finally:
        there[key] -= 1
        if not there[key]:
            del there[key]
