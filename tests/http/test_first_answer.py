"""From a question in the visitor's own words to a true answer."""

from __future__ import annotations

import aiohttp
import pytest

from tests.http.chat import Chat


@pytest.fixture
async def chat(http: aiohttp.ClientSession) -> Chat:
    return await Chat.start(http)


async def test_the_difference_between_the_types_is_explained(chat: Chat) -> None:
    replies = await chat.say("whats the difference between primary and secondary vaginismus?")
    said = " ".join(reply["text"] for reply in replies).lower()
    assert replies[0]["topic"] == "types"
    assert "primary" in said
    assert "never been free of pain" in said
    assert "used to be free of pain" in said
    assert replies[-1]["buttons"], "an answer offers a next step"


async def test_the_same_question_again_gets_other_words(chat: Chat) -> None:
    first = await chat.say("what is vaginismus")
    again = await chat.say("what is vaginismus")
    assert first[0]["topic"] == again[0]["topic"] == "what_is_vaginismus"
    assert [reply["text"] for reply in first] != [reply["text"] for reply in again]


async def test_a_follow_up_is_about_the_last_topic(chat: Chat) -> None:
    await chat.say("how is primary vaginismus treated, i have never been able to")
    replies = await chat.say("and for secondary?")
    assert replies[0]["topic"] == "secondary_treatment"
