"""Reading the latest message of a tracker and saying a variant: the two ends of every action."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.knowledge import Variant

_LIFELONG = re.compile(
    r"\b(primary|life ?long|never (been|was|had|managed|could)|always been|from the (very )?start|"
    r"since (the|my) first)\b",
    re.I,
)
_ACQUIRED = re.compile(
    r"\b(secondary|acquired|used to be|was (fine|ok|okay) (before|until)|suddenly|"
    r"(since|after) (the |my )?"
    r"(birth|baby|delivery|c-?section|caesarean|cesarean|menopause|radiation|radiotherapy|surgery))\b",
    re.I,
)


def intent_name(tracker: Tracker) -> str:
    """The intent of the latest message, ``ask`` or ``talk_to_human``."""
    return str((tracker.latest_message.get("intent") or {}).get("name") or "")


def retrieval_key(tracker: Tracker) -> str:
    """What follows the slash of the full retrieval intent: ``physio`` of ``ask/physio``; empty if there is none."""
    full = (tracker.latest_message.get("intent") or {}).get("full_retrieval_intent_name") or ""
    return str(full).partition("/")[2]


def named_topic(tracker: Tracker) -> str | None:
    """The topic a button's payload names, ``/ask{"topic": "physio"}``."""
    for entity in tracker.latest_message.get("entities") or []:
        if entity.get("entity") == "topic":
            return str(entity.get("value"))
    return None


def text(tracker: Tracker) -> str:
    """What the person wrote."""
    return str(tracker.latest_message.get("text") or "")


def type_hint(message: str) -> str | None:
    """``lifelong`` or ``acquired`` if the message itself says so (and not both)."""
    lifelong, acquired = bool(_LIFELONG.search(message)), bool(_ACQUIRED.search(message))
    if lifelong == acquired:
        return None
    return "lifelong" if lifelong else "acquired"


def say(
    dispatcher: CollectingDispatcher, variant: Variant, topic: str, *, buttons: list[dict[str, str]] | None = None
) -> None:
    """Utter each bubble of a variant with the topic it is about; the choices stand below the last one."""
    bubbles = variant.bubbles
    about: dict[str, Any] = {"topic": topic}
    for key in ("sources", "review", "form"):
        if key in variant.metadata:
            about[key] = variant.metadata[key]
    for bubble in bubbles[:-1]:
        dispatcher.utter_message(text=bubble, **about)
    choices = list(variant.buttons) if buttons is None else buttons
    dispatcher.utter_message(text=bubbles[-1], buttons=[dict(choice) for choice in choices], **about)
