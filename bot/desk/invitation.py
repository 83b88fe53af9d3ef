"""The page behind an invitation link: choose a name and a password. Also the link for the first administrator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web
from email_validator import EmailNotValidError, validate_email

from bot.channels.rate_limit import RateLimiter
from bot.desk.access import Role
from bot.desk.passwords import Passwords, what_is_wrong
from bot.desk.rendering import Pages
from bot.desk.routing import SIGN_IN, DeskRoutes, redirect
from bot.desk.sign_in import too_many
from bot.model import now
from bot.storage.invitations import Invitation, InvitationOver, InvitationStore
from bot.storage.staff import EmailTaken, StaffStore, normal_email

_PATH = "/desk/invitation"
_LONGEST_NAME = 80
_LONGEST_EMAIL = 254


def path_of(token: str, name: str = "") -> str:
    """The path of an invitation link; ``name`` is what the page proposes."""
    return f"{_PATH}/{token}" + (f"?name={quote(name)}" if name else "")


def usable_email(text: str) -> str | None:
    """An address as accounts store it, or nothing if it is none."""
    try:
        email = normal_email(validate_email(text.strip(), check_deliverability=False).normalized)
    except EmailNotValidError:
        return None
    return email if len(email) <= _LONGEST_EMAIL else None


def usable_name(text: str) -> str | None:
    """A name without needless spaces, or nothing if it is empty, too long or has odd characters."""
    name = " ".join(text.split())
    return name if 0 < len(name) <= _LONGEST_NAME and name.isprintable() else None


async def first_administrator_link(staff: StaffStore, invitations: InvitationStore) -> str | None:
    """When there is no account at all: the path of a fresh link that makes the first administrator.

    Links that were made so before end.
    """
    if not await staff.is_empty():
        return None
    return path_of(await invitations.make("", Role.ADMINISTRATOR, None, now()))


class InvitationPage:
    """Takes invitations up."""

    def __init__(
        self,
        invitations: InvitationStore,
        passwords: Passwords,
        pages: Pages,
        *,
        limiter: RateLimiter,
        address: Callable[[web.Request], str],
    ) -> None:
        """``limiter`` says how fast attempts may come from one address, which ``address`` tells."""
        self._invitations = invitations
        self._passwords = passwords
        self._pages = pages
        self._limiter = limiter
        self._address = address

    def routes(self, routes: DeskRoutes) -> None:
        """Add the page."""
        routes.public("GET", f"{_PATH}/{{token}}", self.show)
        routes.public("POST", f"{_PATH}/{{token}}", self.accept)

    async def show(self, request: web.Request) -> web.Response:
        """The form."""
        try:
            invitation = await self._invitations.find(request.match_info["token"], now())
        except InvitationOver:
            return self._over(request)
        return self._form(request, invitation, email="", name=usable_name(request.query.get("name", "")) or "")

    async def accept(self, request: web.Request) -> web.Response:
        """Make the account, or set the new password."""
        token = request.match_info["token"]
        form = await request.post()
        email, name = str(form.get("email", "")), str(form.get("name", ""))
        password, again = str(form.get("password", "")), str(form.get("again", ""))
        try:
            invitation = await self._invitations.find(token, now())
            error = _wrong(invitation, email, name, password, again)
            if error:
                return self._form(request, invitation, error, email=email, name=name)
            wait = self._limiter.wait(self._address(request))
            if wait > 0:
                return self._form(request, invitation, too_many(timedelta(seconds=wait)), email=email, name=name)
            hashed = await self._passwords.hash(password)
            await self._invitations.accept(token, usable_email(email) or "", usable_name(name) or "", hashed, now())
        except (InvitationOver, EmailTaken):
            return self._over(request)
        return redirect(f"{SIGN_IN}?said=ready")

    def _form(
        self, request: web.Request, invitation: Invitation, error: str = "", *, email: str, name: str
    ) -> web.Response:
        status = HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK
        return self._pages.render(
            request,
            "invitation.html",
            status=status,
            error=error,
            invitation=invitation,
            email=email,
            name=name,
        )

    def _over(self, request: web.Request) -> web.Response:
        error = "This link does not work any more. Please ask for a new one."
        return self._pages.render(
            request, "invitation.html", status=HTTPStatus.GONE, error=error, invitation=None, email="", name=""
        )


def _wrong(invitation: Invitation, email: str, name: str, password: str, again: str) -> str:
    address = invitation.email or usable_email(email)
    if address is None:
        return "This is not an e-mail address. It should look like name@example.org."
    if invitation.account is None and usable_name(name) is None:
        return f"Please give a name of 1 to {_LONGEST_NAME} letters."
    return what_is_wrong(password, again, address)
