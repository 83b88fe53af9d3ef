"""When it began: a table of what people write, judged against a fixed today, and what holds for any date."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.history.when import Precision, When, read_when

TODAY = date(2026, 11, 22)
TABLE = Path(__file__).parent.parent / "dev" / "when.tsv"
DAYS = st.dates(min_value=date(1960, 1, 1), max_value=TODAY)
MONTHS = "January February March April May June July August September October November December".split()

# Lines of the table that are read wrongly. Nobody adds to them without a reason beside it.
KNOWN_FAULTS = {
    "every month on my periods",  # an event, though it is a rhythm
    "I'm 34, married, no kids",  # "married" is taken for the event
    "it hurts for 20 minutes afterwards and then for 2 days i can't sit properly on my office chair",
}


def rows() -> list[tuple[str, str, str]]:
    """Precision, value and phrase of each line of the table."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return [(line.split("\t")[0], line.split("\t")[1], line.split("\t")[2]) for line in lines if line]


def test_the_table_is_big_enough_and_its_faults_are_few() -> None:
    table = rows()
    assert len(table) >= 400
    assert {precision for precision, _, _ in table} == {precision.value for precision in Precision}
    assert {phrase for _, _, phrase in table} >= KNOWN_FAULTS


def test_each_phrase_is_read_as_people_mean_it() -> None:
    wrong = []
    for precision, value, phrase in rows():
        when = read_when(phrase, TODAY) or When(Precision.UNKNOWN)
        right = when.precision.value == precision and (precision in ("event", "unknown") or when.value == value)
        if not right and phrase not in KNOWN_FAULTS:
            wrong.append(f"{phrase!r}: {when.precision.value} {when.value}, not {precision} {value}")
    assert wrong == []


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("about three years ago", "about 2023"),
        ("when I was 19", "at the age of 19"),
        ("when our daughter came, March 2022", "March 2022"),
        ("last Diwali", "November 2026"),
        ("some 5 months ago", "about June 2026"),
        ("03/04/2021", "3 April 2021"),
        ("since my honeymoon", "since my honeymoon"),
        ("always", "always"),
        ("no idea", "not sure when"),
    ],
)
def test_what_was_understood_is_said_back(phrase: str, said: str) -> None:
    when = read_when(phrase, TODAY)
    assert when is not None
    assert when.say() == said
    assert when.words == phrase
    assert When.load(when.dump()) == when


@pytest.mark.parametrize(
    "phrase", ["i tried 3 sizes of dilators", "it may be my fault", "2000 rupees", "hello", "🙂", ""]
)
def test_what_is_no_time_is_not_made_one(phrase: str) -> None:
    when = read_when(phrase, TODAY, asked=False)
    assert when is None or when.precision in (Precision.UNKNOWN, Precision.EVENT)


@given(DAYS)
def test_a_written_date_is_read_back_in_the_indian_order(day: date) -> None:
    for written in (
        f"{day:%d/%m/%Y}",
        f"{day:%d-%m-%Y}",
        day.isoformat(),
        f"{day.day} {MONTHS[day.month - 1]} {day.year}",
    ):
        when = read_when(f"it began on {written}", TODAY)
        assert when is not None
        assert (when.precision, when.value) == (Precision.DAY, day.isoformat())


@given(DAYS)
def test_a_month_with_its_year_is_a_month(day: date) -> None:
    for written in (
        f"{MONTHS[day.month - 1]} {day.year}",
        f"{MONTHS[day.month - 1][:3].lower()} {day.year}",
        f"{day:%m/%Y}",
    ):
        when = read_when(written, TODAY)
        assert when is not None
        assert (when.precision, when.value) == (Precision.MONTH, f"{day:%Y-%m}")


@given(st.integers(1, 60))
def test_years_ago_in_english_and_hinglish_are_the_same_year(years: int) -> None:
    for written in (f"{years} years ago", f"since {years} yrs", f"{years} saal pehle", f"about {years} years back"):
        when = read_when(written, TODAY)
        assert when is not None
        assert (when.precision, when.value) == (Precision.YEAR, str(2026 - years))


@given(st.integers(1, 200))
def test_days_ago_are_counted_back(days: int) -> None:
    when = read_when(f"{days} days ago", TODAY)
    assert when is not None
    assert when.value == (TODAY - timedelta(days=days)).isoformat()


@given(st.dates(min_value=TODAY + timedelta(days=1), max_value=date(2049, 12, 31)))
def test_nothing_begins_in_the_future(day: date) -> None:
    for written in (
        f"{day:%d/%m/%Y}",
        f"{MONTHS[day.month - 1]} {day.year}" if day.year > 2026 else "",
        str(day.year + 1),
    ):
        when = read_when(written, TODAY)
        assert when is None or when.precision not in (Precision.DAY, Precision.MONTH, Precision.YEAR)


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    when = read_when(text, TODAY)
    if when is not None:
        assert When.load(when.dump()) == when
        assert when.say()
