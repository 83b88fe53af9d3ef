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

    ``value`` is ``YYYY-MM-DD``, ``YYYY-MM``, ``YYYY``, an age in years (``19`` or ``20-29``), the words for an event, or
    empty. ``words`` is how the person put it.
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
                return self.words or self.value
            case Precision.UNKNOWN:
                return "not sure when"
        about = "about " if self.approximate and self.precision is not Precision.AGE else ""
        return f"{about}{understood}"


_UNIT = (
    r"(?P<unit>years?|yea?rs?|yrs?|yesrs?|yeras?|yaers?|yars?|saalo?n?|sal|varsh|months?|mon?ths?|monts?|mnths?|motnhs?|mths?|mos?|mahin[aeo]+n?|"
    r"maheen[aeo]+|weeks?|wee?ks?|wks?|haft[aeo]+n?|days?|din)\b"
)
_NUMBER = r"(?P<number>\d+(?:\.\d+)?)"
_RANGE = r"(?:\s*(?:-|–|to|or|ya|se)\s*\d+(?:\.\d+)?)?"
_ROUGH = re.compile(
    r"\b(about|around|approx\w*|roughly|some|maybe|perhaps|i think|probably|or so|ish|lagbhag|kareeb|karib|shayad|nearly|almost|over|more than)\b|~"
)
_AGO = r"(?:ago|back|bk|before|earlier|pehle|pahle|phle|agoo?|prior|ho gaye|ho gye|hogaye|now|old)"

_AGO_AFTER = re.compile(rf"\b{_NUMBER}{_RANGE}\s*\+?\s*{_UNIT}(?:\s+(?:and a half|or so|or more))?\s*{_AGO}\b")
_SINCE_BEFORE = re.compile(
    rf"(?P<cue>\b(?:since|for|from|past|last|over|it'?s been|its been|been|going on|pichle)\s+"
    rf"(?:(?:the|about|around|almost|nearly|past|last|like|maybe|at least|over|more than|some|roughly|approx\w*|~)\s+)*)"
    rf"~?{_NUMBER}{_RANGE}\s*\+?\s*{_UNIT}"
)
_SE_AFTER = re.compile(rf"\b{_NUMBER}{_RANGE}\s*{_UNIT}\s+(?:se|sai|hue|hua|ho)\b")
_BARE = re.compile(rf"\b{_NUMBER}{_RANGE}\s*\+?\s*{_UNIT}")
_WELL_FOR = re.compile(
    r"\b(fine|ok(ay)?|normal|good|great|well|painless|pain ?free|comfortable|no (pain|problem)s?|married|together|dating|relationship)\s+(for|since)\b"
)

_ISO = re.compile(r"\b(?P<year>(?:19|20)\d\d)[-/.](?P<month>0?[1-9]|1[0-2])[-/.](?P<day>0?[1-9]|[12]\d|3[01])\b")
_DMY = re.compile(
    r"\b(?P<day>0?[1-9]|[12]\d|3[01])[-/. ](?P<month>0?[1-9]|1[0-2])[-/. ](?P<year>(?:19|20)\d\d|\d\d)\b(?![-/]\d)"
)
_MY = re.compile(r"\b(?P<month>0?[1-9]|1[0-2])[-/.](?P<year>(?:19|20)\d\d)\b")
_YM = re.compile(r"\b(?P<year>(?:19|20)\d\d)[-/](?P<month>0[1-9]|1[0-2])\b")
_YEAR = re.compile(r"\b(?P<year>19[5-9]\d|20[0-4]\d)(?:ish)?\b(?!\s*(?:rs|rupees?|inr|per|bucks|/-))(?<!rs )(?<!rs\. )")
_SHORT_YEAR = re.compile(r"(?:\b2k|['’`])(?P<year>\d\d)\b(?!\s*%)")
_DAY_OF_MONTH = r"(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"

_AGE = re.compile(
    r"\b(?:when i (?:was|turned)|i was|i (?:must|may|might) have been|when she was|she was|wh?en i ws|(?:at|from|since) (?:the )?age(?: of)?|aged|at|"
    r"turned|since i was|age|umar|umr)\s+(?:only |just |about |around |maybe |like |almost |barely )*"
    r"(?P<age>1\d|[2-9]\d|[4-9])(?:\s*(?:-|or|to)\s*(?P<to>1\d|[2-9]\d))?\b"
    r"(?!\s*(?:%|st|nd|rd|th|am|pm|weeks?|wks?|months?|mnths?|days?|kg|cm|km|o'?clock|:|/|-\d\d))"
)
_AGE_HINDI = re.compile(
    r"\b(?P<age>1\d|[2-9]\d)(?:\s*(?:-|ya|or|to)\s*(?P<to>1\d|[2-9]\d))?\s*(?:saal|sal|years?|yrs?)?\s*"
    r"(?:ki|ka|ke)\s+(?:thi|tha|hui|hua|umar|umr|age)\b"
)
_BETWEEN_AGES = re.compile(
    r"\b(?:i|she) was (?:about |around )?(?:between |maybe )?(?P<age>1\d|[2-9]\d) (?:and|or|to) (?P<to>1\d|[2-9]\d)\b"
)
_AGE_ASKED = re.compile(r"^\W*(?:i think |maybe |about |around )*(?P<age>1\d|[2-9]\d)\s*(?:years?|yrs?)\s*old\W*$")
_AGE_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(teen ?ager?s?|teens|teenage|as a teen)\b"), "13-19"),
    *(
        (re.compile(rf"\b(?:{word}|{decade}['’]?s)\b"), f"{decade}-{decade + 9}")
        for word, decade in (("twenties", 20), ("thirties", 30), ("forties", 40), ("fifties", 50), ("sixties", 60))
    ),
)

