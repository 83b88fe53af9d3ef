"""Following the desk from a known point: which events bring what a page shows up to date.

What a fresh load would show is always the old state plus these events. An event's id is ``CHANGE-POSITION``: the number
of the latest change of the lists that was sent, and the position of the latest message of the open conversation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from bot.codes import code_in
from bot.desk.access import Member
from bot.desk.conversations import DeskConversations, MayNotRead
from bot.handoff import NotOnDesk


class DeskEvent(NamedTuple):
    """``card``, ``gone``, ``message`` or ``conversation``, with its data and the id to go on from."""

    kind: str
    data: dict[str, Any]
    id: str


class Follower:
    """One desk page: where it is, and what it has open."""

    def __init__(
        self, conversations: DeskConversations, conversation_id: str | None, cursor: int, position: int
    ) -> None:
        """Begin at a change of the lists and, in the open conversation, behind a message's position."""
        self._conversations = conversations
        self._open = conversation_id
        self._cursor = cursor
        self._position = position
        self._beside: tuple[object, ...] | None = None

    async def events(self, member: Member) -> AsyncIterator[DeskEvent]:
        """What happened since the last call, for somebody with the rights she has now.

        Raises:
            StorageUnavailable: the database does not answer; begin again from the last event's id.
        """
        latest, events = await self._conversations.since(member, self._cursor)
        for number, (kind, data) in enumerate(events, start=1):
            if data["id"] == self._open:
                # Before the card: its id says that these were sent.
                async for event in self._of_open(member, readable=kind == "card" and data["readable"]):
                    yield event
            if number == len(events):
                self._cursor = latest
            yield DeskEvent(kind, data, self._id())

    async def _of_open(self, member: Member, *, readable: bool) -> AsyncIterator[DeskEvent]:
        assert self._open is not None
        if not readable:
            # The page shows nothing of it any more; should she get it back, she gets all of it.
            self._position, self._beside = 0, None
            return
        codes = False
        for message in await self._conversations.messages(self._open, self._position):
            self._position = message["position"]
            codes = codes or code_in(message["text"]) is not None
            yield DeskEvent("message", message, self._id())
        beside = await self._conversations.cards.beside(self._open)
        if beside != self._beside or codes:  # most messages change nothing of what stands beside the conversation
            try:
                card = await self._conversations.readable(member, self._open)
            except (NotOnDesk, MayNotRead):
                return  # it has just changed again: the next events say so
            yield DeskEvent("conversation", await self._conversations.detail(member, card), self._id())
            self._beside = beside

    def _id(self) -> str:
        return f"{self._cursor}-{self._position}"
