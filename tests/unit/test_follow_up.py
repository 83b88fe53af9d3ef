"""What "tell me more", "and for secondary?" and "how about my husband" mean after which answer."""

from __future__ import annotations

import re

import pytest

from actions.answer import ActionFollowUp
from actions.knowledge import PROJECT, follow_up_table, knowledge
from actions.memory import Memory
from tests.unit.sdk import Talk, spoken, topic

Resolved = tuple[str | None, str | None, str | None]


@pytest.mark.parametrize(
    ("kind", "last", "expected"),
    [
        ("more", "physio", ("physio", "more", None)),
        ("acquired", "primary_treatment", ("secondary_treatment", None, "acquired")),
        ("acquired", "types", ("secondary_vaginismus", None, "acquired")),
        ("lifelong", "secondary_vaginismus", ("primary_vaginismus", None, "lifelong")),
        ("lifelong", "causes", ("causes", "full", "lifelong")),
        ("partner", "dilators_how", ("talk_to_partner", None, None)),
        ("partner", "talk_to_partner", ("relationship_strain", None, None)),
        ("partner", "partner_asking", ("partner_asking", "more", None)),
        ("how_long", "botox", ("how_long", None, None)),
        ("how_long", "how_long", ("how_long", "more", None)),
        ("cost", "physio", ("cost_insurance", None, None)),
        ("does_it_work", "dilators_how", ("can_it_be_cured", None, None)),
        ("does_it_work", "botox", ("botox", "more", None)),
        ("safe", "dilators_how", ("dilators_problem", None, None)),
        ("safe", "botox", ("botox", "more", None)),
        ("why", "types", ("causes", None, None)),
        ("why", "smear_test", ("smear_test", "more", None)),
        ("where", "dilators_how", ("dilators_buy", None, None)),
        ("where", "physio", ("offline_support", None, None)),
    ],
)
def test_a_follow_up_means_what_the_table_says_after_the_last_topic(kind: str, last: str, expected: Resolved) -> None:
    assert ActionFollowUp.resolve(kind, Memory(last_topic=last)) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("lifelong", ("primary_vaginismus", None, "lifelong")),
        ("acquired", ("secondary_vaginismus", None, "acquired")),
        ("more", (None, None, None)),
        ("partner", ("talk_to_partner", None, None)),
        ("how_long", ("how_long", None, None)),
        ("cost", ("cost_insurance", None, None)),
        ("does_it_work", ("can_it_be_cured", None, None)),
        ("why", ("causes", None, None)),
        ("safe", (None, None, None)),
        ("back", (None, "repeat", None)),
    ],
)
def test_with_nothing_asked_before_it_means_what_it_says_by_itself_if_it_does(kind: str, expected: Resolved) -> None:
    assert ActionFollowUp.resolve(kind, Memory()) == expected


def test_going_back_is_to_the_topic_before_the_last() -> None:
    memory = Memory(last_topic="talk_to_partner", previous_topic="dilators_how")
    assert ActionFollowUp.resolve("back", memory) == ("dilators_how", "repeat", None)


def test_every_topic_in_the_table_has_an_answer() -> None:
    for kind, row in follow_up_table().items():
        for after, target in row.items():
            for name in {after, target} - {"otherwise", "at_first", "same"}:
                assert f"utter_ask/{name}" in knowledge(), f"{kind}: {after}: {target}"


def test_every_kind_of_follow_up_that_is_recognised_is_in_the_table() -> None:
    examples = (PROJECT / "data" / "nlu" / "follow_up.yml").read_text(encoding="utf-8")
    recognised = set(re.findall(r"^- intent: follow_up/(\w+)$", examples, re.M))
    assert recognised == set(follow_up_table())


async def test_every_follow_up_after_every_topic_says_something_about_a_topic_with_an_answer() -> None:
    topics = [name.removeprefix("utter_ask/") for name, _ in knowledge() if name.startswith("utter_ask/")]
    for kind in follow_up_table():
        for last in topics:
            talk = Talk(last_topic=last, previous_topic="types")
            messages = await talk.understood(f"follow_up/{kind}")
            assert f"utter_ask/{topic(messages)}" in knowledge(), f"{kind} after {last}"


async def test_a_follow_up_with_nothing_before_it_asks_what_is_meant() -> None:
    assert topic(await Talk().understood("follow_up/more")) == "clarify"


async def test_and_for_secondary_gives_the_text_for_that_type_where_there_is_one() -> None:
    talk = Talk()
    await talk.understood("ask/causes")
    said = spoken(await talk.understood("follow_up/acquired"))
    assert said == knowledge().answer("causes", type_="acquired").text


async def test_there_and_back_again() -> None:
    talk = Talk()
    await talk.understood("ask/dilators_how")
    assert topic(await talk.understood("follow_up/partner")) == "talk_to_partner"
    assert topic(await talk.understood("follow_up/back")) == "dilators_how"
    assert topic(await talk.understood("follow_up/back")) == "talk_to_partner"


async def test_small_talk_in_between_does_not_change_what_is_followed() -> None:
    talk = Talk()
    await talk.understood("ask/dilators_how")
    await talk.understood("smalltalk/thanks")
    await talk.understood("oos_general")
    assert topic(await talk.understood("follow_up/more")) == "dilators_how"
