"""The state of a conversation stays small and true however long the conversation is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.assistant.agent import Assistant
from bot.assistant.tracker import COMPACT_AT, KEEP_TURNS, compact, dump, load
from bot.assistant.training import PROJECT

TURNS = 200
QUESTION = "is it normal that my legs clamp shut, this is what i really want to know"


@pytest.fixture(scope="module")
def domain() -> Domain:
    """The project's domain."""
    return Domain.load(str(PROJECT / "domain.yml"))


def a_turn(number: int, *sets: SlotSet, loop: ActiveLoop | None = None) -> list[Event]:
    """What Rasa adds to a tracker in one turn, parse data in full length included."""
    ranking = [{"name": f"intent_{rank}", "confidence": 0.1} for rank in range(8)]
    intent = {"name": "ask", "confidence": 0.9}
    return [
        UserUttered(
            f"{QUESTION} ({number})",
            intent,
            [],
            {"intent": intent, "entities": [], "text": f"{QUESTION} ({number})", "intent_ranking": ranking},
        ),
        ActionExecuted("action_answer", policy="RulePolicy", confidence=1.0),
        *sets,
        *([] if loop is None else [loop]),
        BotUttered("An answer. " * 40, {"buttons": [{"title": "More", "payload": "/ask"}] * 4}, {"topic": "physio"}),
        ActionExecuted("action_listen", policy="RulePolicy", confidence=1.0),
    ]


def begun() -> list[Event]:
    """How Rasa begins a conversation."""
    return [ActionExecuted("action_session_start"), SessionStarted(), ActionExecuted("action_listen")]


def replayed(domain: Domain, turns: Sequence[Sequence[Event]]) -> Iterator[tuple[DialogueStateTracker, str]]:
    """The tracker as each turn leaves it and what is stored of it, each turn loading what the one before stored."""
    tracker = DialogueStateTracker.from_events("someone", begun(), slots=domain.slots)
    for turn in turns:
        tracker.update_with_events(list(turn), domain)
        state = dump(tracker)
        tracker = load("someone", state, domain)
        yield tracker, state


def uncut(domain: Domain, turns: Sequence[Sequence[Event]]) -> DialogueStateTracker:
    """The tracker with every event of the conversation: how stock Rasa keeps it."""
    events = [event for turn in turns for event in turn]
    return DialogueStateTracker.from_events("someone", begun() + events, slots=domain.slots)


def remembered(tracker: DialogueStateTracker) -> dict[str, Any]:
    """What later turns depend on."""
    return {
        "slots": tracker.current_slot_values(),
        "loop": tracker.active_loop_name,
        "latest action": tracker.latest_action_name,
        "latest text": tracker.latest_message.text if tracker.latest_message else None,
        "latest intent": tracker.latest_message.intent if tracker.latest_message else None,
        "executed last": [
            event.action_name for event in tracker.events if isinstance(event, ActionExecuted) and event.action_name
        ][-2:],
    }


def two_hundred_turns() -> list[list[Event]]:
    """Early turns set what must never be forgotten; later ones only what is asked at the time."""
    turns = [a_turn(number, SlotSet("last_topic", f"topic_{number}")) for number in range(TURNS)]
    turns[1] = a_turn(1, SlotSet("asker", "partner"), SlotSet("heard", {"physio": 1}))
    turns[2] = a_turn(2, SlotSet("type", "acquired"), loop=ActiveLoop("referral_form"))
    turns[4] = a_turn(4, SlotSet("topic", "physio"))
    turns[5] = a_turn(5, SlotSet("topic", None))
    return turns


def test_after_two_hundred_turns_everything_set_is_still_known(domain: Domain) -> None:
    tracker = DialogueStateTracker("someone", domain.slots)
    for tracker, _ in replayed(domain, two_hundred_turns()):  # noqa: B007 - the last one is looked at
        pass
    assert tracker.get_slot("asker") == "partner"
    assert tracker.get_slot("type") == "acquired"
    assert tracker.get_slot("heard") == {"physio": 1}
    assert tracker.get_slot("topic") is None
    assert tracker.get_slot("last_topic") == f"topic_{TURNS - 1}"
    assert tracker.active_loop_name == "referral_form"


