"""``/desk``: the live page. Everything on it comes from ``live`` and ``stream``."""

from __future__ import annotations

from aiohttp import web

from bot.desk.access import May, Member
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes


class Home:
    """The live page."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def routes(self, routes: DeskRoutes) -> None:
        """Add the page."""
        routes.add("GET", "/desk", self.show, May.WORK)

    async def show(self, request: web.Request, member: Member) -> web.Response:
        """``GET /desk`` → the queue and the open conversation."""
        return self._pages.render(request, "live.html", member)
