"""The pattern language of the lexicon, and that reading leaves nothing behind."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot.safety.danger import Level
from bot.safety.lexicon import Lexicon, LexiconError, words


def lexicon(*patterns: str, calm: tuple[str, ...] = (), level: str = "serious") -> Lexicon:
    """A lexicon with one alarm."""
    row = {"category": "safety_suicide", "level": level, "patterns": list(patterns)}
    return Lexicon({"alarms": [row], "calm": list(calm)})


@pytest.mark.parametrize(
    ("pattern", "text", "fires"),
    [
        ("want|wanna to? die", "I want to die", True),
        ("want|wanna to? die", "i wanna DIE!!", True),
        ("want|wanna to? die", "i want that to die", False),
        ("suicid*", "feeling suicidal tonight", True),
        ("suicid*", "side effects", False),
        ("kill ~3 myself", "kill all of myself", True),
        ("kill ~3 myself", "kill one two three four myself", False),
        ("im #9-17 years", "I'm 15 years old", True),
        ("im #9-17 years", "I’m 18 years old", False),
        ("i dont want to live", "I don't want to live", True),
        ("plz help", "plzzzzz help", False),
        ("plzz help", "plzzzzz help", True),
        ("मरना चाहती", "मैं मरना चाहती हूँ", True),
        ("i want to die", "i want\nto   die", True),
    ],
)
def test_a_pattern_finds_what_it_says(pattern: str, text: str, fires: bool) -> None:
    assert bool(lexicon(pattern).read(text)) is fires


def test_a_phrase_inside_a_calm_one_is_no_alarm() -> None:
    found = lexicon("hurt myself", calm=("never|not ~2 hurt myself",))
    assert found.read("I would never hurt myself") == []
    assert len(found.read("never mind. I hurt myself")) == 1


def test_an_alarm_beside_a_calm_phrase_stays_an_alarm() -> None:
    found = lexicon("want to die", calm=("dying of laughter", "not ~2 want to die"))
    assert len(found.read("I am dying of laughter and I want to die")) == 1


def test_a_hit_says_category_level_and_place() -> None:
    (hit,) = lexicon("want to die", level="immediate").read("now I want to die")
    assert (hit.category, hit.level, hit.start, hit.end) == ("safety_suicide", Level.IMMEDIATE, 2, 5)


@pytest.mark.parametrize(
    "rows",
    [
        {"alarms": [{"category": "safety_boredom", "level": "serious", "patterns": ["yawn"]}]},
        {"alarms": [{"category": "safety_suicide", "level": "grave", "patterns": ["die"]}]},
        {"alarms": [{"category": "safety_suicide", "level": "serious", "patterns": []}]},
        {"alarms": [{"category": "safety_suicide", "level": "serious", "patterns": ["to? ~2"]}]},
        {"alarms": [{"category": "safety_suicide", "level": "serious", "patterns": ["self-harm now"]}]},
    ],
)
def test_a_mistake_in_the_file_is_named(rows: dict[str, Any]) -> None:
    with pytest.raises(LexiconError):
        Lexicon(rows)


def test_what_people_write_does_not_stay_in_memory() -> None:
    found = lexicon("want to die")
    found.read("want to die")
    before = len(found._vocabulary.strings)
    for number in range(200):
        found.read(f"my secret number {number} is swordfish{number}")
    assert len(found._vocabulary.strings) == before


def test_a_long_message_without_spaces_does_not_keep_anybody_waiting() -> None:
    found = lexicon("want to die", "suicid*")
    started = time.perf_counter()
    found.read("?" * 5000)
    found.read("a" * 5000)
    assert time.perf_counter() - started < 1


def test_the_end_of_a_long_message_is_read_too() -> None:
    assert lexicon("want to die").read("la " * 1400 + "i want to die")


def test_marks_of_indian_scripts_belong_to_their_words() -> None:
    assert words("ज़िंदगी नहीं चाहिए।") == ["ज़िंदगी", "नहीं", "चाहिए", "।"]
