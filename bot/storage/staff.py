"""Accounts of the staff: who there is, what role they have, whether they may come in. Secrets: ``credentials``.

Every change writes its entry of the audit log in the same transaction. What takes rights away ends the sessions too.

Errors::

    StaffError
    ├── StaffNotFound        there is no such account. Final.
    ├── EmailTaken           an account has the address already. Final.
    └── LastAdministrator    nobody could manage accounts any more. Final.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import Colleague
from bot.model import now
from bot.storage.audit import AuditLog, Who
from bot.storage.database import Database
from bot.storage.desk_tables import desk_options, staff, staff_invitations, staff_sessions

ADMINISTRATOR = "administrator"
SECOND_FACTOR = "second_factor"
REQUIRED = "required"
OPTIONAL = "optional"
"""The option that says whether everybody needs a second factor, and its values."""


class StaffError(Exception):
    """An account is not as the caller thinks."""


class StaffNotFound(StaffError):
    """There is no such account."""


class EmailTaken(StaffError):
    """An account has this address already."""


class LastAdministrator(StaffError):
    """The last active administrator must stay one."""


@dataclass(frozen=True)
class StaffAccount:
    """An account, without its secrets. ``totp_since`` is when the second factor was confirmed."""

    id: str
    email: str
    name: str
    role: str
    totp_since: datetime | None
    failures: int
    not_before: datetime | None
    last_seen_at: datetime | None
    created_at: datetime
    disabled_at: datetime | None

    @property
    def is_active(self) -> bool:
        """Whether she may come in."""
        return self.disabled_at is None

    @property
    def has_second_factor(self) -> bool:
        """Whether sign-in asks for a code."""
        return self.totp_since is not None

    @property
    def colleague(self) -> Colleague:
        """As conversations know her."""
        return Colleague(self.id, self.name)


def normal_email(email: str) -> str:
    """An address as accounts store it: without outer spaces, in lower case."""
    return email.strip().lower()


def account_of(row: Row[Any]) -> StaffAccount:
    """The account in a row of ``staff``, or of a join that has its columns."""
    return StaffAccount(
        row.id,
        row.email,
        row.name,
        row.role,
        row.totp_since,
        row.failures,
        row.not_before,
        row.last_seen_at,
        row.created_at,
        row.disabled_at,
    )


async def create_account(
    connection: AsyncConnection, email: str, name: str, role: str, password_hash: str
) -> StaffAccount:
    """Make an account, as a part of the caller's transaction.

    Raises:
        EmailTaken: an account has the address already; the transaction must be given up.
    """
    account = StaffAccount(str(uuid4()), normal_email(email), name, role, None, 0, None, None, now(), None)
    try:
        await connection.execute(
            insert(staff).values(
                id=account.id,
                email=account.email,
                name=account.name,
                role=account.role,
                password_hash=password_hash,
                totp_last=0,
                failures=0,
                created_at=account.created_at,
            )
        )
    except IntegrityError as error:
        raise EmailTaken(account.email) from error
    return account


class StaffStore:
    """Accounts. ``by`` is who makes a change; nothing for a command on the server."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_email(self, email: str) -> StaffAccount | None:
        """The account of an address, disabled or not."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(staff).where(staff.c.email == normal_email(email)))).first()
        return None if row is None else account_of(row)

    async def by_id(self, staff_id: str) -> StaffAccount | None:
        """The account of an id, disabled or not."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(staff).where(staff.c.id == staff_id))).first()
        return None if row is None else account_of(row)

    async def all(self) -> list[StaffAccount]:
        """Every account, the disabled ones too, by name."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(staff).order_by(func.lower(staff.c.name), staff.c.email))
            return [account_of(row) for row in rows]

    async def colleagues(self) -> list[Colleague]:
        """Who may come in, by name."""
        return [account.colleague for account in await self.all() if account.is_active]

    async def names(self) -> dict[str, str]:
        """The name of every account, the disabled ones too, by id."""
        async with self._database.read() as connection:
            return {row.id: row.name for row in await connection.execute(select(staff.c.id, staff.c.name))}

    async def is_empty(self) -> bool:
        """Whether there is no account at all."""
        async with self._database.read() as connection:
            return (await connection.execute(select(staff.c.id).limit(1))).first() is None

    async def create(self, email: str, name: str, role: str, password_hash: str, by: Who | None = None) -> StaffAccount:
        """Make an account.

        Raises:
            EmailTaken: an account has the address already.
        """
        async with self._database.transaction() as connection:
            account = await create_account(connection, email, name, role, password_hash)
            await AuditLog.record_in(connection, by, "account_created", account.id, f"role: {role}")
        return account

    async def set_name(self, staff_id: str, name: str, by: Who | None = None) -> None:
        """Give another name, which visitors see.

        Raises:
            StaffNotFound: there is no such account.
        """
        async with self._database.transaction() as connection:
            await _set(connection, staff_id, name=name)
            await AuditLog.record_in(connection, by, "name_changed", staff_id)

    async def set_role(self, staff_id: str, role: str, by: Who | None = None) -> bool:
        """Give another role and end the sessions; false if she has it already.

        Raises:
            StaffNotFound: there is no such account.
            LastAdministrator: nobody else could manage accounts.
        """
        async with self._database.transaction() as connection:
            account = await self._locked(connection, staff_id)
            if account.role == role:
                return False
            await self._keep_an_administrator(connection, account)
            await _set(connection, staff_id, role=role)
            await _end_sessions(connection, staff_id)
            await AuditLog.record_in(connection, by, "role_changed", staff_id, f"{account.role} to {role}")
        return True

    async def disable(self, staff_id: str, by: Who | None = None) -> bool:
        """Let her in no more: sessions and open links end at once; false if it was so already.

        Raises:
            StaffNotFound: there is no such account.
            LastAdministrator: nobody else could manage accounts.
        """
        async with self._database.transaction() as connection:
            account = await self._locked(connection, staff_id)
            if not account.is_active:
                return False
            await self._keep_an_administrator(connection, account)
            await _set(connection, staff_id, disabled_at=now())
            await _end_sessions(connection, staff_id)
            await connection.execute(
                delete(staff_invitations).where(
                    staff_invitations.c.email == account.email, staff_invitations.c.used_at.is_(None)
                )
            )
            await AuditLog.record_in(connection, by, "disabled", staff_id)
        return True

    async def enable(self, staff_id: str, by: Who | None = None) -> bool:
        """Let her in again, with the password that she had; false if it was so already.

        Raises:
            StaffNotFound: there is no such account.
        """
        async with self._database.transaction() as connection:
            account = await self._locked(connection, staff_id)
            if account.is_active:
                return False
            await _set(connection, staff_id, disabled_at=None, failures=0, not_before=None)
            await AuditLog.record_in(connection, by, "enabled", staff_id)
        return True

    async def set_password_hash(self, staff_id: str, password_hash: str) -> None:
        """Store a hash of the same password with newer parameters.

        Raises:
            StaffNotFound: there is no such account.
        """
        async with self._database.transaction() as connection:
            await _set(connection, staff_id, password_hash=password_hash)

    async def seen(self, ids: Collection[str], moment: datetime) -> None:
        """These had the desk open at a moment."""
        if not ids:
            return
        async with self._database.transaction() as connection:
            await connection.execute(update(staff).where(staff.c.id.in_(list(ids))).values(last_seen_at=moment))

    async def second_factor_required(self) -> bool:
        """Whether everybody needs a second factor."""
        async with self._database.read() as connection:
            query = select(desk_options.c.value).where(desk_options.c.name == SECOND_FACTOR)
            return (await connection.execute(query)).scalar_one_or_none() == REQUIRED

    async def require_second_factor(self, required: bool, by: Who | None = None) -> None:
        """Switch on or off that everybody needs a second factor."""
        value = REQUIRED if required else OPTIONAL
        async with self._database.transaction() as connection:
            await connection.execute(delete(desk_options).where(desk_options.c.name == SECOND_FACTOR))
            await connection.execute(insert(desk_options).values(name=SECOND_FACTOR, value=value))
            await AuditLog.record_in(connection, by, "option_changed", None, f"second factor: {value}")

    @staticmethod
    async def _locked(connection: AsyncConnection, staff_id: str) -> StaffAccount:
        """An account that nobody else changes until the transaction ends.

        All administrators are locked with it, in one order: of two who take each other's role, the second waits and
        then finds herself the last.
        """
        query = (
            select(staff)
            .where((staff.c.id == staff_id) | (staff.c.role == ADMINISTRATOR))
            .order_by(staff.c.id)
            .with_for_update()
        )
        for row in (await connection.execute(query)).all():
            if row.id == staff_id:
                return account_of(row)
        raise StaffNotFound(staff_id)

    @staticmethod
    async def _keep_an_administrator(connection: AsyncConnection, account: StaffAccount) -> None:
        if account.role != ADMINISTRATOR or not account.is_active:
            return
        others = select(func.count()).where(
            staff.c.role == ADMINISTRATOR, staff.c.disabled_at.is_(None), staff.c.id != account.id
        )
        if (await connection.execute(others)).scalar_one() == 0:
            raise LastAdministrator("This is the last administrator who can sign in. Make somebody else one first.")


async def _set(connection: AsyncConnection, staff_id: str, **values: Any) -> None:
    changed = await connection.execute(update(staff).where(staff.c.id == staff_id).values(**values))
    if changed.rowcount == 0:
        raise StaffNotFound(staff_id)


async def _end_sessions(connection: AsyncConnection, staff_id: str) -> None:
    await connection.execute(delete(staff_sessions).where(staff_sessions.c.staff_id == staff_id))
