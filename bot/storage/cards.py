"""The cards of the desk: what staff see of each conversation in their lists, and the clock of their changes.

Every change of a card, and everything new in its conversation, gets the next number of ``desk_clock`` as the card's
``revision``, in the transaction that changes it. The clock's row stays locked until that transaction ends, so a number
becomes visible after all smaller ones: whoever has seen everything up to a number misses nothing by asking for what
is above it. In a transaction the clock comes after the conversation's row and before the cards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, bindparam, delete, func, insert, literal, select, text, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import Card, Colleague
from bot.model import Sender, State, now
from bot.storage.database import DESK, Database, notify
from bot.storage.desk_tables import desk_cards, desk_clock, desk_gone, desk_notes, handoff_changes, handoffs, staff
from bot.storage.tables import OPEN_REFERRAL, conversations, messages, onset_histories, referrals, safety_flags


async def tick(connection: AsyncConnection) -> int:
    """The next number of the clock; whoever shows cards is told when the transaction is stored."""
    statement = update(desk_clock).values(revision=desk_clock.c.revision + 1).returning(desk_clock.c.revision)
    number: int = (await connection.execute(statement)).scalar_one()
    await notify(connection, DESK)
    return number


async def changed(connection: AsyncConnection, conversation_id: str, **values: Any) -> None:
    """Set columns of a card; without any, something in its conversation is new."""
    revision = await tick(connection)
    await connection.execute(
        update(desk_cards).where(desk_cards.c.conversation_id == conversation_id).values(revision=revision, **values)
    )


async def ensure(
    connection: AsyncConnection, conversation_id: str, reason: str, level: int, moment: datetime
) -> Row[Any]:
    """The card of a conversation, made if there is none; its level is at least ``level`` afterwards."""
    query = select(desk_cards).where(desk_cards.c.conversation_id == conversation_id)
    card = (await connection.execute(query)).first()
    if card is None:
        row = {
            "conversation_id": conversation_id,
            "revision": await tick(connection),
            "reason": reason,
            "level": level,
            "seen_at": moment,
        }
        await connection.execute(insert(desk_cards).values(**row))
        await connection.execute(delete(desk_gone).where(desk_gone.c.conversation_id == conversation_id))
        on_desk = update(conversations).where(conversations.c.id == conversation_id).values(on_desk=True)
        await connection.execute(on_desk)
    elif level > card.level:
        await changed(connection, conversation_id, level=level)
    return (await connection.execute(query)).one()


async def visitor_wrote(connection: AsyncConnection, conversation_id: str, state: State, moment: datetime) -> None:
    """A visitor's message arrived in a conversation with a card."""
    values: dict[str, Any] = {}
    if state is State.PERSON:
        values["unanswered_since"] = func.coalesce(desk_cards.c.unanswered_since, moment)
    await changed(connection, conversation_id, seen_at=moment, left_at=None, **values)


async def gone(connection: AsyncConnection, conversation_ids: Collection[str], moment: datetime) -> None:
    """These conversations are about to be erased: whoever shows their cards is to remove them."""
    query = select(desk_cards.c.conversation_id).where(desk_cards.c.conversation_id.in_(conversation_ids))
    shown = list((await connection.execute(query)).scalars())
    if not shown:
        return
    revision = await tick(connection)
    rows = [{"conversation_id": one, "revision": revision, "gone_at": moment} for one in shown]
    await connection.execute(delete(desk_gone).where(desk_gone.c.conversation_id.in_(shown)))
    await connection.execute(insert(desk_gone), rows)


class Changes(NamedTuple):
    """What changed or went after a number: the number of the latest, the conversations and the number of each."""

    latest: int
    ids: list[str]
    revisions: list[int]


async def take_off(connection: AsyncConnection, conversation_id: str, moment: datetime) -> None:
    """Take a conversation off the desk that came to it by a referral alone, once no referral is open.

    What nobody put to people, nobody reads.
    """
    for table, mine in ((handoffs, handoffs.c.conversation_id), (safety_flags, safety_flags.c.conversation_id)):
        if (await connection.execute(select(table.c.id).where(mine == conversation_id).limit(1))).first() is not None:
            return
    is_open = referrals.c.conversation_id == conversation_id, text(OPEN_REFERRAL)
    if (await connection.execute(select(referrals.c.id).where(*is_open).limit(1))).first() is not None:
        return
    await gone(connection, [conversation_id], moment)
    await connection.execute(delete(desk_cards).where(desk_cards.c.conversation_id == conversation_id))
    off = update(conversations).where(conversations.c.id == conversation_id).values(on_desk=False)
    await connection.execute(off)


