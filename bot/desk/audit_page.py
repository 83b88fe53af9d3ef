"""The audit log as a page, the newest entries first."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from bot.desk.access import May, Member
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes
from bot.storage.audit import AuditLog
from bot.storage.staff import StaffStore

_PATH = "/desk/audit"
_ON_A_PAGE = 100
_LARGEST_ID = 2**31 - 1


class AuditPage:
    """The page ``/desk/audit``."""

    def __init__(self, audit: AuditLog, staff: StaffStore, pages: Pages) -> None:
        self._audit = audit
        self._staff = staff
        self._pages = pages

    def routes(self, routes: DeskRoutes) -> None:
        """Add the page."""
        routes.add("GET", _PATH, self.show, May.AUDIT)

    async def show(self, request: web.Request, member: Member) -> web.Response:
        """Entries, by person and action, from an id backwards."""
        who, action = request.query.get("who", ""), request.query.get("action", "")
        text = request.query.get("before", "")
        before = int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else None
        if text and (before is None or before > _LARGEST_ID):
            raise web.HTTPNotFound
        entries = await self._audit.read(before=before, action=action, who=who, limit=_ON_A_PAGE + 1)
        more = len(entries) > _ON_A_PAGE
        entries = entries[:_ON_A_PAGE]
        older = ""
        if more:
            older = f"{_PATH}?" + urlencode({"who": who, "action": action, "before": entries[-1].id})
        return self._pages.render(
            request,
            "audit.html",
            member,
            status=HTTPStatus.OK,
            entries=entries,
            accounts={account.id: account.email for account in await self._staff.all()},
            people=await self._audit.people(),
            actions=await self._audit.actions(),
            who=who,
            action=action,
            older=older,
            newest=f"{_PATH}?" + urlencode({"who": who, "action": action}) if before is not None else "",
        )
