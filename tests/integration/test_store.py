"""What is stored, how it is sealed, in which order it is seen, and how it goes away; on both databases."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import StatementError

from bot.app import open_store
from bot.model import Message, Sender, State, now
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from bot.storage.database import Database, StorageUnavailable
from bot.storage.encryption import CannotOpen, Keyring
from bot.storage.tables import conversations, messages, metadata, trackers
from tests.conftest import settings_for
from tests.integration.stored import (
    all_rows,
    finish,
    inbound,
    on_postgresql,
    put,
    raw_bytes,
    reply,
    rows_of,
    tracker_of,
)
from tests.provide import free_port

TABLES = {table.name: 0 for table in metadata.sorted_tables} | {
    "conversations": 1,
    "messages": 3,
    "trackers": 1,
    "alembic_version": 0,
}


@pytest.fixture
async def conversation(store: ConversationStore) -> str:
    """A conversation with a question, two replies and a state."""
    conversation_id = await store.create("web", token_hash=bytes(32))
    await finish(store, await put(store, conversation_id, "question"), [reply("one"), reply("two")], "state")
    return conversation_id


async def _texts(store: ConversationStore, conversation_id: str) -> list[str]:
    return [message.text for message in await store.after(conversation_id, 0)]


async def _message(store: ConversationStore, conversation_id: str, text: str) -> Message:
    return next(message for message in await store.after(conversation_id, 0) if message.text == text)


# What is stored


async def test_a_message_comes_back_as_it_was_stored(store: ConversationStore) -> None:
    conversation_id = await store.create("web")
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    text = f"  two\nlines, \u201cquotes\u201d, {family}, \u0e44\u0e17, \x1b and \\u0000 \u2028 end  "
    before = now()
    asked = inbound(conversation_id, payload='/ask{"topic": "types"}')
    await store.receive(conversation_id, "web", asked, text)
    question = await store.get(conversation_id, asked.id)
    assert question is not None
    await finish(store, question, [reply("yes", ("More", "/more"), ("No \U0001f642", "/no"), topic="types")], None)
    stored, answer = await store.after(conversation_id, 0)
    assert (stored.text, stored.payload, stored.sender) == (text, '/ask{"topic": "types"}', Sender.USER)
    assert before <= stored.sent_at <= now()
    assert stored.answered_at is not None
    assert stored.answered_at.tzinfo == UTC
    assert (answer.text, answer.topic, answer.sender) == ("yes", "types", Sender.ASSISTANT)
    assert [(button.title, button.payload) for button in answer.buttons] == [
        ("More", "/more"),
        ("No \U0001f642", "/no"),
    ]
    assert answer.in_reply_to == stored.position
    assert await store.replies_to(stored) == [answer]


async def test_a_repeated_message_is_stored_once_and_keeps_its_first_text(store: ConversationStore) -> None:
    conversation_id = await store.create("web")
    message = inbound(conversation_id, "hello")
    first = await store.receive(conversation_id, "web", message, "hello")
    again = await store.receive(conversation_id, "web", message, "something else")
    assert first is not None
    assert again is not None
    assert (first[1], again[1]) == (True, False)
    assert again[0].text == "hello"
    assert await _texts(store, conversation_id) == ["hello"]


async def test_of_many_deliveries_at_once_one_is_new(store: ConversationStore) -> None:
    conversation_id = await store.create("web")
    message = inbound(conversation_id, "hello")
    stored = await asyncio.gather(*(store.receive(conversation_id, "web", message, "hello") for _ in range(8)))
    assert sorted(found[1] for found in stored if found is not None) == [False] * 7 + [True]
    assert await _texts(store, conversation_id) == ["hello"]
    following = await put(store, conversation_id, "next")
    assert following.position == 2, "repeats use up no positions"


async def test_the_same_id_in_two_conversations_is_two_messages(store: ConversationStore) -> None:
    one, other = await store.create("web"), await store.create("web")
    message_id = str(uuid4())
    for conversation_id, text in ((one, "mine"), (other, "hers")):
        stored = await store.receive(
            conversation_id, "web", inbound(conversation_id, text, message_id=message_id), text
        )
        assert stored is not None
        assert stored[1]
    assert (await _texts(store, one), await _texts(store, other)) == (["mine"], ["hers"])


async def test_an_unknown_conversation_takes_no_message(store: ConversationStore) -> None:
    nobody = str(uuid4())
    assert await store.receive(nobody, "web", inbound(nobody, "hello"), "hello") is None
    assert await store.token_hash(nobody) is None
    assert await store.state(nobody) is None
    assert await store.after(nobody, 0) == []
    assert await store.counts() == {"conversations": 0, "messages": 0}


async def test_a_moment_without_a_time_zone_is_refused(store: ConversationStore, conversation: str) -> None:
    naive = datetime(2024, 5, 1, 12, 0)  # noqa: DTZ001 - that is the point
    with pytest.raises(StatementError, match="time zone"):
        await store.mark_delivered({(conversation, 2): naive})


# Turns


async def test_a_turn_is_stored_wholly_or_not_at_all(store: ConversationStore) -> None:
    conversation_id = await store.create("web")
    question = await put(store, conversation_id, "question")
    with pytest.raises(UnicodeEncodeError):
        await finish(store, question, [reply("fine"), reply("half a character: \ud83d")], "state")
    with pytest.raises(UnicodeEncodeError):
        await finish(store, question, [reply("fine")], "state \ud83d")
    assert await _texts(store, conversation_id) == ["question"]
    assert await tracker_of(store, conversation_id) is None
    assert await store.unanswered(conversation_id) == question
    assert await finish(store, question, [reply("fine")], "state") is not None
    assert await _texts(store, conversation_id) == ["question", "fine"]
    assert [message.position for message in await store.after(conversation_id, 0)] == [1, 2]


async def test_a_turn_that_is_stored_already_is_not_stored_again(store: ConversationStore) -> None:
    conversation_id = await store.create("web")
    question = await put(store, conversation_id, "question")
    await finish(store, question, [reply("answer")], "state")
    assert await finish(store, question, [reply("answer again")], "another state") is None
    assert await _texts(store, conversation_id) == ["question", "answer"]
    assert await tracker_of(store, conversation_id) == "state"
    assert (await put(store, conversation_id, "next")).position == 3


async def test_of_two_workers_that_finish_the_same_turn_one_is_heard(store: ConversationStore) -> None:
    conversation_id = await store.create("web")
    question = await put(store, conversation_id, "question")
    done = await asyncio.gather(*(finish(store, question, [reply("answer")], "state") for _ in range(5)))
    assert sum(replies is not None for replies in done) == 1
    assert await _texts(store, conversation_id) == ["question", "answer"]


async def test_a_turn_of_an_erased_conversation_leaves_nothing(store: ConversationStore, conversation: str) -> None:
    question = await put(store, conversation, "one more")
    await store.erase(conversation)
    assert await finish(store, question, [reply("answer")], "state") is None
    assert set((await rows_of(store.database, conversation)).values()) == {0}


async def test_unanswered_messages_are_found_oldest_first(store: ConversationStore, conversation: str) -> None:
    assert await store.unanswered(conversation) is None
    assert await store.unanswered_conversations(now()) == []
    first, second = await put(store, conversation, "first"), await put(store, conversation, "second")
    assert await store.unanswered_conversations(now()) == [conversation]
    assert await store.unanswered_conversations(first.sent_at - timedelta(seconds=1)) == []
    assert await store.unanswered(conversation) == first
    await finish(store, first, [reply("answer")], None)
    assert await store.unanswered(conversation) == second


async def test_the_state_of_the_assistant_is_replaced_and_kept_when_there_is_none(
    store: ConversationStore, conversation: str
) -> None:
    assert await tracker_of(store, conversation) == "state"
    await finish(store, await put(store, conversation, "b"), [reply("c")], "later state")
    assert await tracker_of(store, conversation) == "later state"
    await finish(store, await put(store, conversation, "d"), [reply("e")], None)
    assert await tracker_of(store, conversation) == "later state"


async def test_a_delivery_is_marked_once_and_the_first_moment_stays(
    store: ConversationStore, conversation: str
) -> None:
    first, later = now(), now() + timedelta(hours=1)
    await store.mark_delivered({(conversation, 2): first})
    await store.mark_delivered({(conversation, 2): later, (conversation, 77): later, ("nobody", 1): later})
    marks = {message.position: message.delivered_at for message in await store.after(conversation, 0)}
    assert marks == {1: None, 2: first, 3: None}


# In which order it is seen


async def test_messages_become_visible_in_their_order_without_gaps(store: ConversationStore) -> None:
    """Who reads behind the last position she knows, again and again, misses nothing and gets nothing twice."""
    conversation_id = await store.create("web")
    seen: list[Message] = []
    writing = True

    async def write(number: int) -> None:
        for turn in range(4):
            message = await put(store, conversation_id, f"{number}.{turn}")
            await finish(store, message, [reply("a"), reply("b")], None)

    async def read() -> None:
        while True:
            last_round = not writing
            seen.extend(await store.after(conversation_id, seen[-1].position if seen else 0))
            if last_round:
                return
            await asyncio.sleep(0)

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(6)))
    writing = False
    await reader
    assert [message.position for message in seen] == list(range(1, 6 * 4 * 3 + 1))
    assert len({message.id for message in seen}) == len(seen)


# One worker at a time


async def _work(store: ConversationStore, conversation_id: str, at_work: list[int], most: list[int]) -> None:
    async with store.database.conversation_lock(conversation_id):
        at_work.append(1)
        most.append(len(at_work))
        await asyncio.sleep(0.01)
        at_work.pop()


async def test_a_conversation_has_one_worker_at_a_time(store: ConversationStore) -> None:
    most: list[int] = []
    at_work: list[int] = []
    await asyncio.gather(*(_work(store, "one", at_work, most) for _ in range(10)))
    assert most == [1] * 10


async def test_different_conversations_are_worked_on_side_by_side(store: ConversationStore) -> None:
    both = asyncio.Barrier(2)

    async def work(conversation_id: str) -> None:
        async with store.database.conversation_lock(conversation_id):
            await both.wait()

    async with asyncio.timeout(5):
        await asyncio.gather(work("one"), work("other"))


@on_postgresql
async def test_two_processes_on_one_database_take_turns_too(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(open_store(settings)) for _ in range(2)]
        most: list[int] = []
        at_work: list[int] = []
        await asyncio.gather(*(_work(store, "one", at_work, most) for store in stores for _ in range(5)))
        assert most == [1] * 10


@on_postgresql
async def test_the_lock_of_a_process_that_dies_is_free_again(settings: Settings) -> None:
    async with open_store(settings) as dying, open_store(settings) as living:
        holding = asyncio.Event()

        async def hold() -> None:
            async with dying.database.conversation_lock("one"):
                holding.set()
                await asyncio.sleep(60)

        holder = asyncio.create_task(hold())
        await holding.wait()
        async with living.database.read() as connection:
            # As if the other process was gone: the server ends its connections.
            await connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            )
        async with asyncio.timeout(5), living.database.conversation_lock("one"):
            pass
        holder.cancel()
        with pytest.raises((asyncio.CancelledError, StorageUnavailable)):
            await holder


# How it is sealed


async def test_nothing_that_anybody_wrote_can_be_read_in_the_database(store: ConversationStore) -> None:
    words = ["Typed-Zebra", "Payload-Zebra", "Reply-Zebra", "Title-Zebra", "Button-Zebra", "Slot-Zebra"]
    typed, payload, said, title, button, slot = words
    conversation_id = await store.create("web")
    message = inbound(conversation_id, payload=f'/ask{{"topic": "{payload}"}}')
    stored = await store.receive(conversation_id, "web", message, typed)
    assert stored is not None
    await finish(store, stored[0], [reply(said, (title, f"/{button}"))], f'[{{"name": "type", "value": "{slot}"}}]')
    raw = (await raw_bytes(store.database)).lower()
    assert message.id.encode() in raw, "what is not secret is found, so the search looks at the right place"
    assert [word for word in words if word.lower().encode() in raw] == []
    assert b"zebra" not in raw.replace(b"\0", b"")


async def test_a_value_put_in_the_place_of_another_does_not_open(store: ConversationStore, conversation: str) -> None:
    other = await store.create("web")
    await finish(store, await put(store, other, "hers"), [reply("to her")], "her state")
    async with store.database.transaction() as connection:
        hers = select(messages.c.content).where(messages.c.conversation_id == other, messages.c.position == 2)
        content = (await connection.execute(hers)).scalar_one()
        await connection.execute(
            update(messages)
            .where(messages.c.conversation_id == conversation, messages.c.position == 2)
            .values(content=content)
        )
        state = (
            await connection.execute(select(trackers.c.state).where(trackers.c.conversation_id == other))
        ).scalar_one()
        await connection.execute(update(trackers).where(trackers.c.conversation_id == conversation).values(state=state))
    with pytest.raises(CannotOpen, match=r"messages\.content"):
        await store.after(conversation, 0)
    with pytest.raises(CannotOpen, match=r"trackers\.state"):
        await tracker_of(store, conversation)
    assert await _texts(store, other) == ["hers", "to her"]


async def test_a_changed_value_does_not_open(store: ConversationStore, conversation: str) -> None:
    async with store.database.transaction() as connection:
        place = (messages.c.conversation_id == conversation) & (messages.c.position == 1)
        content = bytearray((await connection.execute(select(messages.c.content).where(place))).scalar_one())
        content[-1] ^= 1
        await connection.execute(update(messages).where(place).values(content=bytes(content)))
    with pytest.raises(CannotOpen):
        await store.after(conversation, 0)


async def test_keys_are_rotated_while_old_messages_stay_readable(settings: Settings) -> None:
    old, new = Keyring({"old": bytes(32)}, "old"), Keyring({"new": bytes(range(32)), "old": bytes(32)}, "new")
    async with open_store(settings) as opened:
        before, after = ConversationStore(opened.database, old), ConversationStore(opened.database, new)
        conversation_id = await before.create("web")
        await finish(before, await put(before, conversation_id, "then"), [reply("old answer")], "old state")
        assert await tracker_of(after, conversation_id) == "old state"
        await finish(after, await put(after, conversation_id, "now"), [reply("new answer")], "new state")
        assert await _texts(after, conversation_id) == ["then", "old answer", "now", "new answer"]
        rows = await all_rows(opened.database)
        contents = sorted(rows["messages"], key=lambda row: int(row["position"]))
        assert [Keyring.key_of(row["content"]) for row in contents] == ["old", "old", "new", "new"]
        assert [Keyring.key_of(row["state"]) for row in rows["trackers"]] == ["new"]
        without_old = ConversationStore(opened.database, Keyring({"new": bytes(range(32))}, "new"))
        with pytest.raises(CannotOpen, match="'old'"):
            await without_old.after(conversation_id, 0)
        assert await tracker_of(without_old, conversation_id) == "new state"


# How it goes away


async def test_erasing_takes_every_row_and_leaves_other_conversations_alone(
    store: ConversationStore, conversation: str
) -> None:
    other = await store.create("web")
    await finish(store, await put(store, other, "question"), [reply("one"), reply("two")], "state")
    assert await rows_of(store.database, conversation) == TABLES
    assert await store.erase(conversation)
    assert set((await rows_of(store.database, conversation)).values()) == {0}
    assert await rows_of(store.database, other) == TABLES
    assert not await store.erase(conversation)


async def test_what_is_past_retention_is_erased_and_what_is_not_stays(
    store: ConversationStore, conversation: str
) -> None:
    recent, silent = await store.create("web"), await store.create("web")
    moments = {conversation: now() - timedelta(days=31), recent: now() - timedelta(days=29)}
    async with store.database.transaction() as connection:
        for conversation_id, moment in moments.items():
            await connection.execute(
                update(conversations).where(conversations.c.id == conversation_id).values(last_message_at=moment)
            )
    assert await store.erase_before(now() - timedelta(days=30)) == 1
    assert set((await rows_of(store.database, conversation)).values()) == {0}
    assert await store.state(recent) == await store.state(silent) == State.ASSISTANT


async def test_a_new_message_keeps_a_conversation_from_being_erased(
    store: ConversationStore, conversation: str
) -> None:
    async with store.database.transaction() as connection:
        await connection.execute(update(conversations).values(last_message_at=now() - timedelta(days=31)))
    await put(store, conversation, "I am back")
    assert await store.erase_before(now() - timedelta(days=30)) == 0
    assert "I am back" in await _texts(store, conversation)


# When the database is away


@pytest.mark.postgres
async def test_a_database_that_is_not_there_is_a_retryable_error(tmp_path: Path) -> None:
    urls = [f"postgresql://nobody@127.0.0.1:{free_port()}/none", f"sqlite:///{tmp_path / 'no' / 'folder' / 'a.db'}"]
    for url in urls:
        database = Database(settings_for(tmp_path, database_url=url).sqlalchemy_url)
        store = ConversationStore(database, Keyring({"k": bytes(32)}, "k"))
        with pytest.raises(StorageUnavailable):
            await store.create("web")
        with pytest.raises(StorageUnavailable):
            await store.after("a", 0)
        assert not await database.answers()
        await database.close()


@on_postgresql
async def test_a_deadlock_is_a_retryable_error(store: ConversationStore) -> None:
    one, other = await store.create("web"), await store.create("web")
    both = asyncio.Barrier(2)

    async def touch(*conversation_ids: str) -> None:
        async with store.database.transaction() as connection:
            for conversation_id in conversation_ids:
                await connection.execute(
                    update(conversations).where(conversations.c.id == conversation_id).values(channel="x")
                )
                if conversation_id == conversation_ids[0]:
                    await both.wait()

    ended = await asyncio.gather(touch(one, other), touch(other, one), return_exceptions=True)
    assert sorted(type(error).__name__ for error in ended) == ["NoneType", "StorageUnavailable"]


@on_postgresql
async def test_a_database_that_takes_no_more_connections_is_a_retryable_error(
    store: ConversationStore, settings: Settings
) -> None:
    async with store.database.transaction() as connection:
        await connection.exec_driver_sql("CREATE ROLE one_at_a_time LOGIN CONNECTION LIMIT 1")
        await connection.exec_driver_sql("GRANT ALL ON SCHEMA public TO one_at_a_time")
    crowded = Database(settings.sqlalchemy_url.replace("postgres@", "one_at_a_time@"))
    async with crowded.read():
        assert not await crowded.answers()
        with pytest.raises(StorageUnavailable):
            async with crowded.transaction():
                pass
    assert await crowded.answers()
    await crowded.close()
    async with store.database.transaction() as connection:
        await connection.exec_driver_sql("DROP OWNED BY one_at_a_time")
        await connection.exec_driver_sql("DROP ROLE one_at_a_time")


@on_postgresql
async def test_after_a_lost_connection_the_next_call_works(store: ConversationStore, conversation: str) -> None:
    async with store.database.read() as connection:
        await connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert await _texts(store, conversation) == ["question", "one", "two"]
    assert await store.database.answers()


async def test_two_processes_can_write_to_one_database_at_the_same_time(settings: Settings) -> None:
    """As when ``bot purge`` runs beside the server."""
    async with open_store(settings) as one, open_store(settings) as other:
        conversation_id = await one.create("web")

        async def write(store: ConversationStore) -> None:
            for number in range(10):
                await put(store, conversation_id, str(number))

        await asyncio.gather(write(one), write(other))
        assert sorted(await _texts(one, conversation_id)) == sorted([str(number) for number in range(10)] * 2)
