"""One turn inside a form: what came in, what is said, and what is to be kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import message
from actions.knowledge import Variant, knowledge
from actions.memory import Memory
from bot.model import Keeps

CHOICES = ("answer_history", "answer_referral")
"""The intents of buttons below the forms' questions: ``/answer_history{"question": "tried", "answer": "physio"}``."""

_YES = re.compile(
    r"^\W*(yes|yeah|yep|yup|ya|haan?|ji|ok(ay)?|sure|please do|go (on|ahead)|let'?s (go|start|do)|start|"
    r"why not|(now )?(it|that|this|all)('?s| is) (all )?(right|correct|true|fine)|theek hai|thik hai|of course|"
    r"that'?s (right|it|correct)|do it)\b|"
    r"^\W*(fine|right|correct|sahi( hai)?|alright|all right|i (would|want to|do))( (please|with me|"
    r"by me|then|yes))?\W*$"
)
_NO = re.compile(
    r"^\W*(no|nope|nah|nahi|nhi|not (now|today|yet|really|really)|rather not|don'?t|dont|later|"
    r"maybe later|stop|cancel|never ?mind|"
    r"i'?d rather not|leave it|mat)\b"
)
_CONTROLS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "skip_all",
        re.compile(r"\bskip (all|everything|the rest|them all)\b|\b(rest|all of (it|them)) skip\b"),
    ),
    (
        "stop",
        re.compile(
            r"^\W*(please )?(cancel|quit|exit|end|enough|no more|abort|bas|band karo|ruk\w*)"
            r"( (it|this|now|please|asking|here|the questions))*\W*$|"
            r"^\W*(please )?stop\b(?! (hurt|the pain|work|think))|"
            r"\b(please stop|stop please|(can|could|let'?s|lets) (we |you |i )?(please )?stop|i want to stop|stop here|"
            r"stop asking|don'?t ask (me )?(any ?more|more)|stop (this|these|the) (questions?|form|history)|"
            r"(don'?t|dont|do not) want to (go on|continue|answer (any ?more|more)|do this)|no more questions|"
            r"leave me alone|forget (it|this)|never ?mind)\b"
        ),
    ),
    (
        "later",
        re.compile(
            r"^\W*(later|not now|another time|some other time|tomorrow|pause|baad me\w*|kal)\b(?! i (was|had))|"
            r"\b(come back (later|tomorrow|another)|(do|finish|continue|answer) (this|it|that|the rest) "
            r"(later|tomorrow|another)|need a break|have to go|gotta go|take a break|not today|not right now)\b"
        ),
    ),
    (
        "skip",
        re.compile(
            r"^\W*(skip|pass|next|no comment|blank|leave (it|this)|i'?d rather not( say| answer)?|"
            r"rather not( say| answer)?|prefer not( to)?( say| answer)?|"
            r"don'?t want to (say|answer|tell)( that| this)?|not (saying|telling|answering)( that| this)?|"
            r"nahi batana|skip (it|this|that)( one| question)?|next (one|question))( please| pls)?\W*$|"
            r"\b(skip (this|that|it)|next question|rather not (say|answer|tell)|prefer not to|"
            r"(don'?t|dont|do not) want to (say|answer|tell|talk about (it|this|that)))\b"
        ),
    ),
    (
        "why",
        re.compile(
            r"^\W*why\W*$|\bwhy (do|are|would|does|should|did) (you|u|it|i)\b.{0,30}"
            r"\b(ask\w*|need|want|know|matter|answer)\b|\bwhat (do you need|is) (that|this|it) for\b|"
            r"\bkyu(n)? (puch|pooch|chahiye)\w*"
        ),
    ),
    (
        "who",
        re.compile(
            r"\bwho (can|will|gets to|is going to|all)?\s*(see|sees|read|reads|seen|have access)\b|"
            r"\bis (this|it) (private|confidential|anonymous|secret)\b|\bkaun (dekh|padh)\w*"
        ),
    ),
    (
        "back",
        re.compile(r"^\W*(go )?back( one| to the last question)?\W*$|\bprevious question\b|\blast question again\b"),
    ),
)
_SHORT = 6
_BUT = re.compile(
    r"\b(no|not|n't|dont|don'?t|wait|but|keep|over|instead|think|later|unless|if|first|change|wrong|mat|nahi|par|lekin)\b|"
    r"\?"
)
"""What makes of a yes something else: "ok wait, not yet", "yes but email me instead"."""

