"""Conversations of several turns along the production path, as ``tests/conversation/*.yml`` describe them.

A file of ours holds a list of conversations; files with ``version:`` are Rasa's own test stories and left to Rasa. A
conversation has a ``name`` that no other has, and ``turns``. What a turn may say::

    says: TEXT              what the visitor writes, or
    presses: BUTTON         which button below the last reply, by title or payload; of a list the first that is there

    topic: ID               of the first bubble; or a list of which any will do
    topics: [ID, ...]       of all bubbles in their order, each once
    offers: [BUTTON, ...]   buttons that are below the last bubble, by title or payload
    min_buttons: NUMBER     as many buttons below the last bubble, or more
    contains: TEXT          in some bubble; case does not matter
    lacks: TEXT             in no bubble; case does not matter
    not_repeated: true      no bubble was said before in this conversation
    shorter: true           fewer words than what was said about the same topic before

Whatever is expected besides: every turn says something, and never the apology for an assistant that failed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from bot.app import make_service, open_store
from bot.assistant.agent import Assistant
from bot.assistant.training import PROJECT
from bot.commands.throwaway import visitor
from bot.conversation.events import Listeners
from bot.conversation.service import ConversationService
from bot.conversation.turn import APOLOGY
from bot.model import Button, Message, Reply, Sender, now
from tests.conftest import settings_for
from tests.integration.stored import reply

HERE = Path(__file__).parent
ENOUGH = 60
"""Conversations that there must be, so that a file that is no longer found does not go unnoticed."""


# Reading the files


class BadConversation(ValueError):
    """A file has not the form described above; the message says where."""


@dataclass(frozen=True)
class Step:
    """One turn: what the visitor does, and what is expected of the replies."""

    says: str = ""
    presses: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    min_buttons: int = 0
    contains: str = ""
    lacks: str = ""
    not_repeated: bool = False
    shorter: bool = False


@dataclass(frozen=True)
class Conversation:
    """A name that says how the assistant behaves, and the turns that show it."""

    file: str
    name: str
    steps: tuple[Step, ...]


def load(folder: Path) -> list[Conversation]:
    """The conversations of all files of ours in a folder.

    Raises:
        BadConversation: something is missing, unknown, of the wrong kind, or a name is there twice.
    """
    found: list[Conversation] = []
    for file in sorted(folder.glob("*.yml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        if isinstance(content, dict) and "version" in content:
            continue
        if not isinstance(content, list):
            raise BadConversation(f"{file.name}: neither a list of conversations nor stories of Rasa")
        for row in content:
            conversation = _conversation(row, file.name)
            if any(other.name == conversation.name for other in found):
                raise BadConversation(f"{file.name}: {conversation.name!r} is there twice")
            found.append(conversation)
    return found


def _conversation(row: Any, file: str) -> Conversation:
    name, turns = (row.get("name"), row.get("turns")) if isinstance(row, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(turns, list) or not turns:
        raise BadConversation(f"{file}: a conversation without name or turns: {str(row)[:80]}")
    if unknown := set(row) - {"name", "turns"}:
        raise BadConversation(f"{file}: {name!r}: unknown: {', '.join(sorted(map(str, unknown)))}")
    return Conversation(
        file, name, tuple(_step(turn, f"{file}: {name!r}, turn {i}") for i, turn in enumerate(turns, 1))
    )


def _step(row: Any, where: str) -> Step:
    if not isinstance(row, dict):
        raise BadConversation(f"{where}: not a turn")
    if unknown := set(row) - set(Step.__dataclass_fields__):
        raise BadConversation(f"{where}: unknown: {', '.join(sorted(map(str, unknown)))}")
    values: dict[str, Any] = {key: _value(key, value, where) for key, value in row.items()}
    if ("says" in values) == ("presses" in values):
        raise BadConversation(f"{where}: either says or presses")
    step = Step(**values)
    if strange := {*step.topic, *step.topics} - known_topics():
        raise BadConversation(f"{where}: no such topic: {', '.join(sorted(strange))}")
    return step


def _value(key: str, value: Any, where: str) -> str | int | bool | tuple[str, ...]:
    match key:
        case "says" | "contains" | "lacks" if isinstance(value, str) and value:
            return value
        case "topic" | "presses" if isinstance(value, str) and value:
            return (value,)
        case "topic" | "presses" | "topics" | "offers" if isinstance(value, list) and value:
            if all(isinstance(part, str) and part for part in value):
                return tuple(value)
        case "min_buttons" if isinstance(value, int) and value is not True and value > 0:
            return value
        case "not_repeated" | "shorter" if value is True:
            return True
    raise BadConversation(f"{where}: {key} cannot be {value!r} (a text that YAML reads otherwise needs quotes)")


def known_topics() -> set[str]:
    """The ids of the contract that a reply may carry."""
    content = yaml.safe_load((PROJECT / "data" / "knowledge" / "topics.yml").read_text(encoding="utf-8"))
    return {topic for part in content.values() for topic in part}


# Going through a conversation


class Says(Protocol):
    """The visitor's end of a conversation."""

    async def say(self, text: str | None = None, *, payload: str | None = None) -> list[Message]:
        """Send a text or a button's payload and return the replies."""


