"""The data of the safety screen as a reader would check them: words, numbers, thresholds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.knowledge import PROJECT
from bot.review.readability import grade
from bot.safety.classifier import read_examples
from bot.safety.danger import CATEGORIES, Finding, Level
from bot.safety.first_help import ANSWERS_FILE, FirstHelp, first_help
from bot.safety.helplines import ELSEWHERE, HELPLINES_FILE, Helplines, helplines
from bot.safety.screen import Thresholds

TOPICS = yaml.safe_load((PROJECT / "data" / "knowledge" / "topics.yml").read_text(encoding="utf-8"))
BANNED = yaml.safe_load((PROJECT / "data" / "knowledge" / "wording.yml").read_text(encoding="utf-8"))["banned"]


def texts() -> list[tuple[str, str]]:
    """Every text of the answers file with its place."""
    rows = yaml.safe_load(ANSWERS_FILE.read_text(encoding="utf-8"))
    found = [(f"shared.{name}", text) for name, text in rows["shared"].items()]
    found += [(f"check_in.{name}", text) for name, text in rows["check_in"].items()]
    for category, row in rows["answers"].items():
        for name, value in row.items():
            if name in ("lines", "check_in"):
                continue
            for number, text in enumerate(value if isinstance(value, list) else [value]):
                found.append((f"{category}.{name}{number or ''}", text))
    return found


def test_the_categories_are_those_of_the_contract() -> None:
    assert set(CATEGORIES) == set(TOPICS["safety"])


@pytest.mark.parametrize(("place", "text"), texts(), ids=[place for place, _ in texts()])
def test_a_text_is_short_plain_and_without_what_must_not_be_said(place: str, text: str) -> None:
    assert len(text.split()) <= 90
    for row in BANNED:
        assert not re.search(row["pattern"], text, re.IGNORECASE), row
    assert not re.search(r"\d{3}", text), "numbers stand in helplines.yml"
    assert not re.search(r"\b\d+ ?(mg|ml|tablets?|pills?)\b", text)
    reading_grade = grade(text) if len(text.split()) >= 30 else None
    assert reading_grade is None or reading_grade <= 9


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("level", Level)
def test_every_alarm_has_words_numbers_a_person_and_a_way_out(category: str, level: Level) -> None:
    for country in helplines().countries:
        replies = first_help().alarm([Finding(category, level, "lexicon")], country=country, minor=False)
        whole = "\n".join(reply.text for reply in replies)
        assert {reply.topic for reply in replies} == {category}
        assert len(replies) <= 3
        assert all(len(reply.text.split()) <= 90 for reply in replies)
        assert helplines().of(country).emergency in whole
        assert "person of our team" in whole
        assert "/talk_to_human" in {button.payload for button in replies[-1].buttons}


def test_what_is_withheld_from_minors_are_topics() -> None:
    assert first_help().withheld_from_minors <= {*TOPICS["answers"], *TOPICS["flows"]}


def test_a_missing_text_is_named() -> None:
    rows: dict[str, Any] = yaml.safe_load(ANSWERS_FILE.read_text(encoding="utf-8"))
    del rows["answers"]["safety_violence"]["serious"]
    with pytest.raises(ValueError, match=r"safety_violence\.serious"):
        FirstHelp(rows, helplines())


def test_every_helpline_has_a_source_a_date_and_a_reminder_to_dial_it() -> None:
    for country in yaml.safe_load(HELPLINES_FILE.read_text(encoding="utf-8"))["countries"].values():
        for line in country["lines"]:
            assert line["source"]
            assert line["read"]
            assert line["check"]


def test_no_helpline_that_is_not_in_the_fact_sheet() -> None:
    numbers = {re.sub(r"\W", "", line.number) for country in helplines().countries.values() for line in country.lines}
    known = {"14416or18008914416", "181", "1098", "116123", "988", "18006564673", "findahelplinecom"}
    assert numbers == known


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("I am in the UK", "GB"),
        ("i live in london", "GB"),
        ("USA", "US"),
        ("from Dublin", "IE"),
        ("I'm in Germany", ELSEWHERE),
        ("my husband Jordan hits me", None),
        ("we live in Jordan", ELSEWHERE),
        ("help us please", None),
        ("main delhi se hu", "IN"),
    ],
)
def test_the_country_of_a_message(text: str, code: str | None) -> None:
    assert helplines().named_in(text) == code


def test_helplines_without_a_source_are_refused() -> None:
    rows = {"countries": {"ZZ": {"name": "x", "lines": [{"name": "y", "number": 1, "for": ["crisis"]}]}}}
    with pytest.raises(ValueError, match="source"):
        Helplines(rows)


def test_thresholds_are_read_and_checked(tmp_path: Path) -> None:
    assert 0 < Thresholds.load().danger < 1
    file = tmp_path / "thresholds.yml"
    values = "danger: 2, alone: 1, second_weight: 1, category: 0.5, part: 0.5, parts: 3, overrule: 0.1, despite_calm: 1"
    file.write_text(f"{{{values}}}")
    with pytest.raises(ValueError, match="between 0 and 1"):
        Thresholds.load(file)


def test_training_and_dev_lines_can_be_read_and_share_nothing() -> None:
    train = read_examples(PROJECT / "data" / "safety" / "train.tsv")
    dev = read_examples(PROJECT / "tests" / "dev" / "safety.tsv")

    def plain(text: str) -> str:
        return re.sub(r"\W+", " ", text).strip().lower()

    shared = {plain(example.text) for example in train} & {plain(example.text) for example in dev}
    assert shared <= {""}  # of emoji alone nothing is left
    assert len([example for example in dev if example.categories]) >= 500
    assert len([example for example in dev if not example.categories]) >= 1000


def test_a_bad_training_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "train.tsv"
    file.write_text("calm\tcalm\thello\nsafety_boredom\tserious\tyawn\n")
    with pytest.raises(ValueError, match=r"train\.tsv:2: unknown category safety_boredom"):
        read_examples(file)
