"""Who a request to the desk comes from: the cookie, the ends of a session, and the change of its token."""

from __future__ import annotations

from datetime import datetime, timedelta

from aiohttp import hdrs, web

from bot.desk.access import Member, Role
from bot.desk.routing import SignedIn
from bot.model import now
from bot.storage.sessions import LONGEST, Session, SessionStore, Stage
from bot.storage.staff import StaffAccount

COOKIE = "desk_session"
BACKGROUND = "X-Desk-Background"
SECOND_FACTOR_PAGE = "/desk/second-factor"
ACCOUNT_PAGE = "/desk/account"

_PATH = "/desk"
_EVENTS = "/desk/api/events"
_TOKEN_LASTS = timedelta(minutes=15)
_OLD_TOKEN_LASTS = timedelta(seconds=60)
_CODE_COMES_WITHIN = timedelta(minutes=10)
_NOTE_USE_EVERY = timedelta(seconds=30)

_SESSION = web.RequestKey("desk_session", Session)
_TOKEN = web.RequestKey("desk_token", str)


def member_of(account: StaffAccount) -> Member:
    """An account as pages know it."""
    return Member(account.id, account.email, account.name, Role(account.role), account.has_second_factor)


class DeskSessions:
    """Sessions over HTTP; see ``bot.desk.routing.Sessions``."""

    def __init__(
        self, store: SessionStore, *, trust_proxy: bool = False, idle_minutes: float = 120, hours: float = 12
    ) -> None:
        """Sessions end.

        Args:
            trust_proxy: believe X-Forwarded-Proto, so that the cookie is for https alone where the proxy speaks it.
            idle_minutes: a session ends when nothing was done for so long.
            hours: and so long after the sign-in in any case; at most 12.
        """
        self._store = store
        self._trust_proxy = trust_proxy
        self._idle = timedelta(minutes=idle_minutes)
        self._longest = min(timedelta(hours=hours), LONGEST)
        self._note_use_every = min(_NOTE_USE_EVERY, self._idle / 10)

    async def of(self, request: web.Request) -> SignedIn | None:
        """Who is signed in; nothing for nobody. Counts as use, and changes a token that is old.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        moment = now()
        session = await self._find(request)
        if session is None or not self._lives(session, moment):
            return None
        if session.replaced_at is not None and moment - session.replaced_at >= _OLD_TOKEN_LASTS:
            return None
        request[_SESSION] = session
        if not _is_background(request) and session.replaced_at is None:
            if moment - session.token_at >= _TOKEN_LASTS:
                await self._change(request, session, moment)
            elif moment - session.used_at >= self._note_use_every:
                await self._store.used(session, moment)
        return SignedIn(member_of(session.account), _next_page(session))

    async def still_valid(self, request: web.Request) -> Member | None:
        """Who a request that began a while ago comes from, if her session lasts; does not count as use.

        A token that was replaced meanwhile is as good as its successor: an open stream goes on.
        """
        session = await self._find(request)
        if session is None or not self._lives(session, now()) or _next_page(session) is not None:
            return None
        return member_of(session.account)

    def session(self, request: web.Request) -> Session:
        """The session that :meth:`of` found for a request."""
        return request[_SESSION]

    def refresh(self, request: web.Request, response: web.StreamResponse) -> None:
        """Give the browser its new token when this request changed it."""
        token = request.get(_TOKEN)
        if token is not None:
            response.set_cookie(
                COOKIE, token, path=_PATH, httponly=True, samesite="Strict", secure=self._is_https(request)
            )

    async def on_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """The same for errors and streams, which do not come by :meth:`refresh`; for ``app.on_response_prepare``."""
        if _TOKEN in request and COOKIE not in response.cookies:
            self.refresh(request, response)
            # At this point the cookies stand among the headers already.
            response.headers.add(hdrs.SET_COOKIE, response.cookies[COOKIE].OutputString())

    async def begin(self, request: web.Request, staff_id: str, stage: Stage) -> None:
        """Begin a session and end the one that the browser had; the cookie goes with :meth:`refresh`."""
        before = await self._find(request)
        if before is not None:
            await self._store.end(before)
        request[_TOKEN] = await self._store.begin(staff_id, stage, now())

    async def complete(self, request: web.Request) -> bool:
        """The second factor was right: the session is a full one from now on, with another token.

        False if the token that the browser sent is not the newest; she signs in again then.
        """
        return await self._change(request, await self._current(request), now(), Stage.FULL)

    async def keep_only(self, request: web.Request) -> None:
        """End all other sessions of the account; this one gets another token."""
        request[_TOKEN] = await self._store.keep_only(self.session(request), now())

    async def end(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session of a request and take the cookie back."""
        await self._store.end(self.session(request))
        request.pop(_TOKEN, None)
        response.del_cookie(COOKIE, path=_PATH, httponly=True, samesite="Strict", secure=self._is_https(request))

    def address_of(self, request: web.Request, path: str) -> str:
        """The full address of a path as the browser of a request reaches it."""
        return f"{'https' if self._is_https(request) else 'http'}://{request.host}{path}"

    async def _find(self, request: web.Request) -> Session | None:
        token = request.cookies.get(COOKIE)
        return await self._store.find(token) if token else None

    async def _current(self, request: web.Request) -> Session:
        """The session with the newest token that this request knows: :meth:`of` may have changed it just now."""
        token = request.get(_TOKEN)
        found = await self._store.find(token) if token else None
        return found or self.session(request)

    async def _change(
        self, request: web.Request, session: Session, moment: datetime, stage: Stage | None = None
    ) -> bool:
        token = await self._store.change_token(session, moment, stage)
        if token is None:
            return False
        request[_TOKEN] = token
        return True

    def _lives(self, session: Session, moment: datetime) -> bool:
        age = moment - session.began_at
        if session.stage is Stage.SECOND_FACTOR and age >= _CODE_COMES_WITHIN:
            return False
        return age < self._longest and moment - session.line_used_at < self._idle

    def _is_https(self, request: web.Request) -> bool:
        if self._trust_proxy:
            forwarded = request.headers.get(hdrs.X_FORWARDED_PROTO, "").rsplit(",", 1)[-1].strip().lower()
            if forwarded:
                return forwarded == "https"
        return request.secure


def _is_background(request: web.Request) -> bool:
    return request.headers.get(BACKGROUND) == "1" or request.path == _EVENTS


def _next_page(session: Session) -> str | None:
    if session.stage is Stage.SECOND_FACTOR:
        return SECOND_FACTOR_PAGE
    if session.second_factor_required and not session.account.has_second_factor:
        return ACCOUNT_PAGE
    return None
