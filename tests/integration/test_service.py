"""The way of one message, with an assistant that fails in every way and storage that comes and goes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from bot.app import open_store
from bot.conversation import service as service_module
from bot.conversation.events import Listeners
from bot.conversation.service import ConversationService
from bot.conversation.turn import APOLOGY, MAX_ATTEMPTS, Turns
from bot.model import ConversationNotFound, Message, Outcome, Sender, Turn, TurnNotFinished, now
from bot.nlu.encoder import shared_encoder
from bot.safety.first_help import first_help
from bot.safety.helplines import helplines
from bot.safety.lexicon import lexicon
from bot.safety.policy import SafetyPolicy
from bot.safety.screen import SafetyScreen, Thresholds
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from bot.storage.database import StorageUnavailable
from bot.storage.tables import conversations
from tests.integration.line import line_to
from tests.integration.stored import finish, inbound, on_postgresql, on_sqlite, put, reply, rows_of


class Echo:
    """An assistant that repeats what it heard, remembers everything, and fails when it is told to."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.hanging = asyncio.Event()
        self.go_on = asyncio.Event()

    async def answer(self, conversation_id: str, text: str, state: str | None) -> Turn:
        """Two bubbles; the state is the list of what was heard."""
        self.heard.append(text)
        match text:
            case "raise":
                raise RuntimeError(f"cannot answer {text}")
            case "say nothing":
                return Turn((), tracker="nothing")
            case "hang":
                self.hanging.set()
                await self.go_on.wait()
        await asyncio.sleep(0)
        known = [*json.loads(state or "[]"), text]
        return Turn((reply(text), reply(f"I know {len(known)}")), tracker=json.dumps(known))

    def interrupt(self, conversation_id: str, state: str | None) -> str | None:
        """There is no form to put aside."""
        return None


class Unreliable(ConversationStore):
    """Storage that fails while a turn is stored: before anything happened, or after all of it did."""

    failing = 0
    stored_anyway = False

    async def finish(self, message: Message, outcome: Outcome) -> list[Message] | None:
        """Fail as often as ``failing`` says."""
        if not self.failing:
            return await super().finish(message, outcome)
        self.failing -= 1
        if self.stored_anyway:
            await super().finish(message, outcome)
        raise StorageUnavailable("The line was lost.")

    async def mark_delivered(self, delivered: Mapping[tuple[str, int], datetime]) -> None:
        """Fail as often as ``failing`` says."""
        if self.failing:
            self.failing -= 1
            raise StorageUnavailable("The line was lost.")
        await super().mark_delivered(delivered)


def service_on(store: ConversationStore, assistant: Echo, *, turn_timeout: float = 20) -> ConversationService:
    """A service with this assistant. Safety is the real one, by its phrases alone."""
    screen = SafetyScreen(lexicon(), None, shared_encoder, Thresholds.load())
    turns = Turns(store, assistant, screen, SafetyPolicy(first_help(), helplines()), timeout=turn_timeout)
    return ConversationService(store, turns, Listeners(), turn_timeout=turn_timeout)


Serving = Callable[..., Awaitable[ConversationService]]


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def serving(store: ConversationStore, echo: Echo) -> AsyncIterator[Serving]:
    """Starts services on the store of the test; they are stopped at its end."""
    async with AsyncExitStack() as stack:

        async def start(on: ConversationStore = store, *, turn_timeout: float = 20) -> ConversationService:
            made = service_on(on, echo, turn_timeout=turn_timeout)
            return await stack.enter_async_context(made)

        yield start
        echo.go_on.set()


@pytest.fixture
async def service(serving: Serving) -> ConversationService:
    return await serving()


async def say(service: ConversationService, conversation_id: str, text: str) -> list[str]:
    """Send a text and return what is said to it."""
    message = await service.receive(conversation_id, "web", inbound(conversation_id, text))
    return [found.text for found in await service.replies(message)]


async def said(store: ConversationStore, conversation_id: str) -> list[str]:
    """What the conversation looks like: the visitor's words, the assistant's in brackets."""
    found = await store.after(conversation_id, 0)
    return [found_.text if found_.sender is Sender.USER else f"({found_.text})" for found_ in found]


