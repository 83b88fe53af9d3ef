"""An answer in the person's own words: to the open question, to others, a correction, or something else."""

from __future__ import annotations

import re
from datetime import date

from actions.digression import digress
from actions.exchange import Exchange
from actions.history.clauses import clauses
from actions.history.cues import plain_text
from actions.history.record import Answer, Record
from actions.history.summary import short
from actions.history.understand import CHOICES, SEVERAL, Heard, understand
from actions.history.when import Precision, When
from actions.services import services

CORRECTS = re.compile(
    r"^\W*(no|nope|not|sorry|wait|actually|i mean\w*|i meant|correction|oh|oops|nahi|galat|"
    r"that'?s (wrong|not right)|wrong)\b|"
    r"\b(no wait|i meant|i mean|actually|correction|instead of|rather than|not right|change (it|that|this)|"
    r"was wrong|made a mistake)\b"
)
"""How a correction begins, or sounds."""

ELSEWHERE = {
    "find_physio": "referral_form",
    "find_coach": "referral_form",
    "referral": "referral_form",
    "answer_referral": "referral_form",
}
"""Wishes that lead to another form."""

_INSTEAD = re.compile(r"\b(?:but|no wait|i meant?|actually|rather)\b", re.IGNORECASE)
"""Behind it stands what is right: "i said c section but it was a normal delivery"."""

_HURTS = re.compile(
    r"\b(hurt\w*|pain\w*|burn\w*|not|never|no|n't|cant|can'?t|cannot|dard|nahi|now|tight\w*|impossible|wall|stuck)\b"
)

_SHORT = 10
"""Words of a message that is nothing but a time."""

_PATIENCE = 3
"""Times a question is asked while the person tells other things; then it is left."""


def today() -> date:
    """Today where the team works."""
    return services().local_time().date()


def hear_anything(text: str) -> Heard:
    """What a message says when no question is open: also a bare time ("no, 2k19")."""
    heard = understand(text, today())
    if heard.began is None and len(text.split()) <= _SHORT:
        when = understand(text, today(), asked="began").began
        if when is not None and when.precision not in (Precision.EVENT, Precision.UNKNOWN):
            heard.began = when
    return heard


def answered(exchange: Exchange, record: Record) -> bool:
    """Typed words at a question: an answer to it, to others, a correction, or something else."""
    question = record.step
    if question == "change":
        return _which_to_change(exchange, record)
    heard = understand(exchange.text, today(), asked=question)
    corrects = CORRECTS.search(exchange.plain) is not None
    answers_question = question in heard.choices or (question == "began" and heard.began is not None)
    if exchange.intent in ELSEWHERE and exchange.confidence > 0.6 and not answers_question:
        return True
    if digress(exchange, heard_something=bool(heard)):
        return False
    if corrects or len(clauses(plain_text(exchange.text))) > 1:
        meant = _INSTEAD.split(exchange.text)[-1] if corrects else exchange.text
        _hear_more(heard, hear_anything(meant) if corrects else understand(meant, today()), record, corrects)
    if question == "comfortable" and not _HURTS.search(exchange.plain):
        heard.choices.pop("where", None)  # "sex was good" tells what is no problem
    before = set(record.answers) - {question}
    filled = fill(record, heard, exchange.text, question=question, overwrite=corrects)
    changed = [name for name in filled if name in before]
    if changed and corrects:
        exchange.say("utter_history_changed", buttons=[], changed=" ".join(short(record, name) for name in changed))
    care(exchange, heard)
    if corrects and changed and question not in filled:
        return False
    if question in filled or question in record.answers:
        advance(record)
    elif not filled or record.asked.get(question, 0) >= _PATIENCE:
        _in_own_words(exchange, record, question)
    return False


def _hear_more(heard: Heard, story: Heard, record: Record, corrects: bool) -> None:
    """Add what a message of several parts, or a correction, says besides the answer to the open question."""
    for name, choices in story.choices.items():
        if corrects and name in record.answers and name != record.step:
            heard.choices[name] = choices
        else:
            heard.choices.setdefault(name, choices)
    heard.began = heard.began or story.began
    others = {name for name in heard.choices if name in record.answers} | ({"began"} if heard.began else set())
    if corrects and others - {record.step} and heard.choices.get(record.step, ("",))[0] in _NO_MORE_THAN_A_NO:
        # The "no" of "no, it was 2021" answers nothing.
        del heard.choices[record.step]


_NO_MORE_THAN_A_NO = frozenset(("nothing", "nothing_known", "no", "never"))


def _which_to_change(exchange: Exchange, record: Record) -> bool:
    changed = fill(record, hear_anything(exchange.text), exchange.text, question=None, overwrite=True)
    if changed:
        exchange.say("utter_history_changed", buttons=[], changed=" ".join(short(record, name) for name in changed))
    record.step = "confirm"
    return False


def _in_own_words(exchange: Exchange, record: Record, question: str) -> None:
    """Nothing known was heard: ask once more, then take the person's own words as they are."""
    words = " ".join(exchange.text.split())
    if record.asked.get(question, 0) < 2 and (len(words) < 3 or question in ("comfortable", "began", "partner")):
        return
    if not any(sign.isalnum() for sign in words) or record.asked.get(question, 0) >= _PATIENCE:
        record.skip(question)
    elif question == "began":
        record.set(question, Answer(words=words, when=When(Precision.UNKNOWN, "", words)))
    else:
        record.set(question, Answer(("other",) if "other" in CHOICES[question] else (), words))
    advance(record)


def fill(record: Record, heard: Heard, text: str, *, question: str | None, overwrite: bool = False) -> list[str]:
    """Put what was heard in its places; which questions that answered."""
    filled: list[str] = []
    words = " ".join(text.split())
    found = {name: Answer(choices, words) for name, choices in heard.choices.items()}
    if heard.began is not None:
        found["began"] = Answer(words=words, when=heard.began)
    for name, answer in found.items():
        known = record.answers.get(name)
        if known is not None and name != question and not overwrite:
            if name in SEVERAL and not set(answer.choices) <= set(known.choices) and name not in record.asked:
                merged = tuple(choice for choice in CHOICES[name] if choice in {*known.choices, *answer.choices})
                record.set(name, Answer(merged, known.words))
                filled.append(name)
            continue
        if known == answer:
            continue
        record.set(name, answer)
        filled.append(name)
    return filled


def care(exchange: Exchange, heard: Heard) -> None:
    """A word of care for someone who tells of something that was done to her; no details are asked for."""
    name = "utter_history_care_partner" if exchange.memory.asker == "partner" else "utter_history_care"
    if "upsetting" in heard.choices.get("trigger", ()) and not exchange.memory.times(name):
        exchange.say(name, buttons=[])


def advance(record: Record) -> None:
    """On to the next open question, or to the summary."""
    record.changing = False
    record.step = record.next_question() or "confirm"
