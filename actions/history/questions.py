"""Asking: each question in plain words, with buttons, the second time shorter."""

from __future__ import annotations

from actions.exchange import Exchange, button
from actions.history.record import QUESTIONS, Record
from actions.history.summary import summary

_BUTTONS: dict[str, tuple[tuple[str, str], ...]] = {
    "comfortable": (
        ("Never", "never"),
        ("Before, yes", "before"),
        ("Sometimes", "sometimes"),
        ("Not sure", "unsure"),
    ),
    "began": (("It was always so", "always"), ("Not sure when", "unsure")),
    "trigger": (
        ("A vaginal birth", "childbirth_vaginal"),
        ("A caesarean", "childbirth_caesarean"),
        ("Surgery", "surgery"),
        ("Radiation", "radiation"),
        ("An injury", "injury"),
        ("Hormones or menopause", "hormones"),
        ("An infection", "infection"),
        ("Constipation", "constipation"),
        ("Something upsetting", "upsetting"),
        ("Stress or anxiety", "stress"),
        ("The relationship", "relationship"),
        ("The first attempt", "first_attempt"),
        ("Nothing that I know", "nothing_known"),
        ("Something else", "other"),
    ),
    "where": (
        ("Sex", "sex"),
        ("Tampon", "tampon"),
        ("Cup", "cup"),
        ("Finger", "finger"),
        ("Exam", "exam"),
        ("Trainer or dilator", "dilator"),
    ),
    "feels": (
        ("Burning", "burning"),
        ("Like a wall", "wall"),
        ("It tightens", "tight"),
        ("Sharp", "sharp"),
        ("Aching", "ache"),
        ("Mostly fear", "fear"),
    ),
    "tried": (
        ("Nothing yet", "nothing"),
        ("Trainers", "dilators"),
        ("Physiotherapy", "physio"),
        ("Therapy", "therapy"),
        ("Exercises", "exercises"),
        ("Lubricant", "lubricant"),
        ("Seen a doctor", "doctor"),
        ("Something different", "other"),
    ),
    "partner": (
        ("Yes, mostly", "yes"),
        ("Partly", "partly"),
        ("Not really", "no"),
        ("I have no partner", "none"),
    ),
}
SKIP = "Skip this"

_OWN: dict[str, tuple[tuple[str, str], ...]] = {
    "consent": (("Yes, let's start", "yes"), ("Not now", "no")),
    "confirm": (("That is right", "yes"), ("Change something", "change"), ("Delete it", "delete")),
    "share": (("Yes, share it", "yes"), ("No, keep it to me", "no")),
    "delete": (("Yes, delete it", "yes"), ("No, keep it", "no")),
}
_CHANGES: tuple[tuple[str, str], ...] = (
    ("Was it ever comfortable", "comfortable"),
    ("When it began", "began"),
    ("What happened then", "trigger"),
    ("Where it shows", "where"),
    ("What it is like", "feels"),
    ("What was tried", "tried"),
    ("Support", "partner"),
)


def ask(exchange: Exchange, record: Record) -> None:
    """Ask the open question of a record, and count that it was asked."""
    step = record.step
    times = record.asked.get(step, 0)
    record.asked[step] = times + 1
    if step in QUESTIONS:
        buttons = [button(title, step, answer) for title, answer in _BUTTONS[step]]
        name = f"utter_history_ask_{step}" if times == 0 else f"utter_history_again_{step}"
        if step == record.next_question() and times == 0 and not _any_asked(record):
            exchange.say("utter_history_begins", buttons=[])
        exchange.say(name, buttons=[*buttons, button(SKIP, step, "skip")])
    elif step == "consent":
        name = "utter_history_consent" if times == 0 else "utter_history_consent_again"
        if times == 0 and record.teller == "partner":
            name = "utter_history_consent_partner"
        exchange.say(name, buttons=[button(title, step, answer) for title, answer in _OWN[step]])
    elif step == "confirm":
        exchange.say(
            "utter_history_summary",
            buttons=[button(title, step, answer) for title, answer in _OWN[step]],
            summary=summary(record),
        )
    elif step == "change":
        exchange.say("utter_history_change", buttons=[button(title, step, answer) for title, answer in _CHANGES])
    else:
        exchange.say(
            f"utter_history_{step}_offer" if step == "share" else "utter_history_delete_sure",
            buttons=[button(title, step, answer) for title, answer in _OWN[step]],
        )


def _any_asked(record: Record) -> bool:
    return any(record.asked.get(name, 0) > (name == record.step) for name in QUESTIONS)
