"""The plain Rasa commands work on this project as they do on any other: train, validate, test, shell, run."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa.core.agent import Agent

from actions.knowledge import knowledge
from bot.assistant.training import PROJECT
from tests.integration.processes import COLOURS, Running, environment, run, running
from tests.integration.project import INTENTS, small_project
from tests.provide import free_port

pytestmark = pytest.mark.timeout(600)

STORIES = PROJECT / "tests" / "conversation"
QUESTION = "what is vaginismus?"
# Our actions choose the responses, so Rasa cannot know that they are used, nor that retrieval intents need no response
# action. Some intents are those of buttons only. What else it finds is a mistake in the data: an example with two
# meanings, for instance.
OUR_WAY = (
    r"The utterance 'utter_\w+' is not used in any story or rule\.",
    r"The following duplicated intents have been found across multiple domain files: "
    r"ask, follow_up, history, referral, smalltalk",
    r"The intent 'answer_(history|referral)' is listed in the domain file, but is not found in the NLU training data",
    r"Action 'utter_(ask|follow_up|history|referral|smalltalk)' is listed as a response action in the domain file, but "
    r"there is no",
)
WRONG = """
version: "3.1"
stories:
- story: a question is taken for small talk
  steps:
  - user: |
      what is vaginismus?
    intent: smalltalk/thanks
  - action: action_say
"""


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A clean environment; one home, so that what libraries cache there is made once."""
    return environment(tmp_path_factory.mktemp("rasa") / "home")


