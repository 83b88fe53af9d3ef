"""A small server with the pages of accounts and one page for each kind of right."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import select, update

from bot.channels.problem import problems
from bot.channels.rate_limit import RateLimiter
from bot.desk.access import May, Member
from bot.desk.account import AccountPage
from bot.desk.audit_page import AuditPage
from bot.desk.invitation import InvitationPage
from bot.desk.passwords import Passwords
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes
from bot.desk.sessions import DeskSessions
from bot.desk.sign_in import SignIn
from bot.desk.staff_page import StaffPage
from bot.storage.audit import AuditLog
from bot.storage.conversations import ConversationStore
from bot.storage.credentials import CredentialStore
from bot.storage.desk_tables import staff, staff_sessions
from bot.storage.invitations import InvitationStore
from bot.storage.sessions import SessionStore
from bot.storage.staff import StaffStore
from bot.values import Rate
from tests.desk.signing_in import quick_passwords


@dataclass
class Desk:
    """The server and what stands behind it."""

    store: ConversationStore
    sessions: DeskSessions
    url: str = ""
    ended: list[str] = field(default_factory=list)

    @property
    def accounts(self) -> StaffStore:
        """Accounts."""
        return StaffStore(self.store.database)

    @property
    def credentials(self) -> CredentialStore:
        """Secrets."""
        return CredentialStore(self.store.database, self.store.keyring)

    @property
    def invitations(self) -> InvitationStore:
        """Invitations."""
        return InvitationStore(self.store.database)

    @property
    def audit(self) -> AuditLog:
        """The audit log."""
        return AuditLog(self.store.database)

    async def age_sessions(self, age: timedelta, *columns: str) -> None:
        """Let time pass for some columns of every session."""
        async with self.store.database.transaction() as connection:
            for row in (await connection.execute(select(staff_sessions))).all():
                older = {name: getattr(row, name) - age for name in columns if getattr(row, name) is not None}
                if not older:
                    continue
                matches = staff_sessions.c.token_hash == row.token_hash
                await connection.execute(update(staff_sessions).where(matches).values(**older))

    async def let_attempt(self, email: str) -> None:
        """Let the wait for the next attempt be over."""
        async with self.store.database.transaction() as connection:
            await connection.execute(update(staff).where(staff.c.email == email).values(not_before=None))

    async def used_code(self, email: str, step: int) -> None:
        """Let the last code that was used be that of a time step."""
        async with self.store.database.transaction() as connection:
            await connection.execute(update(staff).where(staff.c.email == email).values(totp_last=step))


@asynccontextmanager
async def serve_accounts(
    store: ConversationStore,
    *,
    rate: Rate | None = None,
    trust_proxy: bool = False,
    passwords: Passwords | None = None,
    least_seconds: float = 0,
    address: Callable[[web.Request], str] = lambda request: request.remote or "",
) -> AsyncIterator[Desk]:
    """Serve the pages; ``/desk`` and ``/desk/missing`` stand for all others, ``/desk/api/events`` for the live ones."""
    sessions = DeskSessions(SessionStore(store.database), trust_proxy=trust_proxy, idle_minutes=120)
    desk = Desk(store, sessions)
    pages = Pages(ZoneInfo("Asia/Kolkata"))
    routes = DeskRoutes(sessions, pages.refused)
    passwords = passwords or quick_passwords()
    limiter = RateLimiter(rate)

    async def ended(staff_id: str) -> None:
        desk.ended.append(staff_id)

    async def home(request: web.Request, member: Member) -> web.Response:
        still = await sessions.still_valid(request)
        return web.Response(text=f"{member.name}, {member.role}, {'lasts' if still else 'over'}")

    async def missing(request: web.Request, member: Member) -> web.Response:
        raise web.HTTPNotFound

    async def watch(request: web.Request) -> web.Response:
        still = await sessions.still_valid(request)
        return web.Response(text="over" if still is None else f"lasts for {still.role}")

    SignIn(
        desk.accounts,
        desk.credentials,
        sessions,
        passwords,
        desk.audit,
        pages,
        limiter=limiter,
        address=address,
        least_seconds=least_seconds,
    ).routes(routes)
    InvitationPage(desk.invitations, passwords, pages, limiter=limiter, address=address).routes(routes)
    AccountPage(desk.accounts, desk.credentials, sessions, passwords, pages).routes(routes)
    StaffPage(desk.accounts, desk.invitations, sessions, pages, ended).routes(routes)
    AuditPage(desk.audit, desk.accounts, pages).routes(routes)
    routes.add("GET", "/desk", home, May.WORK)
    routes.add("GET", "/desk/missing", missing, May.WORK)
    routes.add("GET", "/desk/api/events", home, May.WORK)
    routes.public("GET", "/desk/watch", watch)
    app = web.Application(middlewares=[problems])
    app.add_routes(routes.routes())
    app.on_response_prepare.append(sessions.on_prepare)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        desk.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield desk
    finally:
        await runner.cleanup()
