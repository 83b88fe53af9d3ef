"""The reports of the desk: each a table, and a chart of the same figures."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bot.desk import charts
from bot.desk.charts import Series
from bot.handoff import CLOSE_REASONS, REASONS, Why
from bot.storage.reports import Alone, Period, ReportStore, Waits

_REASON_NAMES = {
    Why.ASKED.value: "Asked for a person",
    Why.SAFETY.value: "An alarm",
    Why.NOT_UNDERSTOOD.value: "Not understood",
    Why.CALL_BACK.value: "Asked to be called back",
    Why.STEPPED_IN.value: "One of the team stepped in",
}
_FEEDBACK_NAMES: dict[int | None, str] = {
    3: "It helped",
    2: "It helped a little",
    1: "It did not help",
    None: "No answer",
}
_LEVEL_NAMES = {1: "Level 1, concern", 2: "Level 2, serious", 3: "Level 3, immediate"}
_MOST_BARS = 15

Cell = str | int | float | None


@dataclass(frozen=True)
class Report:
    """One report: its table, and a chart of the same figures with the names of its series."""

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    chart: Markup
    keys: tuple[tuple[Markup, str], ...] = ()

    def as_csv(self) -> str:
        """The table as a file; no cell of it is a formula to a spreadsheet."""
        output = io.StringIO()
        writer = csv.writer(output, lineterminator="\n")
        for row in (self.columns, *self.rows):
            writer.writerow([harmless(cell) for cell in row])
        return output.getvalue()


def harmless(cell: Cell) -> str:
    """A cell of a CSV file that a spreadsheet does not take for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


