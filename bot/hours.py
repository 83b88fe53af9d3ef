"""Opening hours as people write them in one line: ``Mon-Fri 10:00-18:00; Sat 10:00-13:00``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PART = re.compile(
    r"^(?P<first>[A-Za-z]{3})(?:\s*-\s*(?P<last>[A-Za-z]{3}))?\s+(?P<opens>\d{1,2}:\d\d)\s*-\s*(?P<closes>\d{1,2}:\d\d)$"
)


class BadHours(ValueError):
    """The text is not opening hours; the message says what is expected."""


@dataclass(frozen=True)
class Span:
    """Open on a day of the week (0 is Monday) from a time to a time of the same day."""

    day: int
    opens: time
    closes: time


@dataclass(frozen=True)
class Hours:
    """Opening hours of a week; none at all means that they are not known."""

    spans: tuple[Span, ...] = ()
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read a line of hours; an empty one is allowed.

        Raises:
            BadHours: it has another form.
        """
        spans: list[Span] = []
        for part in filter(None, (part.strip() for part in text.split(";"))):
            match = _PART.match(part)
            if match is None:
                raise BadHours(f"{part!r} is not hours such as 'Mon-Fri 10:00-18:00; Sat 10:00-13:00'")
            first, last = _day(match["first"]), _day(match["last"] or match["first"])
            try:
                opens, closes = (
                    time.fromisoformat(match["opens"].zfill(5)),
                    time.fromisoformat(match["closes"].zfill(5)),
                )
            except ValueError:
                raise BadHours(f"{part!r} names a time that does not exist") from None
            if closes <= opens or last < first:
                raise BadHours(f"{part!r} ends before it begins")
            spans += [Span(day, opens, closes) for day in range(first, last + 1)]
        return cls(tuple(sorted(spans, key=lambda span: (span.day, span.opens))), " ".join(text.split()))

    def open_at(self, moment: datetime) -> bool:
        """Whether it is open at a moment (in the place's own time)."""
        return any(span.day == moment.weekday() and span.opens <= moment.time() < span.closes for span in self.spans)

    def next_opening(self, moment: datetime) -> datetime | None:
        """The next time that it opens after a moment; nothing if the hours are not known."""
        for ahead in range(8):
            day = moment + timedelta(days=ahead)
            for span in self.spans:
                opens = day.replace(hour=span.opens.hour, minute=span.opens.minute, second=0, microsecond=0)
                if span.day == day.weekday() and opens > moment:
                    return opens
        return None


def _day(name: str) -> int:
    try:
        return DAYS.index(name.title())
    except ValueError:
        raise BadHours(f"{name!r} is no day; days are {', '.join(DAYS)}") from None