_QUESTION = re.compile(
    r"\?|^\W*(what|whats|why|how|can|could|is|are|does|do|will|would|should|which|who|when|where|kya|"
    r"kaise|kyu|kab|tell me|explain)\b"
)


@dataclass
class Exchange:
    """The message of a turn with its understanding, and everything that comes of it."""

    dispatcher: CollectingDispatcher
    tracker: Tracker
    topic: str
    memory: Memory
    kept: list[dict[str, Any]] = field(default_factory=list)
    said: bool = False

    @classmethod
    def of(cls, dispatcher: CollectingDispatcher, tracker: Tracker, topic: str) -> Exchange:
        """Begin with a message; ``topic`` is what the form's replies are about."""
        return cls(dispatcher, tracker, topic, Memory.of(tracker))

    # What came in

    @property
    def text(self) -> str:
        """What was written; empty when a button was pressed."""
        written = message.text(self.tracker)
        return "" if written.startswith("/") else written

    @property
    def plain(self) -> str:
        """The text in lower case with plain apostrophes and single spaces."""
        return " ".join(self.text.lower().replace("’", "'").split())

    @property
    def intent(self) -> str:
        """The intent that was recognised."""
        return message.intent_name(self.tracker)

    @property
    def key(self) -> str:
        """The retrieval key that was recognised, ``physio`` of ``ask/physio``."""
        return message.retrieval_key(self.tracker)

    @property
    def confidence(self) -> float:
        """How sure the intent is, 0 to 1."""
        return float((self.tracker.latest_message.get("intent") or {}).get("confidence") or 0.0)

    @property
    def choice(self) -> tuple[str, str] | None:
        """Question and answer of the button that was pressed."""
        if self.intent not in CHOICES:
            return None
        values = {row.get("entity"): str(row.get("value")) for row in self.tracker.latest_message.get("entities") or []}
        return values.get("question", ""), values.get("answer", "")

    @property
    def control(self) -> str | None:
        """``stop``, ``later``, ``skip``, ``skip_all``, ``why``, ``who`` or ``back``, if that is what was written."""
        return next((name for name, pattern in _CONTROLS if self.text and pattern.search(self.plain)), None)

    @property
    def is_question(self) -> bool:
        """Whether it reads like a question."""
        return _QUESTION.search(self.plain) is not None

    @property
    def says_yes(self) -> bool:
        """Whether it begins with a yes."""
        return (self.intent == "smalltalk" and self.key == "yes") or _YES.search(self.plain) is not None

    @property
    def clearly_yes(self) -> bool:
        """Whether it is a short yes and nothing else, as it takes to send, share or delete something."""
        return self.says_yes and len(self.plain.split()) <= _SHORT and _BUT.search(self.plain) is None

    @property
    def says_no(self) -> bool:
        """Whether it begins with a no."""
        return (self.intent == "smalltalk" and self.key == "no") or _NO.search(self.plain) is not None

    # What goes out

    def say(self, name: str, *, buttons: list[dict[str, str]] | None = None, **values: str) -> None:
        """Say a response in the wording whose turn it is, with values in its gaps."""
        variant = knowledge().in_turn(name, self.memory.times(name))
        self.memory.said(name)
        self.say_variant(variant, buttons=buttons, **values)

    def say_variant(self, variant: Variant, *, buttons: list[dict[str, str]] | None = None, **values: str) -> None:
        """Say one wording, with values in its gaps."""
        text = variant.text.format(**values) if values else variant.text
        filled = Variant(text, variant.buttons, variant.metadata)
        message.say(self.dispatcher, filled, self.topic, buttons=buttons)
        self.said = True

    def keep(self, keeps: Keeps, **data: Any) -> None:
        """Have something stored with this turn."""
        self.kept.append({"keeps": keeps.value, "data": data})

    def events(self) -> list[dict[str, Any]]:
        """Slot events for what was said and what is to be kept."""
        events = self.memory.events(self.tracker)
        if self.kept:
            events.append(SlotSet("outbox", self.kept))
        return events


def button(title: str, question: str, answer: str, *, form: str = "history") -> dict[str, str]:
    """A button below a form's question."""
    return {"title": title, "payload": f'/answer_{form}{{"question": "{question}", "answer": "{answer}"}}'}
