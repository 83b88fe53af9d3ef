"""Safety in storage: what is remembered of a conversation's dangers, and the flags that staff see.

Open alarms stand on the cards of the desk (``cards``); whoever takes a conversation there takes them
(:func:`take_flags`). :class:`SafetyStore` reads them apart from the desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Flag, Message, now
from bot.storage.database import Database
from bot.storage.encryption import Keyring
from bot.storage.tables import conversations, safety_flags, safety_states


@dataclass(frozen=True)
class OpenFlags:
    """A conversation that staff should look at: its highest level (1 to 3), its categories, since when."""

    conversation_id: str
    level: int
    categories: tuple[str, ...]
    since: datetime


@dataclass(frozen=True)
class Raised:
    """An alarm as staff see it: which message raised it, and when somebody took it."""

    position: int
    category: str
    level: int
    raised_at: datetime
    handled_at: datetime | None


def _place(conversation_id: str) -> str:
    return f"safety_states.state/{conversation_id}"


def watch_of(keyring: Keyring, conversation_id: str, sealed: bytes) -> str:
    """What was remembered, opened."""
    return keyring.open(sealed, _place(conversation_id))


async def save_watch(
    connection: AsyncConnection, keyring: Keyring, conversation_id: str, watch: str, moment: datetime
) -> None:
    """Remember, as a part of the caller's transaction."""
    sealed = keyring.seal(watch, _place(conversation_id))
    changed = await connection.execute(
        update(safety_states)
        .where(safety_states.c.conversation_id == conversation_id)
        .values(state=sealed, updated_at=moment)
    )
    if not changed.rowcount:
        await connection.execute(
            insert(safety_states).values(conversation_id=conversation_id, state=sealed, updated_at=moment)
        )


async def record_flags(connection: AsyncConnection, message: Message, flags: Sequence[Flag], moment: datetime) -> None:
    """Write alarms down, as a part of the caller's transaction."""
    channel = select(conversations.c.channel).where(conversations.c.id == message.conversation_id)
    name = (await connection.execute(channel)).scalar_one()
    rows = [
        {
            "id": str(uuid4()),
            "conversation_id": message.conversation_id,
            "position": message.position,
            "channel": name,
            "category": flag.category,
            "level": flag.level,
            "source": flag.source,
            "action": flag.action,
            "raised_at": moment,
        }
        for flag in flags
    ]
    await connection.execute(insert(safety_flags), rows)


async def take_flags(connection: AsyncConnection, conversation_id: str, who: str, moment: datetime) -> int:
    """Someone takes a conversation's alarms, as a part of the caller's transaction; how many were open."""
    is_open = safety_flags.c.conversation_id == conversation_id, safety_flags.c.handled_at.is_(None)
    taken = await connection.execute(update(safety_flags).where(*is_open).values(handled_at=moment, handled_by=who))
    return int(taken.rowcount)


class SafetyStore:
    """The alarms as staff work on them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_flags(self) -> list[OpenFlags]:
        """Conversations with alarms that nobody has taken yet: the most urgent first, then the oldest."""
        query = (
            select(safety_flags)
            .where(safety_flags.c.handled_at.is_(None), safety_flags.c.conversation_id.is_not(None))
            .order_by(safety_flags.c.raised_at)
        )
        found: dict[str, OpenFlags] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(query):
                before = found.get(row.conversation_id)
                categories = (*(before.categories if before else ()), row.category)
                found[row.conversation_id] = OpenFlags(
                    row.conversation_id,
                    max(row.level, before.level if before else 0),
                    tuple(dict.fromkeys(categories)),
                    before.since if before else row.raised_at,
                )
        return sorted(found.values(), key=lambda flags: (-flags.level, flags.since))

    async def handled(self, conversation_id: str, who: str) -> int:
        """Someone takes a conversation's alarms; how many were open."""
        async with self._database.transaction() as connection:
            return await take_flags(connection, conversation_id, who, now())

    async def trail(self, conversation_id: str) -> list[Flag]:
        """All alarms of a conversation in their order."""
        query = (
            select(safety_flags)
            .where(safety_flags.c.conversation_id == conversation_id)
            .order_by(safety_flags.c.raised_at, safety_flags.c.position)
        )
        async with self._database.read() as connection:
            return [Flag(row.category, row.level, row.source, row.action) for row in await connection.execute(query)]

    async def raised(self, conversation_id: str) -> list[Raised]:
        """All alarms of a conversation in their order, as staff see them."""
        query = (
            select(safety_flags)
            .where(safety_flags.c.conversation_id == conversation_id)
            .order_by(safety_flags.c.raised_at, safety_flags.c.position)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [Raised(row.position, row.category, row.level, row.raised_at, row.handled_at) for row in rows]

    async def counts(self) -> dict[tuple[str, int], int]:
        """How many alarms there were of each category and level; for reports."""
        query = select(safety_flags.c.category, safety_flags.c.level, func.count()).group_by(
            safety_flags.c.category, safety_flags.c.level
        )
        async with self._database.read() as connection:
            return {(category, level): int(count) for category, level, count in await connection.execute(query)}

    async def purge(self, before: datetime) -> int:
        """Erase alarms older than a moment; how many there were."""
        async with self._database.transaction() as connection:
            result = await connection.execute(delete(safety_flags).where(safety_flags.c.raised_at < before))
            return int(result.rowcount)
