"""The secrets of accounts: passwords as hashes, second factors sealed, and how often somebody tried in vain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from bot.model import now
from bot.storage.audit import AuditLog, Who
from bot.storage.database import Database
from bot.storage.desk_tables import staff
from bot.storage.encryption import Keyring
from bot.storage.staff import StaffAccount, account_of, normal_email

FREE_FAILURES = 3
"""From this failure on, the next attempt has to wait."""
LONGEST_WAIT = timedelta(minutes=15)


def wait_after(failures: int) -> timedelta:
    """How long the next attempt waits after so many failures: nothing, then 1 s, 2 s, 4 s ... at most 15 minutes."""
    if failures < FREE_FAILURES:
        return timedelta()
    return min(LONGEST_WAIT, timedelta(seconds=2 ** min(failures - FREE_FAILURES, 16)))


@dataclass(frozen=True)
class Credentials:
    """What sign-in needs. ``password_hash`` is empty while a reset waits for a new password."""

    account: StaffAccount
    password_hash: str
    totp_secret: str | None
    totp_last: int


def _place(staff_id: str) -> str:
    return f"staff.totp_secret/{staff_id}"


class CredentialStore:
    """Reads and changes secrets."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def by_email(self, email: str) -> Credentials | None:
        """The credentials of an address, disabled or not.

        Raises:
            CannotOpen: the second factor was sealed with a key that is not there.
        """
        async with self._database.read() as connection:
            row = (await connection.execute(select(staff).where(staff.c.email == normal_email(email)))).first()
        return None if row is None else self._credentials(row)

    async def by_id(self, staff_id: str) -> Credentials | None:
        """The credentials of an account; raises as :meth:`by_email`."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(staff).where(staff.c.id == staff_id))).first()
        return None if row is None else self._credentials(row)

    async def attempt(self, staff_id: str, moment: datetime) -> timedelta:
        """Ask to try a password or a code: how long to wait, or nothing when the attempt may be made.

        The attempt counts as failed until :meth:`right` says otherwise, so that many at once gain nothing.
        """
        async with self._database.transaction() as connection:
            query = select(staff.c.failures, staff.c.not_before).where(staff.c.id == staff_id).with_for_update()
            row = (await connection.execute(query)).first()
            if row is None:
                return timedelta()
            if row.not_before is not None and row.not_before > moment:
                wait: timedelta = row.not_before - moment
                return wait
            failures = row.failures + 1
            await connection.execute(
                update(staff)
                .where(staff.c.id == staff_id)
                .values(failures=failures, not_before=moment + wait_after(failures))
            )
        return timedelta()

    async def right(self, staff_id: str, *, complete: bool) -> None:
        """The attempt was right.

        Args:
            complete: she is in, and earlier failures are forgotten. Otherwise a code comes next: whoever knows the
                password only gets no fresh start at guessing codes.
        """
        async with self._database.transaction() as connection:
            failures = 0 if complete else staff.c.failures - 1
            await connection.execute(
                update(staff)
                .where(staff.c.id == staff_id, staff.c.failures > 0)
                .values(failures=failures, not_before=None)
            )

    async def set_password(self, staff_id: str, password_hash: str, by: Who) -> None:
        """She chose another password."""
        async with self._database.transaction() as connection:
            await connection.execute(update(staff).where(staff.c.id == staff_id).values(password_hash=password_hash))
            await AuditLog.record_in(connection, by, "password_changed", staff_id)

    async def offer_secret(self, staff_id: str, secret: str | None) -> None:
        """Keep the secret of a second factor until she confirms it, or take the offer back."""
        sealed = None if secret is None else self._keyring.seal(secret, _place(staff_id))
        async with self._database.transaction() as connection:
            await connection.execute(
                update(staff).where(staff.c.id == staff_id, staff.c.totp_since.is_(None)).values(totp_secret=sealed)
            )

    async def confirm_secret(self, staff_id: str, step: int, by: Who) -> None:
        """She gave a right code, of a time step, for the secret that was offered: sign-in asks for one from now on."""
        async with self._database.transaction() as connection:
            confirmed = await connection.execute(
                update(staff)
                .where(staff.c.id == staff_id, staff.c.totp_since.is_(None), staff.c.totp_secret.is_not(None))
                .values(totp_since=now(), totp_last=step)
            )
            if confirmed.rowcount:
                await AuditLog.record_in(connection, by, "second_factor_set", staff_id)

    async def remove_secret(self, staff_id: str, by: Who) -> None:
        """Sign-in asks for no code any more."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(staff).where(staff.c.id == staff_id).values(totp_secret=None, totp_since=None)
            )
            await AuditLog.record_in(connection, by, "second_factor_removed", staff_id)

    async def use_step(self, staff_id: str, step: int) -> bool:
        """Use up the code of a time step; false if it or a later one was used already."""
        async with self._database.transaction() as connection:
            used = await connection.execute(
                update(staff).where(staff.c.id == staff_id, staff.c.totp_last < step).values(totp_last=step)
            )
            return used.rowcount == 1

    def _credentials(self, row: Row[Any]) -> Credentials:
        secret = None if row.totp_secret is None else self._keyring.open(row.totp_secret, _place(row.id))
        return Credentials(account_of(row), row.password_hash, secret, row.totp_last)
