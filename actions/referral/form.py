"""The form ``referral_form``: finds somebody who fits, and passes a wish on to the team after a clear consent."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.digression import complains_again, pressed_elsewhere, to_a_person, wants_a_person
from actions.exchange import Exchange
from actions.paused import PAUSE_TOLD
from actions.referral import asking, standing
from actions.referral.record import Record
from actions.referral.steps import (
    ELSEWHERE,
    KINDS,
    TEAM,
    decided,
    go_on,
    note_place,
    note_wishes,
    picked,
    switched,
    take_pick,
    take_place,
    take_reach,
    take_times,
    take_which_place,
    take_wishes,
    take_yes_or_no,
)
from actions.referral.wishes import read_wishes
from actions.services import services
from bot.codes import code_in
from bot.directory.gazetteer import Place
from bot.storage.database import StorageUnavailable

FORM = "referral_form"
SLOT = "referral"
DONE = "referral_done"

_SURE = 0.5


class ValidateReferral(Action):
    """Takes one message while the form is active."""

    def name(self) -> str:
        """The name in ``domain.yml``."""
        return f"validate_{FORM}"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Understand the message, say what is to be said about it, and remember where the form stands."""
        record = Record.of(tracker.get_slot(SLOT))
        begins = not record.step or tracker.get_slot("requested_slot") != DONE
        wanted = KINDS.get(tracker.latest_message.get("intent", {}).get("name"))
        if begins and wanted is not None and wanted != record.kind:
            record = record.for_kind(wanted)
        exchange = Exchange.of(dispatcher, tracker, record.topic)
        try:
            done = await _turn(exchange, record, begins)
        except StorageUnavailable:
            exchange.say("utter_referral_unavailable", buttons=[])
            done = not record.step
        exchange.topic = record.topic
        if done and exchange.control != "later" and exchange.intent != "talk_to_human":
            record.step = ""
        elif not done and not record.step:
            go_on(record)
        if done:
            record.contact = ""  # sent, it is the team's; not sent, nobody needs it
        leaves = done and not exchange.said and exchange.intent in ELSEWHERE
        paused = done and (exchange.control == "later" or leaves or exchange.intent == "talk_to_human")
        if paused and exchange.control == "later":
            exchange.memory.said(PAUSE_TOLD)
        events = [*exchange.events(), SlotSet(SLOT, record.dump()), SlotSet(DONE, True if done else None)]
        if paused or tracker.get_slot("paused_form") == FORM:
            events.append(SlotSet("paused_form", FORM if paused else None))
        if leaves:
            events.append(SlotSet("next_form", ELSEWHERE[exchange.intent]))
        return events


