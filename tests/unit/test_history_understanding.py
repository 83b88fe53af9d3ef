"""What a message says about how it began: measured on lines of an independent author, and single rules by example."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.history.teller import told_for_her
from actions.history.understand import CHOICES, Heard, understand

TODAY = date(2026, 11, 22)
DEV = Path(__file__).parent.parent / "dev" / "history.tsv"
PRECISION, RECALL = 0.88, 0.75
"""Over all questions; 0.92 and 0.82 when it was written. A wrong answer is worse than a missing one, which is asked."""


def _heard(heard: Heard) -> dict[str, set[str]]:
    found = {question: set(choices) for question, choices in heard.choices.items()}
    if heard.began is not None:
        precision, value = heard.began.precision.value, heard.began.value
        found["began"] = {precision if precision in ("event", "unknown") else f"{precision}:{value}"}
    return found


def _expected(answers: str) -> dict[str, set[str]]:
    if answers == "-":
        return {}
    pairs = (pair.split("=", 1) for pair in answers.split("; "))
    return {question: {value} if question == "began" else set(value.split(",")) for question, value in pairs}


def test_messages_of_the_dev_set_are_understood() -> None:
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for line in DEV.read_text(encoding="utf-8").splitlines():
        answers, asked, message = line.split("\t")
        expected: dict[str, set[str]] = defaultdict(set, _expected(answers))
        found: dict[str, set[str]] = defaultdict(
            set, _heard(understand(message, TODAY, asked=None if asked == "story" else asked))
        )
        for question in {*expected, *found}:
            right[question] += len(expected[question] & found[question])
            wrong[question] += len(found[question] - expected[question])
            missing[question] += len(expected[question] - found[question])
    precision = right.total() / (right.total() + wrong.total())
    recall = right.total() / (right.total() + missing.total())
    assert set(right) == {*CHOICES, "began"}
    assert precision >= PRECISION, (precision, wrong)
    assert recall >= RECALL, (recall, missing)


def test_one_message_answers_several_questions() -> None:
    heard = _heard(understand("it was fine until the caesarean two years ago, now neither tampons nor sex work", TODAY))
    assert heard["comfortable"] == {"before"}
    assert heard["began"] == {"year:2024"}
    assert heard["trigger"] == {"childbirth_caesarean"}
    assert heard["where"] == {"sex", "tampon"}


@pytest.mark.parametrize(
    ("asked", "message", "choices"),
    [
        ("comfortable", "no never not once", ("never",)),
        ("comfortable", "it was ok till 2 yrs back", ("before",)),
        ("comfortable", "pata nahi", ("unsure",)),
        ("trigger", "no infection or anything", ("nothing_known",)),
        ("trigger", "my c section", ("childbirth_caesarean",)),
        ("where", "tampons are fine, only sex", ("sex",)),
        ("feels", "jalan hoti hai", ("burning",)),
        ("tried", "i never tried dilators, only lube", ("lubricant",)),
        ("tried", "nothing yet", ("nothing",)),
        ("partner", "im single", ("none",)),
        ("partner", "he is patient but gets sad", ("partly",)),
    ],
)
def test_a_short_answer_is_understood_by_its_question(asked: str, message: str, choices: tuple[str, ...]) -> None:
    assert understand(message, TODAY, asked=asked).choices.get(asked) == choices


def test_what_is_said_to_be_another_way_round_is_not_taken() -> None:
    assert understand("it hurts since the birth and the surgery", TODAY).choices["trigger"] == ("childbirth", "surgery")
    assert "trigger" not in understand("it hurts, but there was no birth and no surgery", TODAY).choices or (
        understand("it hurts, but there was no birth and no surgery", TODAY).choices["trigger"] == ("nothing_known",)
    )


@given(text=st.text(max_size=400), asked=st.sampled_from([None, "began", *CHOICES]))
def test_no_text_breaks_it_and_only_known_answers_come_out(text: str, asked: str | None) -> None:
    for question, choices in understand(text, TODAY, asked=asked).choices.items():
        assert set(choices) <= set(CHOICES[question])
        assert choices


@pytest.mark.parametrize(
    ("message", "for_her"),
    [
        ("my wife has vaginismus, i want to tell you how it began for her", True),
        ("my girlfriend can't have anything inside, it started after an infection", True),
        ("meri wife ko shuru se hai", True),
        ("my wife and i are two women, i never could use a tampon", False),
        ("i have had this since my delivery, my wife was with me", False),
        ("i want to tell you how it began", False),
        ("my partner is patient", False),
        ("it started when my partner was away, sex hurts since then", False),
        ("it began after my partner's affair", False),
        ("it hurts ever since my girlfriend was rough", False),
    ],
)
def test_a_partner_is_told_from_a_person_with_a_partner(message: str, for_her: bool) -> None:
    assert told_for_her(message) is for_her
