"""Every page and endpoint of the desk with the right that it takes; nothing is reachable that is not in this table.

Before a handler runs, in this order: requests that change something must come from our own pages (``Sec-Fetch-Site``,
or ``Origin`` where a browser does not send it); somebody must be signed in, with the second factor where it is wanted;
the role must have the right. Pages answer with a page, endpoints under ``/desk/api`` with a problem.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote

from aiohttp import hdrs, web

from bot.channels.problem import Problem
from bot.desk.access import May, Member

Handler = Callable[[web.Request, Member], Awaitable[web.StreamResponse]]
PublicHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SIGN_IN = "/desk/sign-in"
API = "/desk/api/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Access:
    """One row of the table: ``right`` is nothing for what everybody signed in may have, ``public`` for everybody."""

    method: str
    path: str
    right: May | None
    public: bool = False


@dataclass(frozen=True)
class SignedIn:
    """Who a request comes from. ``next_page`` is where she must go first: the second factor, or nothing."""

    member: Member
    next_page: str | None = None


class Sessions(Protocol):
    """Knows who a request comes from."""

    async def of(self, request: web.Request) -> SignedIn | None:
        """Who is signed in; nothing for nobody."""

    def refresh(self, request: web.Request, response: web.StreamResponse) -> None:
        """Give the browser its new token when this request changed it."""


class Forbidden(Problem):
    """The role does not have the right, or the request came from another site."""

    def __init__(self, detail: str = "Your role does not allow this.") -> None:
        super().__init__(HTTPStatus.FORBIDDEN, detail)


def comes_from_our_pages(request: web.Request) -> bool:
    """Whether a request was made by one of our own pages (or typed into the address bar).

    Browsers set both headers themselves; a page cannot. See https://web.dev/articles/fetch-metadata.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is not None and origin.partition("://")[2] == request.headers.get(hdrs.HOST)


class DeskRoutes:
    """Collects the routes of all pages."""

    def __init__(self, sessions: Sessions, refused: Callable[[web.Request, str], web.Response]) -> None:
        """``refused`` makes the page that says why something is refused (its status is 403)."""
        self._sessions = sessions
        self._refused = refused
        self._routes: list[web.RouteDef] = []
        self.table: list[Access] = []

    def add(self, method: str, path: str, handler: Handler, right: May | None) -> None:
        """A page or endpoint for who has a right (nothing: for everybody signed in, even before the second factor)."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if request.method not in _SAFE and not comes_from_our_pages(request):
                return self._refuse(request, "This request did not come from the desk.")
            found = await self._sessions.of(request)
            if found is None:
                return self._to_sign_in(request)
            if found.next_page is not None and right is not None:
                return self._elsewhere(request, found.next_page)
            if right is not None and not found.member.may(right):
                return self._refuse(request, "Your role does not allow this.")
            response = await handler(request, found.member)
            if not response.prepared:
                response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
                self._sessions.refresh(request, response)
            return response

        self._add(Access(method, path, right), guarded)

    def public(self, method: str, path: str, handler: PublicHandler) -> None:
        """A page for everybody, such as the sign-in."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if request.method not in _SAFE and not comes_from_our_pages(request):
                return self._refuse(request, "This request did not come from the desk.")
            response = await handler(request)
            response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
            return response

        self._add(Access(method, path, None, public=True), guarded)

    def _add(self, access: Access, handler: PublicHandler) -> None:
        self.table.append(access)
        self._routes.append(web.RouteDef(access.method, access.path, handler, {"name": _name(access)}))

    def routes(self) -> list[web.RouteDef]:
        """For the application."""
        return list(self._routes)

    def _refuse(self, request: web.Request, detail: str) -> web.Response:
        if request.path.startswith(API):
            return Forbidden(detail).response()
        return self._refused(request, detail)

    @staticmethod
    def _to_sign_in(request: web.Request) -> web.Response:
        if request.path.startswith(API):
            return Problem(HTTPStatus.UNAUTHORIZED, "Please sign in again.").response()
        after = f"?next={quote(request.path, safe='/')}" if request.method == "GET" else ""
        return redirect(f"{SIGN_IN}{after}")

    @staticmethod
    def _elsewhere(request: web.Request, page: str) -> web.Response:
        if request.path.startswith(API):
            return Problem(HTTPStatus.UNAUTHORIZED, "Please finish signing in.").response()
        return redirect(page)


def _name(access: Access) -> str:
    path = access.path.strip("/").replace("{", "").replace("}", "").replace("/", ".").replace("-", "_")
    return f"{path}.{access.method.lower()}"


def redirect(address: str) -> web.Response:
    """See another page (303), as after a form was sent."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: address})
