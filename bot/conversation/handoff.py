"""Handoffs while they run: what staff do, with the words that the visitor hears; and nobody is forgotten.

Changes of who answers are made under the conversation's lock, so that no turn of the assistant is under way meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from actions.knowledge import knowledge
from bot.conversation.events import Listeners
from bot.conversation.presence import Presence
from bot.handoff import FEEDBACK_SCORES, Colleague, HandoffError, Why, feedback_payload
from bot.model import Button, Message, Reply, Sender, now
from bot.storage.cards import CardStore
from bot.storage.conversations import ConversationStore
from bot.storage.database import DESK, StorageUnavailable
from bot.storage.handoff_log import HandoffLog
from bot.storage.handoff_store import HandoffStore

log = logging.getLogger(__name__)

TOPIC = "talk_to_human"


class Assistant(Protocol):
    """What a handoff needs of the assistant."""

    def told(self, conversation_id: str, state: str | None, topics: list[str]) -> str | None:
        """Its state after a person has answered."""


@dataclass(frozen=True)
class Patience:
    """How long things may take, in seconds.

    ``silent`` a visitor waits for a word of who holds her conversation; ``offline`` a holder may have the desk closed;
    ``left`` a visitor's page may be away before she counts as having left; ``every`` is how often this is looked at.
    """

    silent: float = 600.0
    offline: float = 180.0
    left: float = 45.0
    every: float = 5.0


class HandoffService:
    """What staff do with conversations."""

    def __init__(
        self,
        store: ConversationStore,
        assistant: Assistant,
        listeners: Listeners,
        presence: Presence,
        *,
        patience: Patience | None = None,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """Wire the parts.

        Args:
            waiting: called when somebody may wait anew, so that staff are told at once.
        """
        self._store = store
        self._assistant = assistant
        self._listeners = listeners
        self._presence = presence
        self._patience = patience or Patience()
        self._waiting = waiting
        self.up_since = now()
        """Since when this process has been there without a break."""
        self.cards = CardStore(store.database)
        self._log = HandoffLog(store.database)
        self.handoffs = HandoffStore(store.database, store.keyring, told_by=store.told_by)

    async def claim(self, conversation_id: str, who: Colleague, *, any_holder: bool = False) -> None:
        """Take a conversation over.

        Args:
            any_holder: whether she may step in where another was the last to have it.

        Raises:
            AlreadyHeld: another was faster.
            NotOnDesk: staff may not see it, or it was erased.
        """
        async with self._store.database.conversation_lock(conversation_id):
            await self.handoffs.claim(conversation_id, who, [_notice("claimed", who)], any_holder=any_holder)
        self.changed(conversation_id)

    async def transfer(self, conversation_id: str, who: Colleague, to: Colleague, *, any_holder: bool) -> None:
        """Give a conversation to a colleague.

        Raises:
            HandoffError: it is not hers to give.
        """
        notices = [_notice("transferred", to)]
        await self.handoffs.transfer(conversation_id, who, to, notices, any_holder=any_holder)
        self.changed(conversation_id)

    async def release(self, conversation_id: str, who: Colleague) -> None:
        """Put a conversation back into the queue.

        Raises:
            HandoffError: she does not hold it.
        """
        notices = [_notice("released", who)]
        await self.handoffs.release(conversation_id, who, Why.RELEASED, notices, holder_id=who.id)
        self.changed(conversation_id)
        self._waiting()

    async def hand_back(self, conversation_id: str, who: Colleague, *, seen: int | None = None) -> None:
        """Let the assistant answer again; it knows which topics she has answered from the suggestions.

        Raises:
            HandoffError: she does not hold it.
        """
        async with self._store.database.conversation_lock(conversation_id):
            standing = await self._store.standing(conversation_id)
            messages = await self._store.after(conversation_id, 0)
            since = await self._log.claimed_since(conversation_id)
            told = [
                str(message.topic)
                for message in messages
                if message.sender is Sender.PERSON
                and message.topic not in (None, TOPIC)
                and (since is None or message.sent_at >= since)
            ]
            tracker = self._assistant.told(conversation_id, standing.tracker if standing else None, told)
            notices = [_notice("handed_back", who), _feedback()]
            await self.handoffs.hand_back(conversation_id, who, notices, tracker, seen=seen)
        self.changed(conversation_id)

    async def close(self, conversation_id: str, who: Colleague, reason: str, *, seen: int | None = None) -> None:
        """Close a conversation.

        Raises:
            HandoffError: somebody else holds it, or nobody does and it does not wait.
        """
        notices = [_notice("closed", who), _feedback()]
        async with self._store.database.conversation_lock(conversation_id):
            await self.handoffs.close(conversation_id, who, reason, notices, seen=seen)
        self.changed(conversation_id)

    async def write(
        self, conversation_id: str, who: Colleague, message_id: str, text: str, topic: str | None = None
    ) -> Message:
        """Write to the visitor; the same id again changes nothing.

        Raises:
            HandoffError: she does not hold the conversation (any more).
        """
        written = await self.handoffs.write(conversation_id, who, message_id, text, topic or TOPIC)
        self.changed(conversation_id)
        return written

    async def let_go(self, staff_id: str) -> None:
        """An account ended: what it holds goes back into the queue."""
        for conversation_id in await self._log.held_by(staff_id):
            await self._take_away(conversation_id, staff_id, Why.ACCOUNT_ENDED)

    # Nobody is forgotten

    async def run(self) -> None:
        """See to it until cancelled that nobody is forgotten."""
        while True:
            await asyncio.sleep(self._patience.every)
            try:
                await self.look_after()
            except StorageUnavailable:
                self.up_since = now()
                log.warning("The database does not answer; looking after handoffs later.")

    async def look_after(self) -> None:
        """Note who is there, mark who left, and take conversations from holders who are silent or away."""
        moment, patience = now(), self._patience
        changed = await self._presence.note()
        up = (moment - self.up_since).total_seconds()
        if up > patience.left:
            changed += await self.cards.mark_left("web", moment - timedelta(seconds=patience.left))
        if changed:
            self._listeners.changed(DESK)
        if up < patience.offline:
            return  # after a restart nobody's page could be open yet
        overdue = await self._log.overdue(
            silent_before=moment - timedelta(seconds=patience.silent),
            offline_before=moment - timedelta(seconds=patience.offline),
        )
        for one in overdue:
            await self._take_away(one.conversation_id, one.holder.id, one.why)

    async def _take_away(self, conversation_id: str, holder_id: str, why: Why) -> None:
        try:
            await self.handoffs.release(conversation_id, None, why, [_notice("lost", None)], holder_id=holder_id)
        except HandoffError:
            return  # she has just given it away herself
        self.changed(conversation_id)
        self._waiting()

    def changed(self, conversation_id: str) -> None:
        """Something is new in a conversation: whoever looks at it is told."""
        self._listeners.changed(conversation_id)
        self._listeners.changed(DESK)


def _notice(name: str, who: Colleague | None) -> Reply:
    text = knowledge().in_turn(f"utter_notice_{name}", 0).text.strip()
    return Reply(text.replace("{name}", who.name) if who else text, TOPIC)


def _feedback() -> Reply:
    buttons = tuple(Button(title, feedback_payload(score)) for score, title in FEEDBACK_SCORES.items())
    return Reply(knowledge().in_turn("utter_notice_feedback", 0).text.strip(), TOPIC, buttons)
