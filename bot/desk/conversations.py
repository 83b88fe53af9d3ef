"""A conversation as one of the staff may see it: gathers what the live page shows, and guards who reads what."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from bot.codes import code_in
from bot.desk import view
from bot.desk.access import Member, may_list, may_read
from bot.handoff import Card, NotOnDesk
from bot.hours import Hours
from bot.model import Message, Sender
from bot.storage.cards import CardStore, Changes
from bot.storage.conversations import ConversationStore
from bot.storage.discretion import TOLD, for_staff
from bot.storage.handoff_log import HandoffLog
from bot.storage.histories import HistoryStore
from bot.storage.notes import NoteStore
from bot.storage.referrals import Referral, ReferralNotFound, ReferralStore
from bot.storage.safety import SafetyStore
from bot.storage.staff import StaffStore

_NAMES_LAST = 5.0
"""Seconds."""


class MayNotRead(Exception):
    """Somebody else has this conversation, or has closed it. The message says who."""


@dataclass(frozen=True)
class Shown:
    """Cards for one of the staff, and the number of the change they are as new as."""

    cursor: int
    cards: list[dict[str, Any]]


class _SharedReading:
    """What changed in the lists, read once for all who ask meanwhile: every change wakes every open desk at once.

    A reading begins after everybody whom it is for has asked, so nobody gets less than reading alone would give.
    """

    def __init__(self, cards: CardStore) -> None:
        self._cards = cards
        self._one_at_a_time = asyncio.Lock()
        self._next: asyncio.Task[tuple[Changes, Mapping[str, Card]]] | None = None
        self._lowest = 0

    async def since(self, cursor: int) -> tuple[int, list[str], Mapping[str, Card]]:
        """The latest change, the conversations that changed after ``cursor``, and the cards that are there."""
        self._lowest = cursor if self._next is None else min(self._lowest, cursor)
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        # Shielded: whoever goes away meanwhile must not take it from the others.
        changes, cards = await asyncio.shield(self._next)
        ids = [one for one, revision in zip(changes.ids, changes.revisions, strict=True) if revision > cursor]
        return max(cursor, changes.latest), ids, cards

    async def _read(self) -> tuple[Changes, Mapping[str, Card]]:
        async with self._one_at_a_time:
            lowest, self._next = self._lowest, None  # who asks from now on gets the next reading
            changes = await self._cards.since(lowest)
            return changes, {card.id: card for card in await self._cards.cards(changes.ids)}


class DeskConversations:
    """Reads conversations for the desk."""

    def __init__(self, store: ConversationStore, staff: StaffStore, *, hours: Hours, time_zone: ZoneInfo) -> None:
        database, keyring = store.database, store.keyring
        self._store = store
        self._staff = staff
        self._hours = hours
        self._zone = time_zone
        self._safety = SafetyStore(database)
        self._histories = HistoryStore(database, keyring)
        self._referrals = ReferralStore(database, keyring)
        self._handoffs = HandoffLog(database)
        self.notes = NoteStore(database, keyring)
        self.cards = CardStore(database)
        self._changes = _SharedReading(self.cards)
        self._known_names: Mapping[str, str] = {}
        self._named_at = -math.inf

    # Lists

    async def queue(self, member: Member) -> Shown:
        """All cards that somebody may have in her lists."""
        cursor = await self.cards.clock()  # before the cards: what changes meanwhile comes again as an event
        cards = await self.cards.cards()
        return Shown(cursor, [self.card(card, member) for card in cards if may_list(member, card)])

    async def since(self, member: Member, cursor: int) -> tuple[int, list[tuple[str, dict[str, Any]]]]:
        """What happened to the lists after a change, as events: ``card`` or ``gone`` with their data."""
        latest, ids, found = await self._changes.since(cursor)
        events: list[tuple[str, dict[str, Any]]] = []
        for conversation_id in ids:
            card = found.get(conversation_id)
            if card is None or not may_list(member, card):
                events.append(("gone", {"id": conversation_id}))
            else:
                events.append(("card", self.card(card, member)))
        return latest, events

    def card(self, card: Card, member: Member) -> dict[str, Any]:
        """A card as JSON."""
        return view.card(card, member, self._hours, self._zone)

    # One conversation

    async def readable(self, member: Member, conversation_id: str) -> Card:
        """The card of a conversation that somebody may read.

        Raises:
            NotOnDesk: there is none that staff may see.
            MayNotRead: another has it.
        """
        card = await self.cards.get(conversation_id)
        if card is None or not may_list(member, card):
            raise NotOnDesk("This conversation is not there, or it is not for you.")
        if not may_read(member, card):
            who = card.holder or card.last_holder
            raise MayNotRead(f"{who.name if who else 'Somebody else'} has this conversation.")
        return card

    async def messages(self, conversation_id: str, after: int) -> list[dict[str, Any]]:
        """The messages behind a position, without what only the visitor may see; see ``storage.discretion``."""
        found = for_staff(await self._store.after(conversation_id, after))
        if not found:
            return []
        written = any(message.sender is Sender.USER for message in found)
        raised = await self._safety.raised(conversation_id) if written else ()
        names = await self._names()
        return [view.message(message, raised, names) for message in found]

    async def shown(self, message: Message) -> dict[str, Any]:
        """One message."""
        return view.message(message, (), await self._names())

    async def detail(self, member: Member, card: Card) -> dict[str, Any]:
        """Card, panel and notes of a conversation that she may read."""
        conversation_id = card.id
        messages = await self._store.after(conversation_id, 0)
        panel = view.panel(
            messages=messages,
            alarms=await self._safety.raised(conversation_id),
            history=await self._histories.shared(conversation_id),
            referrals=await self._referrals.of_conversation(conversation_id),
            earlier=await self._earlier(member, conversation_id, messages),
            changes=await self._handoffs.changes(conversation_id),
            names=await self._names(),
        )
        notes = [view.note(note, member) for note in await self.notes.of_conversation(conversation_id)]
        return {"card": self.card(card, member), "panel": panel, "notes": notes}

    async def open_code(self, conversation_id: str) -> str | None:
        """The code of the open referral, for canned replies."""
        found = await self._referrals.of_conversation(conversation_id)
        return next((one.code for one in found if one.is_open), None)

    async def last_words(self, conversation_id: str) -> str:
        """What the visitor wrote last; empty if she only pressed buttons."""
        messages = for_staff(await self._store.after(conversation_id, 0))
        written = [
            one.text for one in messages if one.sender is Sender.USER and one.payload is None and one.text != TOLD
        ]
        return written[-1] if written else ""

    async def _names(self) -> Mapping[str, str]:
        """The names of the staff by id; a new name shows within some seconds."""
        if time.monotonic() - self._named_at > _NAMES_LAST:
            self._known_names, self._named_at = await self._staff.names(), time.monotonic()
        return self._known_names

    async def _earlier(self, member: Member, conversation_id: str, messages: Sequence[Message]) -> list[Card]:
        """Other conversations of the same visitor, as far as she showed it: by giving the code of a referral there."""
        ids: list[str] = []
        for code in dict.fromkeys(_codes(messages)):
            referral = await self._of_code(code)
            if referral is not None and referral.conversation_id != conversation_id:
                ids.append(referral.conversation_id)
        return [card for card in await self.cards.cards(ids) if may_list(member, card)]

    async def _of_code(self, code: str) -> Referral | None:
        try:
            return await self._referrals.by_code(code)
        except ReferralNotFound:
            return None


def _codes(messages: Sequence[Message]) -> list[str]:
    """Reference codes that the visitor gave."""
    given = [code_in(one.payload or one.text) for one in messages if one.sender is Sender.USER]
    return [code for code in given if code is not None]
