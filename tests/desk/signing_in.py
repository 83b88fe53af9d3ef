"""Accounts for tests, and signing in to them as a browser does."""

from __future__ import annotations

from uuid import uuid4

import aiohttp
from argon2 import PasswordHasher

from bot.desk.access import Role
from bot.desk.passwords import Passwords
from bot.storage.conversations import ConversationStore
from bot.storage.staff import StaffAccount, StaffStore

PASSWORD = "example horse battery"
FROM_OUR_PAGES = {"Sec-Fetch-Site": "same-origin"}


def quick_passwords() -> Passwords:
    """Argon2id with so little work that tests are fast."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def browser(base_url: str) -> aiohttp.ClientSession:
    """A client that keeps cookies, also those of 127.0.0.1, and sends forms as our own pages do."""
    return aiohttp.ClientSession(base_url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers=FROM_OUR_PAGES)


async def make_member(
    store: ConversationStore, role: Role, *, email: str = "", name: str = "Example Person", password: str = PASSWORD
) -> tuple[StaffAccount, str]:
    """An account and its password; an address of its own when none is given."""
    hashed = await quick_passwords().hash(password)
    address = email or f"{role}-{uuid4().hex[:8]}@example.org"
    return await StaffStore(store.database).create(address, name, role, hashed), password


async def sign_in(http: aiohttp.ClientSession, email: str, password: str) -> None:
    """Send the form of the sign-in page; fails unless it lets in."""
    form = {"email": email, "password": password}
    async with http.post("/desk/sign-in", data=form, headers=FROM_OUR_PAGES, allow_redirects=False) as response:
        assert response.status == 303, await response.text()
