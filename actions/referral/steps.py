"""What each question of a referral makes of an answer in the person's own words."""

from __future__ import annotations

import re

from actions.digression import digress
from actions.exchange import Exchange
from actions.referral import sending, standing
from actions.referral.contact import BadContact, Contact, read_contact
from actions.referral.record import Record
from actions.referral.wishes import Wishes, read_wishes
from actions.services import services
from bot.directory.gazetteer import Place, key_of
from bot.directory.places import Found, Kind
from bot.directory.regions import regions_named

KINDS = {"find_physio": "physiotherapist", "find_coach": "coach"}
ELSEWHERE = {
    "onset_history": "onset_history_form",
    "history": "onset_history_form",
    "answer_history": "onset_history_form",
}
"""Wishes that lead to another form."""

_NUMBER = re.compile(
    r"\b(?:(?P<digit>[1-3])|(?P<word>first|second|third|1st|2nd|3rd|one|two|three|pehl[aei]|do+sr[aei]|du+sr[aei]|teesr[aei]))\b"
)
_NUMBERS = {"first": 1, "1st": 1, "one": 1, "second": 2, "2nd": 2, "two": 2, "third": 3, "3rd": 3, "three": 3}
_IN_HINDI = {"p": 1, "d": 2, "t": 3}
"""Pehla, dusra, teesra and their other forms by their first letters."""

_NO_WISH = re.compile(r"\bno (special |other |more )?(wish(es)?|preferences?)\b")
_OTHER_WAY = re.compile(r"\b(e-?mail|phone|call|number|chat|instead|place|wish\w*|other)\b")
_NOBODY = re.compile(r"\b(none|no(body| one)|neither|not (these|them|any)|someone else|others?|koi nahi)\b")
_IN_MANY_REGIONS = frozenset(("pradesh", "north", "south", "east", "west", "and", "islands", "united"))
_ANY = re.compile(r"\b(any|either|whoever|you (choose|decide)|does ?n[o']t matter|all (fine|ok)|koi bhi)\b")
TEAM = re.compile(
    r"\b(person|team|human|someone) (who |to |can )?(looks?|search\w*|find\w*|help\w*)|"
    r"\bask the team\b"
)


def go_on(record: Record) -> None:
    """On to the first question that is open."""
    if record.candidates:
        record.step = "which_place"
    elif record.kind == "physiotherapist" and not record.place_said:
        record.step = "place"
    elif not record.wishes_asked:
        record.step = "wishes"
    elif record.step not in ("consent", "reach", "contact", "times", "send"):
        record.step = "pick"


def switched(exchange: Exchange, record: Record) -> bool:
    """Go over to the other kind of person, if that is what is asked for; never the end of the form."""
    wanted = KINDS.get(exchange.intent)
    if wanted is None or wanted == record.kind:
        return False
    vars(record).update(vars(record.for_kind(wanted)))
    exchange.topic = record.topic
    go_on(record)
    return True


async def _aside(exchange: Exchange, record: Record, heard: bool = False) -> bool | None:
    """Something else than an answer: true when the form is over, false when it goes on; nothing for an answer."""
    if exchange.intent in ELSEWHERE and exchange.confidence > 0.6 and not heard:
        return True
    if (KINDS.get(exchange.intent) or record.kind)[:6] in exchange.plain and switched(exchange, record):
        return False
    return False if digress(exchange, heard_something=heard) else None


def note_wishes(record: Record, wishes: Wishes, text: str) -> None:
    """Add what is wished; "no special wish" takes back what was."""
    if wishes.none:
        record.languages, record.gender, record.services, record.accessibility, record.words = [], "", [], [], ""
    record.languages = list(dict.fromkeys([*record.languages, *wishes.languages]))
    record.services = list(dict.fromkeys([*record.services, *wishes.services]))
    record.accessibility = list(dict.fromkeys([*record.accessibility, *wishes.accessibility]))
    record.gender = "" if wishes.any_gender else wishes.gender or record.gender


def note_place(record: Record, found: Found, text: str) -> None:
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


async def take_place(exchange: Exchange, record: Record) -> bool:
    found = services().directory.places.find(exchange.text, asked=True)
    # A name that nobody knows looks like anything to the topics.
    may_be_more = exchange.is_question or len(exchange.plain.split()) > 2
    if found.kind is Kind.NONE and may_be_more and (aside := await _aside(exchange, record)) is not None:
        return aside
    note_wishes(record, read_wishes(exchange.text, asked=False), exchange.text)
    if found.kind is Kind.UNKNOWN_PIN:
        exchange.say("utter_referral_unknown_pin", buttons=[])
    elif found.kind is Kind.NONE:
        if record.asked.get("place", 0) >= 3:
            record.place_said = " ".join(exchange.text.split())[:100]
            exchange.say("utter_referral_place_given_up", buttons=[])
        else:
            exchange.say("utter_referral_place_unknown", buttons=[])
    else:
        note_place(record, found, exchange.text)
    go_on(record)
    return False


async def take_which_place(exchange: Exchange, record: Record) -> bool:
    regions = regions_named(key_of(exchange.text))
    words = set(key_of(exchange.text).split()) - _IN_MANY_REGIONS
    fitting = [
        row
        for row in record.candidates
        if any(name in key_of(f"{row['region']} {row['country']}") for name in regions)
        or (not regions and words & set(key_of(f"{row['region']} {row['country']}").split()))
    ]
    number = None if fitting else _number(exchange.plain)
    if len(fitting) == 1 or (number is not None and number <= len(record.candidates)):
        place = Place(**(fitting[0] if len(fitting) == 1 else record.candidates[(number or 1) - 1]))
        record.set_place(place)
        record.place_said = place.say(services().country)
        go_on(record)
        return False
    record.candidates = []
    return await take_place(exchange, record)


