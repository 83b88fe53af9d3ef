"""Private notes of staff on a conversation, sealed; visitors never see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import Colleague, NotOnDesk, NotPossible
from bot.model import now
from bot.storage import cards
from bot.storage.database import Database
from bot.storage.desk_tables import desk_cards, desk_notes, staff
from bot.storage.encryption import Keyring


@dataclass(frozen=True)
class Note:
    """One note. ``author`` is nothing once the account is gone."""

    id: str
    author: Colleague | None
    text: str
    written_at: datetime


def _place(note_id: str) -> str:
    return f"desk_notes.content/{note_id}"


class NoteStore:
    """Notes by conversation."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def add(self, conversation_id: str, who: Colleague, note_id: str, text: str) -> Note:
        """Write a note; the same id again changes nothing.

        Raises:
            NotOnDesk: the conversation was erased, or staff may not see it.
            NotPossible: the id was used for something else.
        """
        async with self._database.transaction() as connection:
            taken = select(desk_notes.c.conversation_id, desk_notes.c.staff_id).where(desk_notes.c.id == note_id)
            other = (await connection.execute(taken)).first()
            if other is not None and tuple(other) != (conversation_id, who.id):
                raise NotPossible("This id was used for another note.")
            known = await self._by_id(connection, conversation_id, note_id)
            if known is not None:
                return known
            card = select(desk_cards.c.conversation_id).where(desk_cards.c.conversation_id == conversation_id)
            if (await connection.execute(card)).first() is None:
                raise NotOnDesk("This conversation is not there any more.")
            moment = now()
            sealed = self._keyring.seal(text, _place(note_id))
            row = {"id": note_id, "conversation_id": conversation_id, "staff_id": who.id, "content": sealed}
            await connection.execute(insert(desk_notes).values(**row, written_at=moment))
            await cards.changed(connection, conversation_id)
            return Note(note_id, who, text, moment)

    async def of_conversation(self, conversation_id: str) -> list[Note]:
        """All notes, the oldest first."""
        async with self._database.read() as connection:
            return await self._notes(connection, conversation_id)

    async def _by_id(self, connection: AsyncConnection, conversation_id: str, note_id: str) -> Note | None:
        return next((note for note in await self._notes(connection, conversation_id) if note.id == note_id), None)

    async def _notes(self, connection: AsyncConnection, conversation_id: str) -> list[Note]:
        query = (
            select(desk_notes, staff.c.name)
            .outerjoin(staff, staff.c.id == desk_notes.c.staff_id)
            .where(desk_notes.c.conversation_id == conversation_id)
            .order_by(desk_notes.c.written_at, desk_notes.c.id)
        )
        return [
            Note(
                row.id,
                None if row.staff_id is None else Colleague(row.staff_id, row.name),
                self._keyring.open(row.content, _place(row.id)),
                row.written_at,
            )
            for row in await connection.execute(query)
        ]
