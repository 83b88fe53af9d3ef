"""Everybody's own account: name, password, second factor."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from bot.desk.access import Member
from bot.desk.invitation import usable_name
from bot.desk.passwords import Passwords, what_is_wrong
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes, redirect
from bot.desk.second_factor import grouped, new_secret, qr_image, step_of
from bot.desk.sessions import ACCOUNT_PAGE, SECOND_FACTOR_PAGE, DeskSessions
from bot.desk.sign_in import Refused, too_many
from bot.model import now
from bot.storage.credentials import CredentialStore
from bot.storage.sessions import Stage
from bot.storage.staff import StaffStore

_DONE = {
    "name": "Your name is changed.",
    "password": "Your password is changed. Your other sessions have ended.",
    "set": "The second factor is on. Sign-in asks for a code from now on.",
    "removed": "The second factor is off.",
}


class AccountPage:
    """The page ``/desk/account``."""

    def __init__(
        self,
        staff: StaffStore,
        credentials: CredentialStore,
        sessions: DeskSessions,
        passwords: Passwords,
        pages: Pages,
    ) -> None:
        self._staff = staff
        self._credentials = credentials
        self._sessions = sessions
        self._passwords = passwords
        self._pages = pages
        self._changes = {
            "name": self._name,
            "password": self._password,
            "offer": self._offer,
            "cancel": self._cancel,
            "confirm": self._confirm,
            "remove": self._remove,
        }

    def routes(self, routes: DeskRoutes) -> None:
        """Add the page. It takes no right, but a finished sign-in."""
        routes.add("GET", ACCOUNT_PAGE, self.show, None)
        routes.add("POST", ACCOUNT_PAGE, self.change, None)

    async def show(self, request: web.Request, member: Member) -> web.StreamResponse:
        """The page."""
        if self._is_half_way(request):
            return redirect(SECOND_FACTOR_PAGE)
        return await self._page(request, member, done=_DONE.get(request.query.get("said", ""), ""))

    async def change(self, request: web.Request, member: Member) -> web.StreamResponse:
        """One of its forms; the field ``change`` says which."""
        if self._is_half_way(request):
            return redirect(SECOND_FACTOR_PAGE)
        form = {key: str(value) for key, value in (await request.post()).items()}
        change = self._changes.get(form.get("change", ""))
        if change is None:
            raise web.HTTPNotFound
        try:
            said = await change(request, member, form)
        except Refused as refused:
            status = HTTPStatus.BAD_REQUEST if refused.wait is None else HTTPStatus.TOO_MANY_REQUESTS
            return await self._page(request, member, error=str(refused), status=status, name=form.get("name"))
        return redirect(f"{ACCOUNT_PAGE}?said={said}")

    def _is_half_way(self, request: web.Request) -> bool:
        """Whether the second factor is still to come: who has the password only must not change anything."""
        return self._sessions.session(request).stage is not Stage.FULL

    async def _name(self, request: web.Request, member: Member, form: dict[str, str]) -> str:
        name = usable_name(form.get("name", ""))
        if name is None:
            raise Refused("Please give a name of 1 to 80 letters.")
        await self._staff.set_name(member.id, name, member)
        return "name"

    async def _password(self, request: web.Request, member: Member, form: dict[str, str]) -> str:
        wrong = what_is_wrong(form.get("password", ""), form.get("again", ""), member.email)
        if wrong:
            raise Refused(wrong)
        await self._ask_password(member, form)
        hashed = await self._passwords.hash(form["password"])
        await self._credentials.set_password(member.id, hashed, member)
        await self._sessions.keep_only(request)
        return "password"

    async def _offer(self, request: web.Request, member: Member, form: dict[str, str]) -> str:
        await self._credentials.offer_secret(member.id, new_secret())
        return "offer"

    async def _cancel(self, request: web.Request, member: Member, form: dict[str, str]) -> str:
        await self._credentials.offer_secret(member.id, None)
        return "cancel"

    async def _confirm(self, request: web.Request, member: Member, form: dict[str, str]) -> str:
        found = await self._credentials.by_id(member.id)
        if found is None or found.totp_secret is None or found.account.has_second_factor:
            raise Refused("There is no second factor to confirm. Please begin again.")
        step = step_of(found.totp_secret, form.get("code", ""), found.totp_last, now())
        if step is None:
            raise Refused("This code is not right. Please type the one that your app shows now.")
        await self._credentials.confirm_secret(member.id, step, member)
        await self._sessions.complete(request)
        return "set"

    async def _remove(self, request: web.Request, member: Member, form: dict[str, str]) -> str:
        if await self._staff.second_factor_required():
            raise Refused("Everybody needs a second factor here. It cannot be removed.")
        await self._ask_password(member, form)
        await self._credentials.remove_secret(member.id, member)
        return "removed"

    async def _ask_password(self, member: Member, form: dict[str, str]) -> None:
        """Make sure that it is she; slowed like sign-in.

        Raises:
            Refused: the password is wrong, or it is too early for another attempt.
        """
        wait = await self._credentials.attempt(member.id, now())
        if wait:
            raise Refused(too_many(wait), wait)
        found = await self._credentials.by_id(member.id)
        stored = None if found is None else found.password_hash
        checked = await self._passwords.verify(stored, form.get("present", ""))
        if not checked.right:
            raise Refused("Your present password is not right.")
        await self._credentials.right(member.id, complete=True)

    async def _page(
        self,
        request: web.Request,
        member: Member,
        *,
        error: str = "",
        done: str = "",
        status: HTTPStatus = HTTPStatus.OK,
        name: str | None = None,
    ) -> web.Response:
        found = await self._credentials.by_id(member.id)
        if found is None:
            raise web.HTTPNotFound
        offered = None if found.account.has_second_factor else found.totp_secret
        return self._pages.render(
            request,
            "account.html",
            member,
            status=status,
            error=error,
            done=done,
            account=found.account,
            name=found.account.name if name is None else name,
            required=await self._staff.second_factor_required(),
            secret=None if offered is None else grouped(offered),
            image=None if offered is None else qr_image(offered, found.account.email),
        )