class ReportMaker:
    """Makes the reports of a period."""

    def __init__(self, reports: ReportStore, titles: Callable[[], Mapping[str, str]]) -> None:
        """``titles`` gives the names of topics by id."""
        self._reports = reports
        self._titles = titles

    def makers(self) -> dict[str, Callable[[Period], Awaitable[Report]]]:
        """How each report is made, in the order of the page."""
        return {
            "conversations": self._conversations,
            "alone": self._alone,
            "handoffs": self._handoffs,
            "waiting": self._waiting,
            "endings": self._endings,
            "feedback": self._feedback,
            "topics": self._topics,
            "alarms": self._alarms,
        }

    async def _conversations(self, period: Period) -> Report:
        counts = await self._reports.conversations(period)
        totals: Counter[str] = Counter()
        for (_, channel), count in counts.items():
            totals[channel] += count
        channels = sorted(totals, key=lambda channel: (-totals[channel], channel))
        shown = channels if len(channels) <= charts.SERIES else channels[: charts.SERIES - 1]
        series = [Series(one, tuple(counts[day, one] for day in period.days)) for one in shown]
        if len(shown) < len(channels):
            rest = channels[len(shown) :]
            series.append(Series("others", tuple(sum(counts[day, one] for one in rest) for day in period.days)))
        title = f"Conversations per day: {sum(totals.values())} in all"
        return Report(
            "conversations",
            "Conversations per day",
            "Conversations in which something was written, by the day on which they began.",
            ("Day", *channels, "All"),
            tuple(
                (day.isoformat(), *(counts[day, one] for one in channels), sum(counts[day, one] for one in channels))
                for day in period.days
            ),
            charts.columns("conversations", title, _days(period), series),
            _keys("conversations", [one.name for one in series]),
        )

    async def _alone(self, period: Period) -> Report:
        alone = await self._reports.alone(period)
        rows = (
            ("Never went to people", alone.without),
            ("Went to people, who answered", alone.answered),
            ("Went to people, no reply of theirs", alone.handed - alone.answered),
        )
        return Report(
            "alone",
            "Answered without a person",
            "Of the conversations that began in this time and are still kept.",
            ("Conversations", "Number", "Share in percent"),
            tuple((name, number, _percent(number, alone.total)) for name, number in rows),
            _bars("alone", f"Answered without a person: {share_said(alone)}", rows),
        )

    async def _handoffs(self, period: Period) -> Report:
        counts = await self._reports.reasons(period)
        known = [reason.value for reason in REASONS]
        rows = [(_REASON_NAMES.get(one, one), counts[one]) for one in [*known, *sorted(set(counts) - set(known))]]
        return Report(
            "handoffs",
            "Handoffs by reason",
            "Why conversations went to people, by the day on which they did.",
            ("Reason", "Handoffs"),
            tuple(rows),
            _bars("handoffs", f"Handoffs by reason: {sum(counts.values())} in all", rows),
        )

    async def _waiting(self, period: Period) -> Report:
        found = await self._reports.waits(period)
        series = [
            Series("Take-over, median", tuple(minutes(found[day].to_claim.median) for day in period.days)),
            Series("Take-over, 90th percentile", tuple(minutes(found[day].to_claim.ninetieth) for day in period.days)),
            Series("First reply, median", tuple(minutes(found[day].to_reply.median) for day in period.days)),
            Series(
                "First reply, 90th percentile", tuple(minutes(found[day].to_reply.ninetieth) for day in period.days)
            ),
        ]
        whole = found[None]
        title = (
            f"Minutes until somebody takes over and replies, by day. Over all days the median to take over is "
            f"{_said(whole.to_claim.median)}, to the first reply {_said(whole.to_reply.median)}"
        )
        return Report(
            "waiting",
            "Waiting time in minutes",
            "From asking for a person until one takes over, and until the first reply. Half of the people waited no "
            "longer than the median, nine in ten no longer than the 90th percentile. Who still waits is not in it; "
            "where one of the team stepped in, nobody waited.",
            ("Day", "Asked", "Taken over", "Replied to", *(one.name for one in series)),
            (
                *((day.isoformat(), *_wait_row(found[day])) for day in period.days),
                ("All days", *_wait_row(whole)),
            ),
            charts.lines("waiting", title, _days(period), series),
            _keys("waiting", [one.name for one in series], line=True),
        )

    async def _endings(self, period: Period) -> Report:
        counts = await self._reports.endings(period)
        rows = sorted(((_ending(*how), count) for how, count in counts.items()), key=lambda row: (-row[1], row[0]))
        return Report(
            "endings",
            "How handoffs ended",
            "Of the handoffs that began in this time.",
            ("Ended", "Handoffs"),
            tuple(rows),
            _bars("endings", f"How {sum(counts.values())} handoffs ended", rows),
        )

    async def _feedback(self, period: Period) -> Report:
        counts = await self._reports.feedback(period)
        rows = [(name, counts[value]) for value, name in _FEEDBACK_NAMES.items()]
        return Report(
            "feedback",
            "Feedback after a chat",
            "What people said when a chat with the team was over.",
            ("Feedback", "Chats"),
            tuple(rows),
            _bars("feedback", f"Feedback after {sum(counts.values())} chats", rows),
        )

    async def _topics(self, period: Period) -> Report:
        counts = await self._reports.topics(period)
        rows = [
            (self._name(topic), count) for topic, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        ]
        more = f" (the first {_MOST_BARS} of {len(rows)})" if len(rows) > _MOST_BARS else ""
        return Report(
            "topics",
            "Topics",
            "How often the assistant answered each topic, in messages that are still kept.",
            ("Topic", "Answers"),
            tuple(rows),
            _bars("topics", f"Answers by topic{more}", rows[:_MOST_BARS]),
        )

    async def _alarms(self, period: Period) -> Report:
        counts = await self._reports.alarms(period)
        totals: Counter[str] = Counter()
        for (category, _), count in counts.items():
            totals[category] += count
        categories = sorted(totals, key=lambda category: (-totals[category], category))
        series = [
            Series(name, tuple(counts[category, level] for category in categories))
            for level, name in _LEVEL_NAMES.items()
        ]
        labels = [self._name(category) for category in categories]
        return Report(
            "alarms",
            "Alarms",
            "By category and level; the audit trail of alarms outlives conversations.",
            ("Category", *_LEVEL_NAMES.values(), "All"),
            tuple(
                (label, *(counts[category, level] for level in _LEVEL_NAMES), totals[category])
                for label, category in zip(labels, categories, strict=True)
            ),
            charts.bars("alarms", f"Alarms by category and level: {sum(totals.values())} in all", labels, series),
            _keys("alarms", [one.name for one in series]),
        )

    def _name(self, topic: str) -> str:
        return self._titles().get(topic) or topic.replace("_", " ").capitalize()


def _bars(name: str, title: str, rows: Sequence[tuple[str, int]]) -> Markup:
    return charts.bars(name, title, [row[0] for row in rows], [Series("", tuple(row[1] for row in rows))])


def _keys(name: str, names: Sequence[str], *, line: bool = False) -> tuple[tuple[Markup, str], ...]:
    return tuple((charts.key(name, number, line=line), one) for number, one in enumerate(names))


def _days(period: Period) -> list[str]:
    return [f"{day:%-d %b}" for day in period.days]


def minutes(seconds: float | None) -> float | None:
    """A wait as reports show it."""
    return None if seconds is None else round(seconds / 60, 1)


def _said(seconds: float | None) -> str:
    return "not known" if seconds is None else f"{minutes(seconds):g}"


def _wait_row(waits: Waits) -> tuple[Cell, ...]:
    times = (waits.to_claim.median, waits.to_claim.ninetieth, waits.to_reply.median, waits.to_reply.ninetieth)
    return (waits.asked, waits.claimed, waits.answered, *(minutes(time) for time in times))


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def share_said(alone: Alone) -> str:
    """How many of the conversations were answered without a person, in percent."""
    percent = _percent(alone.without, alone.total)
    return "no conversations" if percent is None else f"{percent:g} %"


def _ending(how: str | None, why: str | None) -> str:
    if how is None:
        return "Not ended yet"
    if how == "returned":
        return "Back to the assistant"
    return f"Closed: {CLOSE_REASONS.get(why or '', why or 'no reason given')}"
