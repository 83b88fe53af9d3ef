"""Signing in, the second factor, signing out.

Nothing here tells whether an address has an account: the words, the waits and the time are the same.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web

from bot.channels.rate_limit import RateLimiter
from bot.desk.access import Member
from bot.desk.attempts import UnknownAddresses
from bot.desk.passwords import Passwords
from bot.desk.rendering import Pages
from bot.desk.routing import SIGN_IN, DeskRoutes, redirect
from bot.desk.second_factor import step_of
from bot.desk.sessions import SECOND_FACTOR_PAGE, DeskSessions
from bot.model import now
from bot.storage.audit import AuditLog, Nobody
from bot.storage.credentials import Credentials, CredentialStore
from bot.storage.sessions import Stage
from bot.storage.staff import StaffStore

_HOME = "/desk"
_WRONG = "The e-mail address or the password is not right."
_WRONG_CODE = "This code is not right. Each code works once and for half a minute."
_SAID = {
    "out": "You are signed out.",
    "ready": "Your password is set. Please sign in.",
}


def next_page(wished: str) -> str:
    """Where to go after signing in: a page of the desk, whatever the address says."""
    ours = wished == _HOME or wished.startswith((f"{_HOME}/", f"{_HOME}?"))
    plain = wished.isascii() and wished.isprintable() and "\\" not in wished
    return wished if ours and plain and not wished.startswith(SIGN_IN) else _HOME


def how_long(wait: timedelta) -> str:
    """A wait in words."""
    seconds = max(1, math.ceil(wait.total_seconds()))
    if seconds < 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = math.ceil(seconds / 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def too_many(wait: timedelta) -> str:
    """Why an attempt is not looked at."""
    return f"Too many attempts. Please wait {how_long(wait)} and try again."


class Refused(Exception):
    """An attempt is refused; the message is for the person, ``wait`` is how long until the next one."""

    def __init__(self, message: str, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.wait = wait


async def _nobody_asks() -> None:
    """Where no streams are open."""


class SignIn:
    """The pages of signing in and out."""

    def __init__(
        self,
        staff: StaffStore,
        credentials: CredentialStore,
        sessions: DeskSessions,
        passwords: Passwords,
        audit: AuditLog,
        pages: Pages,
        *,
        limiter: RateLimiter,
        address: Callable[[web.Request], str],
        least_seconds: float = 0.25,
        ended: Callable[[], Awaitable[None]] = _nobody_asks,
    ) -> None:
        """Make the pages.

        Args:
            limiter: how fast attempts may come from one address.
            address: where a request comes from.
            least_seconds: how long a refusal takes at least, so that its time tells nothing.
            ended: called when somebody signed out.
        """
        self._staff = staff
        self._credentials = credentials
        self._sessions = sessions
        self._passwords = passwords
        self._audit = audit
        self._pages = pages
        self._limiter = limiter
        self._address = address
        self._least_seconds = least_seconds
        self._ended = ended
        self._unknown = UnknownAddresses()

    def routes(self, routes: DeskRoutes) -> None:
        """Add the pages."""
        routes.public("GET", SIGN_IN, self.show)
        routes.public("POST", SIGN_IN, self.sign_in)
        routes.add("GET", SECOND_FACTOR_PAGE, self.show_second_factor, None)
        routes.add("POST", SECOND_FACTOR_PAGE, self.second_factor, None)
        routes.add("POST", "/desk/sign-out", self.sign_out, None)

    async def show(self, request: web.Request) -> web.Response:
        """The form; who is signed in goes on."""
        after = next_page(request.query.get("next", ""))
        if await self._sessions.still_valid(request) is not None:
            return redirect(after)
        done = _SAID.get(request.query.get("said", ""), "")
        return self._pages.render(request, "sign_in.html", email="", after=after, done=done)

    async def sign_in(self, request: web.Request) -> web.Response:
        """E-mail and password."""
        began = time.monotonic()
        form = await request.post()
        email, password = str(form.get("email", "")), str(form.get("password", ""))
        after = next_page(str(form.get("next", "")))
        try:
            self._slow_down(request)
            found = await self._check(email, password)
        except Refused as refused:
            await asyncio.sleep(max(0.0, began + self._least_seconds - time.monotonic()))
            return self._again(request, "sign_in.html", refused, email=email, after=after)
        account = found.account
        if account.has_second_factor:
            await self._credentials.right(account.id, complete=False)
            await self._sessions.begin(request, account.id, Stage.SECOND_FACTOR)
            response = redirect(f"{SECOND_FACTOR_PAGE}?next={quote(after)}")
        else:
            await self._credentials.right(account.id, complete=True)
            await self._sessions.begin(request, account.id, Stage.FULL)
            await self._audit.record(account, "sign_in", account.id, "password")
            response = redirect(after)
        self._sessions.refresh(request, response)
        return response

    async def show_second_factor(self, request: web.Request, member: Member) -> web.Response:
        """The form for the code."""
        after = next_page(request.query.get("next", ""))
        if self._sessions.session(request).stage is Stage.FULL:
            return redirect(after)
        return self._pages.render(request, "second_factor.html", after=after)

    async def second_factor(self, request: web.Request, member: Member) -> web.Response:
        """The code."""
        form = await request.post()
        after = next_page(str(form.get("next", "")))
        if self._sessions.session(request).stage is Stage.FULL:
            return redirect(after)
        try:
            self._slow_down(request)
            await self._check_code(member, str(form.get("code", "")))
        except Refused as refused:
            return self._again(request, "second_factor.html", refused, after=after)
        if not await self._sessions.complete(request):
            return redirect(SIGN_IN)
        await self._audit.record(member, "sign_in", member.id, "password and code")
        return redirect(after)

    async def sign_out(self, request: web.Request, member: Member) -> web.Response:
        """End this session."""
        response = redirect(f"{SIGN_IN}?said=out")
        await self._sessions.end(request, response)
        await self._ended()
        await self._audit.record(member, "sign_out", member.id)
        return response

    def _slow_down(self, request: web.Request) -> None:
        seconds = self._limiter.wait(self._address(request))
        if seconds > 0:
            wait = timedelta(seconds=seconds)
            raise Refused(too_many(wait), wait)

    async def _check(self, email: str, password: str) -> Credentials:
        found = await self._credentials.by_email(email)
        if found is None:
            wait = self._unknown.attempt(email, now())
        else:
            wait = await self._credentials.attempt(found.account.id, now())
        if wait:
            raise Refused(too_many(wait), wait)
        checked = await self._passwords.verify(None if found is None else found.password_hash, password)
        if found is None:
            await self._audit.record(Nobody(), "sign_in_failed", None, "no account has this address")
        elif not checked.right or not found.account.is_active:
            why = "password" if found.account.is_active else "the account is disabled"
            await self._audit.record(found.account, "sign_in_failed", found.account.id, why)
        else:
            if checked.renewed is not None:
                await self._staff.set_password_hash(found.account.id, checked.renewed)
            return found
        raise Refused(_WRONG)

    async def _check_code(self, member: Member, code: str) -> None:
        wait = await self._credentials.attempt(member.id, now())
        if wait:
            raise Refused(too_many(wait), wait)
        found = await self._credentials.by_id(member.id)
        step = None
        if found is not None and found.totp_secret is not None:
            step = step_of(found.totp_secret, code, found.totp_last, now())
        if step is None or not await self._credentials.use_step(member.id, step):
            await self._audit.record(member, "sign_in_failed", member.id, "code")
            raise Refused(_WRONG_CODE)
        await self._credentials.right(member.id, complete=True)

    def _again(self, request: web.Request, template: str, refused: Refused, **values: Any) -> web.Response:
        status = HTTPStatus.BAD_REQUEST if refused.wait is None else HTTPStatus.TOO_MANY_REQUESTS
        response = self._pages.render(request, template, status=status, error=str(refused), **values)
        if refused.wait is not None:
            response.headers[hdrs.RETRY_AFTER] = str(max(1, math.ceil(refused.wait.total_seconds())))
        return response
