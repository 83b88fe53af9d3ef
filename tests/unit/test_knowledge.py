"""Choosing the reviewed text: the right variant for who asks, and never the same words twice in a row."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.knowledge import PROJECT, Knowledge, UnknownResponse, Variant, knowledge
from actions.message import type_hint
from tests.unit.sdk import Talk, spoken, topic

TOPICS = sorted(name.removeprefix("utter_ask/") for name, _ in knowledge() if name.startswith("utter_ask/"))

SMALL = """
responses:
  utter_ask/pain:
  - text: "full"
  - text: "full for partners"
    metadata: {form: full, asker: partner}
  - text: "full, lifelong"
    metadata: {form: full, type: lifelong}
  - text: "full, lifelong, for partners"
    metadata: {form: full, type: lifelong, asker: partner}
  - text: "again"
    metadata: {form: repeat}
  - text: "again for partners"
    metadata: {form: repeat, asker: partner}
  - text: "more"
    metadata: {form: more}
  utter_thanks:
  - text: "one"
  - text: "two"
  utter_other_language:
  - text: "English"
    metadata: {language: en}
  - text: "Deutsch"
    metadata: {language: de}
  - text: "noch einmal Deutsch"
    metadata: {language: de}
"""


@pytest.fixture
def small(tmp_path: Path) -> Knowledge:
    (tmp_path / "responses.yml").write_text(SMALL, encoding="utf-8")
    return Knowledge.load(tmp_path)


@pytest.mark.parametrize(
    ("form", "asker", "type_", "expected"),
    [
        ("full", None, None, "full"),
        ("full", "partner", None, "full for partners"),
        ("full", None, "lifelong", "full, lifelong"),
        ("full", "partner", "lifelong", "full, lifelong, for partners"),
        ("full", None, "acquired", "full"),
        ("full", "partner", "acquired", "full for partners"),
        ("repeat", None, None, "again"),
        ("repeat", "partner", None, "again for partners"),
        ("repeat", None, "lifelong", "again"),
        ("more", "partner", "lifelong", "more"),
    ],
)
def test_the_variant_has_the_form_asked_for_and_fits_who_asks(
    small: Knowledge, form: str, asker: str | None, type_: str | None, expected: str
) -> None:
    assert small.answer("pain", form=form, asker=asker, type_=type_).text == expected


def test_an_unknown_topic_is_an_error_of_its_own(small: Knowledge) -> None:
    with pytest.raises(UnknownResponse, match="weather"):
        small.answer("weather")


def test_a_response_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("first.yml", "second.yml"):
        (tmp_path / name).write_text("responses:\n  utter_thanks:\n  - text: one\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"utter_thanks is in second\.yml and in another file"):
        Knowledge.load(tmp_path)


def test_wordings_take_turns(small: Knowledge) -> None:
    assert [small.in_turn("utter_thanks", times).text for times in range(4)] == ["one", "two", "one", "two"]


@pytest.mark.parametrize(
    ("language", "expected"),
    [("de", ["Deutsch", "noch einmal Deutsch"]), ("fr", ["English", "English"]), (None, ["English", "English"])],
)
def test_a_language_without_a_wording_of_its_own_gets_english(
    small: Knowledge, language: str | None, expected: list[str]
) -> None:
    said = [small.in_turn("utter_other_language", times, language=language).text for times in range(2)]
    assert said == expected


def test_blank_lines_part_a_text_into_bubbles_and_single_line_ends_do_not() -> None:
    variant = Variant("First.\nStill first.\n\n- second\n- still second\n\n\n\nThird.\n")
    assert variant.bubbles == ["First.\nStill first.", "- second\n- still second", "Third."]


async def test_every_bubble_is_a_message_and_the_choices_stand_below_the_last() -> None:
    variant = knowledge().answer("what_is_vaginismus")
    messages = await Talk().understood("ask/what_is_vaginismus")
    assert [message["text"] for message in messages] == variant.text.split("\n\n")
    assert [bool(message["buttons"]) for message in messages] == [False] * (len(messages) - 1) + [True]
    assert messages[-1]["buttons"] == list(variant.buttons)


@pytest.mark.parametrize("asker", [None, "partner"])
@pytest.mark.parametrize("type_", [None, "lifelong", "acquired"])
async def test_the_same_question_four_times_never_gets_the_same_text_twice_in_a_row(
    asker: str | None, type_: str | None
) -> None:
    for name in TOPICS:
        talk = Talk(asker=asker, type=type_)
        said = [spoken(await talk.understood(f"ask/{name}")) for _ in range(4)]
        assert all(before != after for before, after in pairwise(said)), name


ASKED = st.sampled_from(TOPICS).map(lambda name: f"ask/{name}")
FOLLOWED = st.sampled_from(["more", "more", "why", "safe", "lifelong", "acquired", "partner", "back", "cost"]).map(
    lambda kind: f"follow_up/{kind}"
)


@settings(deadline=None)
@given(first=ASKED, then=st.lists(st.one_of(FOLLOWED, FOLLOWED, ASKED), min_size=1, max_size=8))
async def test_no_way_of_asking_and_following_up_gets_the_same_text_twice_in_a_row(first: str, then: list[str]) -> None:
    talk = Talk()
    last = spoken(await talk.understood(first))
    for intent in then:
        said = spoken(await talk.understood(intent))
        assert said != last
        last = said


async def test_tell_me_more_again_and_again_goes_through_all_that_is_written() -> None:
    written = {variant.text for variant in knowledge().variants("utter_ask/how_common")}
    assert len(written) > 2
    talk = Talk()
    said = {spoken(await talk.understood("ask/how_common"))}
    for _ in range(4):
        said.add(spoken(await talk.understood("follow_up/more")))
    assert said == written


async def test_asking_again_after_more_was_told_gets_other_words() -> None:
    talk = Talk()
    await talk.understood("ask/how_common")
    more = spoken(await talk.understood("follow_up/more"))
    assert spoken(await talk.understood("ask/how_common")) != more


async def test_what_a_partner_asks_first_makes_later_answers_speak_to_a_partner() -> None:
    talk = Talk()
    await talk.understood("ask/partner_asking")
    said = spoken(await talk.understood("ask/physio"))
    assert said == knowledge().answer("physio", asker="partner").text
    assert said != spoken(await Talk().understood("ask/physio"))


async def test_a_question_that_names_its_type_is_answered_for_that_type() -> None:
    acquired = spoken(await Talk().understood("ask/causes", text="what causes it when it came suddenly"))
    lifelong = spoken(await Talk().understood("ask/causes", text="what causes it, ive never been able to"))
    assert acquired == knowledge().answer("causes", type_="acquired").text
    assert lifelong == knowledge().answer("causes", type_="lifelong").text
    assert acquired != lifelong


@pytest.mark.parametrize(
    ("message", "type_"),
    [
        ("what is primary vaginismus", "lifelong"),
        ("I have never been able to use a tampon", "lifelong"),
        ("is acquired vaginismus curable", "acquired"),
        ("it hurts since the birth of my son", "acquired"),
        ("sex was fine until last year", "acquired"),
        ("the difference between primary and secondary", None),
        ("does it hurt", None),
    ],
)
def test_a_type_is_heard_only_where_one_is_named(message: str, type_: str | None) -> None:
    assert type_hint(message) == type_


async def test_a_button_is_answered_with_the_topic_it_names_and_then_forgotten() -> None:
    talk = Talk()
    assert topic(await talk.understood("ask", button="physio")) == "physio"
    assert talk.slots["topic"] is None


async def test_a_button_with_an_unknown_topic_asks_back() -> None:
    assert topic(await Talk().understood("ask", button="weather")) == "clarify"


def test_no_two_responses_say_the_same() -> None:
    seen: dict[str, str] = {}
    for name, variants in knowledge():
        for variant in variants:
            assert variant.text not in seen, f"{name} and {seen[variant.text]}"
            seen[variant.text] = name


def test_every_answer_can_be_given_first_again_and_further() -> None:
    for name in TOPICS:
        forms = {variant.form for variant in knowledge().variants(f"utter_ask/{name}") if not _special(variant)}
        assert forms == {"full", "repeat", "more"}, name


def _special(variant: Variant) -> bool:
    """Whether a variant is only for some who ask."""
    return "asker" in variant.metadata or "type" in variant.metadata


def test_every_button_leads_somewhere() -> None:
    for name, variants in knowledge():
        for variant in variants:
            for button in variant.buttons:
                if button["payload"].startswith("/ask{"):
                    target = button["payload"].split('"')[3]
                    assert f"utter_ask/{target}" in knowledge(), f"{name} → {button['payload']}"
                    assert target != name.removeprefix("utter_ask/"), f"{name} offers itself"


def test_the_knowledge_is_that_of_the_project() -> None:
    files = sorted((PROJECT / "data" / "responses").glob("*.yml"))
    written = sum(file.read_text(encoding="utf-8").count("\n  utter_ask/") for file in files)
    assert len(TOPICS) == written > 0