@pytest.fixture(scope="module")
def endpoints(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """``endpoints.yml`` with the address of a running ``rasa run actions``."""
    folder = tmp_path_factory.mktemp("actions")
    port = free_port()
    content = yaml.safe_load((PROJECT / "endpoints.yml").read_text(encoding="utf-8"))
    content["action_endpoint"]["url"] = f"http://127.0.0.1:{port}/webhook"
    file = folder / "endpoints.yml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    arguments = ("run", "actions", "--actions", "actions", "--port", str(port))
    with running("rasa", *arguments, env=env, log=folder / "log") as actions:
        actions.wait_for_http(f"http://127.0.0.1:{port}/health")
        yield file


def first_bubble() -> str:
    """The first words of the answer to :data:`QUESTION`."""
    return knowledge().answer("what_is_vaginismus").bubbles[0]


def test_the_data_are_valid(env: dict[str, str]) -> None:
    result = run("rasa", "data", "validate", env=env)
    said = COLOURS.sub("", result.stdout + result.stderr)
    assert result.returncode == 0, said
    assert "No story structure conflicts found." in said
    complaints = re.findall(r"rasa/shared/utils/io\.py:\d+: UserWarning: (.*)", said)
    assert not [complaint for complaint in complaints if not re.match("|".join(OUR_WAY), complaint)]


def test_rasas_own_runner_finds_every_conversation_as_it_should_be(
    model: Path, env: dict[str, str], tmp_path: Path
) -> None:
    stories = [
        story["story"]
        for file in sorted(STORIES.glob("test_*.yml"))
        for story in yaml.safe_load(file.read_text(encoding="utf-8"))["stories"]
    ]
    assert len(stories) == len(set(stories)) >= 12
    out = tmp_path / "results"
    arguments = ("test", "core", "--e2e", "--fail-on-prediction-errors", "--no-plot")
    result = run(
        "rasa", *arguments, "--stories", str(STORIES), "--model", str(model), "--out", str(out), env=env
    )  # fmt: skip
    said = COLOURS.sub("", result.stdout + result.stderr)
    assert result.returncode == 0, said[-3000:]
    assert re.search(
        rf"Evaluation Results on CONVERSATION level:\n.*Correct:\s+{len(stories)} / {len(stories)}\n", said
    )
    assert "None of the test stories failed" in (out / "failed_test_stories.yml").read_text(encoding="utf-8")


def test_rasas_own_runner_fails_on_a_wrong_prediction(model: Path, env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "test_wrong.yml").write_text(WRONG, encoding="utf-8")
    arguments = ("test", "core", "--e2e", "--fail-on-prediction-errors", "--no-plot")
    result = run(
        "rasa", *arguments, "--stories", str(tmp_path / "test_wrong.yml"), "--model", str(model),
        "--out", str(tmp_path / "results"), env=env,
    )  # fmt: skip
    assert result.returncode != 0
    assert "predicted: ask/what_is_vaginismus" in result.stdout + result.stderr


def test_every_conversation_names_actions_and_intents_that_exist() -> None:
    domain = yaml.safe_load((PROJECT / "domain.yml").read_text(encoding="utf-8"))
    intents = {name for intent in domain["intents"] for name in intent}
    for file in STORIES.glob("test_*.yml"):
        for story in yaml.safe_load(file.read_text(encoding="utf-8"))["stories"]:
            for step in story["steps"]:
                if "action" in step:
                    assert step["action"] in {*domain["actions"], *domain["forms"]}, story["story"]
                elif "intent" in step:
                    assert step["intent"].split("/")[0] in intents, story["story"]


def test_the_shell_answers_a_line(model: Path, endpoints: Path, env: dict[str, str], tmp_path: Path) -> None:
    arguments = ("shell", "--model", str(model), "--endpoints", str(endpoints), "--port", str(free_port()))
    with running("rasa", *arguments, env=env, log=tmp_path / "log") as shell:
        shell.wait_for("Type a message and press enter")
        shell.type(f"{QUESTION}\n")
        said = shell.wait_for("Type out your own message")  # below the answer's choices
        assert first_bubble() in said
        shell.type("\x1b[A\r")  # up, to the last choice
        shell.wait_for("Your input ->", times=said.count("Your input ->") + 1)
        shell.type("/stop\r")
        assert shell.process.wait(60) == 0


def ask(port: int, sender: str, text: str) -> list[dict[str, Any]]:
    """Send a message to the REST connector."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/webhooks/rest/webhook",
        data=json.dumps({"sender": sender, "message": text}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        messages: list[dict[str, Any]] = json.load(response)
    return messages


@pytest.fixture
def rest(model: Path, endpoints: Path, env: dict[str, str], tmp_path: Path) -> Iterator[tuple[Running, int]]:
    """A running ``rasa run`` with the project's credentials."""
    port = free_port()
    arguments = ("run", "--model", str(model), "--endpoints", str(endpoints), "-i", "127.0.0.1", "-p", str(port))
    with running("rasa", *arguments, env=env, log=tmp_path / "log") as server:
        server.wait_for_http(f"http://127.0.0.1:{port}/")
        yield server, port


def test_the_plain_server_answers_and_remembers_over_the_rest_connector(rest: tuple[Running, int]) -> None:
    _, port = rest
    answer = knowledge().answer("what_is_vaginismus")
    replies = ask(port, "someone", QUESTION)
    assert [reply["text"] for reply in replies] == answer.bubbles
    assert replies[-1]["buttons"] == list(answer.buttons)
    more = ask(port, "someone", "tell me more")
    assert [reply["text"] for reply in more] == knowledge().answer("what_is_vaginismus", form="more").bubbles
    # Another person's conversation knows nothing of it.
    stranger = ask(port, "someone else", "tell me more")
    assert [reply["text"] for reply in stranger] == knowledge().in_turn("utter_clarify", 0).bubbles


async def test_training_the_same_data_twice_gives_the_same_predictions(env: dict[str, str], tmp_path: Path) -> None:
    understood = []
    for number in ("first", "second"):
        folder = small_project(tmp_path / number)
        result = run("rasa", "train", env=env, cwd=folder)
        assert result.returncode == 0, (result.stdout + result.stderr)[-3000:]
        (trained,) = (folder / "models").glob("*.tar.gz")
        agent = Agent.load(trained)
        asked = ["what are the types", "is a physio any good", "and botox", "tell me more", "weather tomorrow", "????"]
        parsed = [await agent.parse_message(text) for text in asked]
        understood.append([(row["intent"], row["intent_ranking"], row["topic_ranking"]) for row in parsed])
    assert understood[0] == understood[1]
    topics = {ranked["topic"] for _, _, ranking in understood[0] for ranked in ranking}
    assert topics == set(INTENTS)
