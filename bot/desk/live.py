"""The endpoints of the live page under ``/desk/api``: lists, one conversation, and everything staff do with it.

Bodies and answers are JSON, errors problems: 400 for what cannot be read, 403 for what is not hers to do or read,
404 for a conversation that is not on the desk, 409 when another was faster.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from actions.knowledge import knowledge
from bot.channels.problem import Problem
from bot.channels.reading import json_object, json_response, uuid_of
from bot.conversation.handoff import HandoffService
from bot.desk import view
from bot.desk.access import May, Member
from bot.desk.conversations import DeskConversations, MayNotRead
from bot.desk.routing import DeskRoutes, Forbidden
from bot.handoff import (
    CLOSE_REASONS,
    REASONS,
    AlreadyHeld,
    Card,
    HandoffError,
    NotHolder,
    NotOnDesk,
    NotPossible,
)
from bot.model import MAX_TEXT, State, now
from bot.storage.audit import AuditLog
from bot.storage.staff import StaffStore

_CONVERSATION = "/desk/api/conversations/{id}"
_LONGEST_NOTE = 2000
_ONLINE_SECONDS = 40.0
_LEAST_LIKELY = 0.1

Replies = Callable[[Member, str], Awaitable[list[dict[str, str]]]]
Topics = Callable[[str], Awaitable[list[tuple[str, float]]]]
Signals = Callable[[str, dict[str, Any]], Awaitable[None]]
Erase = Callable[[str], Awaitable[bool]]


class LiveDesk:
    """Handlers of the live page's requests; the stream of events is in ``stream``."""

    def __init__(
        self,
        conversations: DeskConversations,
        service: HandoffService,
        staff: StaffStore,
        audit: AuditLog,
        *,
        erase: Erase,
        topics: Topics,
        canned: Replies,
        signals: Signals,
    ) -> None:
        """Wire the parts.

        Args:
            erase: erases a conversation for good.
            topics: what a text is most likely about, with confidences.
            canned: the canned replies for somebody and a conversation, with their gaps filled.
            signals: passes on what is true for a moment only, such as that somebody is typing.
        """
        self._conversations = conversations
        self._service = service
        self._staff = staff
        self._audit = audit
        self._erase = erase
        self._topics = topics
        self._canned = canned
        self._signals = signals

    def routes(self, routes: DeskRoutes) -> None:
        """Add the endpoints."""
        routes.add("GET", "/desk/api/queue", self.queue, May.WORK)
        routes.add("GET", "/desk/api/colleagues", self.colleagues, May.WORK)
        routes.add("GET", _CONVERSATION, self.conversation, May.WORK)
        routes.add("DELETE", _CONVERSATION, self.erase, May.ERASE)
        routes.add("GET", f"{_CONVERSATION}/suggestions", self.suggestions, May.WORK)
        routes.add("GET", f"{_CONVERSATION}/canned", self.canned, May.WORK)
        for name, handler in (
            ("claim", self.claim),
            ("release", self.release),
            ("transfer", self.transfer),
            ("hand-back", self.hand_back),
            ("close", self.close),
            ("messages", self.write),
            ("notes", self.add_note),
            ("signals", self.signal),
        ):
            routes.add("POST", f"{_CONVERSATION}/{name}", _explained(handler), May.WORK)

    # Reading

    async def queue(self, request: web.Request, member: Member) -> web.Response:
        """``GET /desk/api/queue`` → the cards of all lists, who she is, and the names that the page shows."""
        shown = await self._conversations.queue(member)
        return json_response(
            {
                "cursor": shown.cursor,
                "now": now().isoformat().replace("+00:00", "Z"),
                "me": {
                    "id": member.id,
                    "name": member.name,
                    "role": member.role.value,
                    "rights": sorted(right.value for right in May if member.may(right)),
                },
                "cards": shown.cards,
                "close_reasons": [{"id": key, "name": name} for key, name in CLOSE_REASONS.items()],
                "reasons": {why.value: view.WHY[why] for why in REASONS},
                "states": {state.value: name for state, name in view.STATES.items()},
            }
        )

    async def conversation(self, request: web.Request, member: Member) -> web.Response:
        """``GET /desk/api/conversations/{id}`` → messages, panel and notes. Being read is in the audit log."""
        cursor = await self._conversations.cards.clock()
        card = await self._readable(request, member)
        await self._audit.record(member, "conversation.read", card.id, view.STATES[State(card.state)])
        messages = await self._conversations.messages(card.id, 0)
        return json_response({"cursor": cursor, "messages": messages, **await self._conversations.detail(member, card)})

    async def colleagues(self, request: web.Request, member: Member) -> web.Response:
        """``GET /desk/api/colleagues`` → who else could take a conversation, and who has the desk open."""
        found = []
        for account in await self._staff.all():
            if account.is_active and (account.id != member.id or member.may(May.SEE_ALL)):
                seen = account.last_seen_at
                online = seen is not None and (now() - seen).total_seconds() < _ONLINE_SECONDS
                found.append({"id": account.id, "name": account.name, "role": account.role, "online": online})
        found.sort(key=lambda row: (not row["online"], str(row["name"])))
        return json_response({"colleagues": found})

    async def suggestions(self, request: web.Request, member: Member) -> web.Response:
        """``GET .../suggestions`` → the assistant's own best answers to the visitor's last words."""
        card = await self._readable(request, member)
        words = await self._conversations.last_words(card.id)
        found = []
        for topic, confidence in await self._topics(words) if words else ():
            if confidence >= _LEAST_LIKELY and f"utter_ask/{topic}" in knowledge():
                text = "\n\n".join(knowledge().answer(topic).bubbles)
                found.append({"topic": view.topic_name(topic), "text": text, "confidence": round(confidence, 3)})
        return json_response({"suggestions": found})

    async def canned(self, request: web.Request, member: Member) -> web.Response:
        """``GET .../canned`` → the canned replies with their gaps filled for this conversation."""
        card = await self._readable(request, member)
        return json_response({"replies": await self._canned(member, card.id)})

    # Doing

    async def claim(self, request: web.Request, member: Member) -> web.Response:
        """``POST .../claim`` → the card; 409 when another was faster."""
        conversation_id = await self._listed(request, member)
        await self._service.claim(conversation_id, member.colleague, any_holder=member.may(May.SEE_ALL))
        return await self._done(request, member)

    async def release(self, request: web.Request, member: Member) -> web.Response:
        """``POST .../release`` → back into the queue."""
        conversation_id = await self._listed(request, member)
        await self._service.release(conversation_id, member.colleague)
        return await self._done(request, member)

    async def transfer(self, request: web.Request, member: Member) -> web.Response:
        """``POST .../transfer`` {to: id} → a colleague has it."""
        conversation_id = await self._listed(request, member)
        wanted = (await json_object(request)).get("to")
        to = next((one for one in await self._staff.colleagues() if one.id == wanted), None)
        if to is None:
            raise Problem(HTTPStatus.BAD_REQUEST, "There is no such colleague.")
        await self._service.transfer(conversation_id, member.colleague, to, any_holder=member.may(May.SEE_ALL))
        return await self._done(request, member)

    async def hand_back(self, request: web.Request, member: Member) -> web.Response:
        """``POST .../hand-back`` {seen?: position} → the assistant answers again; 409 when something newer is there."""
        conversation_id = await self._listed(request, member)
        seen = _position((await json_object(request, may_be_empty=True)).get("seen"))
        await self._service.hand_back(conversation_id, member.colleague, seen=seen)
        return await self._done(request, member)

    async def close(self, request: web.Request, member: Member) -> web.Response:
        """``POST .../close`` {reason, seen?: position} → closed; 409 when something newer is there."""
        conversation_id = await self._listed(request, member)
        body = await json_object(request)
        reason = body.get("reason")
        if not isinstance(reason, str) or reason not in CLOSE_REASONS:
            raise Problem(HTTPStatus.BAD_REQUEST, "Choose a reason for closing.")
        await self._service.close(conversation_id, member.colleague, reason, seen=_position(body.get("seen")))
        return await self._done(request, member)

    async def write(self, request: web.Request, member: Member) -> web.Response:
        """``POST .../messages`` {id, text, topic?} → 201 with the message; the same id again gives the same one."""
        conversation_id = await self._listed(request, member)
        body = await json_object(request)
        message_id, text = _id_and_text(body, MAX_TEXT)
        topic = body.get("topic")
        if topic is not None and f"utter_ask/{topic}" not in knowledge():
            raise Problem(HTTPStatus.BAD_REQUEST, "There is no such topic.")
        written = await self._service.write(conversation_id, member.colleague, message_id, text, topic)
        return json_response(await self._conversations.shown(written), HTTPStatus.CREATED)

    async def add_note(self, request: web.Request, member: Member) -> web.Response:
        """``POST .../notes`` {id, text} → 201 with the note, which only staff see."""
        card = await self._readable(request, member)
        note_id, text = _id_and_text(await json_object(request), _LONGEST_NOTE)
        note = await self._conversations.notes.add(card.id, member.colleague, note_id, text)
        self._service.changed(card.id)
        return json_response(view.note(note, member), HTTPStatus.CREATED)

    async def signal(self, request: web.Request, member: Member) -> web.Response:
        """``POST .../signals`` {typing} or {read: position} → 204. Only the holder's count."""
        card = await self._readable(request, member)
        body = await json_object(request)
        if card.holder is not None and card.holder.id == member.id:
            if isinstance(body.get("typing"), bool):
                await self._signals(card.id, {"who": member.id, "typing": body["typing"]})
            read = _position(body.get("read"))
            if read is not None:
                await self._conversations.cards.read_by_staff(card.id, read)
                self._service.changed(card.id)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def erase(self, request: web.Request, member: Member) -> web.Response:
        """``DELETE ...`` → 204; everything of the conversation is erased."""
        card = await self._readable(request, member)
        await self._audit.record(member, "conversation.erase", card.id)
        await self._erase(card.id)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    # Parts

    async def _readable(self, request: web.Request, member: Member) -> Card:
        try:
            return await self._conversations.readable(member, _conversation(request))
        except MayNotRead as error:
            raise Forbidden(str(error)) from error
        except NotOnDesk as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error

    async def _listed(self, request: web.Request, member: Member) -> str:
        """The id of a conversation that stands in her lists; whether she may change it, its holder decides."""
        conversation_id = _conversation(request)
        try:
            await self._conversations.readable(member, conversation_id)
        except MayNotRead:
            pass  # another has it: what comes says who
        except NotOnDesk as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
        return conversation_id

    async def _done(self, request: web.Request, member: Member) -> web.Response:
        card = await self._conversations.cards.get(_conversation(request))
        if card is None:
            raise Problem(HTTPStatus.NOT_FOUND, "This conversation was erased.")
        return json_response(self._conversations.card(card, member))


