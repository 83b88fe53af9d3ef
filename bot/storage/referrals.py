"""Referrals in storage: wishes for a coach or a physiotherapist, their states and who changed them.

Errors::

    ReferralError
    ├── ReferralNotFound     there is none of that code or id. Final.
    └── ForbiddenChange      its state cannot become the wished one. Final; the message says why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import now
from bot.storage import cards
from bot.storage.database import Database
from bot.storage.encryption import Keyring
from bot.storage.tables import OPEN_REFERRAL, practitioners, referral_changes, referrals

VISITOR = "visitor"

TRANSITIONS: dict[str, frozenset[str]] = {
    "new": frozenset({"contacted", "booked", "closed", "withdrawn"}),
    "contacted": frozenset({"booked", "closed", "withdrawn"}),
    "booked": frozenset({"contacted", "closed", "withdrawn"}),
    "closed": frozenset({"contacted"}),
    "withdrawn": frozenset(),
}
"""What each state may become. A closed referral can be taken up again; a withdrawn one is the person's word."""


class ReferralError(Exception):
    """A referral is not as the caller thinks."""


class ReferralNotFound(ReferralError):
    """There is no such referral."""


class ForbiddenChange(ReferralError):
    """The state cannot be changed so."""


@dataclass(frozen=True)
class Referral:
    """A referral. ``content`` holds place, wishes, how to reach the person and when, as she gave them."""

    id: str
    code: str
    conversation_id: str
    kind: str
    state: str
    practitioner_id: str | None
    content: dict[str, Any]
    created_at: datetime
    changed_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether somebody still works on it."""
        return self.state in ("new", "contacted", "booked")


@dataclass(frozen=True)
class Change:
    """One entry of a referral's history."""

    state: str
    who: str
    changed_at: datetime


def _place(referral_id: str) -> str:
    return f"referrals.content/{referral_id}"


async def open_referral(
    connection: AsyncConnection, keyring: Keyring, conversation_id: str, data: dict[str, Any], moment: datetime
) -> bool:
    """Open a referral, as a part of the caller's transaction; false if one of its kind is open already.

    ``data`` has ``code``, ``kind``, ``content``, and ``practitioner_id`` or nothing for it. A practitioner who was
    removed meanwhile is left out; the wish itself stands.
    """
    existing = select(referrals.c.id).where(
        referrals.c.conversation_id == conversation_id, referrals.c.kind == data["kind"], text(OPEN_REFERRAL)
    )
    if (await connection.execute(existing)).first() is not None:
        return False
    chosen = data.get("practitioner_id")
    if chosen is not None:
        known = select(practitioners.c.id).where(practitioners.c.id == chosen)
        chosen = (await connection.execute(known)).scalar_one_or_none()
    referral_id = str(uuid4())
    sealed = keyring.seal(json.dumps(data["content"], ensure_ascii=False), _place(referral_id))
    await connection.execute(
        insert(referrals).values(
            id=referral_id,
            code=data["code"],
            conversation_id=conversation_id,
            kind=data["kind"],
            state="new",
            practitioner_id=chosen,
            content=sealed,
            created_at=moment,
            changed_at=moment,
        )
    )
    await _record(connection, referral_id, "new", VISITOR, moment)
    return True


async def withdraw(connection: AsyncConnection, code: str, moment: datetime) -> None:
    """The person takes a referral back, as a part of the caller's transaction. Contact details go at once."""
    row = (await connection.execute(select(referrals).where(referrals.c.code == code))).first()
    if row is None or row.state == "withdrawn":
        return
    await connection.execute(
        update(referrals).where(referrals.c.id == row.id).values(state="withdrawn", content=b"", changed_at=moment)
    )
    await _record(connection, row.id, "withdrawn", VISITOR, moment)
    await cards.changed(connection, row.conversation_id)
    await cards.take_off(connection, row.conversation_id, moment)


async def _record(connection: AsyncConnection, referral_id: str, state: str, who: str, moment: datetime) -> None:
    query = select(func.count()).where(referral_changes.c.referral_id == referral_id)
    number = int((await connection.execute(query)).scalar_one()) + 1
    await connection.execute(
        insert(referral_changes).values(referral_id=referral_id, number=number, state=state, who=who, changed_at=moment)
    )


class ReferralStore:
    """Referrals as the person asks for them and as staff work on them."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def by_code(self, code: str) -> Referral:
        """The referral of a code.

        Raises:
            ReferralNotFound: there is none.
        """
        async with self._database.read() as connection:
            row = (await connection.execute(select(referrals).where(referrals.c.code == code))).first()
        if row is None:
            raise ReferralNotFound(code)
        return self._referral(row)

    async def of_conversation(self, conversation_id: str) -> list[Referral]:
        """A conversation's referrals, the newest first."""
        query = (
            select(referrals)
            .where(referrals.c.conversation_id == conversation_id)
            .order_by(referrals.c.created_at.desc())
        )
        async with self._database.read() as connection:
            return [self._referral(row) for row in await connection.execute(query)]

    async def all(self, *, states: tuple[str, ...] = ("new", "contacted", "booked")) -> list[Referral]:
        """Referrals in some states, those that wait longest first."""
        query = select(referrals).where(referrals.c.state.in_(states)).order_by(referrals.c.changed_at)
        async with self._database.read() as connection:
            return [self._referral(row) for row in await connection.execute(query)]

    async def changes(self, referral_id: str) -> list[Change]:
        """A referral's history, the oldest entry first."""
        query = (
            select(referral_changes)
            .where(referral_changes.c.referral_id == referral_id)
            .order_by(referral_changes.c.number)
        )
        async with self._database.read() as connection:
            return [Change(row.state, row.who, row.changed_at) for row in await connection.execute(query)]

    async def change(self, code: str, state: str, who: str) -> None:
        """Staff set another state.

        Raises:
            ReferralNotFound: there is none of that code.
            ForbiddenChange: the present state cannot become that one.
        """
        async with self._database.transaction() as connection:
            query = select(referrals).where(referrals.c.code == code).with_for_update()
            row = (await connection.execute(query)).first()
            if row is None:
                raise ReferralNotFound(code)
            if state not in TRANSITIONS[row.state]:
                raise ForbiddenChange(f"A referral that is {row.state} cannot become {state}.")
            moment = now()
            await connection.execute(
                update(referrals).where(referrals.c.id == row.id).values(state=state, changed_at=moment)
            )
            await _record(connection, row.id, state, who, moment)
            await cards.changed(connection, row.conversation_id)

    async def change_by_staff(self, code: str, state: str, who: str) -> None:
        """As :meth:`change`, for a wish of staff: they cannot withdraw, nor take up one of two of a kind.

        Raises:
            ReferralNotFound: there is none of that code.
            ForbiddenChange: the present state cannot become that one, or another of the kind is open.
        """
        if state == "withdrawn":
            raise ForbiddenChange("Only the person can take a referral back.")
        try:
            await self.change(code, state, who)
        except IntegrityError as error:  # the index that lets one of a kind be open
            raise ForbiddenChange("The person has another open referral of this kind; work on that one.") from error

    def _referral(self, row: Row[Any]) -> Referral:
        content = json.loads(self._keyring.open(row.content, _place(row.id))) if row.content else {}
        return Referral(
            row.id,
            row.code,
            row.conversation_id,
            row.kind,
            row.state,
            row.practitioner_id,
            content,
            row.created_at,
            row.changed_at,
        )
