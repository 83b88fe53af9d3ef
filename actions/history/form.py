"""The form ``onset_history_form``: listens to how it began, one question at a time, never forced.

Rasa keeps the form active and calls ``validate_onset_history_form`` with each message, then ``action_ask_history_done``
for the next question. Everything in between is here: one message may answer several questions, correct an earlier one,
ask something else, skip, pause or stop.
"""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.digression import complains_again, digress, pressed_elsewhere, to_a_person, wants_a_person
from actions.exchange import Exchange
from actions.history import ending, questions
from actions.history.answering import CORRECTS, ELSEWHERE, advance, answered, care, fill, hear_anything, today
from actions.history.record import QUESTIONS, Answer, Record
from actions.history.summary import short
from actions.history.teller import told_for_her
from actions.history.understand import CHOICES, SEVERAL, Heard, understand
from actions.history.when import Precision, When
from actions.paused import PAUSE_TOLD

FORM = "onset_history_form"
TOPIC = "onset_history"
SLOT = "history"
DONE = "history_done"

_SURE = 0.5
_SHORT_YES = 8
"""Words of a yes that tells nothing of the history itself: "yes, she is fine with it"."""


class ValidateOnsetHistory(Action):
    """Takes one message while the form is active."""

    def name(self) -> str:
        """The name in ``domain.yml``."""
        return f"validate_{FORM}"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Understand the message, say what is to be said about it, and remember where the form stands."""
        exchange = Exchange.of(dispatcher, tracker, TOPIC)
        record = Record.of(tracker.get_slot(SLOT))
        begins = not record.step or tracker.get_slot("requested_slot") != DONE
        if begins and (exchange.memory.asker == "partner" or told_for_her(exchange.plain)):
            record.teller = exchange.memory.asker = "partner"
        goes_on = begins and tracker.get_slot("paused_form") == FORM and exchange.key == "show"
        if _is_command(exchange, begins) and not goes_on:
            under_way = record.agreed and record.step in QUESTIONS and not begins
            done = ending.command(exchange, record, exchange.key) and not under_way
        elif begins and exchange.choice is None:
            done = _begin(exchange, record)
        else:
            done = await _take(exchange, record)
        if done:
            record.step = ""
            if not record.agreed:  # an offer that is not taken up leaves nothing behind
                record.answers.clear()
                record.skipped.clear()
        elif not record.step:  # a button of a form that was closed has opened it again
            record.step = (record.next_question() or "confirm") if record.agreed else "consent"
        leaves = done and not exchange.said and exchange.intent in ELSEWHERE
        put_aside = leaves or exchange.intent == "talk_to_human"
        paused = done and (exchange.control == "later" or (put_aside and record.agreed and not record.confirmed))
        if paused and exchange.control == "later":
            exchange.memory.said(PAUSE_TOLD)
        events = [*exchange.events(), SlotSet(SLOT, record.dump()), SlotSet(DONE, True if done else None)]
        if paused or tracker.get_slot("paused_form") == FORM:
            events.append(SlotSet("paused_form", FORM if paused else None))
        if leaves:
            events.append(SlotSet("next_form", ELSEWHERE[exchange.intent]))
        return events


class ActionAskHistory(Action):
    """Asks the question that is open."""

    def name(self) -> str:
        """The name in ``domain.yml``."""
        return f"action_ask_{DONE}"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Ask; the second time in other words."""
        exchange = Exchange.of(dispatcher, tracker, TOPIC)
        record = Record.of(tracker.get_slot(SLOT))
        questions.ask(exchange, record)
        return [*exchange.events(), SlotSet(SLOT, record.dump())]


def _is_command(exchange: Exchange, begins: bool) -> bool:
    """Whether a message is a wish about the history as it is kept, and no answer of the open form."""
    if exchange.intent != "history":
        return False
    if begins:
        return True
    corrects = exchange.key == "change" or bool(hear_anything(exchange.text))
    return exchange.control is None and exchange.confidence >= _SURE and not corrects


