"""The web chat: the contract of ``openapi.json``, over HTTP and server-sent events.

A visitor has no account. Starting a conversation gives her a token; it is stored as a hash, and whoever has it has the
conversation. Storing a reply is not yet delivering it: replies are marked when they went out in a response or a stream.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web

from bot.channels.problem import Problem
from bot.channels.rate_limit import RateLimiter
from bot.channels.reading import event_stream, json_object, json_response, send_event, uuid_of
from bot.conversation import metrics
from bot.conversation.events import Listeners
from bot.conversation.export import export
from bot.conversation.payload import is_payload
from bot.conversation.presence import Presence
from bot.conversation.service import ConversationService
from bot.handoff import is_feedback
from bot.model import MAX_TEXT, ConversationNotFound, Inbound, Message, State
from bot.storage.cards import CardStore
from bot.storage.conversations import ConversationStore
from bot.storage.database import DESK, StorageUnavailable

CHANNEL = "web"
HEARTBEAT_SECONDS = 15.0
_CONVERSATION = "/api/chat/conversations/{id}"


class WebChat:
    """Handlers of the web chat contract."""

    def __init__(
        self,
        service: ConversationService,
        store: ConversationStore,
        listeners: Listeners,
        *,
        messages: RateLimiter,
        starts: RateLimiter,
        signalled: RateLimiter,
        address: Callable[[web.Request], str],
        presence: Presence,
        signals: Callable[[str, dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Wire the parts.

        Args:
            address: tells the visitor's network address, for the limit on new conversations.
            signals: passes on what is true for a moment only, such as that she is typing.
        """
        self._presence = presence
        self._signals = signals
        self._cards = CardStore(store.database)
        self._service = service
        self._store = store
        self._listeners = listeners
        self._messages = messages
        self._starts = starts
        self._signalled = signalled
        self._address = address

    def routes(self) -> list[web.RouteDef]:
        """The routes of the contract."""
        return [
            web.post("/api/chat/conversations", self.start, name="start"),
            web.post(f"{_CONVERSATION}/messages", self.post, name="post"),
            web.get(f"{_CONVERSATION}/messages", self.get, name="get", allow_head=False),
            web.post(f"{_CONVERSATION}/signals", self.signals, name="signals"),
            web.get(f"{_CONVERSATION}/events", self.events, name="events", allow_head=False),
            web.get(f"{_CONVERSATION}/export", self.export, name="export", allow_head=False),
            web.delete(_CONVERSATION, self.erase, name="erase"),
        ]

    async def start(self, request: web.Request) -> web.Response:
        """``POST /api/chat/conversations`` → 201 with id, token and no messages yet."""
        self._within(self._starts, self._address(request))
        await json_object(request, may_be_empty=True)
        token = secrets.token_urlsafe(32)
        conversation_id = await self._service.start(CHANNEL, token_hash=_hash(token))
        return json_response({"id": conversation_id, "token": token, "messages": []}, HTTPStatus.CREATED)

    async def post(self, request: web.Request) -> web.Response:
        """``POST .../messages`` → 200 with the replies to this message, once they are there."""
        conversation_id = await self._authorised(request)
        body = await json_object(request)
        inbound = _inbound(conversation_id, body)
        message = await self._store.get(conversation_id, inbound.id)
        if message is None:
            self._within(self._messages, conversation_id)
            message = await self._service.receive(conversation_id, CHANNEL, inbound)
        if not _same(message, inbound):
            raise Problem(
                HTTPStatus.CONFLICT, "This id was used for another message. Each message needs an id of its own."
            )
        replies = await self._service.replies(message)
        self._service.mark_delivered(replies)
        return _messages(replies)

    async def get(self, request: web.Request) -> web.Response:
        """``GET .../messages?after=ID`` → 200 with all messages behind that one, the visitor's own included."""
        conversation_id = await self._authorised(request)
        position = await self._position(conversation_id, request.query.get("after"), strict=True)
        found = await self._service.after(conversation_id, position)
        self._service.mark_delivered(found)
        return _messages(found)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """``GET .../events`` → a stream with each new message once; ``Last-Event-ID`` goes on behind that message."""
        conversation_id = await self._authorised(request)
        position = await self._position(conversation_id, request.headers.get("Last-Event-ID"), strict=False)
        response = event_stream(request)
        await response.prepare(request)
        metrics.LISTENERS.inc()
        try:
            with self._presence.visitor(conversation_id), self._listeners.subscribe(conversation_id) as subscription:
                await response.write(b"retry: 2000\n\n")
                subscription.wake()  # send what is there already
                # A page that comes back to a conversation with people may have missed who answers now.
                known = await self._cards.get(conversation_id) is None
                shown = State.ASSISTANT if known else None
                async for changed in subscription.changes(heartbeat=HEARTBEAT_SECONDS):
                    if not changed:
                        await response.write(b": keep-alive\n\n")
                        continue
                    for signal in subscription.signals():
                        if signal["who"] != "visitor":
                            await send_event(response, "typing", {"typing": signal["typing"]})
                    position = await self._send_new(response, conversation_id, position)
                    state = await self._store.state(conversation_id)
                    if state is None:
                        await send_event(response, "erased", {})
                        break
                    if state is not shown:
                        await send_event(response, "state", {"state": state.value})
                        shown = state
        except (ConnectionResetError, StorageUnavailable):
            pass  # the visitor closed the page, or should come again: her browser does, and goes on where it was
        finally:
            metrics.LISTENERS.dec()
        return response

    async def signals(self, request: web.Request) -> web.Response:
        """``POST .../signals`` {typing} or {read: message id} → 204; for whoever of the team answers live."""
        conversation_id = await self._authorised(request)
        self._within(self._signalled, conversation_id)
        body = await json_object(request)
        if isinstance(body.get("typing"), bool):
            await self._signals(conversation_id, {"who": "visitor", "typing": body["typing"]})
        if body.get("read") is not None:
            position = await self._position(conversation_id, str(body["read"]), strict=True)
            await self._cards.read_by_visitor(conversation_id, position)
            self._listeners.changed(DESK)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def export(self, request: web.Request) -> web.Response:
        """``GET .../export`` → 200 with everything that is kept of the conversation, as a file to download."""
        conversation_id = await self._authorised(request)
        response = json_response(await export(self._store, conversation_id))
        response.headers[hdrs.CONTENT_DISPOSITION] = 'attachment; filename="conversation.json"'
        return response

    async def erase(self, request: web.Request) -> web.Response:
        """``DELETE ...`` → 204; everything of the conversation is erased."""
        conversation_id = await self._authorised(request)
        await self._service.erase(conversation_id)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _send_new(self, response: web.StreamResponse, conversation_id: str, position: int) -> int:
        """Write the messages behind a position; the position of the last one written."""
        found = await self._service.after(conversation_id, position)
        for message in found:
            await send_event(response, "message", message.as_json(), event_id=message.id)
        self._service.mark_delivered(found)
        return found[-1].position if found else position

    async def _position(self, conversation_id: str, message_id: str | None, *, strict: bool) -> int:
        """The position of a message id; the beginning when none is given.

        An unknown id is an error where a client asks for it (``strict``), and the beginning where a browser resumes.
        """
        if not message_id:
            return 0
        known_id = uuid_of(message_id)
        position = None if known_id is None else await self._service.position_of(conversation_id, known_id)
        if position is None and strict:
            raise Problem(HTTPStatus.BAD_REQUEST, "The message in 'after' is not in this conversation.")
        return position or 0

    async def _authorised(self, request: web.Request) -> str:
        """The conversation's id, if the bearer token belongs to it.

        An unknown conversation and a foreign token look the same: nobody can find out which conversations exist.
        """
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Problem(HTTPStatus.UNAUTHORIZED, "The token of the conversation is missing.")
        conversation_id = request.match_info["id"]
        if uuid_of(conversation_id) != conversation_id:
            raise ConversationNotFound(conversation_id)
        stored = await self._store.token_hash(conversation_id)
        given = _hash(token.strip())
        if not hmac.compare_digest(stored or bytes(32), given) or stored is None:
            raise ConversationNotFound(conversation_id)
        return conversation_id

    @staticmethod
    def _within(limiter: RateLimiter, key: str) -> None:
        wait = limiter.wait(key)
        if wait:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "That was a little fast. Please wait a moment, then try again.",
                retry_after=wait,
            )


