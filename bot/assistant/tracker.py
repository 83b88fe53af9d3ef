"""The assistant's state of a conversation: Rasa's tracker, bounded, as text, and in and out of one turn.

Rasa keeps every event of a conversation and replays them in each turn. Here only the last turns are kept, behind a
short beginning that sets the slots and the active form as they were: the cost of a turn does not grow. What was said
is kept in full in the messages.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
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
from rasa.shared.utils.common import all_subclasses

KEEP_TURNS = 3
"""Turns that are always kept; the policies look back as far as ``max_history`` in config.yml."""

COMPACT_AT = 6
"""Turns at which the older ones are folded away."""

_PARSE_DATA_KEPT = ("intent", "entities", "text")


def compact(tracker: DialogueStateTracker) -> list[Event]:
    """The tracker's events, the older ones replaced by what they amounted to."""
    events = list(tracker.events)
    turns = [index for index, event in enumerate(events) if isinstance(event, UserUttered)]
    if len(turns) < COMPACT_AT:
        return events
    cut = turns[-KEEP_TURNS]
    before = DialogueStateTracker.from_events(tracker.sender_id, events[:cut], slots=tracker.slots.values())
    timestamp = events[cut].timestamp
    beginning: list[Event] = [
        ActionExecuted(ACTION_SESSION_START_NAME, timestamp=timestamp),
        SessionStarted(timestamp=timestamp),
    ]
    for name, slot in before.slots.items():
        if slot.has_been_set and slot.value is not None:
            beginning.append(SlotSet(name, slot.value, timestamp=timestamp))
    if before.active_loop is not None:
        beginning.append(ActiveLoop(before.active_loop.name, timestamp=timestamp))
    beginning.append(ActionExecuted(ACTION_LISTEN_NAME, timestamp=timestamp))
    return beginning + events[cut:]


def dump(tracker: DialogueStateTracker) -> str:
    """The tracker as JSON text, bounded in size however long the conversation is."""
    return json.dumps([_lean(event) for event in compact(tracker)], ensure_ascii=False, separators=(",", ":"))


def _lean(event: Event) -> dict[str, Any]:
    """An event without what only its own turn needs: rankings, and texts that the messages hold already."""
    row: dict[str, Any] = event.as_dict()
    row.pop("model_id", None)
    row.pop("assistant_id", None)
    if isinstance(event, UserUttered):
        row["parse_data"] = {key: row["parse_data"].get(key) for key in _PARSE_DATA_KEPT if key in row["parse_data"]}
    elif isinstance(event, BotUttered):
        row["data"] = {}
        row["metadata"] = {"topic": (row.get("metadata") or {}).get("topic")}
    return row


def load(sender_id: str, state: str, domain: Domain) -> DialogueStateTracker:
    """The tracker that :func:`dump` wrote."""
    kinds = _kinds()
    events = [kinds[row["event"]]._from_parameters(row) for row in json.loads(state)]
    return DialogueStateTracker.from_events(sender_id, events, slots=domain.slots)


@lru_cache(maxsize=1)
def _kinds() -> dict[str, type[Event]]:
    """Event classes by name. Rasa's own look-up walks the class tree again for every event (1 ms each)."""
    return {kind.type_name: kind for kind in all_subclasses(Event)}


class TurnState:
    """What goes into one turn and comes out of it."""

    def __init__(self, state: str | None) -> None:
        self.state = state
        self.saved: DialogueStateTracker | None = None


_current: ContextVar[TurnState] = ContextVar("turn_state")


class TurnTrackerStore(TrackerStore):
    """Rasa's view of storage during a turn.

    Rasa asks it for the tracker and gives it the tracker back; both are in memory. The service stores the result in
    the transaction that also stores the replies, which a store that writes by itself could not do.
    """

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The tracker as it was before this turn."""
        turn = _current.get()
        if turn.saved is not None:
            return turn.saved
        return None if turn.state is None else load(sender_id, turn.state, self.domain)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keep the tracker for the service to store."""
        _current.get().saved = tracker

    async def keys(self) -> list[str]:
        """Rasa asks this only for exports, which this store does not serve."""
        return []


def enter(turn: TurnState) -> None:
    """Make ``turn`` the one that the tracker store of this task serves."""
    _current.set(turn)