def test_at_every_turn_it_remembers_what_the_whole_history_says(domain: Domain) -> None:
    turns = two_hundred_turns()[:40]
    for number, (tracker, _) in enumerate(replayed(domain, turns), start=1):
        assert remembered(tracker) == remembered(uncut(domain, turns[:number]))


def test_a_form_that_ended_does_not_come_back(domain: Domain) -> None:
    turns = two_hundred_turns()[:20]
    turns[6] = a_turn(6, loop=ActiveLoop(None))
    *_, (tracker, _) = replayed(domain, turns)
    assert tracker.active_loop_name is None


def test_the_work_of_a_turn_is_the_same_at_turn_two_hundred_as_at_turn_twenty(domain: Domain) -> None:
    events = [len(tracker.events) for tracker, _ in replayed(domain, two_hundred_turns())]
    # Every event that is loaded is replayed; their number is the cost of a turn.
    assert max(events[TURNS // 2 :]) == max(events[COMPACT_AT : 4 * COMPACT_AT])
    assert max(events) <= COMPACT_AT * len(a_turn(0, SlotSet("topic", None))) + len(begun()) + len(domain.slots) + 1


def test_what_is_stored_does_not_grow(domain: Domain) -> None:
    sizes = [len(state) for _, state in replayed(domain, two_hundred_turns())]
    assert max(sizes[TURNS // 2 :]) <= max(sizes[COMPACT_AT : 4 * COMPACT_AT]) * 1.02  # longer numbers in the texts
    assert max(sizes) < 20_000


def test_replies_and_rankings_are_not_stored_a_second_time(domain: Domain) -> None:
    ((_, state),) = replayed(domain, [a_turn(1)])
    assert "intent_ranking" not in state
    assert "/ask" not in state
    kinds = [row["event"] for row in json.loads(state)]
    assert kinds == ["action", "session_started", "action", "user", "action", "bot", "action"]


def test_the_turns_that_policies_look_back_on_are_kept_whole(domain: Domain) -> None:
    turns = two_hundred_turns()[:50]
    for number, (tracker, _) in enumerate(replayed(domain, turns), start=1):
        texts = [event.text for event in tracker.events if isinstance(event, UserUttered)]
        assert len(texts) < COMPACT_AT
        kept = min(number, KEEP_TURNS)
        assert texts[-kept:] == [f"{QUESTION} ({turn})" for turn in range(number - kept, number)]


def test_a_slot_set_in_a_kept_turn_is_not_known_before_it(domain: Domain) -> None:
    turns = [a_turn(number) for number in range(COMPACT_AT)]
    turns[-1] = a_turn(COMPACT_AT - 1, SlotSet("type", "acquired"))
    events = compact(uncut(domain, turns))
    first = next(index for index, event in enumerate(events) if isinstance(event, UserUttered))
    before = DialogueStateTracker.from_events("someone", events[:first], slots=domain.slots)
    assert before.get_slot("type") is None


SLOTS = st.builds(
    SlotSet, st.sampled_from(["asker", "type", "last_topic", "heard"]), st.sampled_from([None, "one", "two"])
)
LOOPS = st.none() | st.builds(ActiveLoop, st.sampled_from([None, "first_form", "second_form"]))
TURN = st.builds(lambda sets, loop: a_turn(0, *sets, loop=loop), st.lists(SLOTS, max_size=3), LOOPS)


@settings(deadline=None, max_examples=40)
@given(turns=st.lists(TURN, min_size=1, max_size=3 * COMPACT_AT))
def test_whatever_happens_in_a_conversation_nothing_later_turns_need_is_lost(turns: list[list[Event]]) -> None:
    domain = Domain.load(str(PROJECT / "domain.yml"))
    *_, (tracker, _) = replayed(domain, turns)
    assert remembered(tracker) == remembered(uncut(domain, turns))


async def test_the_real_assistant_follows_up_after_two_hundred_turns(assistant: Assistant) -> None:
    state: str | None = None
    sizes = []
    for number in range(TURNS):
        text = "does botox help" if number % 2 else "how common is it"
        turn = await assistant.answer("someone", text, state)
        state = turn.tracker
        assert state is not None
        sizes.append(len(state))
    turn = await assistant.answer("someone", "is that safe", state)
    assert turn.replies[0].topic == "botox"
    assert max(sizes[TURNS // 2 :]) <= max(sizes[: TURNS // 2]) * 1.02