def _same(known: Message, inbound: Inbound) -> bool:
    """Whether a repeated id brings the same message again."""
    if inbound.payload is not None:
        return known.payload == inbound.payload
    return known.text == inbound.text and (known.payload is None or is_feedback(known.payload))


def _hash(token: str) -> bytes:
    # The token is 256 random bits: a plain hash cannot be guessed backwards.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _inbound(conversation_id: str, body: dict[str, Any]) -> Inbound:
    """The message of a request body, checked."""
    message_id = uuid_of(body.get("id"))
    if message_id is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "The message needs an 'id' that is a UUID.")
    text, payload = body.get("text"), body.get("payload")
    if (text is None) == (payload is None):
        raise Problem(HTTPStatus.BAD_REQUEST, "The message needs either 'text' or 'payload'.")
    external_id = f"{conversation_id}/{message_id}"
    if payload is not None:
        if not isinstance(payload, str) or not is_payload(payload):
            raise Problem(HTTPStatus.BAD_REQUEST, "The 'payload' is not one that a button has.")
        return Inbound(message_id, external_id, payload=payload)
    if not isinstance(text, str):
        raise Problem(HTTPStatus.BAD_REQUEST, "The 'text' must be a string.")
    # Half a surrogate pair and NUL cannot be stored as text; a visitor should not have to care.
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    if not clean.strip():
        raise Problem(HTTPStatus.BAD_REQUEST, "The message is empty.")
    if len(text) > MAX_TEXT:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"This message has {len(text):,} characters; {MAX_TEXT:,} are possible. Please send it in parts.",
        )
    return Inbound(message_id, external_id, text=clean)


def _messages(found: list[Message]) -> web.Response:
    return json_response({"messages": [message.as_json() for message in found]})