async def answered(store: ConversationStore, conversation_id: str | None = None) -> None:
    """Wait until nothing is unanswered, in one conversation or in all."""
    async with asyncio.timeout(10):
        while True:
            left = await store.unanswered_conversations(now())
            if conversation_id not in left if conversation_id else not left:
                return
            await asyncio.sleep(0.01)


# A turn


async def test_a_message_is_answered_and_the_next_turn_knows_of_it(service: ConversationService) -> None:
    conversation_id = await service.start("web")
    assert await say(service, conversation_id, "one") == ["one", "I know 1"]
    assert await say(service, conversation_id, "two") == ["two", "I know 2"]


async def test_messages_that_arrive_at_once_are_answered_in_their_order(
    service: ConversationService, store: ConversationStore
) -> None:
    conversation_id = await service.start("web")
    texts = [str(number) for number in range(12)]
    received = [await service.receive(conversation_id, "web", inbound(conversation_id, text)) for text in texts]
    answers = await asyncio.gather(*(service.replies(message) for message in received))
    assert [answer[0].text for answer in answers] == texts
    assert [answer[1].text for answer in answers] == [f"I know {number + 1}" for number in range(12)]
    stored = await store.after(conversation_id, 0)
    assert [message.text for message in stored if message.topic and "know" not in message.text] == texts


async def test_a_conversation_that_hangs_does_not_hold_up_another(service: ConversationService, echo: Echo) -> None:
    stuck, other = await service.start("web"), await service.start("web")
    hanging = asyncio.create_task(say(service, stuck, "hang"))
    await echo.hanging.wait()
    async with asyncio.timeout(5):
        assert await say(service, other, "hello") == ["hello", "I know 1"]
    echo.go_on.set()
    assert await hanging == ["hang", "I know 1"]


async def test_the_assistant_hears_payloads_as_they_are_and_typed_commands_as_words(
    service: ConversationService, echo: Echo
) -> None:
    conversation_id = await service.start("web")
    await say(service, conversation_id, " /restart")
    await service.replies(
        await service.receive(conversation_id, "web", inbound(conversation_id, payload='/ask{"topic": "types"}'))
    )
    assert echo.heard == ["restart", '/ask{"topic": "types"}']


async def test_a_chosen_button_is_shown_with_the_title_it_was_offered_with_last(
    service: ConversationService, store: ConversationStore
) -> None:
    conversation_id = await service.start("web")
    for title in ("Old words", "New words"):
        await finish(store, await put(store, conversation_id, "?"), [reply("!", (title, "/ask{}"))], None)
    chosen = await service.receive(conversation_id, "web", inbound(conversation_id, payload="/ask{}"))
    unoffered = await service.receive(conversation_id, "web", inbound(conversation_id, payload="/talk_to_human{}"))
    assert (chosen.text, chosen.payload) == ("New words", "/ask{}")
    assert unoffered.text == "talk to human"


# The assistant fails


@pytest.mark.parametrize("trouble", ["raise", "say nothing", "hang"])
async def test_when_the_assistant_fails_an_apology_is_said_and_the_next_message_works(
    trouble: str, serving: Serving, store: ConversationStore
) -> None:
    service = await serving(turn_timeout=0.3)
    conversation_id = await service.start("web")
    await say(service, conversation_id, "before")
    assert await say(service, conversation_id, trouble) == [APOLOGY.text]
    assert await store.unanswered(conversation_id) is None
    assert await say(service, conversation_id, "after") == ["after", "I know 2"]


async def test_the_apology_offers_a_person_and_an_emergency_number(
    service: ConversationService, store: ConversationStore
) -> None:
    conversation_id = await service.start("web")
    await say(service, conversation_id, "raise")
    apology = (await store.after(conversation_id, 0))[-1]
    assert [button.payload for button in apology.buttons] == ["/talk_to_human"]
    assert "112" in apology.text