class Talk:
    """A conversation as it goes on: takes turns, says what is not as expected, and can be shown."""

    def __init__(self, visitor: Says) -> None:
        self._visitor = visitor
        self._lines: list[str] = []
        self._buttons: tuple[Button, ...] = ()
        self._said: set[str] = set()
        self._words: dict[str, int] = {}

    def __str__(self) -> str:
        return "\n".join(self._lines)

    async def take(self, step: Step) -> list[str]:
        """Take a turn; what is not as expected, nothing if all is."""
        replies: Sequence[Message]
        if step.says:
            self._lines.append(f"> {step.says}")
            replies = await self._visitor.say(step.says)
        else:
            pressed = _first(self._buttons, step.presses)
            if pressed is None:
                self._lines.append(f"> [{' | '.join(step.presses)}]")
                return [f"there is no button {' or '.join(step.presses)} to press"]
            self._lines.append(f"> [{pressed.title}]")
            replies = await self._visitor.say(payload=pressed.payload)
        self._lines += [_shown(said) for said in replies]
        if not replies or not all(said.text.strip() for said in replies):
            return ["nothing was said"]
        wrong = [*self._wrong_topics(step, replies), *self._wrong_words(step, replies)]
        self._buttons = replies[-1].buttons
        return [*wrong, *self._wrong_buttons(step)]

    @staticmethod
    def _wrong_topics(step: Step, replies: Sequence[Message]) -> Iterator[str]:
        topics = tuple(dict.fromkeys(str(said.topic) for said in replies))
        if step.topic and topics[0] not in step.topic:
            yield f"the topic is {topics[0]}, not {' or '.join(step.topic)}"
        if step.topics and topics != step.topics:
            yield f"the topics are {', '.join(topics)}, not {', '.join(step.topics)}"

    def _wrong_words(self, step: Step, replies: Sequence[Message]) -> Iterator[str]:
        everything = [_plain(said.text) for said in replies]
        if _plain(APOLOGY.text) in everything:
            yield "the assistant failed"
        if step.contains and not any(_plain(step.contains) in text for text in everything):
            yield f"nowhere is said: {step.contains}"
        if step.lacks and any(_plain(step.lacks) in text for text in everything):
            yield f"it should not be said: {step.lacks}"
        for said, text in zip(replies, everything, strict=True):
            if step.not_repeated and text in self._said:
                yield f"it was said before: {said.text[:60]}"
            self._said.add(text)
        topic, words = str(replies[0].topic), sum(len(text.split()) for text in everything)
        if step.shorter and topic not in self._words:
            yield f"nothing was said about {topic} before that this could be shorter than"
        elif step.shorter and words >= self._words[topic]:
            yield f"{words} words are not fewer than the {self._words[topic]} said about {topic} before"
        self._words[topic] = max(words, self._words.get(topic, 0))

    def _wrong_buttons(self, step: Step) -> Iterator[str]:
        for wanted in step.offers:
            if _first(self._buttons, (wanted,)) is None:
                yield f"not offered: {wanted}"
        if len(self._buttons) < step.min_buttons:
            yield f"there are {len(self._buttons)} buttons, not {step.min_buttons} or more"


def _first(buttons: Sequence[Button], wanted: Sequence[str]) -> Button | None:
    """The button of the first title or payload that is there."""
    return next((button for name in wanted for button in buttons if name in (button.title, button.payload)), None)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _shown(said: Message) -> str:
    lines = [f"  {said.topic}: {said.text}"]
    if said.buttons:
        lines.append("  " + " ".join(f"[{button.title}: {button.payload}]" for button in said.buttons))
    return "\n".join(lines)


