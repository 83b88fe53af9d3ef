"""Wishes, contacts, codes and opening hours out of what people write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from actions.referral.contact import BadContact, Contact, read_contact
from actions.referral.wishes import Wishes, read_wishes
from bot.codes import ALPHABET, code_in, new_code
from bot.conversation.payload import is_payload, typed_code
from bot.hours import BadHours, Hours


@pytest.mark.parametrize(
    ("text", "wishes"),
    [
        ("a lady who speaks tamil", Wishes(languages=("Tamil",), gender="woman")),
        ("female physio please, hindi or english", Wishes(languages=("Hindi", "English"), gender="woman")),
        ("not a man", Wishes(gender="woman")),
        ("i am a woman looking for a physio", Wishes()),
        ("since my baby girl was born", Wishes()),
        ("i don't want a woman", Wishes()),
        ("a male physio is fine", Wishes(gender="man")),
        ("any gender, i dont mind", Wishes(any_gender=True)),
        ("someone gentle, i had a bad assault once", Wishes(services=("trauma_informed",))),
        ("im trans, need someone who gets that", Wishes(services=("trans_inclusive",))),
        ("after my c-section", Wishes(services=("postpartum",))),
        ("home visit, i use a wheelchair", Wishes(services=("home_visits",), accessibility=("step_free",))),
        ("koi aurat jo bangla bolti ho", Wishes(languages=("Bengali",), gender="woman")),
    ],
)
def test_wishes_are_heard(text: str, wishes: Wishes) -> None:
    assert read_wishes(text, asked=False) == wishes


@pytest.mark.parametrize("text", ["no", "nothing special", "doesnt matter", "koi bhi", "anyone"])
def test_no_wish_is_a_wish_when_it_was_asked(text: str) -> None:
    assert read_wishes(text, asked=True).none
    assert not read_wishes(text, asked=False)


@pytest.mark.parametrize(
    ("text", "contact"),
    [
        ("98450 12345", Contact("phone", "+919845012345")),
        ("my number is +44 20 7946 0018 thanks", Contact("phone", "+442079460018")),
        ("mail me at Asha.K@Example.COM please", Contact("email", "Asha.K@example.com")),
    ],
)
def test_a_way_to_be_reached_is_read(text: str, contact: Contact) -> None:
    assert read_contact(text, "IN") == contact


@pytest.mark.parametrize(("text", "way"), [("12345", "phone"), ("asha@", "email"), ("asha@gmail", "email")])
def test_half_a_contact_is_refused_not_guessed(text: str, way: str) -> None:
    with pytest.raises(BadContact) as refused:
        read_contact(text, "IN", way=way)
    assert refused.value.way == way


def test_nothing_is_read_where_nothing_is() -> None:
    assert read_contact("here in the chat is fine", "IN") is None


def test_a_summary_hides_the_middle_of_a_contact() -> None:
    assert Contact("phone", "+919845012345").hidden() == "+91 ... 345"
    assert Contact("email", "asha@example.com").hidden() == "as...@example.com"
    assert Contact("chat").hidden() == ""


@pytest.mark.parametrize("code", [new_code() for _ in range(20)], ids=range(20))
def test_codes_are_found_again_however_they_are_written(code: str) -> None:
    assert len(code) == 9
    assert set(code) <= {*ALPHABET, "-"}
    for written in (code, code.lower(), f"my code is {code}", code.replace("-", " ").upper()):
        assert code_in(written) == code


def test_words_are_no_codes() -> None:
    assert code_in("my gynaecologist was rough") is None
    assert code_in("hmmmm rhythm") is None


@pytest.mark.parametrize(
    ("text", "question"),
    [("K7M2-QX9T", "code"), ("my code is k7m2-qx9t", "code"), ("please cancel K7M2-QX9T", "withdraw")],
)
def test_a_code_that_is_typed_alone_is_a_question_about_it(text: str, question: str) -> None:
    payload = typed_code(text)
    assert payload == f'/answer_referral{{"question": "{question}", "answer": "K7M2-QX9T"}}'
    assert is_payload(payload)
    assert typed_code("i told the doctor about K7M2-QX9T last week and she said it is fine") is None


def at(day: int, hour: int, minute: int) -> datetime:
    """A moment in November 2026; the 23rd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


WEEK = Hours.parse("Mon-Fri 10:00-18:00; Sat 10:00-13:00")


@pytest.mark.parametrize(
    ("moment", "is_open", "opens"),
    [
        (at(23, 10, 0), True, at(24, 10, 0)),
        (at(23, 9, 59), False, at(23, 10, 0)),
        (at(28, 12, 59), True, at(30, 10, 0)),
        (at(28, 13, 0), False, at(30, 10, 0)),
        (at(29, 12, 0), False, at(30, 10, 0)),
    ],
)
def test_opening_hours(moment: datetime, is_open: bool, opens: datetime) -> None:
    assert WEEK.open_at(moment) is is_open
    assert WEEK.next_opening(moment) == opens


def test_unknown_hours_are_neither_open_nor_ever_opening() -> None:
    assert not Hours.parse("").open_at(at(23, 12, 0))
    assert Hours.parse("").next_opening(at(23, 12, 0)) is None


@pytest.mark.parametrize(
    "text", ["daily", "Mon", "Mon 10-18", "Fri-Mon 10:00-18:00", "Mon 18:00-10:00", "Mon 10:00-99:00"]
)
def test_what_is_no_hours_is_refused(text: str) -> None:
    with pytest.raises(BadHours):
        Hours.parse(text)
