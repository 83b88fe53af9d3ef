"""What staff do with conversations: claim, write, transfer, give back, close. Each is one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import (
    SYSTEM,
    AlreadyHeld,
    Colleague,
    NotHolder,
    NotOnDesk,
    NotPossible,
    Why,
)
from bot.model import Message, Reply, Sender, State, now
from bot.storage import cards
from bot.storage import handoffs as turns
from bot.storage import messages as rows
from bot.storage.audit import AuditLog
from bot.storage.database import Database, notify
from bot.storage.desk_tables import desk_cards, handoffs, staff
from bot.storage.encryption import Keyring
from bot.storage.notifications import enqueue
from bot.storage.safety import take_flags
from bot.storage.tables import conversations, messages, trackers


@dataclass(frozen=True)
class _Locked:
    """A conversation whose row is locked: the row, its card, the running handoff and who holds it."""

    row: Row[Any]
    card: Row[Any]
    handoff_id: str | None
    holder: str | None

    @property
    def state(self) -> State:
        return State(self.row.state)


class HandoffStore:
    """Claiming, writing, and giving back. Each call is one transaction; ``notices`` are what the visitor is told."""

    def __init__(self, database: Database, keyring: Keyring, *, told_by: Collection[str] = ()) -> None:
        """``told_by``: the ways in which staff are told that somebody waits."""
        self._database = database
        self._keyring = keyring
        self._told_by = told_by

    async def claim(
        self, conversation_id: str, who: Colleague, notices: Sequence[Reply], *, any_holder: bool = False
    ) -> bool:
        """Take a conversation: one that waits, or one that the assistant answers. False if she has it already.

        Args:
            any_holder: whether she may step in where another was the last to have it.

        Raises:
            NotOnDesk: staff may not see it.
            AlreadyHeld: another was faster.
            NotPossible: it is closed, or another gave it back to the assistant.
        """
        async with self._locked(conversation_id) as (connection, found):
            if found.state is State.PERSON:
                if found.card.holder_id == who.id:
                    return False
                raise AlreadyHeld(found.holder or "Somebody")
            if found.state is State.CLOSED:
                raise NotPossible("This conversation is closed. It opens again when the visitor writes.")
            last = found.card.last_holder_id
            if found.state is State.ASSISTANT and last not in (None, who.id) and not any_holder:
                raise NotPossible("Another of the team had this conversation and gave it back to the assistant.")
            moment = now()
            handoff_id, why = found.handoff_id, Why.CLAIMED
            if handoff_id is None:
                handoff_id = await turns.begin(connection, found.row, Why.STEPPED_IN, found.card.level, moment)
                why = Why.STEPPED_IN
            await turns.record(connection, handoff_id, State.PERSON, who.id, why, moment)
            await self._first_claimed(connection, handoff_id, moment)
            await turns.set_state(connection, conversation_id, State.PERSON)
            await take_flags(connection, conversation_id, who.id, moment)
            await self._tell(connection, conversation_id, notices, moment)
            await self._to(connection, found, who, moment)
            await _audited(connection, who, "claim", conversation_id)
            return True

    async def transfer(
        self, conversation_id: str, who: Colleague, to: Colleague, notices: Sequence[Reply], *, any_holder: bool
    ) -> None:
        """Give a conversation to somebody else of the staff.

        Args:
            any_holder: whether ``who`` may also move what others hold, or what waits.

        Raises:
            NotOnDesk, NotHolder: as the names say.
            NotPossible: nobody has it, or she has it already.
        """
        async with self._locked(conversation_id) as (connection, found):
            given = found.state is State.WAITING and any_holder
            if not given:
                self._held(found, who, any_holder=any_holder)
            if found.card.holder_id == to.id:
                raise NotPossible(f"{to.name} has this conversation already.")
            moment = now()
            assert found.handoff_id is not None
            await turns.record(connection, found.handoff_id, State.PERSON, who.id, Why.TRANSFERRED, moment)
            if given:
                await self._first_claimed(connection, found.handoff_id, moment)
                await turns.set_state(connection, conversation_id, State.PERSON)
            await self._tell(connection, conversation_id, notices, moment)
            await self._to(connection, found, to, moment)
            await _audited(connection, who, "transfer", conversation_id, f"to {to.id}")

    async def release(
        self, conversation_id: str, who: Colleague | None, why: Why, notices: Sequence[Reply], *, holder_id: str
    ) -> None:
        """Put a conversation back into the queue.

        Args:
            who: one of the staff; nobody where the system does it, when the holder is silent or away.
            holder_id: who must hold it; if somebody else does meanwhile, nothing changes.

        Raises:
            NotOnDesk, NotHolder: as the names say.
        """
        async with self._locked(conversation_id) as (connection, found):
            if found.state is not State.PERSON or found.card.holder_id != holder_id:
                raise NotHolder(found.holder)
            moment = now()
            assert found.handoff_id is not None
            by = SYSTEM if who is None else who.id
            await turns.record(connection, found.handoff_id, State.WAITING, by, why, moment)
            await turns.set_state(connection, conversation_id, State.WAITING)
            await self._tell(connection, conversation_id, notices, moment)
            # She waited before: since when counts, so that she is not put behind others.
            since = found.card.unanswered_since or found.card.held_since or moment
            await cards.changed(
                connection,
                conversation_id,
                holder_id=None,
                held_since=None,
                last_holder_id=holder_id,
                unanswered_since=None,
                waiting_since=since,
            )
            await enqueue(
                connection,
                level=found.card.level,
                reason=why,
                channel=found.row.channel,
                moment=moment,
                ways=self._told_by,
            )
            if who is not None:
                await _audited(connection, who, "release", conversation_id)

    async def hand_back(
        self,
        conversation_id: str,
        who: Colleague,
        notices: Sequence[Reply],
        tracker: str | None,
        *,
        seen: int | None = None,
    ) -> None:
        """Let the assistant answer again, with what it is to know now (its state; nothing leaves it as it is).

        Args:
            seen: the position of the last message that she has seen; nothing if that is not to be looked at.

        Raises:
            NotOnDesk, NotHolder: as the names say.
            NotPossible: the visitor has written something that she has not seen.
        """
        async with self._locked(conversation_id) as (connection, found):
            self._held(found, who)
            await self._nothing_new(connection, conversation_id, seen)
            moment = now()
            if tracker is not None:
                sealed = self._keyring.seal(tracker, f"trackers.state/{conversation_id}")
                this = trackers.c.conversation_id == conversation_id
                await connection.execute(update(trackers).where(this).values(state=sealed, updated_at=moment))
            await self._end(connection, found, who, State.ASSISTANT, Why.HANDED_BACK, None, notices, moment)
            await _audited(connection, who, "hand_back", conversation_id)

    async def close(
        self,
        conversation_id: str,
        who: Colleague,
        reason: str,
        notices: Sequence[Reply],
        *,
        seen: int | None = None,
    ) -> None:
        """Close a conversation that she holds.

        Args:
            seen: the position of the last message that she has seen; nothing if that is not to be looked at.

        Raises:
            NotOnDesk, NotHolder: as the names say.
            NotPossible: nobody has it, or the visitor has written something that she has not seen.
        """
        async with self._locked(conversation_id) as (connection, found):
            self._held(found, who)
            await self._nothing_new(connection, conversation_id, seen)
            await self._end(connection, found, who, State.CLOSED, Why.CLOSED, reason, notices, now())
            await _audited(connection, who, "close", conversation_id, reason)

    async def write(self, conversation_id: str, who: Colleague, message_id: str, text: str, topic: str) -> Message:
        """Write to the visitor. The same id again changes nothing and gives the same message.

        Args:
            topic: an id of topics.yml; ``talk_to_human`` unless a suggested answer was sent.

        Raises:
            NotOnDesk, NotHolder: as the names say.
            NotPossible: nobody has it, or the id was used for something else.
        """
        async with self._locked(conversation_id) as (connection, found):
            known = await rows.by_id(connection, self._keyring, conversation_id, message_id)
            if known is not None and known.author == who.id:
                return known
            if known is not None:
                raise NotPossible("This id was used for another message.")
            self._held(found, who)
            moment = now()
            taken = await rows.next_positions(connection, conversation_id, 1)
            assert taken is not None
            written = await rows.write(
                connection, self._keyring, conversation_id, taken.last_position, [Reply(text, topic)],
                sender=Sender.PERSON, moment=moment, author=who.id, message_id=message_id,
            )  # fmt: skip
            await connection.execute(
                update(handoffs)
                .where(handoffs.c.id == found.handoff_id)
                .values(first_reply_at=func.coalesce(handoffs.c.first_reply_at, moment))
            )
            await notify(connection, conversation_id)
            await cards.changed(connection, conversation_id, unanswered_since=None)
            return written[0]

    # Parts

    @asynccontextmanager
    async def _locked(self, conversation_id: str) -> AsyncIterator[tuple[AsyncConnection, _Locked]]:
        this = conversations.c.id == conversation_id
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(conversations).where(this).with_for_update())).first()
            query = (
                select(desk_cards, staff.c.name.label("holder_name"))
                .outerjoin(staff, staff.c.id == desk_cards.c.holder_id)
                .where(desk_cards.c.conversation_id == conversation_id)
            )
            card = (await connection.execute(query)).first()
            if row is None or card is None:
                raise NotOnDesk("This conversation is not there any more.")
            running = select(handoffs.c.id).where(
                handoffs.c.conversation_id == conversation_id, handoffs.c.ended_at.is_(None)
            )
            handoff_id = (await connection.execute(running)).scalar_one_or_none()
            yield connection, _Locked(row, card, handoff_id, card.holder_name)

    @staticmethod
    async def _first_claimed(connection: AsyncConnection, handoff_id: str, moment: datetime) -> None:
        first = func.coalesce(handoffs.c.claimed_at, moment)
        await connection.execute(update(handoffs).where(handoffs.c.id == handoff_id).values(claimed_at=first))

    @staticmethod
    async def _nothing_new(connection: AsyncConnection, conversation_id: str, seen: int | None) -> None:
        """Nobody goes over what the visitor wrote a moment ago.

        Raises:
            NotPossible: there is a message of hers behind the position that was seen last.
        """
        query = select(messages.c.position).where(
            messages.c.conversation_id == conversation_id,
            messages.c.sender == Sender.USER.value,
            messages.c.position > (seen or 0),
        )
        if seen is not None and (await connection.execute(query.limit(1))).first() is not None:
            raise NotPossible("The visitor has just written something. Read it first.")

    @staticmethod
    def _held(found: _Locked, who: Colleague, *, any_holder: bool = False) -> None:
        if found.state is not State.PERSON:
            raise NotPossible("Nobody has this conversation. Take it first.")
        if found.card.holder_id != who.id and not any_holder:
            raise NotHolder(found.holder)

    async def _tell(
        self, connection: AsyncConnection, conversation_id: str, notices: Sequence[Reply], moment: datetime
    ) -> None:
        taken = await rows.next_positions(connection, conversation_id, len(notices))
        assert taken is not None
        await rows.write(
            connection,
            self._keyring,
            conversation_id,
            taken.last_position,
            notices,
            sender=Sender.SYSTEM,
            moment=moment,
        )
        await notify(connection, conversation_id)

    @staticmethod
    async def _to(connection: AsyncConnection, found: _Locked, who: Colleague, moment: datetime) -> None:
        await cards.changed(
            connection,
            found.row.id,
            holder_id=who.id,
            held_since=moment,
            last_holder_id=who.id,
            waiting_since=None,
            close_reason=None,
            # What she had written while she waited is still to be answered.
            unanswered_since=found.card.unanswered_since or moment,
        )

    async def _end(
        self,
        connection: AsyncConnection,
        found: _Locked,
        who: Colleague,
        state: State,
        why: Why,
        reason: str | None,
        notices: Sequence[Reply],
        moment: datetime,
    ) -> None:
        conversation_id = found.row.id
        if found.handoff_id is not None:
            await turns.record(connection, found.handoff_id, state, who.id, why, moment)
            how = "closed" if state is State.CLOSED else "returned"
            ended = update(handoffs).where(handoffs.c.id == found.handoff_id)
            await connection.execute(ended.values(ended_at=moment, ended_how=how, close_reason=reason))
        await take_flags(connection, conversation_id, who.id, moment)
        await turns.set_state(connection, conversation_id, state)
        await self._tell(connection, conversation_id, notices, moment)
        await cards.changed(
            connection,
            conversation_id,
            holder_id=None,
            held_since=None,
            last_holder_id=who.id,
            waiting_since=None,
            unanswered_since=None,
            close_reason=reason,
            level=0,
        )


async def _audited(
    connection: AsyncConnection, who: Colleague, what: str, conversation_id: str, detail: str = ""
) -> None:
    """What somebody does and its entry in the audit log are stored both or neither."""
    await AuditLog.record_in(connection, who, f"conversation.{what}", conversation_id, detail)