class CardStore:
    """Reading cards, and who is there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def clock(self) -> int:
        """The number of the latest change. Cards read afterwards are at least as new."""
        async with self._database.read() as connection:
            return int((await connection.execute(select(desk_clock.c.revision))).scalar_one())

    async def since(self, revision: int) -> Changes:
        """The conversations whose cards changed or went after a number, the oldest change first.

        One statement, so that all of it is of the same moment.
        """
        query = union_all(
            select(desk_cards.c.conversation_id, desk_cards.c.revision).where(desk_cards.c.revision > revision),
            select(desk_gone.c.conversation_id, desk_gone.c.revision).where(desk_gone.c.revision > revision),
        )
        async with self._database.read() as connection:
            rows = sorted((await connection.execute(query)).all(), key=lambda row: row.revision)
        revisions = [row.revision for row in rows]
        return Changes(max(revisions, default=revision), [row.conversation_id for row in rows], revisions)

    async def get(self, conversation_id: str) -> Card | None:
        """One card."""
        found = await self.cards([conversation_id])
        return found[0] if found else None

    async def beside(self, conversation_id: str) -> tuple[object, ...]:
        """Changes whenever anything does that stands beside a conversation, so that the rest need not be read."""
        async with self._database.read() as connection:
            row = (await connection.execute(_beside(), {"id": conversation_id})).one()
        return tuple(row)

    async def cards(self, conversation_ids: Sequence[str] | None = None) -> list[Card]:
        """Some cards, or all of them."""
        if conversation_ids is not None and not conversation_ids:
            return []
        query, alarms = _cards(), _alarms()
        if conversation_ids is not None:
            query = query.where(desk_cards.c.conversation_id.in_(conversation_ids))
            alarms = alarms.where(safety_flags.c.conversation_id.in_(conversation_ids))
        open_alarms: dict[str, list[str]] = defaultdict(list)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
            for row in await connection.execute(alarms):
                if row.category not in open_alarms[row.conversation_id]:
                    open_alarms[row.conversation_id].append(row.category)
        return [_card(row, open_alarms[row.conversation_id]) for row in rows]

    async def present(self, conversation_ids: Collection[str]) -> int:
        """These visitors' pages are open now; how many of them had left and are back."""
        if not conversation_ids:
            return 0
        moment = now()
        of_these = desk_cards.c.conversation_id.in_(conversation_ids)
        async with self._database.transaction() as connection:
            # The clock first, although it may not move: two who change many cards must not wait for each other.
            await connection.execute(update(desk_clock).values(revision=desk_clock.c.revision))
            back = select(desk_cards.c.conversation_id).where(of_these, desk_cards.c.left_at.is_not(None))
            returned = (await connection.execute(back)).scalars().all()
            for conversation_id in returned:
                await changed(connection, conversation_id, left_at=None)
            await connection.execute(update(desk_cards).where(of_these).values(seen_at=moment))
            return len(returned)

    async def mark_left(self, channel: str, before: datetime) -> int:
        """Mark visitors whose page was last open before a moment as having left; how many there were."""
        moment = now()
        query = (
            select(desk_cards.c.conversation_id)
            .join(conversations)
            .where(
                desk_cards.c.left_at.is_(None),
                desk_cards.c.seen_at < before,
                conversations.c.channel == channel,
                conversations.c.state != State.CLOSED.value,
            )
        )
        async with self._database.read() as connection:
            left = list((await connection.execute(query)).scalars())
        if not left:
            return 0
        still = desk_cards.c.conversation_id.in_(left), desk_cards.c.left_at.is_(None), desk_cards.c.seen_at < before
        async with self._database.transaction() as connection:
            revision = await tick(connection)
            marked = await connection.execute(
                update(desk_cards).where(*still).values(left_at=moment, revision=revision)
            )
            return int(marked.rowcount)

    async def read_by_staff(self, conversation_id: str, position: int) -> None:
        """Staff saw everything up to a position."""
        await self._read_up_to(conversation_id, desk_cards.c.staff_read, position)

    async def read_by_visitor(self, conversation_id: str, position: int) -> None:
        """The visitor saw everything up to a position."""
        await self._read_up_to(conversation_id, desk_cards.c.visitor_read, position)

    async def _read_up_to(self, conversation_id: str, column: Any, position: int) -> None:
        this = desk_cards.c.conversation_id == conversation_id
        async with self._database.read() as connection:
            behind = (await connection.execute(select(column).where(this, column < position))).first()
        if behind is not None:
            async with self._database.transaction() as connection:
                await changed(connection, conversation_id, **{column.name: position})

    async def purge_gone(self, before: datetime) -> None:
        """Forget cards that went long ago: no desk shows them any more."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(desk_gone).where(desk_gone.c.gone_at < before))


@cache  # making it costs more than running it
def _cards() -> Select[Any]:
    holder, last = staff.alias("holder"), staff.alias("last_holder")
    unread = (
        select(func.count())
        .where(
            messages.c.conversation_id == desk_cards.c.conversation_id,
            messages.c.sender == literal(Sender.USER.value),
            messages.c.position > desk_cards.c.staff_read,
        )
        .scalar_subquery()
    )
    return (
        select(
            desk_cards,
            conversations.c.state,
            conversations.c.channel,
            conversations.c.language,
            conversations.c.topic,
            conversations.c.created_at,
            conversations.c.last_message_at,
            holder.c.name.label("holder_name"),
            last.c.name.label("last_holder_name"),
            unread.label("unread"),
        )
        .select_from(desk_cards.join(conversations))
        .outerjoin(holder, holder.c.id == desk_cards.c.holder_id)
        .outerjoin(last, last.c.id == desk_cards.c.last_holder_id)
        .order_by(desk_cards.c.conversation_id)
    )


@cache
def _beside() -> Select[Any]:
    this: Any = bindparam("id")
    flags, histories = safety_flags, onset_histories

    def figure(value: Any, *conditions: Any) -> Any:
        return select(value).where(*conditions).scalar_subquery()

    return select(
        figure(func.count(), desk_notes.c.conversation_id == this),
        figure(func.count(), flags.c.conversation_id == this),
        figure(func.count(flags.c.handled_at), flags.c.conversation_id == this),
        figure(func.count(), referrals.c.conversation_id == this),
        figure(func.max(referrals.c.changed_at), referrals.c.conversation_id == this),
        figure(func.max(histories.c.version), histories.c.conversation_id == this),
        figure(func.max(histories.c.shared_at), histories.c.conversation_id == this),
        figure(
            func.count(handoff_changes.c.number),
            handoff_changes.c.handoff_id == handoffs.c.id,
            handoffs.c.conversation_id == this,
        ),
        figure(
            func.max(messages.c.position),
            messages.c.conversation_id == this,
            messages.c.sender == literal(Sender.ASSISTANT.value),
        ),
    )


@cache
def _alarms() -> Select[Any]:
    return (
        select(safety_flags.c.conversation_id, safety_flags.c.category)
        .where(safety_flags.c.handled_at.is_(None), safety_flags.c.conversation_id.is_not(None))
        .order_by(safety_flags.c.level.desc(), safety_flags.c.raised_at)
    )


def _card(row: Row[Any], alarms: Sequence[str]) -> Card:
    return Card(
        id=row.conversation_id,
        revision=row.revision,
        state=row.state,
        channel=row.channel,
        language=row.language,
        topic=row.topic,
        reason=row.reason,
        level=row.level,
        alarms=tuple(alarms),
        holder=None if row.holder_id is None else Colleague(row.holder_id, row.holder_name),
        held_since=row.held_since,
        last_holder=None if row.last_holder_id is None else Colleague(row.last_holder_id, row.last_holder_name),
        waiting_since=row.waiting_since,
        unanswered_since=row.unanswered_since,
        left_at=row.left_at,
        visitor_read=row.visitor_read,
        staff_read=row.staff_read,
        unread=row.unread,
        close_reason=row.close_reason,
        created_at=row.created_at,
        last_message_at=row.last_message_at,
    )
