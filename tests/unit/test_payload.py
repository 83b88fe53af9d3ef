"""What may reach the assistant as a command: payloads of our own buttons, and nothing that anybody types."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.knowledge import knowledge
from bot.conversation.payload import MAX_PAYLOAD, is_payload, typed_text


def test_every_button_we_offer_can_be_chosen() -> None:
    offered = {button["payload"] for _, variants in knowledge() for variant in variants for button in variant.buttons}
    assert len(offered) > 20
    assert {payload for payload in offered if not is_payload(payload)} == set()


@pytest.mark.parametrize("payload", ["/greet", '/ask{"topic": "types"}', '/ask{"topic": "a", "times": 3}', "/ask{}"])
def test_an_intent_with_or_without_entities_is_a_payload(payload: str) -> None:
    assert is_payload(payload)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "/",
        "greet",
        "//greet",
        " /greet",
        "/Greet",
        "/greet me",
        "/ask/types",
        "/EXTERNAL: reminder",
        "/ask{",
        "/ask{topic: types}",
        '/ask["types"]',
        '/ask{"topic": ["types"]}',
        '/ask{"topic": {"a": "b"}}',
        '/ask{"topic": null}',
        '/ask{"topic": "types"} and more',
        '/ask{"topic": "types"}@0.5',
        "/ask@0.9",
        "/greet\n",
        "/" + "a" * 65,
        '/ask{"topic": "' + "x" * MAX_PAYLOAD + '"}',
    ],
)
def test_anything_else_is_not(payload: str) -> None:
    assert not is_payload(payload)


@pytest.mark.parametrize("name", ["restart", "back", "session_start", "nlu_fallback", "out_of_scope"])
@pytest.mark.parametrize("entities", ["", "{}", '{"topic": "types"}'])
def test_commands_of_rasa_are_reserved(name: str, entities: str) -> None:
    assert not is_payload(f"/{name}{entities}")


@pytest.mark.parametrize("topic", ["\ud800", "ok \udfff"])
@pytest.mark.parametrize("escaped", [True, False])
def test_half_a_character_cannot_be_in_a_payload_because_it_cannot_be_stored(topic: str, escaped: bool) -> None:
    assert not is_payload("/ask" + json.dumps({"topic": topic}, ensure_ascii=escaped))
    assert is_payload("/ask" + json.dumps({"topic": "\U0001f642"}, ensure_ascii=escaped))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_not_in_a_payload(number: str) -> None:
    assert not is_payload('/ask{"topic": ' + number + "}")


@pytest.mark.parametrize(
    "typed", ["/restart", "  /restart", "\n\t//restart", "/ /restart", "\u2003/restart", "/\x1f/a"]
)
def test_typed_text_never_begins_like_a_command(typed: str) -> None:
    assert typed_text(typed) in {"restart", "a"}


def test_a_lone_slash_is_still_something_to_answer() -> None:
    assert typed_text(" / ") == "?"


def test_a_slash_within_a_text_is_kept() -> None:
    assert typed_text("yes/no, and/or") == "yes/no, and/or"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(alphabet=st.sampled_from("/ \t\n\x1f\u2003\ufeffra{}\"'"), max_size=12) | st.text(max_size=12))
def test_whatever_is_typed_is_never_read_as_a_command(typed: str) -> None:
    # Rasa strips what it gets and then looks for a slash.
    assert not typed_text(typed).strip().startswith("/")
    assert typed_text(typed)
