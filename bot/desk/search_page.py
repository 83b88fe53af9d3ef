"""Searching in conversations. What is searched for is sent by POST: it is in no address, no log, no audit entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from bot.desk.access import May, Member, may_read
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes
from bot.handoff import Card
from bot.storage.audit import AuditLog
from bot.storage.search import Found, Search

PAGE = "/desk/search"
MAX_WORDS = 200
MIN_WORDS = 2
LIMIT = 50

_SENDERS = {
    "user": "The visitor",
    "assistant": "The assistant",
    "person": "The team",
    "system": "A notice",
    "note": "A private note",
    "reference": "Reference code",
    "conversation": "Conversation number",
}


class SearchPage:
    """The page of searching."""

    def __init__(
        self, search: Search, cards: Callable[[], Awaitable[list[Card]]], pages: Pages, audit: AuditLog
    ) -> None:
        """``cards`` gives all conversations that staff may see."""
        self._search = search
        self._cards = cards
        self._pages = pages
        self._audit = audit

    def routes(self, routes: DeskRoutes) -> None:
        """Add the page."""
        routes.add("GET", PAGE, self.show, May.WORK)
        routes.add("POST", PAGE, self.find, May.WORK)

    async def show(self, request: web.Request, member: Member) -> web.StreamResponse:
        """The form."""
        return self._page(request, member, "")

    async def find(self, request: web.Request, member: Member) -> web.StreamResponse:
        """The form and what was found in the conversations that the member may read."""
        words = str((await request.post()).get("words", "")).strip()
        if len(words) < MIN_WORDS:
            return self._page(request, member, words, error="Please write at least two letters.")
        if len(words) > MAX_WORDS:
            return self._page(request, member, words, error=f"Please search for {MAX_WORDS} characters at most.")
        cards = sorted(await self._cards(), key=lambda card: card.last_message_at, reverse=True)
        ids = [card.id for card in cards if may_read(member, card)]
        found = await self._search.find(words, ids, limit=LIMIT)
        await self._audit.record(member, "searched", None, f"hits: {len(found)}")
        for conversation_id in dict.fromkeys(place.conversation_id for place in found):
            await self._audit.record(member, "conversation.found", conversation_id)
        return self._page(request, member, words, found=found, readable=len(ids))

    def _page(
        self,
        request: web.Request,
        member: Member,
        words: str,
        *,
        error: str = "",
        found: list[Found] | None = None,
        readable: int = 0,
    ) -> web.Response:
        return self._pages.render(
            request, "search.html", member, words=words, error=error, found=found, limit=LIMIT, senders=_SENDERS,
            most=self._search.most if readable > self._search.most else None, max_words=MAX_WORDS,
            status=HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK,
        )  # fmt: skip
