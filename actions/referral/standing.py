"""What became of a referral: asked with its code or in the same chat, and taken back."""

from __future__ import annotations

from actions.exchange import Exchange, button
from actions.referral.record import Record
from actions.services import services
from bot.codes import code_in
from bot.model import Keeps
from bot.storage.referrals import Referral, ReferralNotFound


async def open_one(exchange: Exchange, record: Record) -> Referral | None:
    """The open referral of this conversation and kind.

    Raises:
        StorageUnavailable: it cannot be looked up just now.
    """
    found = await services().referrals.of_conversation(exchange.tracker.sender_id)
    return next((one for one in found if one.is_open and one.kind == record.kind), None)


async def _meant(exchange: Exchange) -> list[Referral]:
    """The referrals that a message may mean: of its code, or the open ones of this chat, or else all of them."""
    code = code_in(exchange.text)
    if code is not None:
        try:
            return [await services().referrals.by_code(code)]
        except ReferralNotFound:
            return []
    found = await services().referrals.of_conversation(exchange.tracker.sender_id)
    return [one for one in found if one.is_open] or found[:1]


async def command(exchange: Exchange, record: Record, wish: str) -> bool:
    """ "Any news?" or "cancel my request", at any time; true when nothing is open after it."""
    found = await _meant(exchange)
    if not found:
        exchange.say("utter_referral_unknown_code" if code_in(exchange.text) else "utter_referral_none")
        return True
    if wish != "withdraw":
        for one in found[:2]:
            say_state(exchange, one)
        return True
    if len(found) > 1:
        rows = [button(f"The {_kind(one)}", "withdraw", one.code, form="referral") for one in found[:3]]
        exchange.say("utter_referral_withdraw_which", buttons=rows)
        return True
    return _to_withdraw(exchange, record, found[0])


def _to_withdraw(exchange: Exchange, record: Record, one: Referral) -> bool:
    if not one.is_open:
        say_state(exchange, one)
        return True
    record.code, record.kind, record.step = one.code, one.kind, "withdraw"
    return False


async def pressed(exchange: Exchange, record: Record, question: str, answer: str) -> bool:
    """A button about a referral that was sent, or a code that was typed alone."""
    if question == "withdraw" and answer in ("yes", "no") and record.step == "withdraw":
        if answer == "yes":
            return await withdrawn(exchange, record)
        exchange.say("utter_referral_not_withdrawn")
        return True
    code = code_in(answer)
    if code is None:
        return await command(exchange, record, "withdraw" if question == "withdraw" else "status")
    try:
        one = await services().referrals.by_code(code)
    except ReferralNotFound:
        exchange.say("utter_referral_unknown_code")
        return True
    if question == "withdraw":
        return _to_withdraw(exchange, record, one)
    say_state(exchange, one)
    return True


async def withdrawn(exchange: Exchange, record: Record) -> bool:
    """She took it back."""
    exchange.keep(Keeps.REFERRAL_WITHDRAWN, code=record.code)
    exchange.say("utter_referral_withdrawn", code=record.code)
    vars(record).update(vars(Record(kind=record.kind)))
    return True


def say_state(exchange: Exchange, one: Referral, *, already: bool = False) -> None:
    """How a referral stands, in plain words."""
    exchange.topic = "find_coach" if one.kind == "coach" else "find_physio"
    buttons = [{"title": "Talk to a person", "payload": "/talk_to_human"}]
    if one.is_open:
        buttons.insert(0, button("Take it back", "withdraw", one.code, form="referral"))
    else:
        buttons.insert(0, {"title": f"A new wish for a {_kind(one)}"[:24], "payload": f"/{exchange.topic}"})
    name = "utter_referral_already" if already else f"utter_referral_is_{one.state}"
    exchange.say(name, buttons=buttons, code=one.code, kind=_kind(one), since=f"{one.changed_at:%-d %B %Y}")


def _kind(one: Referral) -> str:
    return "coach" if one.kind == "coach" else "physio"
