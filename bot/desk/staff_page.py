"""The staff: invite, change roles, disable, reset, and whether everybody needs a second factor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from bot.desk.access import May, Member, Role
from bot.desk.invitation import path_of, usable_email
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes, redirect
from bot.desk.sessions import DeskSessions
from bot.model import now
from bot.storage.invitations import InvitationStore
from bot.storage.staff import EmailTaken, LastAdministrator, StaffAccount, StaffNotFound, StaffStore

_PATH = "/desk/staff"
_DONE = {
    "role": "The role is changed. She has to sign in again.",
    "disabled": "The account is disabled.",
    "enabled": "The account is enabled.",
    "required": "Everybody needs a second factor from now on.",
    "optional": "The second factor is everybody's own choice from now on.",
    "withdrawn": "The invitation is withdrawn.",
}


@dataclass(frozen=True)
class Link:
    """An invitation link, shown once."""

    email: str
    address: str
    resets: bool


class StaffPage:
    """The page ``/desk/staff``."""

    def __init__(
        self,
        staff: StaffStore,
        invitations: InvitationStore,
        sessions: DeskSessions,
        pages: Pages,
        ended: Callable[[str], Awaitable[None]],
    ) -> None:
        """``ended`` is told the id of an account whose sessions have just ended: disabled, another role, or reset."""
        self._staff = staff
        self._invitations = invitations
        self._sessions = sessions
        self._pages = pages
        self._ended = ended

    def routes(self, routes: DeskRoutes) -> None:
        """Add the page and its forms."""
        routes.add("GET", _PATH, self.show, May.STAFF)
        routes.add("POST", f"{_PATH}/invite", self.invite, May.STAFF)
        routes.add("POST", f"{_PATH}/withdraw", self.withdraw, May.STAFF)
        routes.add("POST", f"{_PATH}/option", self.option, May.STAFF)
        routes.add("POST", f"{_PATH}/{{id}}/role", self.role, May.STAFF)
        routes.add("POST", f"{_PATH}/{{id}}/disable", self.disable, May.STAFF)
        routes.add("POST", f"{_PATH}/{{id}}/enable", self.enable, May.STAFF)
        routes.add("POST", f"{_PATH}/{{id}}/reset", self.reset, May.STAFF)

    async def show(self, request: web.Request, member: Member) -> web.Response:
        """Everybody who has an account, and who is invited."""
        return await self._page(request, member, done=_DONE.get(request.query.get("said", ""), ""))

    async def invite(self, request: web.Request, member: Member) -> web.Response:
        """Make an invitation; the page shows its link once."""
        form = await request.post()
        typed, role = str(form.get("email", "")), _role(str(form.get("role", "")))
        email = usable_email(typed)
        if email is None or role is None:
            error = "Please choose a role." if email else "This is not an e-mail address."
            return await self._page(request, member, error=error, typed=typed, role=role)
        try:
            token = await self._invitations.make(email, role, member, now())
        except EmailTaken:
            error = "This address has an account already. To give a new password, reset the account."
            return await self._page(request, member, error=error, typed=typed, role=role)
        link = Link(email, self._sessions.address_of(request, path_of(token)), resets=False)
        return await self._page(request, member, link=link)

    async def withdraw(self, request: web.Request, member: Member) -> web.Response:
        """End an open invitation."""
        if not await self._invitations.withdraw(str((await request.post()).get("email", "")), member):
            raise web.HTTPNotFound
        return redirect(f"{_PATH}?said=withdrawn")

    async def option(self, request: web.Request, member: Member) -> web.Response:
        """Whether everybody needs a second factor."""
        required = (await request.post()).get("second_factor") == "required"
        await self._staff.require_second_factor(required, member)
        return redirect(f"{_PATH}?said={'required' if required else 'optional'}")

    async def role(self, request: web.Request, member: Member) -> web.Response:
        """Give another role."""
        account = await self._account(request)
        role = _role(str((await request.post()).get("role", "")))
        if role is None:
            return await self._page(request, member, error="Please choose a role.")
        try:
            if await self._staff.set_role(account.id, role, member):
                await self._ended(account.id)
        except LastAdministrator as error:
            return await self._page(request, member, error=str(error))
        return redirect(f"{_PATH}?said=role")

    async def disable(self, request: web.Request, member: Member) -> web.Response:
        """Let somebody in no more."""
        account = await self._account(request)
        try:
            if await self._staff.disable(account.id, member):
                await self._ended(account.id)
        except LastAdministrator as error:
            return await self._page(request, member, error=str(error))
        return redirect(f"{_PATH}?said=disabled")

    async def enable(self, request: web.Request, member: Member) -> web.Response:
        """Let somebody in again."""
        await self._staff.enable((await self._account(request)).id, member)
        return redirect(f"{_PATH}?said=enabled")

    async def reset(self, request: web.Request, member: Member) -> web.Response:
        """Take password, second factor and sessions away; the page shows a link that sets a new password."""
        account = await self._account(request)
        try:
            token = await self._invitations.reset(account.id, member, now())
        except StaffNotFound:
            return await self._page(request, member, error="The account is disabled. Enable it first.")
        await self._ended(account.id)
        link = Link(account.email, self._sessions.address_of(request, path_of(token)), resets=True)
        return await self._page(request, member, link=link)

    async def _account(self, request: web.Request) -> StaffAccount:
        account = await self._staff.by_id(request.match_info["id"])
        if account is None:
            raise web.HTTPNotFound
        return account

    async def _page(
        self,
        request: web.Request,
        member: Member,
        *,
        error: str = "",
        done: str = "",
        typed: str = "",
        role: Role | None = None,
        link: Link | None = None,
    ) -> web.Response:
        return self._pages.render(
            request,
            "staff.html",
            member,
            status=HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK,
            error=error,
            done=done,
            accounts=await self._staff.all(),
            invitations=await self._invitations.open(now()),
            required=await self._staff.second_factor_required(),
            roles=list(Role),
            typed=typed,
            role=role or Role.COACH,
            link=link,
        )


def _role(text: str) -> Role | None:
    try:
        return Role(text)
    except ValueError:
        return None
