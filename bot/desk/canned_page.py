"""The team's canned replies: adding, changing and deleting them, beside the standard ones."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from bot.desk.access import May, Member
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes, redirect
from bot.storage.audit import AuditLog
from bot.storage.canned import MAX_TEXT, MAX_TITLE, PLACEHOLDERS, CannedNotFound, CannedRefused, CannedStore

PAGE = "/desk/canned"
ONE = f"{PAGE}/{{id}}"

_DONE = {"added": "The reply was added.", "changed": "The reply was changed.", "deleted": "The reply was deleted."}


class CannedPage:
    """The pages of canned replies."""

    def __init__(self, store: CannedStore, pages: Pages, audit: AuditLog) -> None:
        self._store = store
        self._pages = pages
        self._audit = audit

    def routes(self, routes: DeskRoutes) -> None:
        """Add the pages."""
        routes.add("GET", PAGE, self.show, May.CANNED)
        routes.add("POST", PAGE, self.add, May.CANNED)
        routes.add("GET", ONE, self.show_one, May.CANNED)
        routes.add("POST", ONE, self.change, May.CANNED)
        routes.add("POST", f"{ONE}/delete", self.delete, May.CANNED)

    async def show(self, request: web.Request, member: Member) -> web.StreamResponse:
        """All replies and a form for a new one."""
        return await self._list(request, member, done=_DONE.get(request.query.get("done", ""), ""))

    async def add(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Add a reply."""
        title, text = await _form(request)
        try:
            id_ = await self._store.put(title, text)
        except CannedRefused as error:
            return await self._list(request, member, error=str(error), title=title, text=text)
        await self._audit.record(member, "canned_added", id_)
        return redirect(f"{PAGE}?done=added")

    async def show_one(self, request: web.Request, member: Member) -> web.StreamResponse:
        """The form of one of the team's own."""
        try:
            reply = await self._store.own(request.match_info["id"])
        except CannedNotFound:
            raise web.HTTPNotFound from None
        return self._one(request, member, reply.title, reply.text)

    async def change(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Change one of the team's own."""
        title, text = await _form(request)
        id_ = request.match_info["id"]
        try:
            await self._store.own(id_)  # what does not exist is not refused for its title
            await self._store.put(title, text, id_)
        except CannedNotFound:
            raise web.HTTPNotFound from None
        except CannedRefused as error:
            return self._one(request, member, title, text, error=str(error))
        await self._audit.record(member, "canned_changed", id_)
        return redirect(f"{PAGE}?done=changed")

    async def delete(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Delete one of the team's own."""
        id_ = request.match_info["id"]
        try:
            await self._store.delete(id_)
        except CannedNotFound:
            raise web.HTTPNotFound from None
        await self._audit.record(member, "canned_deleted", id_)
        return redirect(f"{PAGE}?done=deleted")

    async def _list(
        self, request: web.Request, member: Member, *, title: str = "", text: str = "", error: str = "", done: str = ""
    ) -> web.Response:
        return self._pages.render(
            request, "canned.html", member, id=None, replies=await self._store.all(), title=title, text=text,
            error=error, done=done, status=_status(error), **_LIMITS,
        )  # fmt: skip

    def _one(self, request: web.Request, member: Member, title: str, text: str, *, error: str = "") -> web.Response:
        return self._pages.render(
            request, "canned.html", member, id=request.match_info["id"], replies=[], title=title, text=text,
            error=error, status=_status(error), **_LIMITS,
        )  # fmt: skip


_LIMITS = {"max_title": MAX_TITLE, "max_text": MAX_TEXT, "placeholders": PLACEHOLDERS}


def _status(error: str) -> HTTPStatus:
    return HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK


async def _form(request: web.Request) -> tuple[str, str]:
    form = await request.post()
    return str(form.get("title", "")), str(form.get("text", ""))