async def test_what_the_assistant_failed_on_is_in_no_log(
    service: ConversationService, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await say(service, await service.start("web"), "raise")
    assert "RuntimeError" in caplog.text
    assert "cannot answer" not in caplog.text


# Storage fails


@pytest.fixture
async def unreliable(settings: Settings, store: ConversationStore) -> Unreliable:
    return Unreliable(store.database, store.keyring)


@pytest.mark.parametrize("stored_anyway", [False, True], ids=["nothing was stored", "it was stored after all"])
async def test_a_turn_whose_storing_failed_is_stored_once(
    stored_anyway: bool, unreliable: Unreliable, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "STORE_RETRIES", (0.01, 0.02))
    service = await serving(unreliable)
    conversation_id = await service.start("web")
    unreliable.failing, unreliable.stored_anyway = 2, stored_anyway
    assert await say(service, conversation_id, "hello") == ["hello", "I know 1"]
    assert await said(unreliable, conversation_id) == ["hello", "(hello)", "(I know 1)"]


async def test_while_storage_stays_away_the_message_is_kept_and_answered_when_asked_again(
    unreliable: Unreliable, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "STORE_RETRIES", (0.01,))
    service = await serving(unreliable)
    conversation_id = await service.start("web")
    message = await service.receive(conversation_id, "web", inbound(conversation_id, "hello"))
    unreliable.failing = 2
    with pytest.raises(TurnNotFinished):
        await service.replies(message)
    assert await unreliable.unanswered(conversation_id) == message
    assert [found.text for found in await service.replies(message)] == ["hello", "I know 1"]
    assert await said(unreliable, conversation_id) == ["hello", "(hello)", "(I know 1)"]


async def test_delivery_marks_that_could_not_be_stored_are_stored_later(
    unreliable: Unreliable, serving: Serving
) -> None:
    service = await serving(unreliable)
    conversation_id = await service.start("web")
    await say(service, conversation_id, "hello")
    service.mark_delivered(await unreliable.after(conversation_id, 0))
    unreliable.failing = 1
    await service.delivery.flush()

    async def marks() -> list[bool]:
        return [message.delivered_at is not None for message in await unreliable.after(conversation_id, 0)]

    assert await marks() == [False, False, False]
    await service.delivery.flush()
    assert await marks() == [False, True, True], "what the visitor wrote is not delivered to her"


async def test_delivery_marks_are_stored_when_the_service_stops(store: ConversationStore, echo: Echo) -> None:
    async with service_on(store, echo) as service:
        conversation_id = await service.start("web")
        await say(service, conversation_id, "hello")
        service.mark_delivered(await store.after(conversation_id, 0))
    assert all(message.delivered_at for message in (await store.after(conversation_id, 0))[1:])


@on_postgresql
async def test_a_turn_during_which_the_database_was_away_is_stored_once(settings: Settings, echo: Echo) -> None:
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(line_to(settings.database_url))
        store = await stack.enter_async_context(open_store(settings.replace(database_url=line.url)))
        service = await stack.enter_async_context(service_on(store, echo))
        conversation_id = await service.start("web")
        message = await service.receive(conversation_id, "web", inbound(conversation_id, "hang"))
        first = asyncio.create_task(service.replies(message))
        await echo.hanging.wait()
        await line.cut()
        echo.go_on.set()
        await asyncio.sleep(0.2)
        await line.open()
        with suppress(TurnNotFinished):  # the lock on the conversation was lost too: ask again
            await first
        assert [found.text for found in await service.replies(message)] == ["hang", "I know 1"]
        assert await said(store, conversation_id) == ["hang", "(hang)", "(I know 1)"]


# The process dies


async def test_what_was_left_unanswered_is_answered_once_after_the_start(
    serving: Serving, store: ConversationStore
) -> None:
    left = [await store.create("web") for _ in range(5)]
    for conversation_id in left:
        for text in ("one", "two"):
            await put(store, conversation_id, text)
    service = await serving()
    assert await service.recover() == 5
    assert await service.recover() == 5, "asked again before anything is answered: nothing doubles"

    await answered(store)
    for conversation_id in left:
        assert await said(store, conversation_id) == [
            "one", "two", "(one)", "(I know 1)", "(two)", "(I know 2)",
        ]  # fmt: skip
    assert await service.recover() == 0


@on_postgresql
async def test_two_processes_that_recover_at_once_answer_everything_once(settings: Settings, echo: Echo) -> None:
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(open_store(settings)) for _ in range(2)]
        services = [await stack.enter_async_context(service_on(store, echo)) for store in stores]
        left = [await stores[0].create("web") for _ in range(8)]
        for conversation_id in left:
            await put(stores[0], conversation_id, "one")
        await asyncio.gather(*(service.recover() for service in services))
        await answered(stores[0])
        for conversation_id in left:
            assert await said(stores[1], conversation_id) == ["one", "(one)", "(I know 1)"]
        assert sorted(echo.heard) == ["one"] * 8


