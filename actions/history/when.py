"""When it began: from what people write to a value with its precision.

"About three years ago", "when I was 19", "last Diwali", "03/04/2021" as in India, "do saal pehle", "always". Rules come
first, because libraries guess where honesty is better; dateparser reads the dates that spaCy finds and no rule knows.

The value is what the person said, no more exact: a year stays a year.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from actions.history import calendars
from actions.history.numbers import with_digits
from actions.history.time_words import (
    AGE,
    AGE_ASKED,
    AGE_HINDI,
    AGE_WORDS,
    AGO_AFTER,
    ALWAYS,
    BARE,
    BETWEEN_AGES,
    DAY_OF_MONTH,
    DMY,
    EVENT,
    EVENT_WORDS,
    HINDI_EVENT,
    ISO,
    MY,
    NOT_A_TIME,
    ROUGH,
    SE_AFTER,
    SHORT_YEAR,
    SINCE_BEFORE,
    UNKNOWN,
    WELL_FOR,
    YEAR,
    YM,
)


class Precision(StrEnum):
    """How exactly something is known. ``EVENT`` names what happened then, ``AGE`` how old the person was."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    AGE = "age"
    EVENT = "event"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class When:
    """A point in time as exactly as it is known.

    ``value`` is ``YYYY-MM-DD``, ``YYYY-MM``, ``YYYY``, an age in years (``19`` or ``20-29``), the words for an event,
    or empty. ``words`` is how the person put it.
    """

    precision: Precision
    value: str = ""
    words: str = ""
    approximate: bool = False

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "precision": self.precision.value}

    @classmethod
    def load(cls, row: dict[str, Any]) -> When:
        """What :meth:`dump` made."""
        return cls(Precision(row["precision"]), row["value"], row["words"], row["approximate"])

    def say(self) -> str:
        """As a person would put it: the person's own words where they are short, with what was understood."""
        match self.precision:
            case Precision.DAY:
                understood = f"{date.fromisoformat(self.value):%-d %B %Y}"
            case Precision.MONTH:
                understood = f"{date.fromisoformat(self.value + '-01'):%B %Y}"
            case Precision.YEAR:
                understood = self.value
            case Precision.AGE:
                understood = f"at the age of {self.value.replace('-', ' to ')}"
            case Precision.EVENT:
                return self.value
            case Precision.UNKNOWN:
                return "not sure when"
        about = "about " if self.approximate and self.precision is not Precision.AGE else ""
        return f"{about}{understood}"


def read_when(text: str, today: date, *, asked: bool = True) -> When | None:
    """What a text says about when something began.

    Args:
        asked: the text answers that very question, so that bare words ("3 years", "honeymoon") count too.

    Returns:
        Nothing if the text says nothing of time. ``UNKNOWN`` only if it says that it is not known.
    """
    text = text[:_MAX_READ]
    plain = with_digits(text.lower().replace("’", "'"))
    rough = bool(ROUGH.search(plain))
    for rule in (
        _impossible_date,
        _exact_date,
        _month_and_year,
        _feast,
        _age_in_hindi,
        _ago,
        _relative_word,
        _age,
        _year,
        _month_alone,
    ):
        for found in rule(plain, today, asked):
            if not _in_future(found, today):
                return When(found.precision, found.value, words_of(text), found.approximate or rough)
            return None
    if event := _event(NOT_A_TIME.sub(" ", plain), asked):
        return When(Precision.EVENT, event, words_of(text))
    if UNKNOWN.search(plain):
        return When(Precision.UNKNOWN, "", words_of(text))
    if asked and (found_date := calendars.library_date(text, today)):
        return When(Precision(found_date[0]), found_date[1], words_of(text), rough)
    return None


_MAX_READ = 1500
"""Characters that are read: nobody needs more to tell a time, and libraries are slow on very long texts."""

Rule = Callable[[str, date, bool], Iterator[When]]


def words_of(text: str) -> str:
    """The person's own words, as much of them as a summary can hold."""
    plain = " ".join(text.split())
    return plain if len(plain) <= 120 else plain[:117].rsplit(" ", 1)[0] + " ..."


def _in_future(when: When, today: date) -> bool:
    size = {Precision.DAY: 10, Precision.MONTH: 7, Precision.YEAR: 4}.get(when.precision)
    return size is not None and when.value > today.isoformat()[:size]


def _day(year: int, month: int, day: int) -> Iterator[When]:
    try:
        yield When(Precision.DAY, date(year, month, day).isoformat())
    except ValueError:  # 31 February
        return


def _full_year(text: str, today: date) -> int:
    """Four digits of a year written with two: '98 is 1998, '22 is 2022."""
    year = int(text)
    if year > 99:
        return year
    return year + (2000 if year <= today.year % 100 else 1900)