class ActionAskReferral(Action):
    """Asks the question that is open."""

    def name(self) -> str:
        """The name in ``domain.yml``."""
        return f"action_ask_{DONE}"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Ask; the second time in other words."""
        record = Record.of(tracker.get_slot(SLOT))
        exchange = Exchange.of(dispatcher, tracker, record.topic)
        try:
            await asking.ask(exchange, record)
        except StorageUnavailable:
            exchange.say("utter_referral_unavailable", buttons=[asking.again_button()])
        return [*exchange.events(), SlotSet(SLOT, record.dump())]


async def _turn(exchange: Exchange, record: Record, begins: bool) -> bool:
    if (
        exchange.intent == "referral"
        and not (exchange.control and not begins)
        and (begins or exchange.confidence >= _SURE)
    ):
        under_way = not begins and record.step != "withdraw"
        sent = [one for one in await services().referrals.of_conversation(exchange.tracker.sender_id) if one.is_open]
        if under_way and exchange.key == "withdraw" and code_in(exchange.text) is None and not sent:
            return await decided(exchange, record, "consent", "no")  # nothing is sent yet that could be taken back
        return await standing.command(exchange, record, exchange.key) and not under_way
    if exchange.choice is not None and exchange.choice[0] in ("status", "withdraw", "code"):
        return await standing.pressed(exchange, record, *exchange.choice)
    # A button of a search that is over begins a new one, or tells of the wish that is open.
    stale = begins and not record.step and exchange.choice is not None
    if stale or (begins and (exchange.choice is None or exchange.choice[0] == "again")):
        return await _begin(exchange, record)
    return await _take(exchange, record)


async def _begin(exchange: Exchange, record: Record) -> bool:
    """The form opens: for the first time, or again after a pause."""
    opened = await standing.open_one(exchange, record)
    if opened is not None:
        standing.say_state(exchange, opened, already=True)
        return True
    if record.code:  # an earlier one is closed; this is a new one
        vars(record).update(vars(Record(kind=record.kind)))
    if record.asked and record.kind == KINDS.get(exchange.intent, record.kind) and record.step != "withdraw":
        note_wishes(record, read_wishes(exchange.text, asked=False), exchange.text)
        note_place(record, services().directory.places.find(exchange.text, asked=False), exchange.text)
        exchange.say("utter_referral_welcome_back", buttons=[])
        if not record.step:
            go_on(record)
        return False
    wishes = read_wishes(exchange.text, asked=False)
    if wishes.languages:
        record.languages = []
    note_wishes(record, wishes, exchange.text)
    record.wishes_asked = bool(wishes)
    if record.kind == "physiotherapist" and not record.place and exchange.text:
        note_place(record, services().directory.places.find(exchange.text, asked=False), exchange.text)
    go_on(record)
    return False


async def _take(exchange: Exchange, record: Record) -> bool:
    if exchange.intent == "answer_history":
        return True
    aside = await pressed_elsewhere(exchange)
    if aside is not None:
        return aside or exchange.intent in ELSEWHERE or switched(exchange, record)
    looks = record.step in ("pick", "wishes") and TEAM.search(exchange.plain)
    if wants_a_person(exchange) and not looks:
        await to_a_person(exchange)
        return True
    if await complains_again(exchange):
        return True
    if exchange.choice is not None:
        return await _pressed(exchange, record, *exchange.choice)
    control = exchange.control
    if control == "skip_all":
        control = "skip"
    if control in ("stop", "later"):
        exchange.say("utter_referral_stopped" if control == "stop" else "utter_referral_paused")
        return True
    if control in ("why", "who"):
        asking.explain(exchange, record, control)
        return False
    if control == "skip":
        return await _pressed(exchange, record, record.step, "skip")
    handlers = {
        "place": take_place,
        "which_place": take_which_place,
        "wishes": take_wishes,
        "pick": take_pick,
        "consent": take_yes_or_no,
        "send": take_yes_or_no,
        "withdraw": take_yes_or_no,
        "reach": take_reach,
        "contact": take_reach,
        "times": take_times,
    }
    return await handlers[record.step](exchange, record)


async def _pressed(exchange: Exchange, record: Record, question: str, answer: str) -> bool:
    """A button of the form, by its question."""
    if question in ("consent", "send") and record.step != question:
        exchange.say("utter_history_button_gone", buttons=[])
        return False
    match question, answer:
        case "place", "skip":
            record.place, record.place_said, record.candidates = None, "not said", []
        case "place", "again":
            record.place, record.place_said, record.step = None, "", "place"
        case "which_place", number if number.isdigit() and int(number) < len(record.candidates):
            place = Place(**record.candidates[int(number)])
            record.set_place(place)
            record.place_said = place.say(services().country)
        case "which_place", _:
            record.candidates, record.place_said, record.place = [], "", None
        case "wishes", "again":
            record.wishes_asked, record.step = False, "wishes"
            record.languages, record.gender, record.services, record.accessibility = [], "", [], []
            return False
        case "wishes", wish:
            note_wishes(record, read_wishes(wish.replace("_", " "), asked=True), "")
            record.wishes_asked = True
        case "pick", choice:
            return await picked(exchange, record, choice)
        case (("consent" | "send" | "withdraw"), choice):
            return await decided(exchange, record, question, choice)
        case "reach", way if way in ("chat", "phone", "email"):
            record.way, record.contact = way, ""
            record.step = "times" if way == "chat" else "contact"
            return False
        case (("reach" | "contact"), _):
            record.way, record.contact, record.step = "chat", "", "times"
            return False
        case "times", when:
            record.times = "" if when == "skip" else when
            record.step = "send"
            return False
        case "again", _:
            return False
        case _:
            exchange.say("utter_history_button_gone", buttons=[])
            return False
    go_on(record)
    return False
