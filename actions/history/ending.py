"""What becomes of a history: confirmed and stored, explained, shared or not, shown again, deleted."""

from __future__ import annotations

import re

from actions.exchange import Exchange, button
from actions.history.record import Record
from actions.history.summary import summary
from actions.knowledge import knowledge
from bot.model import Keeps

_TELLS = re.compile(r"\b(tell|told|share|began|begin|start\w*|bata\w*|shuru)\b")
"""Somebody who wants to tell it, not to see it."""


def confirmed(exchange: Exchange, record: Record) -> bool:
    """She says that it is right: it is stored as a version, and she hears what it may mean."""
    if not record.confirmed:
        record.confirmed = True
        record.version += 1
        exchange.keep(Keeps.HISTORY_SAVED, record=record.stored())
    exchange.memory.type = record.type if record.type in ("lifelong", "acquired") else exchange.memory.type
    meanings = knowledge().variants("utter_history_meaning")
    meaning = next(row for row in meanings if row.metadata.get("type") == (record.type or "unclear"))
    exchange.say_variant(meaning, buttons=[])
    if record.teller == "partner":  # to share it is for the person whose story it is
        exchange.say("utter_history_kept_partner", buttons=after_buttons(record)[:3])
        return True
    if record.shared:
        exchange.say("utter_history_kept_shared", buttons=after_buttons(record))
        return True
    record.step = "share"
    return False


def shared(exchange: Exchange, record: Record, yes: bool) -> bool:
    """Her answer to the offer to share it with a coach."""
    record.shared = yes
    exchange.keep(Keeps.HISTORY_SHARED, shared=yes)
    exchange.say("utter_history_shared" if yes else "utter_history_kept", buttons=after_buttons(record))
    return True


def deleted(exchange: Exchange, record: Record) -> bool:
    """She wants it gone: all versions are deleted."""
    exchange.keep(Keeps.HISTORY_DELETED)
    empty = Record()
    for name, value in vars(empty).items():
        setattr(record, name, value)
    exchange.say("utter_history_deleted")
    return True


def show(exchange: Exchange, record: Record) -> None:
    """Everything that is noted, as it stands."""
    exchange.say("utter_history_shown", buttons=[])


def after_buttons(record: Record) -> list[dict[str, str]]:
    """The choices below the last word of a history."""
    treatment = {"lifelong": "primary_treatment", "acquired": "secondary_treatment"}.get(
        record.type or "", "treatment_options"
    )
    sharing = ("Stop sharing it", "unshare") if record.shared else ("Share it", "share")
    return [
        {"title": "What can help", "payload": f'/ask{{"topic": "{treatment}"}}'},
        {"title": "Find a physio", "payload": "/find_physio"},
        {"title": "Find a coach", "payload": "/find_coach"},
        button(sharing[0], "history", sharing[1]),
        button("Show my history", "history", "show"),
    ]


def command(exchange: Exchange, record: Record, wish: str) -> bool:
    """A wish about a history that is there, typed or pressed at any time; true when nothing is open after it."""
    if not record.version and not (record.agreed and record.answers):
        if wish == "show" and _TELLS.search(exchange.plain):
            exchange.say("utter_history_none_yet", buttons=[])
            record.step = "consent"
            return False
        exchange.say("utter_history_none")
        return True
    match wish:
        case "show":
            text = summary(record) or "-"
            exchange.say("utter_history_shown_in_full", buttons=_manage(record), summary=text)
        case "change":
            record.step = "change"
            return False
        case "delete":
            record.step = "delete"
            return False
        case "share" if record.teller == "partner":
            exchange.say("utter_history_kept_partner", buttons=after_buttons(record)[:3])
        case "share":
            record.step = "share" if record.version and record.confirmed else "confirm"
            return False
        case "unshare" if record.shared or record.version:
            record.shared = False
            exchange.keep(Keeps.HISTORY_SHARED, shared=False)
            exchange.say("utter_history_unshared", buttons=_manage(record))
        case _:
            exchange.say("utter_history_not_shared", buttons=_manage(record))
    return True


def _manage(record: Record) -> list[dict[str, str]]:
    sharing = ("Stop sharing it", "unshare") if record.shared else ("Share it with a coach", "share")
    return [
        button("Change something", "history", "change"),
        button(*_as_wish(sharing)),
        button("Delete my history", "history", "delete"),
    ]


def _as_wish(sharing: tuple[str, str]) -> tuple[str, str, str]:
    return sharing[0], "history", sharing[1]
