"""The desk's stream of events: what a fresh load would show is always the old state plus these.

An event's id is ``CHANGE-POSITION``: the number of the latest change of the lists that was sent, and the position of
the latest message of the open conversation. A browser that comes back names it, and goes on from there.
"""

from __future__ import annotations

from typing import Any, Protocol

from aiohttp import web

from bot.channels.reading import event_stream, send_event, uuid_of
from bot.conversation.events import Listeners, Subscription
from bot.conversation.presence import Presence
from bot.desk.access import May, Member
from bot.desk.conversations import DeskConversations, MayNotRead
from bot.desk.routing import DeskRoutes
from bot.handoff import NotOnDesk
from bot.storage.audit import AuditLog
from bot.storage.database import DESK, StorageUnavailable

HEARTBEAT_SECONDS = 10.0


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
    ) -> None:
        """``heartbeat``: seconds of silence after which the line and the session are looked at."""
        self._conversations = conversations
        self._listeners = listeners
        self._presence = presence
        self._sessions = sessions
        self._audit = audit
        self._heartbeat = heartbeat

    def routes(self, routes: DeskRoutes) -> None:
        """Add the endpoint."""
        routes.add("GET", "/desk/api/events", self.events, May.WORK)

    async def events(self, request: web.Request, member: Member) -> web.StreamResponse:
        """``?from=CHANGE[&conversation=ID&position=N]`` → events ``card``, ``gone``, ``message``, ``conversation``,
        ``typing`` and ``signed-out``; ``Last-Event-ID`` goes on where a lost connection stopped."""
        conversation_id = uuid_of(request.query.get("conversation"))
        cursor, position = _place(request)
        if conversation_id is not None and "Last-Event-ID" not in request.headers:
            await self._audit.record(member, "conversation.watch", conversation_id)
        response = event_stream()
        await response.prepare(request)
        keys = [DESK] if conversation_id is None else [DESK, conversation_id]
        try:
            with self._presence.member(member.id), self._listeners.subscribe(*keys) as subscription:
                await response.write(b"retry: 1500\n\n")
                subscription.wake()  # what happened since is sent at once
                async for changed in subscription.changes(heartbeat=self._heartbeat):
                    now_member = await self._sessions.still_valid(request)
                    if now_member is None or not now_member.may(May.WORK):
                        await send_event(response, "signed-out", {})
                        break
                    if not changed:
                        await response.write(b": keep-alive\n\n")
                        continue
                    cursor, position = await self._send(
                        response, now_member, subscription, conversation_id, cursor, position
                    )
        except (ConnectionResetError, StorageUnavailable):
            pass  # the browser comes back and names the last event it has
        return response

    async def _send(
        self,
        response: web.StreamResponse,
        member: Member,
        subscription: Subscription,
        conversation_id: str | None,
        cursor: int,
        position: int,
    ) -> tuple[int, int]:
        for signal in subscription.signals():
            if signal["who"] == "visitor":
                await send_event(response, "typing", {"who": "visitor", "typing": signal["typing"]})
        latest, events = await self._conversations.since(member, cursor)
        open_one = any(data["id"] == conversation_id for _, data in events)
        if open_one and conversation_id is not None:
            # Before the card: its number would say that these were sent.
            for event, data in await self._of_open(member, conversation_id, position):
                position = data.get("position", position)
                await send_event(response, event, data, event_id=f"{cursor}-{position}")
        for number, (event, data) in enumerate(events, start=1):
            reached = latest if number == len(events) else cursor
            await send_event(response, event, data, event_id=f"{reached}-{position}")
        return latest, position

    async def _of_open(self, member: Member, conversation_id: str, position: int) -> list[tuple[str, dict[str, Any]]]:
        """New messages of the open conversation, and what else is new in it; nothing when she may not read it."""
        try:
            card = await self._conversations.readable(member, conversation_id)
        except (NotOnDesk, MayNotRead):
            return []
        messages = await self._conversations.messages(conversation_id, position)
        events: list[tuple[str, dict[str, Any]]] = [("message", message) for message in messages]
        return [*events, ("conversation", await self._conversations.detail(member, card))]


def _place(request: web.Request) -> tuple[int, int]:
    """From where to go on: the last event's id, or what the page says that it has."""
    last = request.headers.get("Last-Event-ID", "")
    cursor, _, position = last.partition("-")
    try:
        if last:
            return int(cursor), int(position)
        return int(request.query.get("from", 0)), int(request.query.get("position", 0))
    except ValueError:
        return 0, 0
