"""``bot staff``: accounts of the staff from the server itself, such as when no administrator can sign in."""

from __future__ import annotations

import asyncio
import sys

from bot.app import open_store
from bot.desk.access import Role
from bot.desk.invitation import path_of, usable_email, usable_name
from bot.model import now
from bot.settings import Settings
from bot.storage.invitations import InvitationStore
from bot.storage.staff import EmailTaken, LastAdministrator, StaffAccount, StaffNotFound, StaffStore

_LASTS = "It works once, for 7 days. Give it to nobody else. Put the address of your server before it:"


def add(settings: Settings, email: str, name: str, role: str) -> int:
    """Print the path of a link with which somebody makes her account; ``name`` is what the page proposes."""
    address = usable_email(email)
    if address is None:
        return _failed(f"{email} is not an e-mail address.")
    if name and usable_name(name) is None:
        return _failed("The name can have at most 80 letters.")
    if role not in list(Role):
        return _failed(f"{role} is not a role; take {', '.join(Role)}.")

    async def work() -> str:
        async with open_store(settings) as store:
            return await InvitationStore(store.database).make(address, role, None, now())

    try:
        token = asyncio.run(work())
    except EmailTaken:
        return _failed(f"{address} has an account already; 'bot staff reset' gives a new password.")
    print(f"A link for {address} to become {role}. {_LASTS}\n{path_of(token, name)}")
    return 0


def list_(settings: Settings) -> int:
    """Print every account."""

    async def work() -> list[StaffAccount]:
        async with open_store(settings) as store:
            return await StaffStore(store.database).all()

    accounts = asyncio.run(work())
    for one in accounts:
        second = "second factor" if one.has_second_factor else "password only"
        print(f"{one.email}\t{one.name}\t{one.role}\t{second}\t{'active' if one.is_active else 'disabled'}")
    if not accounts:
        print("There are no accounts yet.")
    return 0


def disable(settings: Settings, email: str) -> int:
    """Disable an account; its sessions end at once, also those at a running server."""

    async def work() -> bool:
        async with open_store(settings) as store:
            staff = StaffStore(store.database)
            account = await staff.by_email(email)
            if account is None:
                raise StaffNotFound(email)
            return await staff.disable(account.id)

    try:
        done = asyncio.run(work())
    except StaffNotFound:
        return _failed(f"{email} has no account.")
    except LastAdministrator as error:
        return _failed(str(error))
    print(f"{email} is disabled." if done else f"{email} was disabled already.")
    return 0


def reset(settings: Settings, email: str) -> int:
    """Take password, second factor and sessions from an account; print the path of a link for a new password."""

    async def work() -> str:
        async with open_store(settings) as store:
            account = await StaffStore(store.database).by_email(email)
            if account is None:
                raise StaffNotFound(email)
            return await InvitationStore(store.database).reset(account.id, None, now())

    try:
        token = asyncio.run(work())
    except StaffNotFound:
        return _failed(f"{email} has no account that is active.")
    print(f"A link for {email} to set a new password. {_LASTS}\n{path_of(token)}")
    return 0


def _failed(why: str) -> int:
    print(why, file=sys.stderr)
    return 1
