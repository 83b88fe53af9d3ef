"""Serving pages of the desk by themselves, over real HTTP, to a member of a chosen role."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web
from sqlalchemy import insert

from bot.desk.access import Member, Role
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes, SignedIn
from bot.model import now
from bot.storage.database import Database
from bot.storage.desk_tables import staff

PAGES = Pages(ZoneInfo("Asia/Kolkata"))


def member(role: Role = Role.COORDINATOR, id_: str = "00000000-0000-4000-8000-000000000001") -> Member:
    """One of the staff, an example."""
    return Member(id_, f"{role}@example.org", "Meera Example", role, True)


class Always:
    """Sessions in which the same member is always signed in."""

    def __init__(self, who: Member) -> None:
        self._who = who

    async def of(self, request: web.Request) -> SignedIn | None:
        """Who is signed in."""
        return SignedIn(self._who)

    def refresh(self, request: web.Request, response: web.StreamResponse) -> None:
        """Nothing to renew."""


async def add_account(database: Database, who: Member) -> None:
    """An account that rows may refer to."""
    async with database.transaction() as connection:
        await connection.execute(
            insert(staff).values(
                id=who.id, email=f"{who.id}@example.org", name=who.name, role=who.role.value, password_hash="x",
                created_at=now(),
            )
        )  # fmt: skip


@asynccontextmanager
async def served(add: Callable[[DeskRoutes], None], who: Member) -> AsyncIterator[aiohttp.ClientSession]:
    """A client, signed in as a member, of a server that has nothing but some pages."""
    routes = DeskRoutes(Always(who), PAGES.refused)
    add(routes)
    app = web.Application()
    app.add_routes(routes.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(url, headers={"Sec-Fetch-Site": "same-origin"}) as session:
            yield session
    finally:
        await runner.cleanup()


async def read(response: aiohttp.ClientResponse) -> str:
    """The text of a page, without entities."""
    return html.unescape(await response.text())
