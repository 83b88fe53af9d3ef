"""Sessions of the staff. Only hashes of tokens are stored.

A sign-in begins a line of tokens, all with the same account and the same ``began_at``: each new token replaces the one
before, which works a moment longer for requests that are under way.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from bot.storage.database import Database
from bot.storage.desk_tables import desk_options, staff, staff_sessions
from bot.storage.staff import REQUIRED, SECOND_FACTOR, StaffAccount, account_of

LONGEST = timedelta(hours=12)
"""A session ends this long after its sign-in, whatever happens."""


class Stage(StrEnum):
    """How far somebody has come with signing in."""

    SECOND_FACTOR = "second_factor"
    FULL = "full"


@dataclass(frozen=True)
class Session:
    """A session as one of its tokens finds it.

    ``line_used_at`` is when any token of the line was last used.
    """

    token_hash: bytes
    account: StaffAccount
    stage: Stage
    began_at: datetime
    token_at: datetime
    used_at: datetime
    replaced_at: datetime | None
    line_used_at: datetime
    second_factor_required: bool


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    """What is stored of a token. It is random and long: a fast hash cannot be guessed backwards."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class SessionStore:
    """Begins, finds, changes and ends sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, staff_id: str, stage: Stage, moment: datetime) -> str:
        """Begin a session; its token. Sessions that ended long ago are removed."""
        token = new_token()
        async with self._database.transaction() as connection:
            await connection.execute(delete(staff_sessions).where(staff_sessions.c.began_at < moment - LONGEST))
            await connection.execute(
                insert(staff_sessions).values(
                    token_hash=hash_of(token),
                    staff_id=staff_id,
                    stage=stage,
                    began_at=moment,
                    token_at=moment,
                    used_at=moment,
                )
            )
        return token

    async def find(self, token: str) -> Session | None:
        """The session of a token, replaced or not; nothing for an unknown token or a disabled account."""
        async with self._database.read() as connection:
            row = (await connection.execute(_session(), {"token": hash_of(token)})).first()
        if row is None:
            return None
        return Session(
            row.token_hash,
            account_of(row),
            Stage(row.stage),
            row.began_at,
            row.token_at,
            row.used_at,
            row.replaced_at,
            row.line_used_at,
            row.option == REQUIRED,
        )

    async def used(self, session: Session, moment: datetime) -> None:
        """Somebody did something with it."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(staff_sessions).where(staff_sessions.c.token_hash == session.token_hash).values(used_at=moment)
            )

    async def change_token(self, session: Session, moment: datetime, stage: Stage | None = None) -> str | None:
        """Replace the token; the new one, or nothing if another request did it first or the session has ended.

        Args:
            stage: of the session from now on; as it is when left out.
        """
        token = new_token()
        async with self._database.transaction() as connection:
            replaced = await connection.execute(
                update(staff_sessions)
                .where(staff_sessions.c.token_hash == session.token_hash, staff_sessions.c.replaced_at.is_(None))
                .values(replaced_at=moment)
            )
            if replaced.rowcount == 0:
                return None
            await connection.execute(
                insert(staff_sessions).values(
                    token_hash=hash_of(token),
                    staff_id=session.account.id,
                    stage=stage or session.stage,
                    began_at=session.began_at,
                    token_at=moment,
                    used_at=moment,
                )
            )
        return token

    async def keep_only(self, session: Session, moment: datetime) -> str:
        """End every session of the account but this one, whose token is new and whose old tokens end at once."""
        token = new_token()
        async with self._database.transaction() as connection:
            await connection.execute(delete(staff_sessions).where(staff_sessions.c.staff_id == session.account.id))
            await connection.execute(
                insert(staff_sessions).values(
                    token_hash=hash_of(token),
                    staff_id=session.account.id,
                    stage=session.stage,
                    began_at=session.began_at,
                    token_at=moment,
                    used_at=moment,
                )
            )
        return token

    async def end(self, session: Session) -> None:
        """End a session: all of its tokens."""
        async with self._database.transaction() as connection:
            await connection.execute(
                delete(staff_sessions).where(
                    staff_sessions.c.staff_id == session.account.id, staff_sessions.c.began_at == session.began_at
                )
            )


@cache
def _session() -> Select[Any]:
    """Made once: it is asked for every request of the desk."""
    line = staff_sessions.alias()
    line_used_at = (
        select(func.max(line.c.used_at))
        .where(line.c.staff_id == staff_sessions.c.staff_id, line.c.began_at == staff_sessions.c.began_at)
        .scalar_subquery()
    )
    option = select(desk_options.c.value).where(desk_options.c.name == SECOND_FACTOR).scalar_subquery()
    return (
        select(staff_sessions, staff, line_used_at.label("line_used_at"), option.label("option"))
        .join(staff, staff.c.id == staff_sessions.c.staff_id)
        .where(staff_sessions.c.token_hash == bindparam("token"), staff.c.disabled_at.is_(None))
    )
