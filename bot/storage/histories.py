"""Onset histories in storage: each version that a person confirmed, sealed, and whether coaches may read it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import Database
from bot.storage.encryption import Keyring
from bot.storage.tables import onset_histories


@dataclass(frozen=True)
class StoredHistory:
    """One version of a history. ``shared_at``: since when coaches may read it; nothing: they may not."""

    version: int
    record: dict[str, Any]
    created_at: datetime
    shared_at: datetime | None


def _place(conversation_id: str, version: int) -> str:
    return f"onset_histories.content/{conversation_id}/{version}"


async def save(
    connection: AsyncConnection, keyring: Keyring, conversation_id: str, record: dict[str, Any], moment: datetime
) -> int:
    """Add a version, as a part of the caller's transaction; its number, from 1. A consent given before stays."""
    of_this = onset_histories.c.conversation_id == conversation_id
    latest = (
        await connection.execute(
            select(func.max(onset_histories.c.version), func.max(onset_histories.c.shared_at)).where(of_this)
        )
    ).one()
    version = (latest[0] or 0) + 1
    sealed = keyring.seal(json.dumps(record, ensure_ascii=False), _place(conversation_id, version))
    row = {"conversation_id": conversation_id, "version": version, "content": sealed, "created_at": moment}
    await connection.execute(insert(onset_histories).values(**row, shared_at=latest[1]))
    return version


async def share(connection: AsyncConnection, conversation_id: str, shared: bool, moment: datetime) -> None:
    """Let coaches read all versions, or no longer, as a part of the caller's transaction."""
    await connection.execute(
        update(onset_histories)
        .where(onset_histories.c.conversation_id == conversation_id)
        .values(shared_at=moment if shared else None)
    )


async def delete_all(connection: AsyncConnection, conversation_id: str) -> None:
    """Delete all versions, as a part of the caller's transaction."""
    await connection.execute(delete(onset_histories).where(onset_histories.c.conversation_id == conversation_id))


class HistoryStore:
    """Reading histories: for the person herself all of them, for staff only what is shared."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def versions(self, conversation_id: str) -> list[StoredHistory]:
        """All versions of a conversation's history, the oldest first."""
        query = (
            select(onset_histories)
            .where(onset_histories.c.conversation_id == conversation_id)
            .order_by(onset_histories.c.version)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            StoredHistory(
                row.version,
                json.loads(self._keyring.open(row.content, _place(conversation_id, row.version))),
                row.created_at,
                row.shared_at,
            )
            for row in rows
        ]

    async def shared(self, conversation_id: str) -> StoredHistory | None:
        """What staff may read: the latest version, if the person agreed."""
        versions = await self.versions(conversation_id)
        return versions[-1] if versions and versions[-1].shared_at is not None else None