def _explained(
    handler: Callable[[web.Request, Member], Awaitable[web.Response]],
) -> Callable[[web.Request, Member], Awaitable[web.Response]]:
    """Say errors of handoffs as problems."""

    async def explained(request: web.Request, member: Member) -> web.Response:
        try:
            return await handler(request, member)
        except (AlreadyHeld, NotPossible) as error:
            raise Problem(HTTPStatus.CONFLICT, str(error)) from error
        except NotHolder as error:
            raise Forbidden(str(error)) from error
        except NotOnDesk as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
        except HandoffError as error:
            raise Problem(HTTPStatus.CONFLICT, str(error)) from error

    return explained


def _conversation(request: web.Request) -> str:
    found = uuid_of(request.match_info["id"])
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "There is no such conversation.")
    return found


def _position(value: object) -> int | None:
    """A position in a conversation; nothing for anything else, such as true."""
    return max(0, min(value, 2**31 - 1)) if type(value) is int else None


def _id_and_text(body: dict[str, Any], longest: int) -> tuple[str, str]:
    message_id, text = uuid_of(body.get("id")), body.get("text")
    if message_id is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "An 'id' that is a UUID is needed.")
    if not isinstance(text, str) or not text.strip():
        raise Problem(HTTPStatus.BAD_REQUEST, "The text is empty.")
    if len(text) > longest:
        raise Problem(HTTPStatus.BAD_REQUEST, f"The text has {len(text):,} characters; {longest:,} are possible.")
    return message_id, text.encode("utf-8", "replace").decode().replace("\0", "")