def _impossible_date(text: str, today: date, _asked: bool) -> Iterator[When]:
    """A date that cannot be (31/02/2022, 13/2021) is not read in parts: nobody knows which part is wrong."""
    for match in re.finditer(r"\b(?:(\d{1,2})[/.-])?(\d{1,2})[/.-]((?:19|20)\d\d)\b", text):
        try:
            date(int(match[3]), int(match[2]), int(match[1] or 1))
        except ValueError:
            yield When(Precision.UNKNOWN)


def _exact_date(text: str, today: date, _asked: bool) -> Iterator[When]:
    for pattern in (ISO, DMY):
        for match in pattern.finditer(text):
            yield from _day(_full_year(match["year"], today), int(match["month"]), int(match["day"]))
    month = calendars.MONTH
    for days in (
        rf"\b{DAY_OF_MONTH}\s*(?:of\s+)?{month}[\s,.]*(?P<year>(?:19|20)\d\d|'?\d\d)?\b",
        rf"\b{month}\s+{DAY_OF_MONTH}(?:[\s,.]+(?P<year>(?:19|20)\d\d))?\b(?!\s*(?:19|20)\d\d)",
    ):
        for match in re.finditer(days, text):
            number = calendars.month_number(match["month"])
            if number is None:
                continue
            if match["year"]:
                yield from _day(_full_year(match["year"].lstrip("'"), today), number, int(match["day"]))
            elif re.search(r"\d(?:st|nd|rd|th)|\bof\b", match.group(0)) or int(match["day"]) > today.year % 100:
                year = today.year if (number, int(match["day"])) <= (today.month, today.day) else today.year - 1
                yield from _day(year, number, int(match["day"]))


def _month_and_year(text: str, today: date, _asked: bool) -> Iterator[When]:
    for match in re.finditer(
        rf"\b{calendars.MONTH}[\s,.'/-]*(?:of\s+|in\s+)?(?P<year>(?:19|20)\d\d|\d\d)\b(?!\s*(?:st|nd|rd|th)\b)", text
    ):
        number = calendars.month_number(match["month"])
        if number is not None:
            yield When(Precision.MONTH, f"{_full_year(match['year'], today):04d}-{number:02d}")
    for match in re.finditer(rf"\b(?P<year>(?:19|20)\d\d)[\s,]+(?:in\s+)?{calendars.MONTH}\b", text):
        number = calendars.month_number(match["month"])
        if number is not None:
            yield When(Precision.MONTH, f"{match['year']}-{number:02d}")
    for match in re.finditer(rf"\b{calendars.MONTH}\s+(?:of\s+)?(?P<which>last|this|previous) year\b", text):
        number = calendars.month_number(match["month"])
        if number is not None:
            yield When(Precision.MONTH, f"{today.year - (match['which'] != 'this'):04d}-{number:02d}")
    for match in re.finditer(rf"\b(?P<which>pichh?l[ae]|is) saal\s+{calendars.MONTH}\b", text):
        number = calendars.month_number(match["month"])
        if number is not None:
            yield When(Precision.MONTH, f"{today.year - (match['which'] != 'is'):04d}-{number:02d}")
    for pattern in (MY, YM):
        for match in pattern.finditer(text):
            yield When(Precision.MONTH, f"{int(match['year']):04d}-{int(match['month']):02d}")


def _feast(text: str, today: date, _asked: bool) -> Iterator[When]:
    for name, start, end in calendars.feasts_named(text):
        around = text[max(0, start - 12) : end + 12]
        year = YEAR.search(around)
        if re.search(r"\b(last|pichh?l[ae]) (year|saal)\b", around):
            year = YEAR.search(str(today.year - 1))
        before_last = re.search(r"\b(before last|last to last)\b", around)
        month = calendars.feast_month(name, today, int(year["year"]) if year else None, skip=1 if before_last else 0)
        if month is not None:
            yield When(Precision.MONTH, month)


def _ago(text: str, today: date, asked: bool) -> Iterator[When]:
    patterns = [AGO_AFTER, SINCE_BEFORE, SE_AFTER, *([BARE] if asked else [])]
    for pattern in patterns:
        for match in pattern.finditer(text):
            before = text[: match.start("number")]
            if pattern is not AGO_AFTER and WELL_FOR.search(before[-30:]):
                continue
            if pattern is BARE and (
                re.search(r"\b(for|then for|next|every|within|after|per|each|lasted?|takes?|took)\W*$", before[-12:])
                or re.match(r"\s*(old|later|after)\b", text[match.end() :])
            ):
                continue
            if match.group(0).endswith(" old"):
                continue
            yield _back(float(match["number"]), match["unit"], today)


def _back(number: float, unit: str, today: date) -> When:
    """So many years, months, weeks or days before today."""
    first = unit[0]
    if unit.startswith(("mo", "mn", "mt", "mah", "ma")):
        return _months_back(round(number), today)
    if first in "wh":
        return When(Precision.DAY, (today - timedelta(days=round(number * 7))).isoformat(), approximate=True)
    if first == "d":
        return When(Precision.DAY, (today - timedelta(days=min(round(number), 36500))).isoformat())
    if number != int(number):
        return _months_back(round(number * 12), today)
    return When(Precision.YEAR, f"{max(today.year - int(number), 1):04d}", approximate=True)


