"""What staff do not read in a conversation, along the production path with the real model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest

from bot.app import make_service
from bot.assistant.agent import Assistant
from bot.commands.throwaway import Visitor
from bot.conversation.events import Listeners
from bot.conversation.service import ConversationService
from bot.desk.conversations import DeskConversations
from bot.hours import Hours
from bot.model import State
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from bot.storage.discretion import TOLD
from bot.storage.misunderstood import MisunderstoodStore
from bot.storage.search import Search
from bot.storage.staff import StaffStore
from tests.desk.team import hire
from tests.integration.stored import inbound, on_sqlite, put

pytestmark = on_sqlite


@pytest.fixture
async def service(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> AsyncIterator[ConversationService]:
    """The production path."""
    async with make_service(settings, store, assistant, Listeners()) as opened:
        yield opened


@pytest.fixture
def desk(store: ConversationStore) -> DeskConversations:
    """What the desk reads."""
    return DeskConversations(store, StaffStore(store.database), hours=Hours(), time_zone=ZoneInfo("Asia/Kolkata"))


async def read(desk: DeskConversations, conversation: str) -> list[str]:
    """The texts that staff see."""
    return [str(message["text"]) for message in await desk.messages(conversation, 0)]


async def test_how_it_began_is_not_read_by_staff_and_what_came_before_and_after_is(
    service: ConversationService, store: ConversationStore, desk: DeskConversations
) -> None:
    conversation = await service.start("web")
    visitor = Visitor(service, conversation)
    await visitor.say("what is vaginismus")
    await visitor.say("i want to tell how it began")
    await visitor.say("yes")
    await visitor.say("it started after my jasmine wedding in 2019")
    await visitor.say("can i talk to a real person please")
    assert await store.state(conversation) is State.WAITING
    texts = await read(desk, conversation)
    assert "jasmine" not in " ".join(texts)
    assert texts[0] == "what is vaginismus"
    assert "can i talk to a real person please" in texts
    assert TOLD in texts
    assert await Search(store.database, store.keyring).find("jasmine", [conversation]) == []
    assert len(await Search(store.database, store.keyring).find("vaginismus", [conversation])) > 0
    member = await hire(store, "Asha")
    card = await desk.readable(member, conversation)
    assert "jasmine" not in str(await desk.detail(member, card))
    assert await desk.last_words(conversation) == "can i talk to a real person please"


async def test_danger_told_inside_the_form_is_read(service: ConversationService, desk: DeskConversations) -> None:
    conversation = await service.start("web")
    visitor = Visitor(service, conversation)
    await visitor.say("i want to tell how it began")
    await visitor.say("yes")
    await visitor.say("i want to kill myself tonight")
    assert "i want to kill myself tonight" in await read(desk, conversation)


async def test_a_number_that_is_typed_before_she_agrees_is_not_read(
    service: ConversationService, desk: DeskConversations
) -> None:
    conversation = await service.start("web")
    visitor = Visitor(service, conversation)
    await visitor.say("find a coach")
    await visitor.say("my number is +91 98450 12345")
    await visitor.say("i want to talk to a person")
    await visitor.say("can i talk to a real person please")
    texts = " ".join(await read(desk, conversation))
    assert "98450" not in texts
    assert "12345" not in texts


async def test_a_message_is_read_once_it_is_known_what_it_is(
    service: ConversationService, store: ConversationStore, desk: DeskConversations
) -> None:
    conversation = await service.start("web")
    visitor = Visitor(service, conversation)
    await visitor.say("can i talk to a real person please")
    before = await read(desk, conversation)
    await put(store, conversation, "what is vaginismus")
    assert await read(desk, conversation) == before
    message = await service.receive(conversation, "web", inbound(conversation, "thank you"))
    await service.replies(message)
    assert (await read(desk, conversation))[len(before)] == "what is vaginismus"


async def test_answers_of_a_form_are_not_put_to_those_who_review_what_was_not_understood(
    service: ConversationService, store: ConversationStore
) -> None:
    visitor = Visitor(service, await service.start("web"))
    await visitor.say("i want to tell how it began")
    await visitor.say("yes")
    await visitor.say("hmm")
    await visitor.say("that is not what i asked")
    assert await MisunderstoodStore(store.database, store.keyring).open() == []
