"""What still has to be told to staff by e-mail or webhook: a queue that outlives a restart.

A notification is noted in the transaction that makes it necessary, so none is lost and none is about what never was.
It holds nothing that anybody wrote, and not which conversation it is about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import now
from bot.storage.database import Database
from bot.storage.desk_tables import notifications

EMAIL = "email"
WEBHOOK = "webhook"
WAYS = (EMAIL, WEBHOOK)

CLAIM = timedelta(minutes=3)
"""How long who took a notification has to deliver it before somebody else may try."""


@dataclass(frozen=True)
class Notification:
    """One thing to tell in one way. ``level`` is of safety, 0 to 3; ``attempts`` counts those in vain."""

    id: str
    way: str
    level: int
    reason: str
    channel: str
    attempts: int
    created_at: datetime


async def enqueue(
    connection: AsyncConnection, *, level: int, reason: str, channel: str, moment: datetime, ways: Collection[str]
) -> None:
    """Have staff told that somebody needs them, as a part of the caller's transaction.

    Args:
        level: of safety, 0 to 3.
        reason: why, see :class:`bot.handoff.Why`.
        ways: of :data:`WAYS`, those that are set up.
    """
    rows = [
        {
            "id": str(uuid4()),
            "way": way,
            "level": level,
            "reason": str(reason),
            "channel": channel,
            "attempts": 0,
            "created_at": moment,
            "next_at": moment,
            "done_at": None,
            "given_up": False,
        }
        for way in sorted(ways)
    ]
    if rows:
        await connection.execute(insert(notifications), rows)


class NotificationStore:
    """The queue as the notifier works on it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, moment: datetime, limit: int) -> list[Notification]:
        """Take what is due, the most urgent first; for :data:`CLAIM` nobody else is given the same.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        open_ = notifications.c.done_at.is_(None), notifications.c.given_up.is_(False)
        query = (
            select(notifications)
            .where(notifications.c.next_at <= moment, *open_)
            .order_by(notifications.c.level.desc(), notifications.c.created_at, notifications.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            found = (await connection.execute(query)).all()
        if not found:
            return []
        taken = []
        async with self._database.transaction() as connection:
            for row in sorted(found, key=lambda row: str(row.id)):  # one order for all: no two wait for each other
                claim = (
                    update(notifications)
                    .where(notifications.c.id == row.id, notifications.c.next_at == row.next_at, *open_)
                    .values(next_at=moment + CLAIM)
                )
                if (await connection.execute(claim)).rowcount == 1:
                    taken.append(row.id)
        return [
            Notification(row.id, row.way, row.level, row.reason, row.channel, row.attempts, row.created_at)
            for row in found
            if row.id in taken
        ]

    async def done(self, ids: str | Iterable[str]) -> None:
        """It was delivered."""
        async with self._database.transaction() as connection:
            await connection.execute(update(notifications).where(_of(ids)).values(done_at=now()))

    async def failed(self, id_: str, next_at: datetime) -> None:
        """It was not delivered; try again at a moment."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(notifications)
                .where(notifications.c.id == id_)
                .values(attempts=notifications.c.attempts + 1, next_at=next_at)
            )

    async def given_up(self, ids: str | Iterable[str]) -> None:
        """It will not be delivered."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(notifications).where(_of(ids)).values(given_up=True, attempts=notifications.c.attempts + 1)
            )

    async def purge(self, before: datetime) -> int:
        """Erase what is done or given up and began before a moment; how many."""
        finished = notifications.c.done_at.is_not(None) | notifications.c.given_up.is_(True)
        async with self._database.transaction() as connection:
            result = await connection.execute(
                delete(notifications).where(notifications.c.created_at < before, finished)
            )
            return int(result.rowcount)


def _of(ids: str | Iterable[str]) -> ColumnElement[bool]:
    return notifications.c.id.in_([ids] if isinstance(ids, str) else list(ids))
