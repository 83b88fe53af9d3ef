"""The words for someone in danger, from ``data/safety/answers.yml``, with the numbers of her country."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bot.model import Button, Reply
from bot.safety.danger import CATEGORIES, UNSCREENED, Finding, Level, foremost
from bot.safety.helplines import ELSEWHERE, KINDS, Helplines, helplines

ANSWERS_FILE = Path(__file__).resolve().parent.parent.parent / "data" / "safety" / "answers.yml"

GO_ON = "/safety_go_on"
COUNTRY = "/safety_country"
PERSON = "/talk_to_human"

_NEEDED = (
    "numbers",
    "emergency_number",
    "which_country",
    "elsewhere",
    "person",
    "leave",
    "unscreened",
    "go_on",
    "not_safe",
    "while_person",
    "under_age",
)
_TITLES = ("person", "country", "go_on", "safe", "not_safe", "other_country")


@dataclass(frozen=True)
class Words:
    """What is said about one category."""

    lines: tuple[str, ...]
    check_in: str
    levels: dict[Level, str]
    also: str
    again: tuple[str, ...]
    minor: str | None


class FirstHelp:
    """All that is said about danger."""

    def __init__(self, rows: dict[str, Any], numbers: Helplines) -> None:
        """Take what the file holds.

        Raises:
            ValueError: something is missing or unknown; the message says what.
        """
        self._numbers = numbers
        self._shared: dict[str, str] = rows["shared"]
        self._titles: dict[str, str] = rows["titles"]
        self.check_ins: dict[str, str] = rows["check_in"]
        self.withheld_from_minors = frozenset(rows["withheld_from_minors"])
        missing = [name for name in _NEEDED if not self._shared.get(name)]
        missing += [f"titles.{name}" for name in _TITLES if not self._titles.get(name)]
        self.words: dict[str, Words] = {}
        for category in CATEGORIES:
            row = rows["answers"].get(category) or {}
            missing += [f"{category}.{name}" for name in ("also", "again", "check_in", "lines") if name not in row]
            missing += [f"{category}.{level.word}" for level in Level if not row.get(level.word)]
            if missing:
                continue
            if set(row["lines"]) - set(KINDS) or row["check_in"] not in {*self.check_ins, "none"}:
                raise ValueError(f"answers, {category}: unknown kind of helpline or check-in")
            levels = {level: row[level.word].strip() for level in Level}
            self.words[category] = Words(
                tuple(row["lines"]), row["check_in"], levels, row["also"], tuple(row["again"]), row.get("minor")
            )
        if missing:
            raise ValueError(f"answers: missing {', '.join(missing)}")

    # What is said

    def alarm(self, findings: Sequence[Finding], *, country: str, minor: bool, when: str = "") -> tuple[Reply, ...]:
        """The answer to findings: the foremost danger, a word about the others, numbers, a person, how to leave.

        Args:
            when: a sentence about when people of the team are there; empty when they are, or when that is not known.
        """
        first = foremost(findings)
        if first is None:
            raise ValueError("there is nothing to answer")
        if first.category == UNSCREENED:
            return (Reply(self._shared["unscreened"], UNSCREENED_TOPIC, (self._button("person", PERSON),)),)
        words = self.words[first.category]
        text = words.minor if minor and words.minor else words.levels[first.level]
        others = [
            self.words[finding.category]
            for finding in findings
            if finding.category != first.category and finding.category in self.words
        ]
        if others:
            text = f"{text}\n\n{' '.join(other.also for other in others[:2])}"
        kinds = set(words.lines).union(*(other.lines for other in others))
        if minor:
            kinds.add("child")
        about = first.category
        person = f"{self._shared['person'].strip()} {when}".strip()
        return (
            Reply(text.strip(), about),
            Reply(self.numbers(country, kinds), about),
            Reply(f"{person}\n\n{self._shared['leave']}", about, self._choices()),
        )

    def again(self, category: str, times: int, *, country: str) -> tuple[Reply, ...]:
        """A shorter word when the same danger is told of again."""
        if category == UNSCREENED:
            return (Reply(self._shared["unscreened"], UNSCREENED_TOPIC, (self._button("person", PERSON),)),)
        words = self.words[category]
        text = words.again[times % len(words.again)]
        return (Reply(f"{text}\n\n{self.numbers(country, words.lines)}", category, self._choices()),)

    def check_in(self, category: str) -> tuple[Reply, ...]:
        """The one question whether she is safe to talk now; nothing where it does not fit."""
        kind = self.words[category].check_in if category in self.words else "none"
        if kind == "none":
            return ()
        buttons = (
            self._button("safe", GO_ON),
            self._button("not_safe", "/safety_not_safe"),
            self._button("person", PERSON),
        )
        return (Reply(self.check_ins[kind], category, buttons),)

    def not_safe(self, category: str, *, country: str) -> tuple[Reply, ...]:
        """What is said when she answers that she is not safe."""
        lines = self.words[category].lines if category in self.words else KINDS
        return (Reply(f"{self._shared['not_safe']}\n\n{self.numbers(country, lines)}", category, self._choices()),)

    def go_on(self, category: str) -> tuple[Reply, ...]:
        """What is said when she wants to go on and nothing is waiting for an answer."""
        return (Reply(self._shared["go_on"], category, (self._button("person", PERSON),)),)

    def countries(self, category: str) -> tuple[Reply, ...]:
        """Ask which country she is in."""
        buttons = [
            Button(
                self._titles["other_country"] if code == ELSEWHERE else country.name,
                f'{COUNTRY}{{"country": "{code}"}}',
            )
            for code, country in self._numbers.countries.items()
        ]
        return (Reply(self._shared["which_country"], category, tuple(buttons)),)

    def numbers_for(self, category: str, *, country: str) -> tuple[Reply, ...]:
        """The numbers of another country."""
        lines = self.words[category].lines if category in self.words else KINDS
        return (Reply(self.numbers(country, lines), category, self._choices()),)

    def while_person(self, category: str, *, country: str) -> tuple[Reply, ...]:
        """What is said beside a person who is already talking with her, in immediate danger only."""
        lines = self.words[category].lines if category in self.words else KINDS
        return (Reply(f"{self._shared['while_person']}\n\n{self.numbers(country, lines)}", category),)

    def under_age(self) -> tuple[Reply, ...]:
        """In place of an answer about sex, to someone under 18."""
        return (Reply(self._shared["under_age"], "safety_minor", (self._button("person", PERSON),)),)

    def numbers(self, country: str, kinds: Sequence[str] | set[str]) -> str:
        """Whom to call."""
        found = self._numbers.of(country)
        name = self._shared["elsewhere"] if found.code == ELSEWHERE else found.name
        title = self._shared["numbers" if kinds else "emergency_number"]
        return f"{title.format(country=name)}\n{found.say(kinds)}"

    def _button(self, title: str, payload: str) -> Button:
        return Button(self._titles[title], payload)

    def _choices(self) -> tuple[Button, ...]:
        return (
            self._button("person", PERSON),
            self._button("country", COUNTRY),
            self._button("go_on", GO_ON),
        )


UNSCREENED_TOPIC = "talk_to_human"
"""The contract's topic of what is said when the screen failed: a person will look."""


@lru_cache(maxsize=1)
def first_help() -> FirstHelp:
    """The project's words, read once."""
    return FirstHelp(yaml.safe_load(ANSWERS_FILE.read_text(encoding="utf-8")), helplines())
