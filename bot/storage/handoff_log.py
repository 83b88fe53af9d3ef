"""Reading handoffs: their history, who is overdue, how long people usually wait. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from sqlalchemy import select

from bot.handoff import Colleague, StateChange, Why
from bot.storage.database import Database
from bot.storage.desk_tables import desk_cards, handoff_changes, handoffs, staff


@dataclass(frozen=True)
class Overdue:
    """A conversation whose holder is silent or away."""

    conversation_id: str
    holder: Colleague
    why: Why


class HandoffLog:
    """What was and is with handoffs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def changes(self, conversation_id: str) -> list[StateChange]:
        """Every change of who answers a conversation, the oldest first."""
        query = (
            select(handoff_changes)
            .join(handoffs)
            .where(handoffs.c.conversation_id == conversation_id)
            .order_by(handoff_changes.c.changed_at, handoffs.c.requested_at, handoff_changes.c.number)
        )
        async with self._database.read() as connection:
            found = (await connection.execute(query)).all()
        return [StateChange(row.state, row.who, row.why, row.changed_at) for row in found]

    async def held_by(self, staff_id: str) -> list[str]:
        """The conversations that somebody holds."""
        query = select(desk_cards.c.conversation_id).where(desk_cards.c.holder_id == staff_id)
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def overdue(self, *, silent_before: datetime, offline_before: datetime) -> list[Overdue]:
        """Conversations whose holder has not answered, or not had the desk open, since these moments."""
        query = (
            select(desk_cards, staff.c.name, staff.c.last_seen_at, staff.c.disabled_at)
            .select_from(desk_cards)
            .join(staff, staff.c.id == desk_cards.c.holder_id)
        )
        found = []
        async with self._database.read() as connection:
            held = (await connection.execute(query)).all()
        for row in held:
            seen = max(moment for moment in (row.last_seen_at, row.held_since) if moment is not None)
            waits = None if row.unanswered_since is None else max(row.unanswered_since, row.held_since)
            why = None
            if row.disabled_at is not None:
                why = Why.ACCOUNT_ENDED
            elif seen < offline_before:
                why = Why.OFFLINE
            elif waits is not None and waits < silent_before:
                why = Why.SILENT
            if why is not None:
                found.append(Overdue(row.conversation_id, Colleague(row.holder_id, row.name), why))
        return found

    async def claimed_since(self, conversation_id: str) -> datetime | None:
        """When people first took the running handoff of a conversation."""
        running = handoffs.c.conversation_id == conversation_id, handoffs.c.ended_at.is_(None)
        async with self._database.read() as connection:
            found: datetime | None = (
                await connection.execute(select(handoffs.c.claimed_at).where(*running))
            ).scalar_one_or_none()
            return found

    async def usual_wait(
        self,
        *,
        since: datetime,
        counts: Callable[[datetime], bool] = lambda _: True,
        latest: int = 30,
        least: int = 5,
    ) -> float | None:
        """How many seconds people usually wait for a claim: the median of the latest; nothing if there are too few.

        Args:
            counts: whether a handoff that was asked for at a moment counts, such as one within the team's hours.
        """
        query = (
            select(handoffs.c.requested_at, handoffs.c.claimed_at)
            .where(
                handoffs.c.claimed_at.is_not(None),
                handoffs.c.requested_at >= since,
                handoffs.c.reason != Why.STEPPED_IN.value,
            )
            .order_by(handoffs.c.requested_at.desc())
        )
        async with self._database.read() as connection:
            rows = [row for row in await connection.execute(query) if counts(row.requested_at)][:latest]
        waits = [(row.claimed_at - row.requested_at).total_seconds() for row in rows]
        return median(waits) if len(waits) >= least else None
