"""What happens in a conversation when somebody is in danger.

An alarm is answered before anything else. The same danger told of again gets a short word, not the alarm again; a new
or a higher one does. After an alarm the next ordinary message is met with one question, whether she is safe to talk
now; she decides when to go on, and what she had asked is answered then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.model import Reply, State
from bot.safety.danger import UNSCREENED, Finding, Level, foremost, new_or_higher
from bot.safety.first_help import COUNTRY, GO_ON, FirstHelp
from bot.safety.helplines import Helplines

NOT_SAFE = "/safety_not_safe"

_YES = re.compile(
    r"^\W*(yes|yeah|yep|ya|haan?|ok(ay)?|sure|i ?a?'?m (safe|ok(ay)?|fine|alone now)|safe|go on|continue|"
    r"theek h(oo?n|ai))\b",
    re.IGNORECASE,
)
_NO = re.compile(r"^\W*(no|nope|nah(i|in)?|not (really|safe|yet|now)|i ?a?'?m not( safe)?)\b", re.IGNORECASE)
_SHORT = 8
"""Words of an answer to the check-in, at most; a longer message is a message of its own."""


@dataclass(frozen=True)
class Watch:
    """What is remembered of dangers in one conversation.

    ``raised`` the highest level of each category; ``latest`` the category answered last; ``times`` how often the same
    was told again; ``check_in`` none, due or asked; ``pending`` the position of a message that waits until she goes on.
    """

    raised: dict[str, Level] = field(default_factory=dict)
    latest: str | None = None
    times: int = 0
    check_in: str = "none"
    pending: int | None = None
    country: str = ""
    minor: bool = False

    def dump(self) -> str:
        """As JSON text."""
        raised = {category: int(level) for category, level in self.raised.items()}
        return json.dumps({**vars(self), "raised": raised}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str | None) -> Watch:
        """What :meth:`dump` wrote; a new one for nothing."""
        if text is None:
            return cls()
        row: dict[str, Any] = json.loads(text)
        return cls(**{**row, "raised": {name: Level(level) for name, level in row["raised"].items()}})


@dataclass(frozen=True)
class Decision:
    """What to do with one message.

    ``replies`` come first. ``answer`` says whether the assistant answers too: the message itself (its position), an
    earlier one that waited, or none. ``flags`` are to be recorded and put to staff.
    """

    watch: Watch
    replies: tuple[Reply, ...] = ()
    answer: int | None = None
    flags: tuple[Finding, ...] = ()
    alarm: bool = False


class SafetyPolicy:
    """Decides by what was found, what was raised before, and who is answering."""

    def __init__(
        self,
        words: FirstHelp,
        numbers: Helplines,
        *,
        country: str = "IN",
        when: Callable[[], str] = lambda: "",
    ) -> None:
        """Wire the parts.

        Args:
            country: taken until the person names another.
            when: a sentence about when people of the team are there; empty when they are, or when that is not known.
        """
        self._when = when
        self._words = words
        self._numbers = numbers
        self._country = country

    def decide(
        self, text: str, payload: str | None, position: int, findings: Sequence[Finding], watch: Watch, state: State
    ) -> Decision:
        """The decision on one message, from what was read in it and what is remembered."""
        named = self._numbers.named_in(text) if payload is None else None
        if named:
            watch = replace(watch, country=named)
        if state is State.PERSON:
            return self._beside_a_person(findings, watch)
        if watch.latest is not None and self._says_safe(text, findings):
            findings = ()
        if findings:
            return self._alarming(position, findings, watch)
        if payload is not None and payload.startswith("/safety_"):
            return self._chosen(payload, position, watch)
        if watch.latest is None or payload is not None:
            return Decision(watch, answer=position)
        short = len(text.split()) <= _SHORT
        if named and short:
            return Decision(watch, self._words.numbers_for(watch.latest, country=self._where(watch)))
        if watch.check_in == "due":
            question = self._words.check_in(watch.latest)
            if question and not (short and _YES.match(text)):
                return Decision(replace(watch, check_in="asked", pending=position), question)
            return self._go_on(position, replace(watch, check_in="none"), also=position)
        if watch.check_in == "asked" and short:
            if _YES.match(text):
                return self._go_on(position, replace(watch, check_in="none"))
            if _NO.match(text):
                return self._not_safe(watch)
        return Decision(replace(watch, check_in="none"), answer=position)

    @staticmethod
    def _says_safe(text: str, findings: Sequence[Finding]) -> bool:
        """A short "yes, I am safe" after an alarm is no new one, whatever the learned part makes of the word."""
        learned = all(finding.source in ("classifier", "topics") for finding in findings)
        return learned and len(text.split()) <= _SHORT and _YES.match(text) is not None

    def gone_on(self, watch: Watch) -> tuple[Reply, ...]:
        """What is said when she wants to go on and nothing waits for an answer."""
        return self._words.go_on(watch.latest or "talk_to_human")

    def for_minors(self, replies: tuple[Reply, ...], watch: Watch) -> tuple[Reply, ...]:
        """The assistant's replies, without what is not for someone under 18."""
        if watch.minor and any(reply.topic in self._words.withheld_from_minors for reply in replies):
            return self._words.under_age()
        return replies

    def _where(self, watch: Watch) -> str:
        return watch.country or self._country

    def _remember(self, findings: Sequence[Finding], watch: Watch) -> Watch:
        raised = dict(watch.raised)
        for finding in findings:
            raised[finding.category] = max(finding.level, raised.get(finding.category, finding.level))
        categories = {finding.category for finding in findings}
        # A child in somebody else's story does not make the writer a child.
        minor = watch.minor or ("safety_minor" in categories and "safety_third_party" not in categories)
        return replace(watch, raised=raised, minor=minor)

    def _alarming(self, position: int, findings: Sequence[Finding], watch: Watch) -> Decision:
        fresh = new_or_higher(findings, watch.raised)
        first = foremost(fresh or findings)
        assert first is not None
        after = self._remember(findings, watch)
        if first.category == UNSCREENED:
            # Nobody knows what it says: first what to do in danger, then its answer.
            replies = self._words.alarm([first], country=self._where(after), minor=after.minor, when=self._when())
            return Decision(after, replies, answer=position, flags=tuple(fresh) or (first,), alarm=bool(fresh))
        if not fresh:
            replies = self._words.again(first.category, after.times, country=self._where(after))
            return Decision(replace(after, times=after.times + 1, pending=position, latest=first.category), replies)
        replies = self._words.alarm(fresh, country=self._where(after), minor=after.minor, when=self._when())
        due = "due" if first.level >= Level.SERIOUS else after.check_in
        after = replace(after, latest=first.category, check_in=due, pending=position)
        return Decision(after, replies, flags=tuple(fresh), alarm=True)

    def _beside_a_person(self, findings: Sequence[Finding], watch: Watch) -> Decision:
        fresh = tuple(new_or_higher(findings, watch.raised))
        after = self._remember(findings, watch)
        first = foremost(fresh)
        if first is None:
            return Decision(after)
        replies: tuple[Reply, ...] = ()
        if first.level is Level.IMMEDIATE:
            replies = self._words.while_person(first.category, country=self._where(after))
        return Decision(replace(after, latest=first.category), replies, flags=fresh, alarm=True)

    def _chosen(self, payload: str, position: int, watch: Watch) -> Decision:
        about = watch.latest or "talk_to_human"
        if payload.startswith(COUNTRY):
            code = _country(payload)
            if code is None:
                return Decision(watch, self._words.countries(about))
            watch = replace(watch, country=code)
            return Decision(watch, self._words.numbers_for(about, country=code))
        if payload == NOT_SAFE:
            return self._not_safe(watch)
        if payload == GO_ON:
            return self._go_on(position, replace(watch, check_in="none"))
        return Decision(watch, answer=position)

    def _not_safe(self, watch: Watch) -> Decision:
        about = watch.latest or "talk_to_human"
        level = max(watch.raised.values(), default=Level.SERIOUS)
        flag = Finding(about, level, "check_in")
        return Decision(
            replace(watch, check_in="none"),
            self._words.not_safe(about, country=self._where(watch)),
            flags=(flag,) if about in watch.raised else (),
        )

    def _go_on(self, position: int, watch: Watch, *, also: int | None = None) -> Decision:
        waiting = watch.pending if watch.pending is not None else also
        watch = replace(watch, pending=None)
        if waiting is None:
            return Decision(watch, self.gone_on(watch))
        return Decision(watch, answer=waiting)


def _country(payload: str) -> str | None:
    rest = payload.removeprefix(COUNTRY)
    try:
        chosen = json.loads(rest).get("country") if rest else None
    except (ValueError, AttributeError):
        return None
    return chosen.upper()[:2] if isinstance(chosen, str) and chosen else None
