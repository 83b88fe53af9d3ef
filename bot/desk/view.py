"""What the live page shows, as JSON: cards, messages, the panel beside a conversation. It decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from actions.history.record import Record
from actions.history.summary import summary
from actions.knowledge import titles
from bot.desk.access import Member, may_read
from bot.handoff import ASSISTANT, SYSTEM, VISITOR, Card, Colleague, StateChange, Why
from bot.hours import Hours
from bot.model import Message, Sender, State
from bot.storage.histories import StoredHistory
from bot.storage.notes import Note
from bot.storage.referrals import Referral
from bot.storage.safety import Raised

LEVELS = {0: "", 1: "Concern", 2: "Serious", 3: "In danger now"}
STATES = {
    State.ASSISTANT: "With the assistant",
    State.WAITING: "Waiting",
    State.PERSON: "With a person",
    State.CLOSED: "Closed",
}
WHY = {
    Why.ASKED: "Asked for a person",
    Why.SAFETY: "Alarm",
    Why.NOT_UNDERSTOOD: "Not understood twice",
    Why.CALL_BACK: "Wants a call back",
    Why.REFERRAL: "Referral",
    Why.STEPPED_IN: "Staff stepped in",
    Why.CLAIMED: "Taken",
    Why.TRANSFERRED: "Transferred",
    Why.RELEASED: "Put back",
    Why.SILENT: "Holder was silent",
    Why.OFFLINE: "Holder was away",
    Why.ACCOUNT_ENDED: "Account ended",
    Why.HANDED_BACK: "Handed back",
    Why.WROTE_AGAIN: "Wrote again",
    Why.CLOSED: "Closed",
}
_OTHERS = {VISITOR: "Visitor", ASSISTANT: "Assistant", SYSTEM: "System"}
_CONTACT = {"way": "Way", "contact": "Contact", "times": "Times"}


def topic_name(topic: str | None) -> dict[str, str] | None:
    """A topic or a safety category with its name."""
    if topic is None:
        return None
    shown = topic.removeprefix("safety_").replace("_", " ").capitalize()
    return {"id": topic, "name": titles().get(topic, shown)}


def label(conversation_id: str) -> str:
    """What staff call a visitor: nobody has a name here."""
    return f"Visitor {conversation_id[:4].upper()}"


def card(found: Card, member: Member, hours: Hours, zone: ZoneInfo) -> dict[str, Any]:
    """A card of the lists."""
    waiting = found.waiting_since
    night = waiting is not None and bool(hours.spans) and not hours.open_at(waiting.astimezone(zone))
    return {
        "id": found.id,
        "revision": found.revision,
        "label": label(found.id),
        "state": found.state,
        "channel": found.channel,
        "language": found.language,
        "topic": topic_name(found.topic),
        "reason": {"id": found.reason, "name": WHY[Why(found.reason)]},
        "level": found.level,
        "level_name": LEVELS[found.level],
        "alarms": [{"category": category, **_named(category)} for category in found.alarms],
        "holder": _colleague(found.holder),
        "last_holder": _colleague(found.last_holder),
        "waiting_since": _moment(found.waiting_since),
        "unanswered_since": _moment(found.unanswered_since),
        "held_since": _moment(found.held_since),
        "left_at": _moment(found.left_at),
        "last_message_at": _moment(found.last_message_at),
        "created_at": _moment(found.created_at),
        "unread": found.unread,
        "night": night,
        "readable": may_read(member, found),
        "close_reason": found.close_reason,
        "visitor_read": found.visitor_read,
        "staff_read": found.staff_read,
    }


def message(found: Message, alarms: Iterable[Raised], names: Mapping[str, str]) -> dict[str, Any]:
    """A message as staff see it."""
    return {
        "id": found.id,
        "position": found.position,
        "sender": found.sender.value,
        "author": None if found.author is None else names.get(found.author, "A former colleague"),
        "text": found.text,
        "buttons": [{"title": button.title} for button in found.buttons],
        "topic": found.topic,
        "sent_at": _moment(found.sent_at),
        "alarms": [_named(alarm.category)["name"] for alarm in alarms if alarm.position == found.position],
    }


def note(found: Note, member: Member) -> dict[str, Any]:
    """A private note."""
    return {
        "id": found.id,
        "author": found.author.name if found.author else "A former colleague",
        "text": found.text,
        "written_at": _moment(found.written_at),
        "mine": found.author is not None and found.author.id == member.id,
    }


def panel(
    *,
    messages: Sequence[Message],
    alarms: Sequence[Raised],
    history: StoredHistory | None,
    referrals: Sequence[Referral],
    earlier: Sequence[Card],
    changes: Sequence[StateChange],
    names: Mapping[str, str],
) -> dict[str, Any]:
    """What stands beside a conversation. The history is there only while it is shared, contact only while wanted."""
    return {
        "topics": _topics(messages),
        "flags": [
            {
                "category": alarm.category,
                **_named(alarm.category),
                "level": alarm.level,
                "level_name": LEVELS[alarm.level],
                "raised_at": _moment(alarm.raised_at),
                "handled_at": _moment(alarm.handled_at),
            }
            for alarm in alarms
        ],
        "history": _history(history),
        "contact": _contact(referrals),
        "referrals": [
            {"code": one.code, "kind": one.kind, "state": one.state, "changed_at": _moment(one.changed_at)}
            for one in referrals
        ],
        "earlier": [
            {"id": one.id, "label": label(one.id), "state": one.state, "last_message_at": _moment(one.last_message_at)}
            for one in earlier
        ],
        "changes": [
            {
                "state": STATES[State(change.state)],
                "who": _OTHERS.get(change.who) or names.get(change.who, "A former colleague"),
                "why": WHY[Why(change.why)],
                "at": _moment(change.changed_at),
            }
            for change in changes
        ],
    }


def _topics(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """What the visitor asked about, in the order of first mention: one for each of her messages that was answered."""
    answered = {
        (found.in_reply_to, found.topic) for found in messages if found.sender is Sender.ASSISTANT and found.topic
    }
    counted = Counter(topic for _, topic in sorted(answered, key=lambda row: row[0] or 0))
    return [{**(topic_name(topic) or {}), "times": times} for topic, times in counted.items() if topic in titles()]


def _history(history: StoredHistory | None) -> dict[str, Any] | None:
    if history is None:
        return None
    record = Record.of(history.record)
    lines = [line.removeprefix("- ") for line in summary(record).splitlines()]
    if record.teller == "partner":
        lines.insert(0, "Told by a partner")
    return {"shared": True, "lines": lines, "since": _moment(history.shared_at)}


def _contact(referrals: Sequence[Referral]) -> dict[str, str] | None:
    """How she wants to be reached, which she gave and agreed to for an open referral."""
    for one in referrals:
        if one.is_open and one.content.get("contact"):
            return {name: str(one.content[key]) for key, name in _CONTACT.items() if one.content.get(key)}
    return None


def _named(category: str) -> dict[str, str]:
    return {"name": (topic_name(category) or {"name": category})["name"]}


def _colleague(who: Colleague | None) -> dict[str, str] | None:
    return None if who is None else {"id": who.id, "name": who.name}


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat().replace("+00:00", "Z")
