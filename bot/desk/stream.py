"""The desk's stream of server-sent events: those of ``following``, with who is typing, as long as the session holds.

A browser that lost the line names the id of the last event that it has, and goes on from there.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Protocol

from aiohttp import web

from bot.channels.reading import event_stream, send_event, uuid_of
from bot.conversation.events import Listeners
from bot.conversation.presence import Presence
from bot.desk.access import May, Member
from bot.desk.conversations import DeskConversations, MayNotRead
from bot.desk.following import Follower
from bot.desk.routing import DeskRoutes
from bot.handoff import NotOnDesk
from bot.storage.audit import AuditLog
from bot.storage.database import DESK, StorageUnavailable

HEARTBEAT_SECONDS = 10.0
CHECK_SECONDS = 1.0
"""How often a session is looked at while there is news; that one has ended is said at once, see :data:`SESSIONS`."""

SESSIONS = "sessions"
"""Who a signal on the desk's lists is from when some session may have ended."""

BREATH_SECONDS = 0.05
LASTS_SECONDS = 60.0
_COMES_AGAIN = 5.0


class Valid(Protocol):
    """Knows whether a session still holds."""

    async def still_valid(self, request: web.Request) -> Member | None:
        """Who is signed in; nothing once the session ended. It does not count as use."""


class DeskStream:
    """``GET /desk/api/events``."""

    def __init__(
        self,
        conversations: DeskConversations,
        listeners: Listeners,
        presence: Presence,
        sessions: Valid,
        audit: AuditLog,
        *,
        heartbeat: float = HEARTBEAT_SECONDS,
        breath: float = BREATH_SECONDS,
        lasts: float = LASTS_SECONDS,
    ) -> None:
        """Wire the parts.

        Args:
            heartbeat: seconds of silence after which the line and the session are looked at.
            breath: seconds between looking for news and looking again. What changes meanwhile is sent together: each
                message changes the lists several times, and each change wakes every open desk.
            lasts: seconds after which a stream ends, for the browser to come again: a computer that fell asleep does
                not, though its connection may look open for a quarter of an hour.
        """
        self._conversations = conversations
        self._listeners = listeners
        self._presence = presence
        self._sessions = sessions
        self._audit = audit
        self._heartbeat = min(heartbeat, lasts / 2)
        self._breath = breath
        self._lasts = lasts
        self._ended: dict[tuple[str, str | None], float] = {}
        """When streams ended by themselves: who comes again at once goes on watching."""

    def routes(self, routes: DeskRoutes) -> None:
        """Add the endpoint."""
        routes.add("GET", "/desk/api/events", self.events, May.WORK)

    async def events(self, request: web.Request, member: Member) -> web.StreamResponse:
        """``?from=CHANGE[&conversation=ID&position=N]`` → events ``card``, ``gone``, ``message``, ``conversation``,
        ``typing``, ``alive`` and ``signed-out``; ``Last-Event-ID`` goes on where a lost connection stopped."""
        conversation_id = uuid_of(request.query.get("conversation"))
        cursor, position = _place(request)
        follower = Follower(self._conversations, conversation_id, cursor, position)
        ends = time.monotonic() + self._lasts
        key = (member.id, conversation_id)
        goes_on = time.monotonic() - self._ended.pop(key, -math.inf) < _COMES_AGAIN
        if (
            conversation_id is not None and not goes_on
        ):  # also when the browser comes back: what it sends is no proof that it was here
            await self._audit.record(member, "conversation.watch", conversation_id)
        now_member = member
        response = event_stream(request)
        await response.prepare(request)
        keys = [DESK] if conversation_id is None else [DESK, conversation_id]
        try:
            with self._presence.member(member.id), self._listeners.subscribe(*keys) as subscription:
                await response.write(f"retry: 1500\nid: {cursor}-{position}\n\n".encode())
                subscription.wake()  # what happened since is sent at once
                checked = -math.inf
                async for changed in subscription.changes(heartbeat=self._heartbeat):
                    signals = subscription.signals()
                    ended = any(signal["who"] == SESSIONS for signal in signals)
                    if ended or not changed or time.monotonic() - checked >= CHECK_SECONDS:
                        found = await self._sessions.still_valid(request)
                        if found is None or not found.may(May.WORK):
                            await send_event(response, "signed-out", {})
                            break
                        now_member, checked = found, time.monotonic()
                    if time.monotonic() > ends:
                        recent = {one: at for one, at in self._ended.items() if time.monotonic() - at < _COMES_AGAIN}
                        self._ended = {**recent, key: time.monotonic()}
                        await response.write(b"retry: 20\n\n")  # at once, and from the last event
                        break
                    if not changed:
                        await send_event(response, "alive", {})  # the page comes again when it misses this
                    for signal in signals:
                        if signal["who"] == "visitor" and await self._may_read(now_member, conversation_id):
                            await send_event(response, "typing", {"who": "visitor", "typing": signal["typing"]})
                    async for event in follower.events(now_member):
                        await send_event(response, event.kind, event.data, event_id=event.id)
                    await asyncio.sleep(self._breath)
        except (ConnectionResetError, StorageUnavailable):
            pass  # the browser comes back and names the last event it has
        return response

    async def _may_read(self, member: Member, conversation_id: str | None) -> bool:
        try:
            return conversation_id is not None and bool(await self._conversations.readable(member, conversation_id))
        except (NotOnDesk, MayNotRead):
            return False


def _place(request: web.Request) -> tuple[int, int]:
    """From where to go on: the last event's id, or what the page says that it has."""
    last = request.headers.get("Last-Event-ID", "")
    cursor, _, position = last.partition("-")
    try:
        if last:
            return _number(cursor), _number(position)
        return _number(request.query.get("from", "0")), _number(request.query.get("position", "0"))
    except ValueError:
        return 0, 0


def _number(text: str) -> int:
    """A number that a database can compare with."""
    number = int(text)
    if not 0 <= number < 2**31:
        raise ValueError
    return number
