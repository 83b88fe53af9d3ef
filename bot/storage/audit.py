"""The audit log: who looked at or changed what. Entries can be added and, much later, erased; nothing else.

The database itself refuses every other change of an entry, whoever asks; see migration 0004.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import now
from bot.storage.database import Database
from bot.storage.desk_tables import audit_log

COMMAND = "command"
"""Stands for who changed something with a command on the server."""

_DETAIL = 200


class Who(Protocol):
    """Somebody whose doing is recorded."""

    @property
    def id(self) -> str | None:
        """The id of her account; nothing for who has none."""

    @property
    def email(self) -> str:
        """How the log names her."""


@dataclass(frozen=True)
class Nobody:
    """Somebody who is not signed in, such as who tries to sign in with an unknown address."""

    id: str | None = None
    email: str = "nobody"


@dataclass(frozen=True)
class AuditEntry:
    """One entry. ``subject`` is the id of what it is about, such as a conversation or an account."""

    id: int
    at: datetime
    staff_id: str | None
    who: str
    action: str
    subject: str | None
    detail: str


class AuditLog:
    """Adds to the log and reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, who: Who | None, action: str, subject: str | None = None, detail: str = "") -> None:
        """Add an entry; ``who`` is nothing for a command on the server.

        ``detail`` is cut off after 200 characters and never holds what anybody wrote.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        async with self._database.transaction() as connection:
            await self.record_in(connection, who, action, subject, detail)

    @staticmethod
    async def record_in(
        connection: AsyncConnection, who: Who | None, action: str, subject: str | None = None, detail: str = ""
    ) -> None:
        """Add an entry as a part of the caller's transaction: the change and its entry are stored both or neither."""
        await connection.execute(
            insert(audit_log).values(
                at=now(),
                staff_id=None if who is None else who.id,
                who=COMMAND if who is None else who.email,
                action=action,
                subject=subject,
                detail=detail[:_DETAIL],
            )
        )

    async def read(
        self, *, before: int | None = None, action: str = "", who: str = "", limit: int = 100
    ) -> list[AuditEntry]:
        """Entries, the newest first.

        Args:
            before: only entries with a smaller id, for the next page.
            action: only this action.
            who: only what was done by this person, named as in the log.
            limit: how many at most.
        """
        query = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_log.c.id < before)
        if action:
            query = query.where(audit_log.c.action == action)
        if who:
            query = query.where(audit_log.c.who == who)
        async with self._database.read() as connection:
            return [_entry(row) for row in await connection.execute(query)]

    async def actions(self) -> list[str]:
        """Every action that the log has, by name."""
        async with self._database.read() as connection:
            query = select(audit_log.c.action).distinct().order_by(audit_log.c.action)
            return list((await connection.execute(query)).scalars())

    async def people(self) -> list[str]:
        """Everybody whom the log names as doing something, by name."""
        async with self._database.read() as connection:
            query = select(audit_log.c.who).distinct().order_by(audit_log.c.who)
            return list((await connection.execute(query)).scalars())

    async def purge(self, before: datetime) -> int:
        """Erase the entries before a moment; how many they were.

        The database refuses to erase an entry of the last 30 days; ``before`` must be earlier than that.
        """
        async with self._database.transaction() as connection:
            erased = await connection.execute(delete(audit_log).where(audit_log.c.at < before))
            return erased.rowcount


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(row.id, row.at, row.staff_id, row.who, row.action, row.subject, row.detail)
