"""The directory in storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.directory.practitioner import Practitioner
from bot.model import now
from bot.storage.database import Database
from bot.storage.encryption import Keyring
from bot.storage.tables import practitioners


class PractitionerStore:
    """Coaches and physiotherapists. How to contact them is sealed."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def all(self) -> list[Practitioner]:
        """Everybody, by id."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(practitioners).order_by(practitioners.c.id))
            return [self._practitioner(row) for row in rows]

    async def count(self) -> int:
        """How many there are."""
        async with self._database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(practitioners))).scalar_one())

    async def get(self, practitioner_id: str) -> Practitioner | None:
        """One of them; nothing for an unknown id."""
        query = select(practitioners).where(practitioners.c.id == practitioner_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
            return None if row is None else self._practitioner(row)

    async def add(self, entry: Practitioner) -> bool:
        """Store a new entry; false if there is one of its id, which stays as it is."""
        try:
            async with self._database.transaction() as connection:
                await self._put(connection, entry, exists=False)
        except IntegrityError:
            return False
        return True

    async def change(self, entry: Practitioner) -> bool:
        """Store a changed entry; false if it was removed meanwhile."""
        query = select(practitioners.c.id).where(practitioners.c.id == entry.id).with_for_update()
        async with self._database.transaction() as connection:
            if (await connection.execute(query)).first() is None:
                return False
            await self._put(connection, entry, exists=True)
            return True

    async def put(self, entries: Sequence[Practitioner], *, replace_all: bool = False) -> None:
        """Store entries, new ones and changed ones, all or nothing.

        Args:
            replace_all: also remove everybody who is not among them.
        """
        async with self._database.transaction() as connection:
            ids = [entry.id for entry in entries]
            # Changed in place: a referral that names somebody goes on naming them.
            known = set((await connection.execute(select(practitioners.c.id))).scalars())
            if replace_all and known - set(ids):
                await connection.execute(delete(practitioners).where(practitioners.c.id.in_(known - set(ids))))
            for entry in entries:
                await self._put(connection, entry, exists=entry.id in known)

    async def _put(self, connection: AsyncConnection, entry: Practitioner, *, exists: bool) -> None:
        values: dict[str, Any] = {
            **entry.as_row(),
            "latitude": entry.latitude,
            "longitude": entry.longitude,
            "taking_new": entry.taking_new,
            "contact": self._keyring.seal(entry.contact, _place(entry.id)),
            "updated_at": now(),
        }
        if exists:
            await connection.execute(practitioners.update().where(practitioners.c.id == entry.id).values(**values))
        else:
            await connection.execute(insert(practitioners).values(**values))

    async def remove(self, practitioner_id: str) -> bool:
        """Remove somebody; referrals that named them stay. False if there was nobody of that id."""
        async with self._database.transaction() as connection:
            result = await connection.execute(delete(practitioners).where(practitioners.c.id == practitioner_id))
            return bool(result.rowcount)

    def _practitioner(self, row: Row[Any]) -> Practitioner:
        values = row._asdict()
        del values["updated_at"]
        for column in ("languages", "services", "accessibility"):
            values[column] = tuple(filter(None, values[column].split(";")))
        values["contact"] = self._keyring.open(values["contact"], _place(row.id))
        return Practitioner(**values)


def _place(practitioner_id: str) -> str:
    return f"practitioners.contact/{practitioner_id}"
