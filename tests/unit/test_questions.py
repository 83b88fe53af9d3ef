"""Corrections and several questions in one message."""

from __future__ import annotations

import pytest

from bot.nlu.questions import questions, without_correction


@pytest.mark.parametrize(
    ("message", "about"),
    [
        ("no, I meant after the birth", "after the birth"),
        ("sorry i meant my wife has it", "my wife has it"),
        ("nope I mean the price of trainers", "the price of trainers"),
        ("that's not what I asked. I meant to ask about smear tests", "smear tests"),
        ("matlab delivery ke baad", "delivery ke baad"),
    ],
)
def test_a_correction_is_read_as_what_it_corrects_to(message: str, about: str) -> None:
    assert without_correction(message).endswith(about)
    assert not without_correction(message).lower().startswith(("no", "sorry", "matlab"))


@pytest.mark.parametrize("message", ["no", "I mean", "sorry", "no thanks", "nothing goes in", "what does it mean"])
def test_other_messages_stay_as_they_are(message: str) -> None:
    assert without_correction(message) == message


def test_two_questions_are_found() -> None:
    assert questions("What is botox and how much does it cost?") == ["What is botox", "how much does it cost?"]
    assert len(questions("I am 30. Does it get better? How long will it take?")) == 2


@pytest.mark.parametrize("message", ["Does it get better?", "I have pain and fear. What helps?", "hello", ""])
def test_one_question_is_not_cut(message: str) -> None:
    assert questions(message) == []
