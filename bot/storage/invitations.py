"""Invitations of staff, and links that set a new password. Only hashes of their tokens are stored.

Errors::

    InvitationError(StaffError)
    └── InvitationOver      used, withdrawn, replaced by a later one, too old, or never made. Final.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.audit import AuditLog, Who
from bot.storage.database import Database
from bot.storage.desk_tables import staff, staff_invitations, staff_sessions
from bot.storage.sessions import hash_of, new_token
from bot.storage.staff import (
    EmailTaken,
    StaffAccount,
    StaffError,
    StaffNotFound,
    account_of,
    create_account,
    normal_email,
)

LASTS = timedelta(days=7)


class InvitationError(StaffError):
    """An invitation is not as the caller thinks."""


class InvitationOver(InvitationError):
    """It does not work, or not any more."""


@dataclass(frozen=True)
class Invitation:
    """An invitation that still works.

    ``email`` is empty for the first administrator, who gives her own. ``account`` is whose password it sets, or nothing
    when it makes a new account.
    """

    email: str
    role: str
    created_at: datetime
    expires_at: datetime
    account: StaffAccount | None = None


class InvitationStore:
    """Makes invitations and accepts them. ``by`` is who does it; nothing for a command on the server."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(self, email: str, role: str, by: Who | None, moment: datetime) -> str:
        """Invite an address, or the first administrator when it is empty; the token, which is nowhere else.

        Earlier unused invitations of the same address end.

        Raises:
            EmailTaken: an account has the address already.
        """
        address = normal_email(email)
        async with self._database.transaction() as connection:
            if address and await _account(connection, address) is not None:
                raise EmailTaken(address)
            token = await _make(connection, address, role, by, moment)
            about = f"{address or 'the first administrator'} as {role}"
            await AuditLog.record_in(connection, by, "invited", None, about)
        return token

    async def reset(self, staff_id: str, by: Who | None, moment: datetime) -> str:
        """Take password, second factor and sessions from an account; the token of a link that sets a new password.

        Raises:
            StaffNotFound: there is no such account, or it is disabled.
        """
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(staff).where(staff.c.id == staff_id).with_for_update())).first()
            if row is None or row.disabled_at is not None:
                raise StaffNotFound(staff_id)
            await connection.execute(
                update(staff)
                .where(staff.c.id == staff_id)
                .values(password_hash="", totp_secret=None, totp_since=None, failures=0, not_before=None)
            )
            await connection.execute(delete(staff_sessions).where(staff_sessions.c.staff_id == staff_id))
            token = await _make(connection, row.email, row.role, by, moment)
            await AuditLog.record_in(connection, by, "reset", staff_id)
        return token

    async def find(self, token: str, moment: datetime) -> Invitation:
        """The invitation of a token.

        Raises:
            InvitationOver: it does not work, or not any more.
        """
        async with self._database.read() as connection:
            return await _find(connection, token, moment)

    async def accept(self, token: str, email: str, name: str, password_hash: str, moment: datetime) -> StaffAccount:
        """Make the account, or set the new password, and use the invitation up.

        Args:
            email: only looked at for the first administrator.
            name: only looked at for a new account.

        Raises:
            InvitationOver: it does not work, or not any more.
            EmailTaken: an account has the address already; the invitation stays.
        """
        async with self._database.transaction() as connection:
            used = await connection.execute(
                update(staff_invitations)
                .where(staff_invitations.c.token_hash == hash_of(token), staff_invitations.c.used_at.is_(None))
                .values(used_at=moment)
            )
            if used.rowcount == 0:
                raise InvitationOver
            invitation = await _find(connection, token, moment, used=True)
            if invitation.account is not None:
                account = invitation.account
                await connection.execute(
                    update(staff)
                    .where(staff.c.id == account.id)
                    .values(password_hash=password_hash, failures=0, not_before=None)
                )
                await AuditLog.record_in(connection, account, "password_reset", account.id)
                return account
            address = invitation.email or normal_email(email)
            account = await create_account(connection, address, name, invitation.role, password_hash)
            # Another link to this address would set the password of the account that was just made.
            await _end_open(connection, address)
            await AuditLog.record_in(connection, account, "account_created", account.id, f"role: {account.role}")
        return account

    async def open(self, moment: datetime) -> list[Invitation]:
        """Invitations of new people that still work, the oldest first."""
        query = (
            select(staff_invitations)
            .where(
                staff_invitations.c.used_at.is_(None),
                staff_invitations.c.expires_at > moment,
                staff_invitations.c.email.not_in(select(staff.c.email)),
                staff_invitations.c.email != "",
            )
            .order_by(staff_invitations.c.created_at)
        )
        async with self._database.read() as connection:
            return [_invitation(row, None) for row in await connection.execute(query)]

    async def withdraw(self, email: str, by: Who | None) -> bool:
        """End the open invitation of an address; false if there is none."""
        address = normal_email(email)
        async with self._database.transaction() as connection:
            if not address or not await _end_open(connection, address):
                return False
            await AuditLog.record_in(connection, by, "invitation_withdrawn", None, address)
        return True


def _invitation(row: Row[Any], account: StaffAccount | None) -> Invitation:
    return Invitation(row.email, row.role, row.created_at, row.expires_at, account)


async def _make(connection: AsyncConnection, address: str, role: str, by: Who | None, moment: datetime) -> str:
    await _end_open(connection, address)
    await connection.execute(delete(staff_invitations).where(staff_invitations.c.expires_at < moment))
    token = new_token()
    await connection.execute(
        insert(staff_invitations).values(
            token_hash=hash_of(token),
            email=address,
            role=role,
            invited_by=None if by is None else by.id,
            created_at=moment,
            expires_at=moment + LASTS,
        )
    )
    return token


async def _end_open(connection: AsyncConnection, address: str) -> bool:
    ended = await connection.execute(
        delete(staff_invitations).where(staff_invitations.c.email == address, staff_invitations.c.used_at.is_(None))
    )
    return ended.rowcount > 0


async def _account(connection: AsyncConnection, address: str) -> StaffAccount | None:
    row = (await connection.execute(select(staff).where(staff.c.email == address))).first()
    return None if row is None else account_of(row)


async def _find(connection: AsyncConnection, token: str, moment: datetime, *, used: bool = False) -> Invitation:
    query = select(staff_invitations).where(
        staff_invitations.c.token_hash == hash_of(token), staff_invitations.c.expires_at > moment
    )
    if not used:
        query = query.where(staff_invitations.c.used_at.is_(None))
    row = (await connection.execute(query)).first()
    if row is None:
        raise InvitationOver
    if not row.email:
        if (await connection.execute(select(staff.c.id).limit(1))).first() is not None:
            raise InvitationOver  # somebody was the first already
        return _invitation(row, None)
    account = await _account(connection, row.email)
    if account is not None and not account.is_active:
        raise InvitationOver
    return _invitation(row, account)
