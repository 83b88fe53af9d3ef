"""A crisis in the middle of a form: a small assistant with a real form of Rasa, behind the real service."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.app import make_service
from bot.assistant.agent import Assistant
from bot.conversation.events import Listeners
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from tests.integration.processes import environment, run
from tests.integration.project import small_project
from tests.integration.stored import inbound, on_sqlite, tracker_of

pytestmark = [pytest.mark.timeout(600), on_sqlite]

FORM = "history_form"
RULES = f"""
version: "3.1"
rules:
- rule: the form begins
  steps:
  - intent: talk_to_human
  - action: {FORM}
  - active_loop: {FORM}
"""


@pytest.fixture
def with_form(tmp_path: Path) -> Assistant:
    """An assistant that begins a form when a person is asked for."""
    folder = small_project(tmp_path / "project")
    domain = yaml.safe_load((folder / "domain.yml").read_text(encoding="utf-8"))
    mapping = {"type": "from_text", "conditions": [{"active_loop": FORM, "requested_slot": "began"}]}
    domain["slots"]["began"] = {"type": "text", "influence_conversation": False, "mappings": [mapping]}
    domain["forms"] = {FORM: {"required_slots": ["began"]}}
    domain["responses"] = {"utter_ask_began": [{"text": "When did it begin?"}]}
    (folder / "domain.yml").write_text(yaml.safe_dump(domain, sort_keys=False), encoding="utf-8")
    file = folder / "data" / "rules.yml"
    rules = yaml.safe_load(file.read_text(encoding="utf-8"))["rules"]
    kept = [rule for rule in rules if rule["steps"][0]["intent"] != "talk_to_human"] + yaml.safe_load(RULES)["rules"]
    file.write_text(yaml.safe_dump({"version": "3.1", "rules": kept}, sort_keys=False), encoding="utf-8")
    result = run("rasa", "train", env=environment(tmp_path / "home"), cwd=folder)
    assert result.returncode == 0, (result.stdout + result.stderr)[-3000:]
    (trained,) = (folder / "models").glob("*.tar.gz")
    return Assistant.load(trained)


async def test_a_crisis_inside_a_form_is_answered_and_is_not_the_forms_answer(
    settings: Settings, store: ConversationStore, with_form: Assistant
) -> None:
    service = make_service(settings, store, with_form, Listeners())
    conversation = await service.start("web")

    async def say(text: str | None = None, payload: str | None = None) -> list[str | None]:
        message = await service.receive(conversation, "web", inbound(conversation, text, payload=payload))
        return [f"{reply.topic}: {reply.text}" for reply in await service.replies(message)]

    (asked,) = await say(payload="/talk_to_human")
    assert asked is not None
    assert asked.endswith("When did it begin?")
    alarm = await say("after the birth. i want to kill myself")
    assert all(str(reply).startswith("safety_suicide") for reply in alarm)
    state = await tracker_of(store, conversation) or ""
    assert f'"name":"paused_form","value":"{FORM}"' in state.replace(": ", ":")
    assert "kill myself" not in state
    later = await say("thanks")
    assert "When did it begin?" not in str(later)
