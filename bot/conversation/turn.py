"""One turn: a message in, everything that it changes out.

The safety screen reads the message first, whoever is answering. Then the state of the conversation decides who answers:
the assistant, or a person, in which case the assistant is not called at all.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Protocol

from actions.knowledge import knowledge
from bot.conversation import metrics
from bot.conversation.misses import misses
from bot.conversation.payload import typed_code, typed_text
from bot.handoff import FEEDBACK_SCORES, Why, feedback_payload, is_feedback
from bot.model import Button, Effect, Flag, Keeps, Message, Outcome, Reply, Standing, State, Turn
from bot.safety.danger import CATEGORIES, UNSCREENED, Finding, Level
from bot.safety.policy import Decision, SafetyPolicy, Watch
from bot.storage.conversations import ConversationStore

log = logging.getLogger(__name__)

APOLOGY = Reply(
    text=(
        "I am sorry, something went wrong on my side, and I could not answer. Your message is safe with us. "
        "You can ask again in other words, or talk to a person. "
        "If you are in danger, please call your emergency number (112 in India)."
    ),
    topic="clarify",
    buttons=(Button("Talk to a person", "/talk_to_human"),),
)
"""Said when the assistant fails. Nobody is left without a word."""

MAX_ATTEMPTS = 3
"""Turns begun after a restart for one message before it is answered with an apology instead."""

_LONGEST_TITLE = 60

_PAIN = "safety_severe_pain"
_ASKS_FOR_PAIN = '/answer_history{"question": "feels"'
_SHORT_ANSWER = 10
_OF_NOW = re.compile(
    r"\b(now|today|tonight|sudden\w*|since (this|last|yesterday)|unbearable|worst|fever|faint\w*|vomit\w*|bleed\w*|pee|"
    r"urin\w*|hours?|help|emergency|hospital|abhi|aaj|achanak|bukhar|khoon)\b",
    re.IGNORECASE,
)
"""Words with which an answer to "What is it like?" is more than that."""

TOPICS_DESPITE_CALM = 0.95
"""Confidence from which the topic classifier's word counts against a phrase that is known to be harmless."""

TOPICS_SURE = 0.6
"""Confidence from which the topic classifier's own word for danger counts as serious; below it is a concern."""


class Answers(Protocol):
    """What a turn needs of the assistant."""

    async def answer(self, conversation_id: str, text: str, state: str | None) -> Turn:
        """Replies to one message and the new state, from the state before it."""

    def interrupt(self, conversation_id: str, state: str | None) -> str | None:
        """The state with a running form put aside, so that the next message is not taken for its answer."""


class Reads(Protocol):
    """What a turn needs of the safety screen."""

    def read(self, text: str) -> list[Finding]:
        """What is alarming in a text."""

    def knows_as_calm(self, text: str) -> bool:
        """Whether it is a sentence that is known to be harmless."""