async def take_wishes(exchange: Exchange, record: Record) -> bool:
    wishes = read_wishes(exchange.text, asked=True)
    if not wishes and exchange.says_no:
        wishes = Wishes(none=True)
    found = services().directory.places.find(exchange.text, asked=False)
    if found.kind in (Kind.PLACE, Kind.AMBIGUOUS) and record.kind == "physiotherapist":
        note_place(record, found, exchange.text)
    elif (aside := await _aside(exchange, record, bool(wishes))) is not None:
        return aside
    note_wishes(record, wishes, exchange.text)
    # What no list knows is passed on in her own words.
    if not wishes and found.kind not in (Kind.PLACE, Kind.AMBIGUOUS):
        record.words = " ".join(exchange.text.split())[:300]
    record.wishes_asked = True
    go_on(record)
    return False


def _number(plain: str) -> int | None:
    match = _NUMBER.search(plain)
    if match is None:
        return None
    return int(match["digit"]) if match["digit"] else _NUMBERS.get(match["word"]) or _IN_HINDI[match["word"][0]]


async def take_pick(exchange: Exchange, record: Record) -> bool:
    entries, _ = await services().directory.entries()
    named = [one.id for one in entries if one.id in record.shown and one.name.lower() in exchange.plain]
    if named:
        return await picked(exchange, record, str(record.shown.index(named[0])))
    number = _number(exchange.plain)
    if number is not None and number <= len(record.shown):
        return await picked(exchange, record, str(number - 1))
    if TEAM.search(exchange.plain) or (_NOBODY.search(exchange.plain) and not exchange.is_question):
        return await picked(exchange, record, "team")
    wishes = read_wishes(exchange.text, asked=_NO_WISH.search(exchange.plain) is not None)
    if _ANY.search(exchange.plain) and record.shown and not wishes:
        return await picked(exchange, record, "0")
    places = services().directory.places
    found = places.find(exchange.text, asked=False)
    if found.kind in (Kind.PLACE, Kind.AMBIGUOUS):
        note_place(record, found, exchange.text)
    elif not wishes:
        if exchange.says_yes and len(record.shown) == 1:
            return await picked(exchange, record, "0")
        if exchange.says_no:
            return await picked(exchange, record, "team")
        if (aside := await _aside(exchange, record)) is not None:
            return aside
    note_wishes(record, wishes, exchange.text)
    go_on(record)
    return False


async def picked(exchange: Exchange, record: Record, choice: str) -> bool:
    if choice.isdigit() and int(choice) < len(record.shown):
        choice = record.shown[int(choice)]
    if choice in record.shown:
        entries, _ = await services().directory.entries()
        chosen = next((entry for entry in entries if entry.id == choice), None)
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


async def take_yes_or_no(exchange: Exchange, record: Record) -> bool:
    if record.step == "send" and re.search(r"\b(change|wrong|different)\b", exchange.plain):
        return await decided(exchange, record, "send", "change")
    # "Yes, but what is it for?" is a question first.
    if not exchange.clearly_yes and not exchange.says_no:
        if record.step == "send" and exchange.says_yes:
            return await decided(exchange, record, "send", "change" if _OTHER_WAY.search(exchange.plain) else "again")
        aside = await _aside(exchange, record)
        return bool(aside)
    return await decided(exchange, record, record.step, "yes" if exchange.clearly_yes else "no")


async def decided(exchange: Exchange, record: Record, question: str, choice: str) -> bool:
    match question, choice:
        case "consent", "yes":
            record.step = "reach"
        case "send", "yes":
            return await sending.send(exchange, record)
        case "send", "again":
            return False
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
            record.way = record.times = ""
            return True
    return False


_NOT = re.compile(r"\b(not|don'?t|dont|no|never|mat|nahi)(?:\s+\w+){0,3}\s*$")


def _wished_way(plain: str) -> str | None:
    """By e-mail or by phone, where one of them is named and not refused."""
    for way, cue in (("email", r"\b(e-?mail|mail)\b"), ("phone", r"\b(phone|call|ring|mobile|number|whats ?app)\b")):
        match = re.search(cue, plain)
        if match is not None and _NOT.search(plain[: match.start()]) is None:
            return way
    return None


async def take_reach(exchange: Exchange, record: Record) -> bool:
    plain = exchange.plain
    wanted = _wished_way(plain)
    try:
        contact = read_contact(exchange.text, services().country, way=record.way if record.step == "contact" else None)
    except BadContact as bad:
        exchange.say(f"utter_referral_bad_{bad.way}", buttons=[])
        record.way, record.step = bad.way, "contact"
        return False
    here = re.search(r"\b(here|chat|this (chat|app|window)|yahi|yaha)\b", plain)
    if contact is None and here and wanted is None and not _NOT.search(plain[: here.start()]):
        contact = Contact("chat")
    if contact is not None:
        record.way, record.contact, record.step = contact.way, contact.value, "times"
        return False
    if wanted is not None and not exchange.is_question:
        record.way, record.step = wanted, "contact"
        return False
    if exchange.says_no and record.step == "reach":
        return await decided(exchange, record, "consent", "no")
    aside = await _aside(exchange, record)
    return bool(aside)


async def take_times(exchange: Exchange, record: Record) -> bool:
    if exchange.is_question and (aside := await _aside(exchange, record)) is not None:
        return aside
    record.times = " ".join(exchange.text.split())[:200]
    record.step = "send"
    return False
