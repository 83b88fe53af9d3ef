"""The figures of reports: how many and how long, counted from columns that hold nothing that anybody wrote.

Days are days where the team works. Conversations and messages are counted while they are kept; handoffs and alarms
outlive them.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, select

from bot.handoff import Why
from bot.model import Sender
from bot.storage.database import Database
from bot.storage.desk_tables import handoffs
from bot.storage.tables import conversations, messages, safety_flags


@dataclass(frozen=True)
class Period:
    """Whole days where the team works, the last one included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """The moment at which it begins."""
        return datetime.combine(self.first, time.min, self.zone)

    @property
    def end(self) -> datetime:
        """The moment before which it ends."""
        return datetime.combine(self.last + timedelta(days=1), time.min, self.zone)

    @property
    def days(self) -> list[date]:
        """Its days in their order."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    def day_of(self, moment: datetime) -> date:
        """The day on which a moment is."""
        return moment.astimezone(self.zone).date()

    def holds(self, column: ColumnElement[datetime]) -> ColumnElement[bool]:
        """The condition that a moment is in it."""
        return (column >= self.start) & (column < self.end)


@dataclass(frozen=True)
class Wait:
    """How long people waited, in seconds: the middle one, and what nine in ten of them did not exceed.

    Nothing for no waits at all.
    """

    median: float | None
    ninetieth: float | None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Wait:
        """The wait that one in two, and nine in ten, did not exceed (nearest rank)."""
        if not seconds:
            return cls(None, None)
        ordered = sorted(seconds)
        return cls(statistics.median(ordered), ordered[math.ceil(0.9 * len(ordered)) - 1])


@dataclass(frozen=True)
class Waits:
    """The waits of handoffs that people asked for: how many there were, how many of them were claimed and answered."""

    asked: int
    claimed: int
    answered: int
    to_claim: Wait
    to_reply: Wait


@dataclass(frozen=True)
class Alone:
    """Conversations: all, those that never went to people, those that did, and of these those a person answered."""

    total: int
    without: int
    handed: int
    answered: int


class ReportStore:
    """Counts for reports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def conversations(self, period: Period) -> Counter[tuple[date, str]]:
        """How many conversations in which something was written began, by day and channel."""
        query = select(conversations.c.created_at, conversations.c.channel).where(
            period.holds(conversations.c.created_at), conversations.c.last_position > 0
        )
        return Counter((period.day_of(row.created_at), row.channel) for row in await self._rows(query))

    async def reasons(self, period: Period) -> Counter[str]:
        """How many handoffs there were for each reason."""
        return await self._handoffs_by(period, handoffs.c.reason)

    async def feedback(self, period: Period) -> Counter[int | None]:
        """How people rated talks with a person that have ended (1 to 3), and how many did not."""
        talked = handoffs.c.claimed_at.is_not(None), handoffs.c.ended_how != "erased"
        return await self._handoffs_by(period, handoffs.c.feedback, handoffs.c.ended_at.is_not(None), *talked)

    async def endings(self, period: Period) -> Counter[tuple[str | None, str | None]]:
        """How handoffs ended and why they were closed; nothing for those that still run."""
        query = (
            select(handoffs.c.ended_how, handoffs.c.close_reason, func.count().label("count"))
            .where(period.holds(handoffs.c.requested_at))
            .group_by(handoffs.c.ended_how, handoffs.c.close_reason)
        )
        return Counter({(row.ended_how, row.close_reason): int(row[2]) for row in await self._rows(query)})

    async def waits(self, period: Period) -> dict[date | None, Waits]:
        """How long people waited, by the day on which they asked; under nothing, over all days.

        Where one of the team stepped in, nobody waited: these are left out.
        """
        query = select(handoffs.c.requested_at, handoffs.c.claimed_at, handoffs.c.first_reply_at).where(
            period.holds(handoffs.c.requested_at), handoffs.c.reason != Why.STEPPED_IN.value
        )
        rows = await self._rows(query)
        by_day: dict[date, list[Any]] = {day: [] for day in period.days}
        for row in rows:
            by_day[period.day_of(row.requested_at)].append(row)
        return {None: _waits(rows)} | {day: _waits(some) for day, some in by_day.items()}

    async def alone(self, period: Period) -> Alone:
        """Conversations that the assistant answered alone, and those that went to people."""
        handed = (
            select(
                handoffs.c.conversation_id,
                func.max(case((handoffs.c.first_reply_at.is_not(None), 1), else_=0)).label("answered"),
            )
            .where(handoffs.c.conversation_id.is_not(None))
            .group_by(handoffs.c.conversation_id)
            .subquery()
        )
        query = (
            select(func.count(), func.count(handed.c.conversation_id), func.coalesce(func.sum(handed.c.answered), 0))
            .select_from(conversations.outerjoin(handed, handed.c.conversation_id == conversations.c.id))
            .where(period.holds(conversations.c.created_at), conversations.c.last_position > 0)
        )
        total, went, answered = (int(number) for number in (await self._rows(query))[0])
        return Alone(total, total - went, went, answered)

    async def topics(self, period: Period) -> Counter[str]:
        """How often the assistant answered each topic; an answer of several bubbles counts once."""
        answers = (
            select(
                messages.c.topic,
                messages.c.conversation_id,
                func.coalesce(messages.c.in_reply_to, messages.c.position).label("answer"),
            )
            .where(
                messages.c.sender == Sender.ASSISTANT.value,
                messages.c.topic.is_not(None),
                period.holds(messages.c.sent_at),
            )
            .distinct()
            .subquery()
        )
        query = select(answers.c.topic, func.count()).group_by(answers.c.topic)
        return Counter({row[0]: int(row[1]) for row in await self._rows(query)})

    async def alarms(self, period: Period) -> Counter[tuple[str, int]]:
        """How many alarms there were of each category and level."""
        query = (
            select(safety_flags.c.category, safety_flags.c.level, func.count())
            .where(period.holds(safety_flags.c.raised_at))
            .group_by(safety_flags.c.category, safety_flags.c.level)
        )
        return Counter({(row[0], int(row[1])): int(row[2]) for row in await self._rows(query)})

    async def _handoffs_by(
        self, period: Period, column: ColumnElement[Any], *conditions: ColumnElement[bool]
    ) -> Counter[Any]:
        query = select(column, func.count()).where(period.holds(handoffs.c.requested_at), *conditions).group_by(column)
        return Counter({row[0]: int(row[1]) for row in await self._rows(query)})

    async def _rows(self, query: Any) -> list[Any]:
        async with self._database.read() as connection:
            return list(await connection.execute(query))


def _waits(rows: Sequence[Any]) -> Waits:
    to_claim = [(row.claimed_at - row.requested_at).total_seconds() for row in rows if row.claimed_at is not None]
    to_reply = [
        (row.first_reply_at - row.requested_at).total_seconds() for row in rows if row.first_reply_at is not None
    ]
    return Waits(len(rows), len(to_claim), len(to_reply), Wait.of(to_claim), Wait.of(to_reply))
