"""Handing over to a person: the wish goes to the team with this turn, and what happens now is said honestly.

How long it usually takes comes from the latest handoffs, when somebody is there from the team's hours; where either is
not known, that is said.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import message
from actions.knowledge import Variant, knowledge
from actions.memory import MISSED, Memory
from actions.paused import remind
from actions.services import Services, services
from bot.handoff import Why
from bot.model import Keeps, State, now
from bot.storage.database import StorageUnavailable

log = logging.getLogger(__name__)

TOPIC = "talk_to_human"
_LOOKED_AT = timedelta(days=14)
_MISSES = 2
"""Messages in a row that were not understood, or complained about, before a person is asked."""

_MEANWHILE = [
    {"title": "What helps while I wait", "payload": '/ask{"topic": "exercises_breathing"}'},
    {"title": "Who can read this?", "payload": '/ask{"topic": "privacy"}'},
]


async def hand_over(dispatcher: CollectingDispatcher, memory: Memory, tracker: Tracker, why: Why) -> dict[str, Any]:
    """Say what happens now; returns what is to be kept with the turn, for the slot ``outbox``."""
    around = services()
    name = await _name(around, tracker.sender_id)
    if why is Why.NOT_UNDERSTOOD:
        _say(dispatcher, memory, "utter_handoff_missed", [])
    opens = around.team_hours.next_opening(around.local_time())
    _say(
        dispatcher,
        memory,
        name,
        [dict(row) for row in _MEANWHILE],
        usual=await _usual(around, memory),
        opens=_say_opening(opens),
    )
    memory.heard[MISSED] = 0
    return {"keeps": Keeps.PERSON_WANTED.value, "data": {"why": why.value}}


async def instead_of_asking_again(
    dispatcher: CollectingDispatcher, memory: Memory, tracker: Tracker
) -> list[dict[str, Any]]:
    """Count a message that was not understood; the second in a row goes to a person, unless one is asked already.

    Returns what is to be kept, or nothing when the assistant should ask back itself.
    """
    if not await missed_again(memory, tracker):
        return []
    return [SlotSet("outbox", [await hand_over(dispatcher, memory, tracker, Why.NOT_UNDERSTOOD)])]


def when_somebody_is_there(around: Services) -> str:
    """Out of hours, when the team is there again; empty otherwise, and where the hours are not known."""
    opens = around.team_hours.next_opening(around.local_time())
    if opens is None or around.team_hours.open_at(around.local_time()):
        return ""
    return knowledge().in_turn("utter_handoff_alarm_closed", 0).text.strip().format(opens=_say_opening(opens))


def _say_opening(opens: datetime | None) -> str:
    return "" if opens is None else f"{opens:%A at %H:%M}"


async def missed_again(memory: Memory, tracker: Tracker) -> bool:
    """Count a miss; true when it is the second in a row and no person is asked yet."""
    memory.said(MISSED)
    if memory.times(MISSED) < _MISSES:
        return False
    waits = await _waits(services(), tracker.sender_id)
    if waits:
        memory.heard[MISSED] = 0  # what was missed meanwhile is no reason for another handoff later
    return not waits


async def _name(around: Services, conversation_id: str) -> str:
    hours, waits = around.team_hours, await _waits(around, conversation_id)
    if hours.spans and not hours.open_at(around.local_time()):
        return "utter_handoff_waiting_closed" if waits else "utter_handoff_closed"
    if waits:
        return "utter_handoff_waiting"
    return "utter_handoff_open" if hours.spans else "utter_handoff_hours_unknown"


async def _waits(around: Services, conversation_id: str) -> bool:
    """Whether somebody is asked already. When it cannot be looked up, the wish is passed on once more."""
    try:
        card = await around.cards.get(conversation_id)
    except StorageUnavailable:
        return False
    return card is not None and card.state == State.WAITING


def _within(around: Services) -> Callable[[datetime], bool]:
    """Whether a moment lies within the team's hours: what is waited at night says nothing about the day."""
    hours, zone = around.team_hours, around.time_zone
    return lambda moment: not hours.spans or hours.open_at(moment.astimezone(zone))


async def _usual(around: Services, memory: Memory) -> str:
    try:
        seconds = await around.handoffs.usual_wait(since=now() - _LOOKED_AT, counts=_within(around))
    except StorageUnavailable:
        seconds = None
    if seconds is None:
        unknown = "utter_handoff_usual_unknown"
        memory.said(unknown)
        return knowledge().in_turn(unknown, memory.times(unknown) - 1).text.strip()
    return knowledge().in_turn("utter_handoff_usual", 0).text.strip().format(time=spoken_time(seconds))


def spoken_time(seconds: float) -> str:
    """A time as people say it, never too short: "2 minutes", "15 minutes", "3 hours"."""
    minutes = seconds / 60
    if minutes <= 2:
        return "2 minutes"
    if minutes <= 10:
        return f"{-int(-minutes // 1)} minutes"
    if minutes <= 55:
        return f"{-int(-minutes // 5) * 5} minutes"
    hours = -int(-minutes // 60)
    return "1 hour" if hours == 1 else f"{hours} hours"


def _say(
    dispatcher: CollectingDispatcher, memory: Memory, name: str, buttons: list[dict[str, str]], **values: str
) -> None:
    variant = knowledge().in_turn(name, memory.times(name))
    memory.said(name)
    filled = Variant(variant.text.format(**values), variant.buttons, variant.metadata)
    message.say(dispatcher, filled, TOPIC, buttons=buttons)


class ActionHandoff(Action):
    """Asks the team for somebody who wants a person."""

    def name(self) -> str:
        """The name in ``domain.yml``."""
        return "action_handoff"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Say what happens now, and have it kept."""
        memory = Memory.of(tracker)
        kept = await hand_over(dispatcher, memory, tracker, Why.ASKED)
        remind(dispatcher, memory, tracker, TOPIC)
        return [*memory.events(tracker), SlotSet("outbox", [kept])]