def _begin(exchange: Exchange, record: Record) -> bool:
    """The form opens: for the first time, again after a pause, or to look at what is there."""
    heard = understand(exchange.text, today()) if exchange.text else Heard()
    if record.agreed and record.confirmed:
        ending.show(exchange, record)
        record.step = "confirm"
        return False
    new = fill(record, heard, exchange.text, question=None)
    if record.agreed:
        exchange.say("utter_history_welcome_back", buttons=[])
        record.step = record.step or record.next_question() or "confirm"
        if record.step in ("consent", "share"):
            record.step = record.next_question() or "confirm"
        return False
    if new:
        exchange.say("utter_history_heard", buttons=[], heard=short(record))
        care(exchange, heard)
    record.step = "consent"
    return False


async def _take(exchange: Exchange, record: Record) -> bool:
    """One message inside the form; true when the form is over."""
    if exchange.intent == "answer_referral":
        return True
    aside = await pressed_elsewhere(exchange)
    if aside is not None:
        return aside or exchange.intent in ELSEWHERE
    if wants_a_person(exchange) and not hear_anything(exchange.text):
        await to_a_person(exchange)
        return True
    if await complains_again(exchange):
        return True
    if exchange.choice is not None:
        return _pressed(exchange, record, *exchange.choice)
    if (control := exchange.control) is not None:
        return _controlled(exchange, record, control)
    if record.step == "consent":
        return _consent(exchange, record)
    if record.step in ("confirm", "share", "delete"):
        return _at_the_end(exchange, record)
    return answered(exchange, record)


def _pressed(exchange: Exchange, record: Record, question: str, answer: str) -> bool:
    """A button: of the open question, or of an earlier one, which corrects it."""
    if question == "control":
        return _controlled(exchange, record, answer)
    if question in ("consent", "confirm", "share", "delete", "change"):
        if record.step != question and (question, record.step) != ("change", "confirm"):
            if not record.step:
                return _begin(exchange, record)
            exchange.say("utter_history_button_gone", buttons=[])
            return False
        return _decided(exchange, record, question, answer)
    if question == "history":
        return ending.command(exchange, record, answer)
    if question not in QUESTIONS or not (
        answer == "skip" or answer in CHOICES.get(question, ()) or question == "began"
    ):
        exchange.say("utter_history_button_gone", buttons=[])
        return False
    if not record.agreed:
        return False
    if answer == "skip":
        record.skip(question)
    else:
        before = question in record.answers
        chosen = _chosen(question, answer)
        if before and question in SEVERAL and question != record.step:  # "you can name more than one"
            known = record.answers[question]
            both = {*known.choices, *chosen.choices}
            chosen = Answer(tuple(one for one in CHOICES[question] if one in both), known.words)
        record.set(question, chosen)
        care(exchange, Heard({question: (answer,)}))
        if before and question != record.step:
            exchange.say("utter_history_changed", buttons=[], changed=short(record, question))
    if question == record.step or record.changing:
        advance(record)
    return False


def _chosen(question: str, answer: str) -> Answer:
    if question == "began":
        words = {"always": "always", "unsure": ""}.get(answer, answer)
        precision = Precision.EVENT if answer == "always" else Precision.UNKNOWN
        return Answer(when=When(precision, words, words))
    return Answer((answer,))


