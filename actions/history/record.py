"""The onset history of one person: her answers, what was skipped, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from actions.history.when import When

QUESTIONS = ("comfortable", "began", "trigger", "where", "feels", "tried", "partner")
"""The questions in the order in which they are asked."""


@dataclass
class Answer:
    """The answer to one question: ids of ``CHOICES`` (for ``began`` none), and the person's own words if she wrote."""

    choices: tuple[str, ...] = ()
    words: str = ""
    when: When | None = None

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        row: dict[str, Any] = {"choices": list(self.choices), "words": self.words}
        if self.when is not None:
            row["when"] = self.when.dump()
        return row

    @classmethod
    def load(cls, row: dict[str, Any]) -> Answer:
        """What :meth:`dump` made."""
        when = When.load(row["when"]) if row.get("when") else None
        return cls(tuple(row["choices"]), row["words"], when)


@dataclass
class Record:
    """What is kept in the slot ``history`` while it grows, and stored when it is confirmed.

    ``step`` is the question that is open: ``consent``, one of :data:`QUESTIONS`, ``confirm``, ``change``, ``share`` or
    nothing. ``teller`` is ``partner`` when a partner answers for the person.
    """

    step: str = ""
    agreed: bool = False
    answers: dict[str, Answer] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)
    confirmed: bool = False
    version: int = 0
    shared: bool = False
    changing: bool = False
    teller: str = ""

    @classmethod
    def of(cls, slot: dict[str, Any] | None) -> Record:
        """Read the slot; a new record from an empty one."""
        if not slot:
            return cls()
        answers = {name: Answer.load(row) for name, row in slot.get("answers", {}).items()}
        return cls(**{**slot, "answers": answers})

    def dump(self) -> dict[str, Any]:
        """For the slot."""
        return {**vars(self), "answers": {name: answer.dump() for name, answer in self.answers.items()}}

    def stored(self) -> dict[str, Any]:
        """For the table: what she said, without the form's own state."""
        answers = {name: self.answers[name].dump() for name in QUESTIONS if name in self.answers}
        return {"answers": answers, "skipped": list(self.skipped), "teller": self.teller}

    def next_question(self) -> str | None:
        """The first question that is neither answered nor skipped."""
        return next((name for name in QUESTIONS if name not in self.answers and name not in self.skipped), None)

    def set(self, question: str, answer: Answer) -> None:
        """Put an answer in place of what was there."""
        self.answers[question] = answer
        self.skipped = [name for name in self.skipped if name != question]
        self.confirmed = False

    def skip(self, question: str) -> None:
        """Leave a question open for good."""
        self.answers.pop(question, None)
        if question not in self.skipped:
            self.skipped.append(question)
        self.confirmed = False

    @property
    def type(self) -> str | None:
        """``lifelong``, ``acquired`` or ``situational`` as the answers suggest; nothing if they do not say."""
        comfortable = self.answers.get("comfortable", Answer()).choices
        if "before" in comfortable:
            return "acquired"
        if "never" in comfortable:
            return "lifelong"
        return "situational" if "sometimes" in comfortable else None
