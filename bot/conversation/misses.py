"""What the assistant did not understand, noted for people to review: which message, and why."""

from __future__ import annotations

import json

from actions.knowledge import knowledge
from bot.model import Effect, Keeps, Message, Sender, Turn
from bot.storage.conversations import ConversationStore

_LOOK_BACK = 12
_FORMS = frozenset({"onset_history", "find_physio", "find_coach"})
_OFFERS = ("utter_or_did_you_mean", "utter_unsure")


async def misses(store: ConversationStore, message: Message, turn: Turn) -> tuple[Effect, ...]:
    """The effect that notes what was missed in a turn, or none.

    - ``clarify``: the message itself led to asking back;
    - ``complaint``: the message before it, which was answered wrongly;
    - ``corrected``: the message that was taken for another topic than the one she then chose.
    """
    intent = str(turn.understood.get("name") or "")
    about = turn.replies[0].topic if turn.replies else ""
    asked_back = about == "clarify" or (about == "talk_to_human" and intent in ("clarify", "nlu_fallback"))
    if message.payload is None and asked_back:
        return (_note(message, "clarify", None),)
    if message.payload is None and intent == "feedback_complaint":
        before = await store.latest(message.conversation_id, message.position, count=_LOOK_BACK)
        asked = next((one for one in before if one.sender is Sender.USER and one.payload is None), None)
        guess = next((one.topic for one in before if asked and one.in_reply_to == asked.position), None)
        # What was told to a form, how it began or how to reach her, is for nobody to review.
        return () if asked is None or guess in _FORMS else (_note(asked, "complaint", guess),)
    if message.payload is not None and message.payload.startswith("/ask{"):
        return await _corrected(store, message)
    return ()


async def _corrected(store: ConversationStore, message: Message) -> tuple[Effect, ...]:
    before = await store.latest(message.conversation_id, message.position, count=_LOOK_BACK)
    offer = next((one for one in before if one.sender is not Sender.USER), None)
    if offer is None or offer.text not in _offers() or offer.topic == _topic(message.payload or ""):
        return ()
    asked = next((one for one in before if one.position == offer.in_reply_to and one.payload is None), None)
    return () if asked is None else (_note(asked, "corrected", offer.topic),)


def _offers() -> set[str]:
    return {bubble for name in _OFFERS for variant in knowledge().variants(name) for bubble in variant.bubbles[-1:]}


def _topic(payload: str) -> str | None:
    try:
        topic = json.loads(payload.removeprefix("/ask")).get("topic")
    except (ValueError, AttributeError):
        return None
    return str(topic)


def _note(message: Message, why: str, guess: str | None) -> Effect:
    return Effect(Keeps.MISUNDERSTOOD, {"position": message.position, "text": message.text, "why": why, "guess": guess})