async def test_a_message_during_which_the_process_always_dies_gets_the_apology_in_the_end(
    store: ConversationStore, echo: Echo
) -> None:
    conversation_id = await store.create("web")
    await put(store, conversation_id, "hang")
    await put(store, conversation_id, "harmless")
    for _ in range(MAX_ATTEMPTS):
        async with service_on(store, echo) as dying:
            echo.hanging.clear()
            turn = dying.work(conversation_id, recovering=True)
            await echo.hanging.wait()
            turn.cancel()
    assert echo.heard == ["hang"] * MAX_ATTEMPTS
    async with service_on(store, echo) as living:
        assert await living.recover() == 1
        await answered(store)
    assert echo.heard == ["hang"] * MAX_ATTEMPTS + ["harmless"]
    assert await said(store, conversation_id) == [
        "hang", "harmless", f"({APOLOGY.text})", "(harmless)", "(I know 1)",
    ]  # fmt: skip


async def test_what_a_dead_process_left_is_found_while_the_others_go_on(
    serving: Serving, store: ConversationStore, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "SWEEP_SECONDS", 0.1)
    service = await serving()
    busy = await service.start("web")
    working = asyncio.create_task(say(service, busy, "hang"))
    await echo.hanging.wait()
    left = await store.create("web")
    await put(store, left, "is anybody there")
    await answered(store, left)
    echo.go_on.set()
    assert await working == ["hang", "I know 1"]
    assert await said(store, left) == ["is anybody there", "(is anybody there)", "(I know 1)"]
    assert await said(store, busy) == ["hang", "(hang)", "(I know 1)"]


@on_sqlite
async def test_a_turn_that_hangs_does_not_keep_the_service_from_stopping(store: ConversationStore, echo: Echo) -> None:
    async with asyncio.timeout(5):
        async with service_on(store, echo) as service:
            conversation_id = await service.start("web")
            message = await service.receive(conversation_id, "web", inbound(conversation_id, "hang"))
            turn = service.work(conversation_id)
            await echo.hanging.wait()
    assert await store.unanswered(conversation_id) == message, "it is answered after the next start"
    echo.go_on.set()
    await turn


# Erasing


async def test_an_unknown_conversation_takes_nothing(service: ConversationService) -> None:
    with pytest.raises(ConversationNotFound):
        await service.receive("nobody", "web", inbound("nobody", "hello"))
    assert not await service.erase("nobody")


async def test_erasing_waits_for_the_turn_and_leaves_nothing_of_it(
    service: ConversationService, store: ConversationStore, echo: Echo
) -> None:
    conversation_id = await service.start("web")
    turn = asyncio.create_task(say(service, conversation_id, "hang"))
    await echo.hanging.wait()
    erasing = asyncio.create_task(service.erase(conversation_id))
    await asyncio.sleep(0.05)
    echo.go_on.set()
    assert await erasing
    await asyncio.gather(turn, return_exceptions=True)
    assert set((await rows_of(store.database, conversation_id)).values()) == {0}


async def test_a_conversation_purged_during_a_turn_stays_erased(
    service: ConversationService, store: ConversationStore, echo: Echo
) -> None:
    conversation_id = await service.start("web")
    turn = asyncio.create_task(say(service, conversation_id, "hang"))
    await echo.hanging.wait()
    async with store.database.transaction() as connection:
        await connection.execute(update(conversations).values(last_message_at=now() - timedelta(days=31)))
    assert await service.purge(30, 90) == 1
    echo.go_on.set()
    with pytest.raises(ConversationNotFound):
        await turn
    assert set((await rows_of(store.database, conversation_id)).values()) == {0}
