"""Finding words in conversations. Texts are sealed, so there is no index: they are opened and read, newest first."""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from bot.codes import code_in
from bot.model import Message
from bot.storage.database import Database
from bot.storage.desk_tables import desk_notes
from bot.storage.discretion import for_staff
from bot.storage.encryption import CannotOpen, Keyring
from bot.storage.messages import opened
from bot.storage.tables import conversations, messages, referrals

log = logging.getLogger(__name__)

MOST = 1000
"""Conversations that one search looks at; 9,000 messages of 300 take some 0.2 s."""

NOTE = "note"
REFERENCE = "reference"
NUMBER = "conversation"
"""Senders of what is no message: a private note, a reference code, the number of a conversation."""

_BATCH = 20
_AROUND = 70
_ID = re.compile(r"[0-9a-f]{4}[0-9a-f-]{0,32}")


@dataclass(frozen=True)
class Found:
    """One place. ``position`` is nothing for what is no message."""

    conversation_id: str
    position: int | None
    sender: str
    excerpt: str
    sent_at: datetime


class Search:
    """Looks for words in conversations."""

    def __init__(self, database: Database, keyring: Keyring, *, most: int = MOST) -> None:
        """``most`` conversations are looked at, the first of those that are given."""
        self._database = database
        self._keyring = keyring
        self.most = most

    async def find(self, words: str, ids: Sequence[str], *, limit: int = 50) -> list[Found]:
        """Where all words stand in one message or private note; and conversations by reference code or number.

        Args:
            words: apart by spaces; how they are written (case, form of the letters) does not matter.
            ids: of the conversations that may be read, the newest first. Only ``most`` of them are opened; codes and
                numbers are looked up in all.
            limit: places to find.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        wanted = _folded(words).split()
        if not wanted:
            return []
        found = await self._by_number(words, ids)
        looked_at = ids[: self.most]
        for begin in range(0, len(looked_at), _BATCH):
            if len(found) >= limit:
                break
            batch = looked_at[begin : begin + _BATCH]
            async with self._database.read() as connection:
                sent = (
                    await connection.execute(
                        select(messages).where(messages.c.conversation_id.in_(batch)).order_by(messages.c.position)
                    )
                ).all()
                notes = (
                    await connection.execute(select(desk_notes).where(desk_notes.c.conversation_id.in_(batch)))
                ).all()
            found += await asyncio.to_thread(self._read, wanted, batch, sent, notes)
        return found[:limit]

    async def _by_number(self, words: str, ids: Sequence[str]) -> list[Found]:
        """The conversations of a reference code, and those whose id begins so."""
        code = code_in(words)
        beginning = words.strip().casefold()
        numbered = [id_ for id_ in ids if id_.startswith(beginning)][:20] if _ID.fullmatch(beginning) else []
        found = []
        async with self._database.read() as connection:
            if code is not None:
                query = select(referrals.c.conversation_id, referrals.c.created_at).where(referrals.c.code == code)
                row = (await connection.execute(query)).first()
                if row is not None and row.conversation_id in ids:
                    found.append(Found(row.conversation_id, None, REFERENCE, code, row.created_at))
            if numbered:
                of_them = select(conversations.c.id, conversations.c.last_message_at).where(
                    conversations.c.id.in_(numbered)
                )
                rows = {row.id: row.last_message_at for row in await connection.execute(of_them)}
                found += [Found(id_, None, NUMBER, id_, rows[id_]) for id_ in numbered if id_ in rows]
        return found

    def _read(
        self, wanted: Sequence[str], batch: Sequence[str], sent: Sequence[Row[Any]], notes: Sequence[Row[Any]]
    ) -> list[Found]:
        """Open and compare; runs outside the event loop."""
        found: list[Found] = []
        read: dict[str, list[Message]] = defaultdict(list)
        for row in sent:
            try:
                read[row.conversation_id].append(opened(self._keyring, row._asdict()))
            except CannotOpen:
                log.error("A message cannot be opened; a search left it out.")
        for message in (one for messages_of_one in read.values() for one in for_staff(messages_of_one)):
            excerpt = excerpt_of(message.text, wanted)
            if excerpt is not None:
                found.append(
                    Found(message.conversation_id, message.position, message.sender.value, excerpt, message.sent_at)
                )
        for row in notes:
            try:
                note = self._keyring.open(row.content, f"desk_notes.content/{row.id}")
            except CannotOpen:
                log.error("A note cannot be opened; a search left it out.")
                continue
            excerpt = excerpt_of(note, wanted)
            if excerpt is not None:
                found.append(Found(row.conversation_id, None, NOTE, excerpt, row.written_at))
        order = {id_: number for number, id_ in enumerate(batch)}
        # The newest places of the newest conversations first.
        found.sort(key=lambda place: (place.sent_at, place.position or 0), reverse=True)
        found.sort(key=lambda place: order[place.conversation_id])
        return found


def excerpt_of(text: str, wanted: Sequence[str]) -> str | None:
    """The part of a text around the first of the wanted words (folded); nothing unless all of them are in it."""
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    folded = text.casefold()
    if not all(word in folded for word in wanted):
        return None
    at = min(folded.index(word) for word in wanted)
    if len(folded) != len(text):  # some letters fold to several, such as ß
        at = next(here for here in range(len(text) + 1) if len(text[:here].casefold()) >= at)
    begin, end = max(0, at - _AROUND), min(len(text), at + 2 * _AROUND)
    if begin:
        begin = text.find(" ", begin, at) + 1 or begin
    if end < len(text):
        end = max(text.rfind(" ", at + _AROUND, end), 0) or end
    return ("… " if begin else "") + text[begin:end].strip() + (" …" if end < len(text) else "")


def _folded(words: str) -> str:
    return unicodedata.normalize("NFKC", words).casefold()