_ALWAYS = re.compile(
    r"\b(always|al+w[ay]+s|forever|for ?ever|my (whole|entire) life|all my life|as long as i (can )?(remember|know)|"
    r"from (the )?(very )?(start|beginning|first)|since (the )?(very )?(start|beginning|first|birth\b(?! of))|"
    r"since day (1|one)|day 1|never (ever )?(was|been) (ok|fine|possible)|born (with|this way|like)|"
    r"hamesha|hamesa|humesha|shuru se|suru se|shuruat se|bachpan|childhood|since i was (a )?(kid|child|little|small|young))\b"
)
_EVENT = re.compile(
    r"\b(?:since|after|when|from|with|until|till|before|during|around|following|once|right after|ever since|the day|on|at|post)\s+"
    r"(?P<event>(?:(?:my|our|the|her|his|a|an|we|i|that|this|first|second|third|last|she|baby|mom|dad)\s+)*"
    r"[a-z0-9'-]+(?:\s+[a-z0-9'-]+){0,4})"
)
_EVENT_WORDS = re.compile(
    r"\b(honeymoon|wedding|marriage|married|engage\w*|shaadi|shadi|suhagraat|nikah|first (time|night|try|attempt|sex|tampon|exam|period\w*|boyfriend|"
    r"relationship)|birth|born|deliver\w*|baby|child\w*|kid|kids|daughter|son|twins?|c ?-?section|caesarean|cesarean|csec\w*|pregnan\w*|"
    r"miscarriage|abortion|episiotomy|stitches|surgery|surgeries|operation|hysterectomy|radiation|radio(therapy)?|chemo\w*|"
    r"cancer|treatment|menopause|periods?|puberty|infection|uti|thrush|yeast|accident|touched|groped|fall|injury|divorce|break ?up|"
    r"lockdown|covid|pandemic|college|school|university|hostel|job|moved|move|death|died|passed|fight|affair|"
    r"assault\w*|rape|abuse\w*|incident|iud|coil|copper t|pill|breast ?feeding|weaning|smear|pap|exam|check ?up|"
    r"ivf|iui|ultrasound|scan|transition|testosterone|top surgery|bachch?[ae]|beti|beta|paida|delivery|"
    r"sex|intercourse|tried|trying|relationship|partner|boyfriend|girlfriend|husband|wife|dating)\b"
)
_HINDI_EVENT = re.compile(
    r"\b(?P<event>(?:(?:pehli raat|meri|mere|hamari|pehli|pehle|dusre|doosre|us|bachche|bache|baby|operation|delivery|shaadi|shadi|suhagraat|"
    r"nikah|honeymoon|miscarriage|menopause|beti|bete|infection|ke|ki|ka)\s+)+(?:paida hone\s+)?)(?:ke\s+)?(?:baad|bad|wakt|samay|time|hone|se)\b"
)
_UNKNOWN = re.compile(
    r"\b(no idea|no clue|not sure|unsure|don'?t (really |quite )?(know|remember|recall)|dont (really )?(know|rem\w*|recall)|dunno|idk|"
    r"can'?t (really )?(remember|recall|say|tell)|cannot (remember|recall|say|tell)|cant (remember|recall|say|tell)|hard to say|never (noticed|counted)|"
    r"pata nahi|pta nahi|pata nhi|pta nhi|yaad nahi|yaad nhi|maloom nahi|malum nahi|nahi pata|nhi pta|no memory|who knows|forgot)\b"
)


def read_when(text: str, today: date, *, asked: bool = True) -> When | None:
    """What a text says about when something began.

    Args:
        asked: the text answers that very question, so that bare words ("3 years", "honeymoon") count too.

    Returns:
        Nothing if the text says nothing of time. ``UNKNOWN`` only if it says that it is not known.
    """
    plain = with_digits(text.lower().replace("’", "'"))
    rough = bool(_ROUGH.search(plain))
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
                return When(found.precision, found.value, _words(text), found.approximate or rough)
            return None
    if event := _event(_NOT_A_TIME.sub(" ", plain), asked):
        return When(Precision.EVENT, event, _words(text))
    if _UNKNOWN.search(plain):
        return When(Precision.UNKNOWN, "", _words(text))
    if asked and (found_date := calendars.library_date(text, today)):
        return When(Precision(found_date[0]), found_date[1], _words(text), rough)
    return None