async def trouble_in(conversation: Conversation, visitor: Says) -> str:
    """Go through a conversation until something is not as expected: the talk so far and what; empty if all is well."""
    talk = Talk(visitor)
    for number, step in enumerate(conversation.steps, start=1):
        if wrong := await talk.take(step):
            what = "\n".join(f"- {line}" for line in wrong)
            return f"{conversation.file}: {conversation.name}\n\n{talk}\n\nIn turn {number}:\n{what}"
    return ""


# The conversations

CONVERSATIONS = load(HERE)


@pytest.fixture(scope="module")
async def service(assistant: Assistant, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ConversationService]:
    """The service with the real model on an empty SQLite file."""
    settings = settings_for(tmp_path_factory.mktemp("conversations"))
    async with open_store(settings) as store, make_service(settings, store, assistant, Listeners()) as made:
        yield made


@pytest.mark.parametrize("conversation", [pytest.param(row, id=row.name) for row in CONVERSATIONS])
async def test_a_conversation_goes_as_it_should(conversation: Conversation, service: ConversationService) -> None:
    trouble = await trouble_in(conversation, await visitor(service))
    if trouble:
        pytest.fail(trouble, pytrace=False)


def test_there_are_enough_conversations_and_each_has_several_turns() -> None:
    assert len(CONVERSATIONS) >= ENOUGH
    assert [row.name for row in CONVERSATIONS if len(row.steps) < 2] == []


def test_the_last_turn_of_every_conversation_expects_something() -> None:
    doing = ("says", "presses")
    idle = [
        row.name
        for row in CONVERSATIONS
        if not any(value for key, value in vars(row.steps[-1]).items() if key not in doing)
    ]
    assert idle == []


# The runner itself


class Scripted:
    """A visitor who gets replies that are written down here, whatever she says."""

    def __init__(self, *turns: Sequence[Reply]) -> None:
        self._turns = list(turns)
        self.heard: list[str | None] = []

    async def say(self, text: str | None = None, *, payload: str | None = None) -> list[Message]:
        """The replies of the next turn."""
        self.heard.append(text if text is not None else payload)
        return [
            Message("c", i, str(i), Sender.ASSISTANT, said.text, now(), buttons=said.buttons, topic=said.topic)
            for i, said in enumerate(self._turns.pop(0))
        ]


MORE, PERSON = ("Tell more", '/ask{"topic": "physio"}'), ("Talk to a person", "/talk_to_human")
FIRST = (
    reply("A physiotherapist helps.", topic="physio"),
    reply("Step by  step.", topic="physio"),
    reply("Or this?", MORE, PERSON, topic="botox"),
)
AGAIN = (reply("She helps.", PERSON, topic="physio"),)


def conversation_of(*turns: dict[str, Any]) -> Conversation:
    """A conversation read from rows as a file has them."""
    return _conversation({"name": "somebody asks", "turns": list(turns)}, "some.yml")


ASKS = {"says": "what does she do"}


@pytest.mark.parametrize(
    "expected",
    [
        {"topic": "physio"},
        {"topic": ["botox", "physio"]},
        {"topics": ["physio", "botox"]},
        {"offers": ["Tell more", "/talk_to_human"]},
        {"min_buttons": 2},
        {"contains": "a PHYSIOTHERAPIST helps"},
        {"contains": "step by step"},
        {"lacks": "surgery"},
        {"not_repeated": True},
    ],
)
async def test_what_is_as_expected_passes(expected: dict[str, Any]) -> None:
    assert await trouble_in(conversation_of({**ASKS, **expected}), Scripted(FIRST)) == ""


@pytest.mark.parametrize(
    ("expected", "what"),
    [
        ({"topic": "botox"}, "the topic is physio, not botox"),
        ({"topic": ["botox", "types"]}, "the topic is physio, not botox or types"),
        ({"topics": ["physio"]}, "the topics are physio, botox, not physio"),
        ({"topics": ["botox", "physio"]}, "the topics are physio, botox, not botox, physio"),
        ({"offers": ["Tell more", "Tell less"]}, "not offered: Tell less"),
        ({"min_buttons": 3}, "there are 2 buttons, not 3 or more"),
        ({"contains": "surgery"}, "nowhere is said: surgery"),
        ({"lacks": "STEP by step"}, "it should not be said: STEP by step"),
        ({"shorter": True}, "nothing was said about physio before"),
    ],
)
async def test_a_wrong_expectation_fails_and_shows_the_talk_so_far(expected: dict[str, Any], what: str) -> None:
    trouble = await trouble_in(conversation_of({**ASKS, **expected}), Scripted(FIRST))
    assert trouble.startswith("some.yml: somebody asks\n")
    assert "> what does she do\n  physio: A physiotherapist helps.\n" in trouble
    assert "[Talk to a person: /talk_to_human]" in trouble
    assert f"In turn 1:\n- {what}" in trouble