class Turns:
    """Takes turns."""

    def __init__(
        self,
        store: ConversationStore,
        assistant: Answers,
        screen: Reads,
        policy: SafetyPolicy,
        *,
        timeout: float,
        at_work: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Wire the parts.

        Args:
            timeout: seconds a turn may take before the visitor gets an apology.
            at_work: what the assistant's actions find around them during a turn, such as the directory.
        """
        self._at_work = at_work
        self._store = store
        self._assistant = assistant
        self._screen = screen
        self._policy = policy
        self._timeout = timeout

    async def take(self, message: Message) -> Outcome:
        """What one message leads to. Only the database's errors are raised."""
        standing = await self._store.standing(message.conversation_id)
        if standing is None:  # erased meanwhile; nothing will be stored either
            return Outcome(())
        if is_feedback(message.payload):
            return _counted(message.payload or "")
        outcome = await self._take(message, standing)
        if outcome.flags:
            wanted = {"why": Why.SAFETY.value, "level": max(flag.level for flag in outcome.flags)}
            outcome = replace(outcome, effects=(*outcome.effects, Effect(Keeps.PERSON_WANTED, wanted)))
        return outcome

    async def _take(self, message: Message, standing: Standing) -> Outcome:
        findings = await self._without_what_was_asked_for(message, self._read(message))
        watch = self._watch(standing)
        decision = self._decide(message, findings, watch, standing.state)
        if decision is None:
            # Everything failed: what to do in danger is still said, and a person will look.
            return Outcome((APOLOGY,), flags=self._flags([Finding(UNSCREENED, Level.SERIOUS, "failure")], standing))
        outcome = Outcome(decision.replies, flags=self._flags(decision.flags, standing))
        if decision.watch != watch:
            outcome = replace(outcome, watch=decision.watch.dump())
        # Also when the same danger is told again: an open form must not take it for its answer.
        if decision.alarm or (findings and decision.answer is None):
            outcome = replace(outcome, tracker=self._interrupted(message, standing))
        if decision.answer is None or standing.state is State.PERSON:
            return outcome
        return await self._answered(message, standing, decision, outcome)

    def _read(self, message: Message) -> list[Finding]:
        """What is alarming in a message: what was written, or what a button carries (its title is our own)."""
        findings: dict[str, Finding] = {}
        for value in _carried(message.payload) if message.payload is not None else [message.text]:
            for finding in self._screen.read(value):
                findings.setdefault(finding.category, finding)
        return list(findings.values())

    async def _without_what_was_asked_for(self, message: Message, findings: list[Finding]) -> list[Finding]:
        """Leave out what the learned part alone makes of a short answer to "What is it like?".

        "A sharp pain, like a knife" is what was asked for. What the lexicon knows, anything of now, and any other
        danger stay.
        """
        kinds = {(finding.category, finding.source) for finding in findings}
        return [] if kinds == {(_PAIN, "classifier")} and await self._tells_what_it_is_like(message) else findings

    async def _tells_what_it_is_like(self, message: Message) -> bool:
        """Whether a message is a short answer to "What is it like?" that says nothing of now."""
        if len(message.text.split()) > _SHORT_ANSWER or _OF_NOW.search(message.text):
            return False
        offered = await self._store.offered(message.conversation_id, message.position, replies=1)
        return any(_ASKS_FOR_PAIN in button.payload for button in offered)

    @staticmethod
    def _watch(standing: Standing) -> Watch:
        try:
            return Watch.load(standing.watch)
        except (ValueError, TypeError, KeyError):
            log.error("What was remembered of a conversation's dangers cannot be read.")
            return Watch()

    def _decide(self, message: Message, findings: Sequence[Finding], watch: Watch, state: State) -> Decision | None:
        try:
            return self._policy.decide(message.text, message.payload, message.position, findings, watch, state)
        except Exception as error:  # nobody in danger may be left without a word
            log.error("The safety policy failed: %s", type(error).__name__)
            return None

    @staticmethod
    def _flags(findings: Sequence[Finding], standing: Standing) -> tuple[Flag, ...]:
        action = "warned" if standing.state is State.PERSON else "answered"
        for finding in findings:
            metrics.ALARMS.labels(finding.category, Level(finding.level).word, finding.source).inc()
        return tuple(Flag(finding.category, int(finding.level), finding.source, action) for finding in findings)

    def _interrupted(self, message: Message, standing: Standing) -> str | None:
        try:
            return self._assistant.interrupt(message.conversation_id, standing.tracker)
        except Exception as error:
            log.error("A running form could not be put aside: %s", type(error).__name__)
            return None

    async def _answered(self, message: Message, standing: Standing, decision: Decision, outcome: Outcome) -> Outcome:
        """The outcome with the assistant's replies to the message, or to the earlier one that waited."""
        asked = message
        if decision.answer != message.position and decision.answer is not None:
            asked = await self._store.at(message.conversation_id, decision.answer) or message
        turn = await self._turn(message, asked, standing)
        turn = replace(turn, effects=(*turn.effects, *await misses(self._store, asked, turn)))
        outcome = replace(outcome, language=turn.language)
        found = self._danger_seen_by_topics(turn)
        if found is not None and (
            (found.category == _PAIN and await self._tells_what_it_is_like(message))
            or (found.confidence < TOPICS_DESPITE_CALM and self._screen.knows_as_calm(asked.text))
        ):
            found = None
        if found is None:
            replies = self._policy.for_minors(turn.replies, decision.watch)
            if replies is not turn.replies:
                # What was withheld was not asked either: no form stays open, nothing of it is kept.
                # A consent that is taken back is taken back at any age.
                less = tuple(effect for effect in turn.effects if _stays(effect))
                return replace(outcome, replies=(*outcome.replies, *replies), tracker=standing.tracker, effects=less)
            return replace(outcome, replies=(*outcome.replies, *replies), tracker=turn.tracker, effects=turn.effects)
        if asked is not message:
            # She wants to go on, and the message that waited was the alarming one.
            return replace(outcome, replies=self._policy.gone_on(decision.watch))
        raised = self._decide(message, [found], decision.watch, standing.state)
        if raised is None:
            replies = (*outcome.replies, *turn.replies)
            return replace(outcome, replies=replies, tracker=turn.tracker, effects=turn.effects)
        return Outcome(
            (*outcome.replies, *raised.replies),
            tracker=self._interrupted(message, standing),
            watch=raised.watch.dump(),
            flags=(*outcome.flags, *self._flags(raised.flags, standing)),
        )

    @staticmethod
    def _danger_seen_by_topics(turn: Turn) -> Finding | None:
        """The topic classifier knows dangers too; what it sees and the screen did not is an alarm as well."""
        category = str(turn.understood.get("name") or "")
        if category not in CATEGORIES:
            return None
        confidence = float(turn.understood.get("confidence") or 0.0)
        return Finding(category, Level.SERIOUS if confidence >= TOPICS_SURE else Level.CONCERN, "topics", confidence)

    async def _typed_choice(self, message: Message) -> str | None:
        """The payload of the choice that was typed instead of pressed."""
        typed = " ".join(re.findall(r"\w+", message.text.lower()))
        if not 0 < len(typed) <= _LONGEST_TITLE:
            return None
        # An answer to a form's question is one only while that question is the last thing that was said.
        latest = await self._store.offered(message.conversation_id, message.position, replies=1)
        open_now = {button.payload for button in latest}
        for button in await self._store.offered(message.conversation_id, message.position):
            if is_feedback(button.payload) or (
                button.payload.startswith("/answer_") and button.payload not in open_now
            ):
                continue
            if typed == " ".join(re.findall(r"\w+", button.title.lower())):
                return button.payload
        return None

    async def _turn(self, message: Message, asked: Message, standing: Standing) -> Turn:
        """The assistant's turn, or an apology when it fails."""
        if message.attempts >= MAX_ATTEMPTS:
            log.error("A message was given up after %d attempts.", message.attempts)
            return Turn((APOLOGY,))
        text = asked.payload or await self._typed_choice(asked) or typed_code(asked.text) or typed_text(asked.text)
        try:
            async with asyncio.timeout(self._timeout):
                with self._at_work():
                    turn = await self._assistant.answer(message.conversation_id, text, standing.tracker)
            if turn.replies:
                return turn
            log.error("The assistant said nothing.")
        except Exception as error:  # whatever went wrong, the visitor gets a word
            log.error("The assistant failed: %s", type(error).__name__)
        metrics.FAILED_TURNS.inc()
        return Turn((APOLOGY,))


def _stays(effect: Effect) -> bool:
    """Whether an effect holds although the replies were withheld: it takes something back, or asks for a person."""
    if effect.keeps in (Keeps.HISTORY_DELETED, Keeps.PERSON_WANTED):
        return True
    return effect.keeps is Keeps.HISTORY_SHARED and not effect.data["shared"]


def _counted(payload: str) -> Outcome:
    """Whether a talk with a person helped: counted, with a word of thanks."""
    score = next((score for score in FEEDBACK_SCORES if payload == feedback_payload(score)), None)
    thanks = knowledge().in_turn("utter_feedback_thanks", 0).text.strip()
    kept = () if score is None else (Effect(Keeps.FEEDBACK, {"score": int(score)}),)
    return Outcome((Reply(thanks, "talk_to_human"),), effects=kept)


def _carried(payload: str | None) -> list[str]:
    """The texts inside a button's payload; a forged button may carry anything."""
    if payload is None or "{" not in payload:
        return []
    try:
        entities = json.loads(payload[payload.index("{") :])
    except ValueError:
        return [payload]
    return [value for value in entities.values() if isinstance(value, str)] if isinstance(entities, dict) else []