_NOT_A_TIME = re.compile(
    r"\b(i have|i'?ve got|with) \d+ (kids|children)|\b(every|each) (month|time|day|year|week)|\bi tried \d|\bi'?m \d\d\b|\bi am \d\d\b|"
    r"\bfall apart|\balways (ask|say|tell|want|think)|\b(ask|say|tell)s? always"
)
"""What looks like a time or an event and is none."""

Rule = Callable[[str, date, bool], Iterator[When]]


def _words(text: str) -> str:
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
    for pattern in (_ISO, _DMY):
        for match in pattern.finditer(text):
            yield from _day(_full_year(match["year"], today), int(match["month"]), int(match["day"]))
    month = calendars.MONTH
    for days in (
        rf"\b{_DAY_OF_MONTH}\s*(?:of\s+)?{month}[\s,.]*(?P<year>(?:19|20)\d\d|'?\d\d)?\b",
        rf"\b{month}\s+{_DAY_OF_MONTH}(?:[\s,.]+(?P<year>(?:19|20)\d\d))?\b(?!\s*(?:19|20)\d\d)",
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
    for pattern in (_MY, _YM):
        for match in pattern.finditer(text):
            yield When(Precision.MONTH, f"{int(match['year']):04d}-{int(match['month']):02d}")


def _feast(text: str, today: date, _asked: bool) -> Iterator[When]:
    for name, start, end in calendars.feasts_named(text):
        around = text[max(0, start - 12) : end + 12]
        year = _YEAR.search(around)
        if re.search(r"\b(last|pichh?l[ae]) (year|saal)\b", around):
            year = _YEAR.search(str(today.year - 1))
        before_last = re.search(r"\b(before last|last to last)\b", around)
        month = calendars.feast_month(name, today, int(year["year"]) if year else None, skip=1 if before_last else 0)
        if month is not None:
            yield When(Precision.MONTH, month)


def _ago(text: str, today: date, asked: bool) -> Iterator[When]:
    patterns = [_AGO_AFTER, _SINCE_BEFORE, _SE_AFTER, *([_BARE] if asked else [])]
    for pattern in patterns:
        for match in pattern.finditer(text):
            before = text[: match.start("number")]
            if pattern is not _AGO_AFTER and _WELL_FOR.search(before[-30:]):
                continue
            if pattern is _BARE and (
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
    for season, month in calendars.SEASONS.items():
        if re.search(rf"\b{season}\b", text) and not _YEAR.search(text):
            yield When(Precision.YEAR, str(today.year - (month > today.month)), approximate=True)


def _aged(match: re.Match[str]) -> When:
    to = match.groupdict().get("to")
    return When(Precision.AGE, f"{match['age']}-{to}" if to else match["age"])


def _age_in_hindi(text: str, today: date, _asked: bool) -> Iterator[When]:
    for match in _AGE_HINDI.finditer(text):
        yield _aged(match)


def _age(text: str, today: date, asked: bool) -> Iterator[When]:
    for pattern in (_BETWEEN_AGES, _AGE, *([_AGE_ASKED] if asked else [])):
        for match in pattern.finditer(text):
            following = text[match.end() : match.end() + 12]
            if re.match(r"\s*(?:years?|yrs?)\s+(?:ago|back)|\s*(?:years?|yrs?)?\s+(?:of marriage)", following):
                continue
            yield _aged(match)
    for words, value in _AGE_WORDS:
        if words.search(text):
            yield When(Precision.AGE, value, approximate=True)


def _year(text: str, today: date, asked: bool) -> Iterator[When]:
    for match in _YEAR.finditer(text):
        yield When(Precision.YEAR, match["year"])
    for match in _SHORT_YEAR.finditer(text):
        yield When(Precision.YEAR, str(_full_year(match["year"], today)))


def _month_alone(text: str, today: date, asked: bool) -> Iterator[When]:
    for match in re.finditer(
        rf"\b(?P<cue>in|since|last|from|this|around|early|late|mid|end of|start of|beginning of)?\s*{calendars.MONTH}\b",
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
    if match := _HINDI_EVENT.search(text):
        return match.group(0).strip()
    for match in _EVENT.finditer(text):
        if _EVENT_WORDS.search(match["event"]):
            return match["event"].strip()
        if asked and re.match(
            r"(ever since|since|after)\s+(?:(?:my|our|the|an?|her|his)\s+)+[a-z]{4,}|ever since\s+\w", match.group(0)
        ):
            return match["event"].strip()
    if match := _ALWAYS.search(text):
        return match.group(0)
    if asked and len(text.split()) <= 8 and not _UNKNOWN.search(text) and (match := _EVENT_WORDS.search(text)):
        return text.strip(" .!")
    return None
