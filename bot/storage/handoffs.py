"""Handoffs in storage: a conversation goes to people, in the transaction of the turn that leads to it.

What staff do with it is in ``handoff_store``. Locks are taken in this order: the conversation's row, handoffs, the
clock, the card.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import (
    ASSISTANT,
    VISITOR,
    Why,
)
from bot.model import State
from bot.storage import cards
from bot.storage.database import Database
from bot.storage.desk_tables import handoff_changes, handoffs
from bot.storage.notifications import enqueue
from bot.storage.tables import conversations

_WHO: Mapping[Why, str] = {Why.ASKED: VISITOR, Why.CALL_BACK: VISITOR}


async def request(
    connection: AsyncConnection,
    conversation_id: str,
    why: Why,
    level: int,
    moment: datetime,
    *,
    told_by: Collection[str] = (),
) -> None:
    """A conversation is to go to people. One that waits already, or that a person has, only gets more urgent.

    Args:
        level: of safety, 0 to 3.
        told_by: the ways in which staff are told.
    """
    query = select(conversations).where(conversations.c.id == conversation_id).with_for_update()
    found = (await connection.execute(query)).one()
    state = State(found.state)
    if state in (State.ASSISTANT, State.CLOSED):
        handoff_id = await begin(connection, found, why, level, moment)
        await record(connection, handoff_id, State.WAITING, _WHO.get(why, ASSISTANT), why, moment)
        await set_state(connection, conversation_id, State.WAITING)
        await cards.ensure(connection, conversation_id, why, level, moment)
        await cards.changed(
            connection, conversation_id, reason=why, waiting_since=moment, close_reason=None, holder_id=None
        )
        urgent = True
    else:
        before = await cards.ensure(connection, conversation_id, why, 0, moment)
        urgent = level > before.level
        if urgent:
            await cards.changed(connection, conversation_id, level=level)
            running = handoffs.c.conversation_id == conversation_id, handoffs.c.ended_at.is_(None)
            await connection.execute(update(handoffs).where(*running).values(level=level))
    if urgent:  # also of one that a person has: she may be looking at another
        await enqueue(connection, level=level, reason=why, channel=found.channel, moment=moment, ways=told_by)


async def reopen(connection: AsyncConnection, conversation_id: str, moment: datetime) -> None:
    """The visitor wrote again in a closed conversation: the assistant answers."""
    query = (
        select(handoffs.c.id)
        .where(handoffs.c.conversation_id == conversation_id)
        .order_by(handoffs.c.requested_at.desc())
        .limit(1)
    )
    latest = (await connection.execute(query)).scalar_one_or_none()
    if latest is not None:
        await record(connection, latest, State.ASSISTANT, VISITOR, Why.WROTE_AGAIN, moment)
    await set_state(connection, conversation_id, State.ASSISTANT)
    await cards.changed(connection, conversation_id, seen_at=moment, left_at=None, close_reason=None)


async def give_feedback(connection: AsyncConnection, conversation_id: str, score: int) -> None:
    """Whether the latest talk with a person helped: 1 no, 2 a little, 3 yes."""
    latest = (
        select(handoffs.c.id)
        .where(
            handoffs.c.conversation_id == conversation_id,
            handoffs.c.claimed_at.is_not(None),
            handoffs.c.ended_at.is_not(None),
        )
        .order_by(handoffs.c.requested_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    await connection.execute(update(handoffs).where(handoffs.c.id == latest).values(feedback=score))


async def end_running(connection: AsyncConnection, conversation_ids: Sequence[str], moment: datetime) -> None:
    """These conversations are about to be erased."""
    running = handoffs.c.conversation_id.in_(conversation_ids), handoffs.c.ended_at.is_(None)
    await connection.execute(update(handoffs).where(*running).values(ended_at=moment, ended_how="erased"))


async def purge_handoffs(database: Database, before: datetime) -> int:
    """Erase the traces of handoffs that ended before a moment and whose conversation is gone; how many there were."""
    past = handoffs.c.ended_at < before, handoffs.c.conversation_id.is_(None)
    async with database.transaction() as connection:
        return int((await connection.execute(delete(handoffs).where(*past))).rowcount)


async def begin(connection: AsyncConnection, found: Row[Any], why: Why, level: int, moment: datetime) -> str:
    """A handoff of a conversation (its row) begins; the handoff's id."""
    handoff_id = str(uuid4())
    await connection.execute(
        insert(handoffs).values(
            id=handoff_id,
            conversation_id=found.id,
            channel=found.channel,
            reason=why,
            level=level,
            topic=found.topic,
            language=found.language,
            requested_at=moment,
        )
    )
    return handoff_id


async def record(
    connection: AsyncConnection, handoff_id: str, state: State, who: str, why: Why, moment: datetime
) -> None:
    """Write a change of who answers into the history of a handoff."""
    query = select(func.coalesce(func.max(handoff_changes.c.number), 0)).where(
        handoff_changes.c.handoff_id == handoff_id
    )
    number = int((await connection.execute(query)).scalar_one()) + 1
    row = {"handoff_id": handoff_id, "number": number, "state": state.value, "who": who, "why": why}
    await connection.execute(insert(handoff_changes).values(**row, changed_at=moment))


async def set_state(connection: AsyncConnection, conversation_id: str, state: State) -> None:
    """Set who answers a conversation."""
    await connection.execute(
        update(conversations).where(conversations.c.id == conversation_id).values(state=state.value)
    )