@pytest.mark.parametrize(
    ("second", "then", "what"),
    [
        (AGAIN, {"not_repeated": True, "shorter": True}, ""),
        (FIRST, {"not_repeated": True}, "it was said before: A physiotherapist helps."),
        (FIRST, {"shorter": True}, "8 words are not fewer than the 8 said about physio before"),
        ((), {}, "nothing was said"),
        ((reply(" ", topic="physio"),), {}, "nothing was said"),
        ((APOLOGY,), {"topic": "clarify"}, "the assistant failed"),
    ],
)
async def test_a_later_turn_is_judged_by_what_was_said_before(
    second: Sequence[Reply], then: dict[str, Any], what: str
) -> None:
    trouble = await trouble_in(conversation_of(ASKS, {**ASKS, **then}), Scripted(FIRST, second))
    assert (f"In turn 2:\n- {what}" in trouble) if what else (trouble == "")


async def test_the_talk_ends_at_the_first_turn_that_goes_wrong() -> None:
    somebody = Scripted(FIRST, AGAIN)
    assert "In turn 1:" in await trouble_in(conversation_of({**ASKS, "topic": "botox"}, ASKS), somebody)
    assert somebody.heard == ["what does she do"]


@pytest.mark.parametrize("presses", ["Talk to a person", "/talk_to_human", ["Something else", "Talk to a person"]])
async def test_a_button_is_pressed_by_what_it_carries(presses: str | list[str]) -> None:
    somebody = Scripted(FIRST, AGAIN)
    assert await trouble_in(conversation_of(ASKS, {"presses": presses}), somebody) == ""
    assert somebody.heard == ["what does she do", "/talk_to_human"]


async def test_a_button_that_is_not_below_the_last_reply_cannot_be_pressed() -> None:
    somebody = Scripted(FIRST, AGAIN)
    trouble = await trouble_in(conversation_of(ASKS, ASKS, {"presses": "Tell more"}), somebody)
    assert "In turn 3:\n- there is no button Tell more to press" in trouble
    assert len(somebody.heard) == 2


async def test_with_the_real_assistant_a_wrong_expectation_fails_too(service: ConversationService) -> None:
    right, wrong = (
        conversation_of({"says": "what is vaginismus?", "topic": topic}) for topic in ("what_is_vaginismus", "booking")
    )
    assert await trouble_in(right, await visitor(service)) == ""
    assert "the topic is what_is_vaginismus, not booking" in await trouble_in(wrong, await visitor(service))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("- {name: a, turns: [{says: hi, topc: smalltalk}]}", "'a', turn 1: unknown: topc"),
        ("- {name: a, turns: [{says: hi}], note: x}", "'a': unknown: note"),
        ("- {name: a, turns: [{says: hi, topic: smaltalk}]}", "no such topic: smaltalk"),
        ("- {name: a, turns: [{says: no}]}", "says cannot be False"),
        ("- {name: a, turns: [{says: hi, min_buttons: true}]}", "min_buttons cannot be True"),
        ("- {name: a, turns: [{says: hi, not_repeated: false}]}", "not_repeated cannot be False"),
        ("- {name: a, turns: [{says: hi, offers: []}]}", "offers cannot be []"),
        ("- {name: a, turns: [{says: hi, presses: Yes please}]}", "either says or presses"),
        ("- {name: a, turns: [{topic: physio}]}", "either says or presses"),
        ("- {name: a, turns: [hi]}", "'a', turn 1: not a turn"),
        ("- {name: a, turns: []}", "without name or turns"),
        ("- {name: a, turns: [{says: hi}]}\n- {name: a, turns: [{says: ho}]}", "'a' is there twice"),
        ("name: a", "neither a list of conversations nor stories of Rasa"),
    ],
)
def test_a_file_of_another_form_is_refused(content: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "some.yml").write_text(content, encoding="utf-8")
    with pytest.raises(BadConversation) as refused:
        load(tmp_path)
    assert str(refused.value).startswith("some.yml: ")
    assert what in str(refused.value)


def test_stories_of_rasa_are_left_to_rasa(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.yml").write_text('version: "3.1"\nstories: []\n', encoding="utf-8")
    (tmp_path / "ours.yml").write_text("- {name: a, turns: [{says: hi}]}", encoding="utf-8")
    assert [row.name for row in load(tmp_path)] == ["a"]
