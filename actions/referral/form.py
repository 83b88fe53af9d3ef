"""The form ``referral_form``: finds somebody who fits, and passes a wish on to the team after a clear consent."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.digression import digress
from actions.exchange import Exchange
from actions.referral import asking, sending, standing
from actions.referral.contact import BadContact, Contact, read_contact
from actions.referral.record import Record
from actions.referral.wishes import Wishes, read_wishes
from actions.services import services
from bot.directory.gazetteer import Place
from bot.directory.places import Found, Kind
from bot.storage.database import StorageUnavailable

FORM = "referral_form"
SLOT = "referral"
DONE = "referral_done"

KINDS = {"find_physio": "physiotherapist", "find_coach": "coach"}
_ELSEWHERE = {
    "onset_history": "onset_history_form",
    "history": "onset_history_form",
    "answer_history": "onset_history_form",
}
_SURE = 0.5
_NUMBER = re.compile(r"\b(?:(?P<digit>[1-3])|(?P<word>first|second|third|1st|2nd|3rd|one|two|three))\b")
_NUMBERS = {"first": 1, "1st": 1, "one": 1, "second": 2, "2nd": 2, "two": 2, "third": 3, "3rd": 3, "three": 3}
_NOBODY = re.compile(r"\b(none|no(body| one)|neither|not (these|them|any)|someone else|others?|koi nahi)\b")
_ANY = re.compile(r"\b(any|either|whoever|you (choose|decide)|does ?n[o']t matter|all (fine|ok)|koi bhi)\b")
_TEAM = re.compile(
    r"\b(person|team|human|someone) (who |to |can )?(looks?|search\w*|find\w*|help\w*)|"
    r"\bask the team\b"
)


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
        begins = not record.step or tracker.get_slot("paused_form") == FORM
        if begins and tracker.latest_message.get("intent", {}).get("name") in KINDS:
            record.kind = KINDS[tracker.latest_message["intent"]["name"]]
        exchange = Exchange.of(dispatcher, tracker, record.topic)
        try:
            done = await _turn(exchange, record, begins)
        except StorageUnavailable:
            exchange.say("utter_referral_unavailable", buttons=[])
            done = not record.step
        exchange.topic = record.topic
        if done:
            record.step = ""
        events = [*exchange.events(), SlotSet(SLOT, record.dump()), SlotSet(DONE, True if done else None)]
        if done and exchange.control == "later":
            events.append(SlotSet("paused_form", FORM))
        elif tracker.get_slot("paused_form") == FORM:
            events.append(SlotSet("paused_form", None))
        if done and not exchange.said and exchange.intent in _ELSEWHERE:
            events.append(SlotSet("next_form", _ELSEWHERE[exchange.intent]))
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
    if exchange.intent == "referral" and (begins or exchange.confidence >= _SURE):
        under_way = not begins and record.step != "withdraw"
        return await standing.command(exchange, record, exchange.key) and not under_way
    if exchange.choice is not None and exchange.choice[0] in ("status", "withdraw", "code"):
        return await standing.pressed(exchange, record, *exchange.choice)
    if begins and exchange.choice is None:
        return await _begin(exchange, record)
    return await _take(exchange, record)


async def _begin(exchange: Exchange, record: Record) -> bool:
    """The form opens: for the first time, or again after a pause."""
    opened = await standing.open_one(exchange, record)
    if opened is not None:
        standing.say_state(exchange, opened, already=True)
        return True
    if record.step and record.kind == KINDS.get(exchange.intent, record.kind):
        exchange.say("utter_referral_welcome_back", buttons=[])
        return False
    if record.code:  # an earlier one is closed; this is a new one
        fresh = Record(kind=record.kind)
        for name, value in vars(fresh).items():
            setattr(record, name, value)
    _note_wishes(record, read_wishes(exchange.text, asked=False), exchange.text)
    if record.kind == "physiotherapist" and not record.place and exchange.text:
        _note_place(record, services().directory.places.find(exchange.text, asked=False), exchange.text)
    _go_on(record)
    return False


def _go_on(record: Record) -> None:
    """On to the first question that is open."""
    if record.candidates:
        record.step = "which_place"
    elif record.kind == "physiotherapist" and not record.place_said:
        record.step = "place"
    elif not record.wishes_asked:
        record.step = "wishes"
    elif record.step not in ("consent", "reach", "contact", "times", "send"):
        record.step = "pick"


async def _take(exchange: Exchange, record: Record) -> bool:
    if exchange.intent == "answer_history":
        return True
    if exchange.choice is not None:
        return await _pressed(exchange, record, *exchange.choice)
    control = exchange.control
    if control in ("stop", "later"):
        exchange.say("utter_referral_stopped" if control == "stop" else "utter_referral_paused")
        return True
    if control in ("why", "who"):
        asking.explain(exchange, record, control)
        return False
    if control == "skip":
        return await _pressed(exchange, record, record.step, "skip")
    handlers = {
        "place": _place,
        "which_place": _which_place,
        "wishes": _wishes,
        "pick": _pick,
        "consent": _yes_or_no,
        "send": _yes_or_no,
        "withdraw": _yes_or_no,
        "reach": _reach,
        "contact": _reach,
        "times": _times,
    }
    return await handlers[record.step](exchange, record)


async def _aside(exchange: Exchange, record: Record, heard: bool = False) -> bool | None:
    """Something else than an answer: true when the form is over, false when it goes on; nothing for an answer."""
    if exchange.intent in _ELSEWHERE and exchange.confidence > 0.6 and not heard:
        return True
    if exchange.intent == "talk_to_human" and exchange.confidence > 0.6 and not heard:
        exchange.say("utter_talk_to_human")
        return True
    return False if digress(exchange, heard_something=heard) else None


async def _pressed(exchange: Exchange, record: Record, question: str, answer: str) -> bool:
    """A button of the form, by its question."""
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
            _note_wishes(record, read_wishes(wish.replace("_", " "), asked=True), "")
            record.wishes_asked = True
        case "pick", choice:
            return await _picked(exchange, record, choice)
        case (("consent" | "send" | "withdraw"), choice):
            return await _decided(exchange, record, question, choice)
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
    _go_on(record)
    return False


def _note_wishes(record: Record, wishes: Wishes, text: str) -> None:
    record.languages = list(dict.fromkeys([*record.languages, *wishes.languages]))
    record.services = list(dict.fromkeys([*record.services, *wishes.services]))
    record.accessibility = list(dict.fromkeys([*record.accessibility, *wishes.accessibility]))
    record.gender = wishes.gender or record.gender
    if wishes and text:
        record.wishes_asked = True
        record.words = " ".join(text.split())[:300]


def _note_place(record: Record, found: Found, text: str) -> None:
    match found.kind:
        case Kind.PLACE:
            record.set_place(found.place)
            record.place_said = found.place.say(services().country)
        case Kind.AMBIGUOUS:
            record.candidates = [dict(vars(place)) for place in found.places]
        case Kind.DECLINED:
            record.place_said = "not said"
        case Kind.ONLINE:
            record.place_said = "online"
            record.services = list(dict.fromkeys([*record.services, "video"]))


async def _place(exchange: Exchange, record: Record) -> bool:
    found = services().directory.places.find(exchange.text, asked=True)
    if found.kind is Kind.NONE and (aside := await _aside(exchange, record)) is not None:
        return aside
    _note_wishes(record, read_wishes(exchange.text, asked=False), exchange.text)
    if found.kind is Kind.UNKNOWN_PIN:
        exchange.say("utter_referral_unknown_pin", buttons=[])
    elif found.kind is Kind.NONE:
        if record.asked.get("place", 0) >= 3:
            record.place_said = " ".join(exchange.text.split())[:100]
            exchange.say("utter_referral_place_given_up", buttons=[])
        else:
            exchange.say("utter_referral_place_unknown", buttons=[])
    else:
        _note_place(record, found, exchange.text)
    _go_on(record)
    return False


async def _which_place(exchange: Exchange, record: Record) -> bool:
    words = set(exchange.plain.replace(",", " ").split())
    fitting = [
        row
        for row in record.candidates
        if words & (set(row["region"].lower().replace(",", " ").split()) | {row["country"].lower()})
    ]
    number = _number(exchange.plain)
    if len(fitting) == 1 or (number is not None and number <= len(record.candidates)):
        place = Place(**(fitting[0] if len(fitting) == 1 else record.candidates[(number or 1) - 1]))
        record.set_place(place)
        record.place_said = place.say(services().country)
        _go_on(record)
        return False
    record.candidates = []
    return await _place(exchange, record)


async def _wishes(exchange: Exchange, record: Record) -> bool:
    wishes = read_wishes(exchange.text, asked=True)
    if not wishes and exchange.says_no:
        wishes = Wishes(none=True)
    found = services().directory.places.find(exchange.text, asked=False)
    if found.kind in (Kind.PLACE, Kind.AMBIGUOUS) and record.kind == "physiotherapist":
        _note_place(record, found, exchange.text)
    elif (aside := await _aside(exchange, record, bool(wishes))) is not None:
        return aside
    _note_wishes(record, wishes, exchange.text)
    # What no list knows is passed on in her own words.
    record.words = record.words or " ".join(exchange.text.split())[:300]
    record.wishes_asked = True
    _go_on(record)
    return False


def _number(plain: str) -> int | None:
    match = _NUMBER.search(plain)
    if match is None:
        return None
    return int(match["digit"]) if match["digit"] else _NUMBERS[match["word"]]


async def _pick(exchange: Exchange, record: Record) -> bool:
    number = _number(exchange.plain)
    if number is not None and number <= len(record.shown):
        return await _picked(exchange, record, str(number - 1))
    if _TEAM.search(exchange.plain) or (_NOBODY.search(exchange.plain) and not exchange.is_question):
        return await _picked(exchange, record, "team")
    if _ANY.search(exchange.plain) and record.shown:
        return await _picked(exchange, record, "0")
    places = services().directory.places
    found = places.find(exchange.text, asked=False)
    wishes = read_wishes(exchange.text, asked=False)
    if found.kind in (Kind.PLACE, Kind.AMBIGUOUS):
        _note_place(record, found, exchange.text)
    elif not wishes:
        if exchange.says_yes and len(record.shown) == 1:
            return await _picked(exchange, record, "0")
        if exchange.says_no:
            return await _picked(exchange, record, "team")
        if (aside := await _aside(exchange, record)) is not None:
            return aside
    _note_wishes(record, wishes, exchange.text)
    _go_on(record)
    return False


async def _picked(exchange: Exchange, record: Record, choice: str) -> bool:
    if choice.isdigit() and int(choice) < len(record.shown):
        entries, _ = await services().directory.entries()
        chosen = next((entry for entry in entries if entry.id == record.shown[int(choice)]), None)
        if chosen is None or not chosen.taking_new:
            exchange.say("utter_referral_gone", buttons=[])
            record.step = "pick"
            return False
        record.practitioner, record.practitioner_name = chosen.id, chosen.name
    elif choice == "coach":
        record.kind, record.practitioner, record.practitioner_name, record.step = "coach", "", "", "pick"
        exchange.topic = record.topic
        return False
    elif choice == "team":
        record.practitioner, record.practitioner_name = "", ""
    else:
        return False
    record.step = "consent"
    return False


async def _yes_or_no(exchange: Exchange, record: Record) -> bool:
    if record.step == "send" and re.search(r"\b(change|wrong|different)\b", exchange.plain):
        return await _decided(exchange, record, "send", "change")
    # "Yes, but what is it for?" is a question first.
    if (exchange.is_question and (exchange.intent == "ask")) or not (exchange.says_yes or exchange.says_no):
        aside = await _aside(exchange, record)
        return bool(aside)
    return await _decided(exchange, record, record.step, "yes" if exchange.says_yes else "no")


async def _decided(exchange: Exchange, record: Record, question: str, choice: str) -> bool:
    match question, choice:
        case "consent", "yes":
            record.step = "reach"
        case "send", "yes":
            return await sending.send(exchange, record)
        case "send", "change":
            record.step, record.wishes_asked, record.place_said = "place", False, ""
            record.place = None
            if record.kind == "coach":
                record.step = "wishes"
        case "withdraw", "yes":
            return await standing.withdrawn(exchange, record)
        case "withdraw", _:
            exchange.say("utter_referral_not_withdrawn")
            return True
        case _:
            exchange.say("utter_referral_not_sent")
            record.way = record.contact = record.times = ""
            return True
    return False


async def _reach(exchange: Exchange, record: Record) -> bool:
    plain = exchange.plain
    wanted = (
        "email"
        if re.search(r"\be-?mail|mail\b", plain)
        else "phone"
        if re.search(r"\b(phone|call|mobile|number|whats ?app)\b", plain)
        else None
    )
    try:
        contact = read_contact(exchange.text, services().country, way=record.way if record.step == "contact" else None)
    except BadContact as bad:
        exchange.say(f"utter_referral_bad_{bad.way}", buttons=[])
        record.way, record.step = bad.way, "contact"
        return False
    if contact is None and re.search(r"\b(here|chat|this (chat|app|window)|yahi|yaha)\b", plain):
        contact = Contact("chat")
    if contact is not None:
        record.way, record.contact, record.step = contact.way, contact.value, "times"
        return False
    if wanted is not None and not exchange.is_question:
        record.way, record.step = wanted, "contact"
        return False
    if exchange.says_no and record.step == "reach":
        return await _decided(exchange, record, "consent", "no")
    aside = await _aside(exchange, record)
    return bool(aside)


async def _times(exchange: Exchange, record: Record) -> bool:
    if exchange.is_question and (aside := await _aside(exchange, record)) is not None:
        return aside
    record.times = " ".join(exchange.text.split())[:200]
    record.step = "send"
    return False
