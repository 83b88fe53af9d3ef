"""Months, seasons and feasts, and the library that reads dates no rule knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from rapidfuzz import fuzz, process

_MONTHS = "january february march april may june july august september october november december".split()
_SHORT = {name[:3]: number for number, name in enumerate(_MONTHS, start=1)} | {"sept": 9, "janu": 1, "febr": 2}

MONTH = (
    r"(?P<month>jan(?!e)[a-z]*|f(?:eb|ab|ub)[a-z]*|mar(?:ch|hc)?|apr[a-z]*|may|june?|july?|aug[a-z]*|"
    r"s(?:ep|ept|pet)[a-z]*|oct[a-z]*|nov[a-z]*|de[cs][a-z]*)"
)
"""A month's name, short or misspelt; what it really is says :func:`month_number`."""

SEASONS = {"summer": 6, "monsoon": 7, "rains": 7, "rainy season": 7, "winter": 12, "spring": 3, "autumn": 9}
"""The month by which a season has begun."""

_FEASTS: dict[str, tuple[str, str]] = {
    # what people write: country of the calendar, name in it
    r"diwali|deepavali|deewali|dipawali|divali": ("IN", "Diwali"),
    r"holi\b": ("IN", "Holi"),
    r"dusshera|dussehra|dasara|dussera|vijayadashami|navratri|navaratri|durga ?puja": ("IN", "Dussehra"),
    r"bakri?d|bakra eid|eid[- ]ul[- ]a[dz]ha|eid[- ]al[- ]adha": ("IN", "Bakrid"),
    r"eid[- ][ua]l[- ]fitr|eid[- ]ul[- ]fitr|meethi eid|ramzan|ramadan|eid": ("IN", "Id-ul-Fitr"),
    r"christmas|x-?mas": ("IN", "Christmas"),
}
_FIRST_KNOWN, _LAST_KNOWN = 2001, 2035
"""Years for which the library knows India's moving feasts."""

_NEW_YEAR = re.compile(r"\bnew year'?s?( eve| day)?\b")


def month_number(word: str) -> int | None:
    """The month a word stands for, typos forgiven; nothing for another word ("decided", "separate", "octopus")."""
    if word in _SHORT:
        return _SHORT[word]
    found = process.extractOne(word, _MONTHS, scorer=fuzz.ratio, score_cutoff=80)
    return None if found is None else _MONTHS.index(found[0]) + 1


def feasts_named(text: str) -> Iterator[tuple[str, int, int]]:
    """The feasts that a text names, each with where it stands."""
    for pattern in _FEASTS:
        for match in re.finditer(rf"\b(?:{pattern})\b", text):
            yield pattern, match.start(), match.end()
    for match in _NEW_YEAR.finditer(text):
        yield "new year", match.start(), match.end()


def feast_month(name: str, today: date, year: int | None, *, skip: int = 0) -> str | None:
    """The month (``YYYY-MM``) of a feast: in a year, or the most recent one that is past."""
    years = [year] if year is not None else [today.year, today.year - 1, today.year - 2]
    if name == "new year":
        return f"{years[0]:04d}-01"
    past = [day for day in (_feast_day(name, each) for each in years) if day is not None and day <= today]
    return f"{past[skip]:%Y-%m}" if len(past) > skip else None


@lru_cache(maxsize=64)
def _feast_day(name: str, year: int) -> date | None:
    import holidays

    country, wanted = _FEASTS[name]
    if not _FIRST_KNOWN <= year <= _LAST_KNOWN:
        return None
    days = holidays.country_holidays(country, years=year, categories=("public", "optional"), language="en_IN")
    return min((day for day, called in days.items() if wanted.lower() in called.lower()), default=None)


def library_date(text: str, today: date) -> tuple[str, str] | None:
    """Precision and value of the first date that spaCy finds in a text and dateparser can read."""
    from datetime import datetime, time

    import dateparser

    from bot.entities import named

    moment = datetime.combine(today, time(12))
    for found in named(text, "DATE"):
        parsed = dateparser.parse(
            found,
            languages=["en"],
            settings={
                "RELATIVE_BASE": moment,
                "PREFER_DATES_FROM": "past",
                "DATE_ORDER": "DMY",
                "REQUIRE_PARTS": ["year", "month"],
                "RETURN_TIME_SPAN": False,
            },
        )
        if parsed is not None and parsed.date() <= today and re.search(r"\d", found):
            return "month", f"{parsed:%Y-%m}"
    return None
