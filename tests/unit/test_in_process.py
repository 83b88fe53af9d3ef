"""Actions in our process give what the real action server gives over HTTP, without the way there."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jsonschema import ValidationError, validate
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig

from actions.knowledge import knowledge
from bot.assistant.agent import Assistant, NothingSaid
from bot.assistant.in_process import InProcessActions
from bot.assistant.training import PROJECT
from tests.provide import free_port

PACKAGE = "tests.unit.odd_actions"

SAID = [
    ("action_answer", "ask/types", {}),
    ("action_answer", "ask/types", {"heard": {"types": 1}, "last_topic": "types"}),
    ("action_answer", "ask/physio", {"asker": "partner"}),
    ("action_answer", "ask/no_such_topic", {}),
    ("action_follow_up", "follow_up/more", {"last_topic": "causes"}),
    ("action_follow_up", "follow_up/acquired", {"last_topic": "causes", "previous_topic": "types"}),
    ("action_follow_up", "follow_up/back", {"last_topic": "causes", "previous_topic": "types"}),
    ("action_follow_up", "follow_up/more", {}),
    ("action_clarify", "nlu_fallback", {"heard": {"clarify": 2}}),
    ("action_say", "smalltalk/thanks", {}),
    ("action_say", "talk_to_human", {"heard": {"utter_talk_to_human": 1}}),
    ("action_say", "safety_bleeding", {}),
    ("action_say", "oos_general", {}),
    ("action_say", "no_such_intent", {}),
]


@pytest.fixture(scope="module")
def domain() -> Domain:
    """The project's domain."""
    return Domain.load(str(PROJECT / "domain.yml"))


@pytest.fixture(scope="module")
def server() -> Iterator[EndpointConfig]:
    """The real action server of rasa_sdk, as ``rasa run actions`` starts it."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "rasa_sdk", "--actions", PACKAGE, "--port", str(port)],
        cwd=PROJECT,
        env={**os.environ, "SANIC_HOST": "127.0.0.1", "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None, "the action server did not start"
                assert time.monotonic() < until, "the action server does not answer"
                time.sleep(0.2)
        yield EndpointConfig(f"http://127.0.0.1:{port}/webhook", enable_selective_domain=True)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
async def malformed() -> AsyncIterator[EndpointConfig]:
    """An action server whose results are not what Rasa expects."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"events": [{"event": "slot", "name": 7}], "responses": "none"})

    app = web.Application()
    app.add_routes([web.post("/webhook", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield EndpointConfig(f"http://127.0.0.1:{runner.addresses[0][1]}/webhook")
    await runner.cleanup()


def conversation(domain: Domain, intent: str, slots: dict[str, Any]) -> DialogueStateTracker:
    """A tracker whose latest message was understood as ``intent``."""
    base = intent.split("/")[0]
    understood = {"name": base, "confidence": 0.4, "full_retrieval_intent_name": intent if "/" in intent else None}
    parsed = {
        "intent": understood,
        "entities": [],
        "text": "what about me",
        # Unsure and with a second question, so that these are handed to the action too.
        "topic_ranking": [{"topic": intent, "confidence": 0.4}, {"topic": "ask/botox", "confidence": 0.3}],
        "also_asked": ["ask/privacy"] if intent == "ask/physio" else [],
    }
    events: list[Event] = [
        ActionExecuted("action_listen"),
        *(SlotSet(name, value) for name, value in slots.items()),
        UserUttered("what about me", understood, [], parsed),
    ]
    return DialogueStateTracker.from_events("someone", events, slots=domain.slots)


async def run(endpoint: EndpointConfig, action: str, domain: Domain, tracker: DialogueStateTracker) -> list[Any]:
    """The events that Rasa makes of an action's result, without their times."""
    events = await RemoteAction(action, endpoint).run(CollectingOutputChannel(), None, tracker, domain)
    return [{key: value for key, value in event.as_dict().items() if key != "timestamp"} for event in events]


@pytest.mark.parametrize(("action", "intent", "slots"), SAID)
async def test_the_responses_and_events_are_those_of_the_action_server(
    server: EndpointConfig, domain: Domain, action: str, intent: str, slots: dict[str, Any]
) -> None:
    here = await run(InProcessActions(), action, domain, conversation(domain, intent, slots))
    there = await run(server, action, domain, conversation(domain, intent, slots))
    assert here == there
    assert [event for event in here if event["event"] == "bot"], "something is said"


async def test_every_answer_is_the_same_here_and_there(server: EndpointConfig, domain: Domain) -> None:
    topics = [name.removeprefix("utter_") for name, _ in knowledge() if name.startswith("utter_ask/")]
    here = InProcessActions()
    for topic in topics[::6]:
        tracker = conversation(domain, topic, {})
        assert await run(here, "action_answer", domain, tracker) == await run(server, "action_answer", domain, tracker)


@pytest.mark.parametrize(("action", "intent", "slots"), SAID)
async def test_results_in_process_fit_the_schema_that_is_not_checked_there(
    domain: Domain, action: str, intent: str, slots: dict[str, Any]
) -> None:
    call = {"next_action": action, "sender_id": "someone"}
    tracker = conversation(domain, intent, slots).current_state()
    result = await InProcessActions().request(json={**call, "tracker": {**tracker, "events": []}})
    validate(result, RemoteAction.action_response_format_spec())


async def test_the_schema_is_still_checked_for_other_servers(malformed: EndpointConfig, domain: Domain) -> None:
    InProcessActions()  # changes the check for itself only
    with pytest.raises(ValidationError):
        await run(malformed, "action_say", domain, conversation(domain, "ask/types", {}))


async def test_an_action_that_rejects_is_rejected_here_and_there(server: EndpointConfig, domain: Domain) -> None:
    for endpoint in (InProcessActions(PACKAGE), server):
        with pytest.raises(ActionExecutionRejection) as rejection:
            await run(endpoint, "action_that_rejects", domain, conversation(domain, "ask/types", {}))
        assert rejection.value.action_name == "action_that_rejects"


@pytest.mark.parametrize("action", ["action_that_fails", "action_that_does_not_exist"])
async def test_an_action_that_cannot_run_is_an_error_here_and_there(
    server: EndpointConfig, domain: Domain, action: str
) -> None:
    tracker = conversation(domain, "ask/types", {})
    with pytest.raises(RasaException):
        await run(server, action, domain, tracker)
    with pytest.raises(Exception, match=r"cannot read|No registered action"):
        await run(InProcessActions(PACKAGE), action, domain, tracker)


async def test_an_action_that_fails_leaves_no_words_in_the_log(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.assistant.agent.InProcessActions", lambda: Failing())
    assistant = Assistant.load(model)
    with caplog.at_level(logging.DEBUG), pytest.raises(NothingSaid):
        await assistant.answer("someone", "what is vaginismus, says the purple walrus", None)
    logged = caplog.text
    assert "action_answer" in logged
    assert "ValueError" in logged
    assert "walrus" not in logged


class Failing(InProcessActions):
    """Runs the action that fails instead of any other."""

    def __init__(self) -> None:
        super().__init__(PACKAGE)

    async def request(self, method: str = "post", subpath: str | None = None, **kwargs: Any) -> Any:
        """Run ``action_that_fails``."""
        return await super().request(method, subpath, json={**kwargs["json"], "next_action": "action_that_fails"})
