"""The assistant: one message and its state in, replies and the new state out. It keeps nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from bot.assistant.quiet import keep_quiet
from bot.model import Button, Effect, Keeps, Reply, Turn

keep_quiet()

from rasa.core.agent import Agent  # noqa: E402
from rasa.core.channels.channel import OutputChannel, UserMessage  # noqa: E402
from rasa.engine.exceptions import GraphComponentException  # noqa: E402
from rasa.exceptions import ModelNotFound  # noqa: E402
from rasa.shared.core.constants import ACTION_LISTEN_NAME  # noqa: E402
from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet  # noqa: E402
from rasa.shared.core.trackers import DialogueStateTracker  # noqa: E402

from actions.memory import MISSED  # noqa: E402
from bot.assistant.in_process import InProcessActions  # noqa: E402
from bot.assistant.tracker import TurnState, TurnTrackerStore, dump, enter, load  # noqa: E402
from bot.nlu.topic_classifier import TOPIC_RANKING  # noqa: E402
from bot.safety.component import NoSafetyModel, screen_of  # noqa: E402
from bot.safety.screen import SafetyScreen  # noqa: E402

OUTBOX = "outbox"
"""The slot in which actions leave what is to be stored with the turn."""


class AssistantError(Exception):
    """The assistant cannot work; the message says why. Final."""


class NothingSaid(AssistantError):
    """A message led to no reply: an action failed (its own error is logged by Rasa)."""


class _Replies(OutputChannel):
    """Collects what the assistant says in one turn, with the topic of each bubble."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []

    @classmethod
    def name(cls) -> str:
        """The channel's name as Rasa's responses know it."""
        return "bot"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Take one bubble; ``metadata`` is what the action said about it."""
        buttons = tuple(Button(button["title"], button["payload"]) for button in message.get("buttons") or ())
        metadata = message.get("metadata") or message
        self.replies.append(Reply(message.get("text") or "", str(metadata.get("topic") or "clarify"), buttons))


class Assistant:
    """Rasa's agent, embedded."""

    def __init__(self, agent: Agent, screen: SafetyScreen) -> None:
        if agent.processor is None or agent.domain is None:
            raise AssistantError("The model could not be loaded.")
        self._processor = agent.processor
        self._domain = agent.domain
        self.screen = screen
        """The safety screen trained with this model. It works without Rasa and is asked apart from it."""

    @classmethod
    def load(cls, model: Path) -> Assistant:
        """Load a trained model (2 to 4 seconds).

        Raises:
            AssistantError: the file is not a model of this version.
        """
        try:
            agent = Agent.load(model, tracker_store=TurnTrackerStore(None), action_endpoint=InProcessActions())
            screen = screen_of(model)
        except (ModelNotFound, GraphComponentException, NoSafetyModel, OSError) as error:
            raise AssistantError(f"The model {model} could not be loaded: {error}") from error
        # Our matrices are small: more threads only wait for each other, busily (a third of all processor time).
        threadpool_limits(1, user_api="blas")
        return cls(agent, screen)

    async def answer(self, conversation_id: str, text: str, state: str | None) -> Turn:
        """Answer one message.

        Args:
            text: what the person wrote, or the payload of the button she chose.
            state: the ``tracker`` of the last turn of this conversation; nothing at its beginning.

        Raises:
            NothingSaid: no reply came of it; the state is unchanged.
        """
        return await asyncio.create_task(self._answer(conversation_id, text, state))

    async def _answer(self, conversation_id: str, text: str, state: str | None) -> Turn:
        # A task of its own, so that the tracker store of this turn is seen by this turn only.
        turn = TurnState(state)
        enter(turn)
        output = _Replies()
        await self._processor.handle_message(
            UserMessage(text, output, conversation_id, input_channel=output.name(), metadata={"screened": True})
        )
        if not output.replies or turn.saved is None:
            raise NothingSaid("No reply was given.")
        latest = turn.saved.latest_message
        intent = dict(latest.intent or {}) if latest else {}
        language = (latest.parse_data or {}).get("language") if latest else None
        effects = self._taken_from_outbox(turn.saved)
        return Turn(tuple(output.replies), dump(turn.saved), intent, language, effects)

    def _taken_from_outbox(self, tracker: DialogueStateTracker) -> tuple[Effect, ...]:
        """What the actions of this turn want kept; the slot is empty afterwards."""
        rows = tracker.get_slot(OUTBOX) or []
        if rows:
            tracker.update(SlotSet(OUTBOX, None), self._domain)
        return tuple(Effect(Keeps(row["keeps"]), row["data"]) for row in rows)

    async def best_topics(self, text: str, *, most: int = 3) -> list[tuple[str, float]]:
        """What a text is most likely about: names of topics as answers have them, with confidences, the best first."""
        parsed = await self._processor.parse_message(
            UserMessage(text, input_channel="bot", metadata={"screened": True}), only_output_properties=True
        )
        found = []
        for row in parsed.get(TOPIC_RANKING) or []:
            intent, _, key = str(row["topic"]).partition("/")
            if intent == "ask" and key:
                found.append((key, float(row["confidence"])))
        return found[:most]

    def told(self, conversation_id: str, state: str | None, topics: Sequence[str]) -> str | None:
        """The state after a person has answered: forms put aside, misses settled, and these topics count as answered.

        So the assistant does not begin again where a person stopped, and says what she said in other words.
        """
        after = self.interrupt(conversation_id, state) or state
        if after is None:
            return None
        tracker = load(conversation_id, after, self._domain)
        heard = {**(tracker.get_slot("heard") or {}), MISSED: 0}  # what was missed before is settled
        for topic in topics:
            heard[topic] = heard.get(topic, 0) + 1
            heard[f"{topic}:full"] = heard.get(f"{topic}:full", 0) + 1
        tracker.update(SlotSet("heard", heard), self._domain)
        if topics:
            tracker.update(SlotSet("last_topic", topics[-1]), self._domain)
        tracker.update(ActionExecuted(ACTION_LISTEN_NAME), self._domain)
        return dump(tracker)

    def interrupt(self, conversation_id: str, state: str | None) -> str | None:
        """The state with a running form put aside: the next message is not taken for the answer to its question.

        Which form it was is kept in the slot ``paused_form``, so that it can be taken up again.
        """
        if state is None:
            return None
        tracker = load(conversation_id, state, self._domain)
        if tracker.active_loop is None:
            return None
        paused = tracker.active_loop.name
        for event in (
            SlotSet("paused_form", paused),
            SlotSet("requested_slot", None),
            ActiveLoop(None),
            ActionExecuted(ACTION_LISTEN_NAME),
        ):
            tracker.update(event, self._domain)
        return dump(tracker)
