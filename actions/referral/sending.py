"""Sending a referral: checked once more, kept with the turn, and told honestly what happens now."""

from __future__ import annotations

from actions.exchange import Exchange, button
from actions.referral import standing
from actions.referral.record import Record
from actions.services import services
from bot.codes import new_code
from bot.model import Keeps


async def send(exchange: Exchange, record: Record) -> bool:
    """Pass it on, unless somebody was removed meanwhile; true when the form is over.

    Raises:
        StorageUnavailable: it could not be checked; nothing was sent.
    """
    opened = await standing.open_one(exchange, record)
    if opened is not None:
        standing.say_state(exchange, opened, already=True)
        return True
    if record.practitioner:
        entries, _ = await services().directory.entries()
        if not any(entry.id == record.practitioner and entry.taking_new for entry in entries):
            exchange.say("utter_referral_gone", buttons=[])
            record.practitioner, record.practitioner_name, record.step = "", "", "pick"
            return False
    record.code = new_code()
    exchange.keep(
        Keeps.REFERRAL_OPENED,
        code=record.code,
        kind=record.kind,
        practitioner_id=record.practitioner or None,
        content=record.content(),
    )
    exchange.say("utter_referral_sent", buttons=[], code=record.code)
    exchange.say(_when_answered(), buttons=_after(exchange), opens=_opens())
    return True


def _when_answered() -> str:
    hours, moment = services().team_hours, services().local_time()
    if not hours.spans:
        return "utter_referral_hours_unknown"
    return "utter_referral_open_now" if hours.open_at(moment) else "utter_referral_closed_now"


def _opens() -> str:
    opening = services().team_hours.next_opening(services().local_time())
    return "" if opening is None else f"{opening:%A at %H:%M}"


def _after(exchange: Exchange) -> list[dict[str, str]]:
    history = exchange.tracker.get_slot("history") or {}
    if not history.get("version"):
        first = {"title": "Look at how it began", "payload": "/onset_history"}
    elif not history.get("shared"):
        first = button("Share my history", "history", "share")
    else:
        first = {"title": "What helps meanwhile", "payload": '/ask{"topic": "exercises_breathing"}'}
    return [
        first,
        button("What is its state?", "status", "mine", form="referral"),
        button("Take it back", "withdraw", "ask", form="referral"),
    ]