def _months_back(months: int, today: date) -> When:
    index = max(today.year * 12 + today.month - 1 - months, 12)
    return When(Precision.MONTH, f"{index // 12:04d}-{index % 12 + 1:02d}", approximate=True)


def _relative_word(text: str, today: date, _asked: bool) -> Iterator[When]:
    last = r"(?:last|previous|pichh?l[aei]|gaye)"
    if re.search(r"\b(day before yesterday|parso)\b", text):
        yield When(Precision.DAY, (today - timedelta(days=2)).isoformat())
    if re.search(r"\b(?:yesterday|yesturday|yestarday)\b|\blast night\b|\bkal (?:raat )?se\b", text):
        yield When(Precision.DAY, (today - timedelta(days=1)).isoformat())
    if re.search(r"\b(today|this morning|aaj)\b", text) and len(text.split()) <= 5:
        yield When(Precision.DAY, today.isoformat())
    if re.search(rf"\b{last} (week|hafte|wk)\b", text):
        yield When(Precision.DAY, (today - timedelta(days=7)).isoformat(), approximate=True)
    if re.search(rf"\b{last} (month|mahin[ae]|mnth)\b", text):
        yield _months_back(1, today)
    if re.search(r"\b(this|is) (month|mahin[ae])\b", text):
        yield _months_back(0, today)
    if re.search(rf"\b(year before last|{last} to {last} year)\b", text):
        yield When(Precision.YEAR, str(today.year - 2))
    if re.search(rf"\b{last} (year|yr|saal|sal)\b", text):
        yield When(Precision.YEAR, str(today.year - 1))
    if re.search(r"\b(this|is) (year|yr|saal|sal)\b", text):
        yield When(Precision.YEAR, str(today.year))
    for match in re.finditer(rf"\b(?:{'|'.join(calendars.SEASONS)})\s+of\s+'?(?P<year>\d\d)\b", text):
        yield When(Precision.YEAR, str(_full_year(match["year"], today)))
    for season, month in calendars.SEASONS.items():
        if re.search(rf"\b{season}\b", text) and not YEAR.search(text):
            yield When(Precision.YEAR, str(today.year - (month > today.month)), approximate=True)


def _aged(match: re.Match[str]) -> When:
    to = match.groupdict().get("to")
    return When(Precision.AGE, f"{match['age']}-{to}" if to else match["age"])


def _age_in_hindi(text: str, today: date, _asked: bool) -> Iterator[When]:
    for match in AGE_HINDI.finditer(text):
        yield _aged(match)


def _age(text: str, today: date, asked: bool) -> Iterator[When]:
    for pattern in (BETWEEN_AGES, AGE, *([AGE_ASKED] if asked else [])):
        for match in pattern.finditer(text):
            following = text[match.end() : match.end() + 12]
            if re.match(r"\s*(?:years?|yrs?)\s+(?:ago|back)|\s*(?:years?|yrs?)?\s+(?:of marriage)", following):
                continue
            yield _aged(match)
    for words, value in AGE_WORDS:
        if words.search(text):
            yield When(Precision.AGE, value, approximate=True)


def _year(text: str, today: date, asked: bool) -> Iterator[When]:
    for match in YEAR.finditer(text):
        yield When(Precision.YEAR, match["year"])
    for match in SHORT_YEAR.finditer(text):
        yield When(Precision.YEAR, str(_full_year(match["year"], today)))


def _month_alone(text: str, today: date, asked: bool) -> Iterator[When]:
    for match in re.finditer(
        rf"\b(?P<cue>in|since|last|from|this|around|early|late|mid|end of|start of|"
        rf"beginning of)?\s*{calendars.MONTH}\b",
        text,
    ):
        number = calendars.month_number(match["month"])
        # "may" and "march" are words too.
        if number is None or not (
            match["cue"] or (asked and match["month"] not in ("may", "march", "mar", "sun", "dec"))
        ):
            continue
        yield When(Precision.MONTH, f"{today.year - (number > today.month):04d}-{number:02d}")


def _event(text: str, asked: bool) -> str | None:
    """The event that a text names as the time, in its words."""
    if match := HINDI_EVENT.search(text):
        return match.group(0).strip()
    for match in EVENT.finditer(text):
        if EVENT_WORDS.search(match["event"]):
            return match.group(0).strip()
        if asked and re.match(
            r"(ever since|since|after)\s+(?:(?:my|our|the|an?|her|his)\s+)+[a-z]{4,}|ever since\s+\w", match.group(0)
        ):
            return match.group(0).strip()
    if match := ALWAYS.search(text):
        return match.group(0)
    if asked and len(text.split()) <= 8 and not UNKNOWN.search(text) and (match := EVENT_WORDS.search(text)):
        return text.strip(" .!")
    return None
