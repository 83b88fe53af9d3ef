"""Conversations, messages and trackers: the queries of ``bot.conversation``, with everything written sealed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, bindparam, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import is_feedback
from bot.model import Button, Inbound, Message, Outcome, Reply, Sender, Standing, State, now
from bot.storage import cards
from bot.storage import messages as rows
from bot.storage.database import Database, notify
from bot.storage.effects import apply_effects
from bot.storage.encryption import Keyring
from bot.storage.handoffs import end_running, reopen
from bot.storage.safety import record_flags, save_watch, watch_of
from bot.storage.tables import OPEN_REFERRAL, conversations, messages, referrals, safety_states, trackers

_OFFERS_READ = 24
"""Replies whose buttons may still be pressed or typed."""


_ERASED_AT_ONCE = 200


class ConversationStore:
    """All that is kept of conversations. Methods that take a connection are parts of the caller's transaction."""

    def __init__(self, database: Database, keyring: Keyring, *, told_by: Collection[str] = ()) -> None:
        """Wire the parts.

        Args:
            told_by: the ways in which staff are told that somebody waits: ``email``, ``webhook``, both or none.
        """
        self.database = database
        self.keyring = keyring
        self.told_by = frozenset(told_by)

    # Conversations

    async def create(self, channel: str, *, token_hash: bytes | None = None) -> str:
        """Start a conversation and return its id."""
        conversation_id = str(uuid4())
        moment = now()
        async with self.database.transaction() as connection:
            await connection.execute(
                insert(conversations).values(
                    id=conversation_id,
                    channel=channel,
                    token_hash=token_hash,
                    state=State.ASSISTANT.value,
                    last_position=0,
                    created_at=moment,
                    last_message_at=moment,
                )
            )
        return conversation_id

    async def token_hash(self, conversation_id: str) -> bytes | None:
        """The stored hash of a conversation's token; nothing for an unknown conversation."""
        async with self.database.read() as connection:
            query = select(conversations.c.token_hash).where(conversations.c.id == conversation_id)
            found: bytes | None = (await connection.execute(query)).scalar_one_or_none()
            return found

    async def state(self, conversation_id: str) -> State | None:
        """Who answers; nothing for an unknown conversation."""
        async with self.database.read() as connection:
            query = select(conversations.c.state).where(conversations.c.id == conversation_id)
            found = (await connection.execute(query)).scalar_one_or_none()
            return None if found is None else State(found)

    async def erase(self, conversation_id: str) -> bool:
        """Erase a conversation with everything that belongs to it; false if there was none."""
        this = conversations.c.id == conversation_id
        async with self.database.transaction() as connection:
            await connection.execute(select(conversations.c.id).where(this).with_for_update())
            await end_running(connection, [conversation_id], now())
            await cards.gone(connection, [conversation_id], now())
            result = await connection.execute(delete(conversations).where(this))
            await notify(connection, conversation_id)
            return bool(result.rowcount)

    async def erase_before(self, moment: datetime, *, referrals_before: datetime | None = None) -> int:
        """Erase conversations whose last message is older than ``moment``; how many there were.

        Args:
            referrals_before: keep those whose referral is open and was changed after this; none by default.
        """
        past = select(conversations.c.id).where(conversations.c.last_message_at < moment)
        if referrals_before is not None:
            waiting = select(referrals.c.conversation_id).where(
                text(OPEN_REFERRAL), referrals.c.changed_at >= referrals_before
            )
            past = past.where(conversations.c.id.not_in(waiting))
        erased = 0
        while True:  # a few at a time: meanwhile the others can write
            async with self.database.transaction() as connection:
                ids = list((await connection.execute(past.limit(_ERASED_AT_ONCE).with_for_update())).scalars())
                await end_running(connection, ids, now())
                await cards.gone(connection, ids, now())
                await connection.execute(delete(conversations).where(conversations.c.id.in_(ids)))
            erased += len(ids)
            if len(ids) < _ERASED_AT_ONCE:
                return erased

    # Messages in

    async def receive(
        self, conversation_id: str, channel: str, inbound: Inbound, shown: str
    ) -> tuple[Message, bool] | None:
        """Store an inbound message once.

        Args:
            shown: the text as the conversation shows it (the title of a chosen button, or what was written).

        Returns:
            The stored message and whether it is new; nothing if the conversation does not exist.
        """
        try:
            async with self.database.transaction() as connection:
                taken = await rows.next_positions(connection, conversation_id, 1)
                if taken is None:
                    return None
                known = await rows.by_id(connection, self.keyring, conversation_id, inbound.id)
                if known is not None:
                    raise _AlreadyThere
                position, moment = taken.last_position, now()
                content = {"text": shown, "payload": inbound.payload}
                row = {
                    "conversation_id": conversation_id,
                    "position": position,
                    "id": inbound.id,
                    "channel": channel,
                    "external_id": inbound.external_id,
                    "sender": Sender.USER.value,
                    "content": rows.seal(self.keyring, conversation_id, position, content),
                    "sent_at": moment,
                }
                await connection.execute(insert(messages).values(**row))
                if taken.on_desk and is_feedback(inbound.payload):
                    await cards.changed(connection, conversation_id)  # no word to anybody: nobody owes an answer
                elif taken.on_desk and State(taken.state) is State.CLOSED:
                    await reopen(connection, conversation_id, moment)
                elif taken.on_desk:
                    await cards.visitor_wrote(connection, conversation_id, State(taken.state), moment)
                await notify(connection, conversation_id)
                return rows.opened(self.keyring, row), True
        except (IntegrityError, _AlreadyThere):
            async with self.database.read() as connection:
                known = await rows.by_id(connection, self.keyring, conversation_id, inbound.id)
            if known is None:
                raise
            return known, False

    async def unanswered(self, conversation_id: str) -> Message | None:
        """The oldest message that has no replies yet."""
        query = (
            select(messages)
            .where(
                messages.c.conversation_id == conversation_id,
                messages.c.sender == Sender.USER.value,
                messages.c.answered_at.is_(None),
            )
            .order_by(messages.c.position)
            .limit(1)
        )
        async with self.database.read() as connection:
            row = (await connection.execute(query)).first()
            return None if row is None else self._message(row)

    async def unanswered_conversations(self, before: datetime) -> list[str]:
        """Conversations with a message from before a moment that has no replies: what a crash left behind."""
        query = (
            select(messages.c.conversation_id)
            .where(
                messages.c.sender == Sender.USER.value, messages.c.answered_at.is_(None), messages.c.sent_at <= before
            )
            .group_by(messages.c.conversation_id)
        )
        async with self.database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def begin_attempt(self, message: Message) -> None:
        """Count a turn begun for a message, so that one that kills the process is not tried for ever."""
        async with self.database.transaction() as connection:
            await connection.execute(
                update(messages)
                .where(messages.c.conversation_id == message.conversation_id, messages.c.position == message.position)
                .values(attempts=messages.c.attempts + 1)
            )

    # Turns

    async def standing(self, conversation_id: str) -> Standing | None:
        """Where a conversation stands before a turn; nothing if it does not exist."""
        query = (
            select(
                conversations.c.state,
                conversations.c.channel,
                trackers.c.state.label("tracker"),
                safety_states.c.state.label("watch"),
            )
            .select_from(conversations.outerjoin(trackers).outerjoin(safety_states))
            .where(conversations.c.id == conversation_id)
        )
        async with self.database.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        tracker = None if row.tracker is None else self.keyring.open(row.tracker, f"trackers.state/{conversation_id}")
        watch = None if row.watch is None else watch_of(self.keyring, conversation_id, row.watch)
        return Standing(State(row.state), row.channel, tracker, watch)

    async def finish(self, message: Message, outcome: Outcome) -> list[Message] | None:
        """Store all that a turn changes, and mark the message answered, all or nothing.

        Returns:
            The stored replies; nothing if the conversation was erased meanwhile, or if the message has its replies
            already: a turn that was stored although its transaction seemed lost, or one of another process.
        """
        try:
            async with self.database.transaction() as connection:
                return await self._store_turn(connection, message, outcome)
        except _AlreadyThere:
            return None

    async def _store_turn(
        self, connection: AsyncConnection, message: Message, outcome: Outcome
    ) -> list[Message] | None:
        moment, replies, conversation_id = now(), outcome.replies, message.conversation_id
        shown = {name: value for name, value in (("topic", _topic(replies)), ("language", outcome.language)) if value}
        taken = await rows.next_positions(connection, conversation_id, len(replies), **shown)
        if taken is None:
            return None
        marked = await connection.execute(
            update(messages)
            .where(
                messages.c.conversation_id == conversation_id,
                messages.c.position == message.position,
                messages.c.answered_at.is_(None),
            )
            .values(answered_at=moment)
        )
        if not marked.rowcount:
            raise _AlreadyThere
        written = await rows.write(
            connection, self.keyring, conversation_id, taken.last_position, replies,
            sender=Sender.ASSISTANT, moment=moment, in_reply_to=message.position,
        )  # fmt: skip
        if outcome.tracker is not None:
            await self._save_tracker(connection, message.conversation_id, outcome.tracker, moment)
        if outcome.watch is not None:
            await save_watch(connection, self.keyring, message.conversation_id, outcome.watch, moment)
        if outcome.flags:
            await record_flags(connection, message, outcome.flags, moment)
        if outcome.effects:
            await apply_effects(connection, self.keyring, message, outcome.effects, moment, self.told_by)
        if taken.on_desk:
            await cards.changed(connection, conversation_id)
        await notify(connection, conversation_id)
        return written

    async def mark_delivered(self, delivered: Mapping[tuple[str, int], datetime]) -> None:
        """Store when messages, named by conversation and position, were delivered."""
        rows = [
            {"b_conversation": conversation_id, "b_position": position, "b_moment": moment}
            for (conversation_id, position), moment in delivered.items()
        ]
        statement = (
            update(messages)
            .where(
                messages.c.conversation_id == bindparam("b_conversation"),
                messages.c.position == bindparam("b_position"),
                messages.c.delivered_at.is_(None),
            )
            .values(delivered_at=bindparam("b_moment"))
        )
        async with self.database.transaction() as connection:
            await connection.execute(statement, rows)

    async def _save_tracker(
        self, connection: AsyncConnection, conversation_id: str, tracker: str, moment: datetime
    ) -> None:
        sealed = self.keyring.seal(tracker, f"trackers.state/{conversation_id}")
        changed = await connection.execute(
            update(trackers)
            .where(trackers.c.conversation_id == conversation_id)
            .values(state=sealed, turns=trackers.c.turns + 1, updated_at=moment)
        )
        if not changed.rowcount:
            await connection.execute(
                insert(trackers).values(conversation_id=conversation_id, state=sealed, turns=1, updated_at=moment)
            )

    # Reading

    async def replies_to(self, message: Message) -> list[Message]:
        """The replies to a message, in order."""
        query = (
            select(messages)
            .where(messages.c.conversation_id == message.conversation_id, messages.c.in_reply_to == message.position)
            .order_by(messages.c.position)
        )
        async with self.database.read() as connection:
            return [self._message(row) for row in await connection.execute(query)]

    async def position_of(self, conversation_id: str, message_id: str) -> int | None:
        """Where a message stands; nothing if it is not in this conversation."""
        query = select(messages.c.position).where(
            messages.c.conversation_id == conversation_id, messages.c.id == message_id
        )
        async with self.database.read() as connection:
            found: int | None = (await connection.execute(query)).scalar_one_or_none()
            return found

    async def get(self, conversation_id: str, message_id: str) -> Message | None:
        """One message by its id."""
        async with self.database.read() as connection:
            return await rows.by_id(connection, self.keyring, conversation_id, message_id)

    async def offered(
        self, conversation_id: str, before: int | None = None, *, replies: int = _OFFERS_READ
    ) -> list[Button]:
        """The choices below the last replies (before a position), the latest first."""
        query = (
            select(messages)
            .where(messages.c.conversation_id == conversation_id, messages.c.sender != Sender.USER.value)
            .order_by(messages.c.position.desc())
            .limit(replies)
        )
        if before is not None:
            query = query.where(messages.c.position < before)
        async with self.database.read() as connection:
            return [button for row in await connection.execute(query) for button in self._message(row).buttons]

    async def latest(self, conversation_id: str, before: int, *, count: int) -> list[Message]:
        """The last messages before a position, the latest first."""
        query = (
            select(messages)
            .where(messages.c.conversation_id == conversation_id, messages.c.position < before)
            .order_by(messages.c.position.desc())
            .limit(count)
        )
        async with self.database.read() as connection:
            return [self._message(row) for row in await connection.execute(query)]

    async def at(self, conversation_id: str, position: int) -> Message | None:
        """The message at a position."""
        query = select(messages).where(messages.c.conversation_id == conversation_id, messages.c.position == position)
        async with self.database.read() as connection:
            row = (await connection.execute(query)).first()
            return None if row is None else self._message(row)

    async def after(self, conversation_id: str, position: int) -> list[Message]:
        """All messages behind a position, in order."""
        query = (
            select(messages)
            .where(messages.c.conversation_id == conversation_id, messages.c.position > position)
            .order_by(messages.c.position)
        )
        async with self.database.read() as connection:
            return [self._message(row) for row in await connection.execute(query)]

    def _message(self, row: Row[Any]) -> Message:
        return rows.opened(self.keyring, row._asdict())

    async def counts(self) -> dict[str, int]:
        """How many conversations and messages there are, for metrics and the purge report."""
        async with self.database.read() as connection:
            found = {}
            for table in (conversations, messages):
                found[table.name] = int(
                    (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                )
            return found


_ABOUT_NOTHING = frozenset({"smalltalk", "clarify", "talk_to_human", "feedback_complaint", "other_language"})


def _topic(replies: Sequence[Reply]) -> str | None:
    """What an answer was about; nothing for small talk and the like."""
    topics = [reply.topic for reply in replies if reply.topic not in _ABOUT_NOTHING]
    return topics[-1] if topics else None


class _AlreadyThere(Exception):
    """Rolls a transaction back because the message, or its turn, is stored already."""
