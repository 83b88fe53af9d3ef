"""What the assistant did not understand, for people to say what was meant.

Texts are kept without contact details, sealed, and go with their conversation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import now
from bot.redaction import redact
from bot.storage.database import Database
from bot.storage.desk_tables import misunderstood
from bot.storage.encryption import Keyring

NONE = "none"
"""Stands for a topic: none of them was meant."""


@dataclass(frozen=True)
class Misunderstood:
    """One message, without contact details.

    ``why`` is ``clarify`` (the assistant asked back), ``complaint`` (the person said so) or ``corrected`` (another
    topic was chosen); ``guess`` what it was taken for; ``topic`` the right one or :data:`NONE`, once staff named it.
    """

    id: str
    text: str
    why: str
    guess: str | None
    topic: str | None
    noted_at: datetime
    reviewed_at: datetime | None


def _place(row_id: str) -> str:
    return f"misunderstood.content/{row_id}"


async def note(
    connection: AsyncConnection,
    keyring: Keyring,
    conversation_id: str,
    position: int,
    text: str,
    why: str,
    guess: str | None,
    moment: datetime,
) -> None:
    """Note a message that was not understood, as a part of the caller's transaction.

    The first note of a message stands; a second one changes nothing.
    """
    known = select(misunderstood.c.id).where(
        misunderstood.c.conversation_id == conversation_id, misunderstood.c.position == position
    )
    if (await connection.execute(known)).first() is not None:
        return
    row_id = str(uuid4())
    await connection.execute(
        insert(misunderstood).values(
            id=row_id,
            conversation_id=conversation_id,
            position=position,
            content=keyring.seal(redact(text), _place(row_id)),
            why=why,
            guess=guess,
            noted_at=moment,
        )
    )


class MisunderstoodStore:
    """What staff review."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def open(self, limit: int = 1000) -> list[Misunderstood]:
        """What nobody has reviewed, the newest first."""
        query = (
            select(misunderstood)
            .where(misunderstood.c.topic.is_(None))
            .order_by(misunderstood.c.noted_at.desc(), misunderstood.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [self._opened(row) for row in await connection.execute(query)]

    async def reviewed(self, limit: int | None = None) -> list[Misunderstood]:
        """What staff have named, the newest review first."""
        query = (
            select(misunderstood)
            .where(misunderstood.c.topic.is_not(None))
            .order_by(misunderstood.c.reviewed_at.desc(), misunderstood.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [self._opened(row) for row in await connection.execute(query)]

    async def counts(self) -> tuple[int, int]:
        """How many are open and how many are reviewed."""
        query = select(func.count(), func.count(misunderstood.c.topic)).select_from(misunderstood)
        async with self._database.read() as connection:
            every, named = (await connection.execute(query)).one()
        return int(every) - int(named), int(named)

    async def name(self, ids: str | Iterable[str], topic: str, staff_id: str) -> int:
        """Name the right topic of some messages (or :data:`NONE`), also of reviewed ones; how many there were."""
        async with self._database.transaction() as connection:
            result = await connection.execute(
                update(misunderstood)
                .where(misunderstood.c.id.in_(_list(ids)))
                .values(topic=topic, reviewed_by=staff_id, reviewed_at=now())
            )
            return int(result.rowcount)

    async def reopen(self, ids: str | Iterable[str]) -> int:
        """Take back what was named."""
        async with self._database.transaction() as connection:
            result = await connection.execute(
                update(misunderstood)
                .where(misunderstood.c.id.in_(_list(ids)))
                .values(topic=None, reviewed_by=None, reviewed_at=None)
            )
            return int(result.rowcount)

    async def discard(self, ids: str | Iterable[str]) -> int:
        """Throw messages away; how many there were."""
        async with self._database.transaction() as connection:
            result = await connection.execute(delete(misunderstood).where(misunderstood.c.id.in_(_list(ids))))
            return int(result.rowcount)

    def _opened(self, row: Row[Any]) -> Misunderstood:
        return Misunderstood(
            row.id,
            self._keyring.open(row.content, _place(row.id)),
            row.why,
            row.guess,
            row.topic,
            row.noted_at,
            row.reviewed_at,
        )


def _list(ids: str | Iterable[str]) -> list[str]:
    return [ids] if isinstance(ids, str) else list(ids)
