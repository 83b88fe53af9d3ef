"""Looking at what is really stored, past the code that stores it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import MetaData, select

from bot.model import Button, Inbound, Message, Outcome, Reply
from bot.storage.conversations import ConversationStore
from bot.storage.database import Database

on_postgresql = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def all_rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that the database has, whether the code knows the table or not."""
    found = MetaData()
    async with database.read() as connection:
        await connection.run_sync(found.reflect)
        return {
            table.name: [row._asdict() for row in await connection.execute(select(table))]
            for table in found.sorted_tables
        }


async def raw_bytes(database: Database) -> bytes:
    """All that is stored, as bytes: the files of a SQLite database, every value of a PostgreSQL one."""
    if database.is_sqlite:
        file = Path(database.engine.url.database or "")
        return b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))
    rows = await all_rows(database)
    values = (value for table in rows.values() for row in table for value in row.values())
    return b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


async def rows_of(database: Database, conversation_id: str) -> dict[str, int]:
    """How many rows each table has that name this conversation in any column."""
    rows = await all_rows(database)
    return {name: sum(conversation_id in row.values() for row in table) for name, table in rows.items()}


def inbound(
    conversation_id: str, text: str | None = None, *, payload: str | None = None, message_id: str | None = None
) -> Inbound:
    """A message as the web chat hands it in."""
    chosen = message_id or str(uuid4())
    return Inbound(chosen, f"{conversation_id}/{chosen}", text=text, payload=payload)


async def put(store: ConversationStore, conversation_id: str, text: str, *, payload: str | None = None) -> Message:
    """Store a message as if its process had died right after."""
    message = inbound(conversation_id, None if payload else text, payload=payload)
    stored = await store.receive(conversation_id, "web", message, text)
    assert stored is not None
    return stored[0]


def reply(text: str, *buttons: tuple[str, str], topic: str = "echo") -> Reply:
    """One bubble."""
    return Reply(text, topic, tuple(Button(*button) for button in buttons))


async def finish(
    store: ConversationStore, message: Message, replies: list[Reply], tracker: str | None
) -> list[Message] | None:
    """Store a turn of which nothing but replies and the assistant's state is kept."""
    return await store.finish(message, Outcome(tuple(replies), tracker))


async def tracker_of(store: ConversationStore, conversation_id: str) -> str | None:
    """The assistant's state as the next turn would find it."""
    standing = await store.standing(conversation_id)
    return None if standing is None else standing.tracker