def _controlled(exchange: Exchange, record: Record, control: str) -> bool:
    match control:
        case "stop":
            exchange.say("utter_history_stopped" if record.agreed else "utter_history_declined")
            if not record.agreed:
                record.answers.clear()
            return True
        case "later":
            exchange.say("utter_history_paused")
            return True
        case "skip_all" if not record.agreed:
            return _decided(exchange, record, "consent", "no")
        case "skip_all":
            for name in QUESTIONS:
                if name not in record.answers:
                    record.skip(name)
            record.step = "confirm"
        case "why":
            exchange.say(
                f"utter_history_why_{record.step}" if record.step in QUESTIONS else "utter_history_why", buttons=[]
            )
        case "who":
            exchange.say("utter_history_who", buttons=[])
        case "back":
            answered = [name for name in QUESTIONS if name in record.answers or name in record.skipped]
            if record.step in QUESTIONS and answered:
                record.step = answered[-1]
        case "skip":
            if record.step in QUESTIONS:
                record.skip(record.step)
                advance(record)
            elif record.step == "consent":
                return _decided(exchange, record, "consent", "no")
            else:
                return _decided(exchange, record, record.step, "no")
    return False


def _consent(exchange: Exchange, record: Record) -> bool:
    if exchange.says_yes and len(exchange.plain.split()) <= _SHORT_YES:
        return _decided(exchange, record, "consent", "yes")
    heard = understand(exchange.text, today())
    new = fill(record, heard, exchange.text, question=None)
    if exchange.says_no and not new:
        return _decided(exchange, record, "consent", "no")
    if exchange.says_yes or exchange.intent == "onset_history":
        # To go on telling after the question is a yes of its own only if she says so; a story alone is asked once more.
        if exchange.says_yes:
            return _decided(exchange, record, "consent", "yes")
        if new:
            exchange.say("utter_history_heard", buttons=[], heard=short(record))
        return False
    if digress(exchange, heard_something=bool(new)):
        # Nothing is pressed on anybody: the offer stands below, once.
        record.answers.clear()
        return True
    if exchange.intent in ELSEWHERE and exchange.confidence > 0.5:
        return True
    if not new and record.asked.get("consent", 0) >= 2:
        exchange.say("utter_history_declined")
        return True
    return False


def _decided(exchange: Exchange, record: Record, question: str, answer: str) -> bool:
    """A yes or no to one of the form's own questions."""
    match question, answer:
        case "consent", "yes":
            record.agreed = True
            advance(record)
        case "consent", _:
            record.answers.clear()
            exchange.say("utter_history_declined")
            return True
        case "confirm", "yes":
            return ending.confirmed(exchange, record)
        case "confirm" | "change", "change":
            record.step = "change"
        case "change", name if name in QUESTIONS:
            record.step, record.changing = name, True
        case "confirm", "delete":
            record.step = "delete"
        case "delete", "yes":
            return ending.deleted(exchange, record)
        case "delete", _:
            record.step = "confirm"
        case "share", _:
            return ending.shared(exchange, record, answer == "yes")
        case _:
            exchange.say("utter_history_stopped")
            return True
    return False


def _at_the_end(exchange: Exchange, record: Record) -> bool:
    """Typed words at the summary or at the offer to share: a yes, a no, a correction, or something else."""
    heard = hear_anything(exchange.text)
    if heard and (record.step == "confirm" or CORRECTS.search(exchange.plain)) and "?" not in exchange.text:
        changed = fill(record, heard, exchange.text, question=None, overwrite=True)
        if changed:
            exchange.say("utter_history_changed", buttons=[], changed=" ".join(short(record, name) for name in changed))
            record.step = "confirm"
            return False
    if record.step == "confirm" and re.search(r"\b(delete|remove|erase|hata\w*)\b", exchange.plain):
        return _decided(exchange, record, "confirm", "delete")
    if record.step == "confirm" and re.search(r"\b(change|wrong|correct (something|it)|edit)\b", exchange.plain):
        return _decided(exchange, record, "confirm", "change")
    if digress(exchange, heard_something=False):
        return record.step == "share"
    if exchange.clearly_yes:
        return _decided(exchange, record, record.step, "yes")
    if exchange.says_no or (record.step == "delete" and re.search(r"\bkeep\b", exchange.plain)):
        return _decided(exchange, record, record.step, "change" if record.step == "confirm" else "no")
    return exchange.intent in ELSEWHERE and exchange.confidence > 0.5
