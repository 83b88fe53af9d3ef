"""Handoffs in storage, on SQLite and PostgreSQL: who answers, who may write, and what is recorded."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from bot.handoff import SYSTEM, VISITOR, AlreadyHeld, NotHolder, NotOnDesk, NotPossible, Why, feedback_payload
from bot.model import Effect, Keeps, Outcome, Sender, State, now
from bot.storage.audit import AuditLog
from bot.storage.cards import CardStore
from bot.storage.conversations import ConversationStore
from bot.storage.database import Database
from bot.storage.desk_tables import desk_cards, handoffs, staff
from bot.storage.handoff_log import HandoffLog
from bot.storage.handoff_store import HandoffStore
from bot.storage.handoffs import purge_handoffs
from bot.storage.notifications import NotificationStore
from bot.storage.safety import SafetyStore
from bot.storage.staff import StaffStore
from tests.desk.team import asks, hire, says
from tests.integration.stored import put, reply


@pytest.fixture
def desk(store: ConversationStore) -> HandoffStore:
    """What staff do, in the same database."""
    return HandoffStore(store.database, store.keyring)


@pytest.fixture
def cards(store: ConversationStore) -> CardStore:
    """The cards in the same database."""
    return CardStore(store.database)


async def running(database: Database, conversation: str) -> list[dict[str, object]]:
    """The handoffs of a conversation, the oldest first."""
    query = select(handoffs).where(handoffs.c.conversation_id == conversation).order_by(handoffs.c.requested_at)
    async with database.read() as connection:
        return [row._asdict() for row in await connection.execute(query)]


async def test_a_wish_for_a_person_makes_the_conversation_wait(store: ConversationStore, cards: CardStore) -> None:
    conversation = await asks(store)
    assert await store.state(conversation) is State.WAITING
    card = await cards.get(conversation)
    assert card is not None
    assert (card.state, card.reason, card.level, card.holder) == ("waiting", "asked", 0, None)
    assert card.waiting_since is not None


async def test_a_conversation_that_nobody_put_to_people_is_not_on_the_desk(
    store: ConversationStore, cards: CardStore, desk: HandoffStore
) -> None:
    conversation = await store.create("web")
    await says(store, conversation, "what is vaginismus", reply("It is ..."))
    assert await cards.cards() == []
    with pytest.raises(NotOnDesk):
        await desk.claim(conversation, (await hire(store, "Asha")).colleague, [])


async def test_of_two_who_claim_one_gets_it_and_the_other_is_told_who_has_it(
    store: ConversationStore, desk: HandoffStore, cards: CardStore
) -> None:
    conversation = await asks(store)
    team = [(await hire(store, name)).colleague for name in ("Asha", "Bela", "Chitra", "Devi")]
    results = await asyncio.gather(
        *(desk.claim(conversation, one, [reply(f"{one.name} is here")]) for one in team), return_exceptions=True
    )
    winners = [one for one, result in zip(team, results, strict=True) if result is True]
    assert len(winners) == 1
    losers = [result for result in results if result is not True]
    assert {type(error) for error in losers} == {AlreadyHeld}
    assert {error.holder for error in losers if isinstance(error, AlreadyHeld)} == {winners[0].name}
    card = await cards.get(conversation)
    assert card is not None
    assert card.holder == winners[0]
    told = [message.text for message in await store.after(conversation, 0) if message.sender is Sender.SYSTEM]
    assert told == [f"{winners[0].name} is here"], "the visitor hears of one person"


async def test_claiming_what_she_has_changes_nothing(store: ConversationStore, desk: HandoffStore) -> None:
    conversation, asha = await asks(store), (await hire(store, "Asha")).colleague
    assert await desk.claim(conversation, asha, [reply("here")])
    before = await store.after(conversation, 0)
    assert not await desk.claim(conversation, asha, [reply("here")])
    assert await store.after(conversation, 0) == before


async def test_only_the_holder_writes(store: ConversationStore, desk: HandoffStore) -> None:
    conversation = await asks(store)
    asha, bela = (await hire(store, "Asha")).colleague, (await hire(store, "Bela")).colleague
    with pytest.raises(NotPossible):
        await desk.write(conversation, asha, str(uuid4()), "hello", "talk_to_human")
    await desk.claim(conversation, asha, [])
    with pytest.raises(NotHolder) as error:
        await desk.write(conversation, bela, str(uuid4()), "hello", "talk_to_human")
    assert error.value.holder == "Asha"
    for refused in (
        desk.hand_back(conversation, bela, [], None),
        desk.close(conversation, bela, "answered", []),
        desk.transfer(conversation, bela, bela, [], any_holder=False),
        desk.release(conversation, bela, Why.RELEASED, [], holder_id=bela.id),
    ):
        with pytest.raises(NotHolder):
            await refused
    written = await desk.write(conversation, asha, str(uuid4()), "hello there", "talk_to_human")
    assert (written.sender, written.text, written.author) == (Sender.PERSON, "hello there", asha.id)


async def test_the_same_message_sent_again_is_written_once(store: ConversationStore, desk: HandoffStore) -> None:
    conversation, asha = await asks(store), (await hire(store, "Asha")).colleague
    await desk.claim(conversation, asha, [])
    chosen = str(uuid4())
    written = await asyncio.gather(*(desk.write(conversation, asha, chosen, "hi", "talk_to_human") for _ in range(3)))
    assert {message.position for message in written} == {written[0].position}
    assert [message.text for message in await store.after(conversation, 0)].count("hi") == 1


async def test_every_change_is_recorded_with_who_and_why(store: ConversationStore, desk: HandoffStore) -> None:
    conversation = await asks(store)
    asha, bela = (await hire(store, "Asha")).colleague, (await hire(store, "Bela")).colleague
    await desk.claim(conversation, asha, [])
    await desk.transfer(conversation, asha, bela, [], any_holder=False)
    await desk.release(conversation, None, Why.SILENT, [], holder_id=bela.id)
    await desk.claim(conversation, asha, [])
    await desk.hand_back(conversation, asha, [], None)
    with pytest.raises(NotPossible):
        await desk.claim(conversation, bela, [])
    await desk.claim(conversation, bela, [], any_holder=True)
    await desk.close(conversation, bela, "answered", [])
    await put(store, conversation, "thank you, one more thing")
    assert [
        (change.state, change.who, change.why) for change in await HandoffLog(store.database).changes(conversation)
    ] == [
        ("waiting", VISITOR, "asked"),
        ("person", asha.id, "claimed"),
        ("person", asha.id, "transferred"),
        ("waiting", SYSTEM, "silent"),
        ("person", asha.id, "claimed"),
        ("assistant", asha.id, "handed_back"),
        ("person", bela.id, "stepped_in"),
        ("closed", bela.id, "closed"),
        ("assistant", VISITOR, "wrote_again"),
    ]
    first, second = await running(store.database, conversation)
    assert (first["reason"], first["ended_how"]) == ("asked", "returned")
    assert (second["reason"], second["ended_how"], second["close_reason"]) == ("stepped_in", "closed", "answered")


async def test_a_coordinator_may_move_what_another_holds(store: ConversationStore, desk: HandoffStore) -> None:
    conversation = await asks(store)
    asha, bela, chief = [(await hire(store, name)).colleague for name in ("Asha", "Bela", "Chief")]
    await desk.claim(conversation, asha, [])
    await desk.transfer(conversation, chief, bela, [], any_holder=True)
    assert await HandoffLog(store.database).held_by(bela.id) == [conversation]
    assert await HandoffLog(store.database).held_by(asha.id) == []


async def test_a_closed_conversation_is_opened_again_when_the_visitor_writes_but_not_by_feedback(
    store: ConversationStore, desk: HandoffStore, cards: CardStore
) -> None:
    conversation, asha = await asks(store), (await hire(store, "Asha")).colleague
    await desk.claim(conversation, asha, [])
    await desk.close(conversation, asha, "answered", [])
    button = await put(store, conversation, "It helped", payload=feedback_payload("3"))
    await store.finish(button, Outcome((reply("Thank you"),), effects=(Effect(Keeps.FEEDBACK, {"score": 3}),)))
    assert await store.state(conversation) is State.CLOSED
    assert (await running(store.database, conversation))[0]["feedback"] == 3
    await put(store, conversation, "are you still there?")
    assert await store.state(conversation) is State.ASSISTANT
    card = await cards.get(conversation)
    assert card is not None
    assert card.close_reason is None


async def test_more_danger_makes_a_waiting_conversation_more_urgent_and_less_does_not(
    store: ConversationStore, cards: CardStore
) -> None:
    conversation = await asks(store, level=1, why=Why.SAFETY)
    for level, expected in ((3, 3), (2, 3)):
        await asks(store, level=level, why=Why.SAFETY, conversation=conversation)
        card = await cards.get(conversation)
        assert card is not None
        assert card.level == expected
    (handoff,) = await running(store.database, conversation)
    assert handoff["level"] == 3


async def test_whoever_takes_a_conversation_takes_its_alarms(store: ConversationStore, desk: HandoffStore) -> None:
    conversation, asha = await asks(store, level=3, why=Why.SAFETY), (await hire(store, "Asha")).colleague
    assert [flags.level for flags in await SafetyStore(store.database).open_flags()] == [3]
    await desk.claim(conversation, asha, [])
    assert await SafetyStore(store.database).open_flags() == []
    await asks(store, "he is at the door", level=3, why=Why.SAFETY, conversation=conversation)
    assert await store.state(conversation) is State.PERSON, "an alarm takes nobody away from her"
    assert [flags.conversation_id for flags in await SafetyStore(store.database).open_flags()] == [conversation]


async def test_staff_are_told_once_for_a_wish_and_again_when_it_gets_urgent(store: ConversationStore) -> None:
    telling = ConversationStore(store.database, store.keyring, told_by={"email", "webhook"})
    conversation = await asks(telling)
    await asks(telling, conversation=conversation)
    queue = NotificationStore(store.database)
    assert sorted(one.way for one in await queue.due(now() + timedelta(seconds=1), 50)) == ["email", "webhook"]
    await asks(telling, level=3, why=Why.SAFETY, conversation=conversation)
    waiting = await queue.due(now() + timedelta(minutes=10), 50)
    assert sorted(one.level for one in waiting) == [0, 0, 3, 3]


async def test_a_referral_that_wants_a_call_waits_and_another_is_only_shown(
    store: ConversationStore, cards: CardStore
) -> None:
    for way, state in (("phone", "waiting"), ("email", "assistant")):
        conversation = await store.create("web")
        message = await put(store, conversation, "yes send it")
        data = {"code": f"K7M2-QX9{way[0].upper()}", "kind": "coach", "content": {"way": way, "contact": "x"}}
        await store.finish(message, Outcome((reply("Sent"),), effects=(Effect(Keeps.REFERRAL_OPENED, data),)))
        card = await cards.get(conversation)
        assert card is not None
        assert card.state == state


async def test_an_erased_conversation_leaves_the_desk_and_a_trace_without_content(
    store: ConversationStore, desk: HandoffStore, cards: CardStore
) -> None:
    conversation, asha = await asks(store), (await hire(store, "Asha")).colleague
    await desk.claim(conversation, asha, [])
    seen = await cards.clock()
    await store.erase(conversation)
    assert await cards.cards() == []
    assert (await cards.since(seen))[1] == [conversation]
    with pytest.raises(NotOnDesk):
        await desk.write(conversation, asha, str(uuid4()), "hello", "talk_to_human")
    async with store.database.read() as connection:
        (row,) = (await connection.execute(select(handoffs))).all()
    assert (row.conversation_id, row.ended_how) == (None, "erased")
    assert await purge_handoffs(store.database, now() + timedelta(seconds=1)) == 1


async def test_what_somebody_does_is_in_the_audit_log_and_what_was_refused_is_not(
    store: ConversationStore, desk: HandoffStore
) -> None:
    conversation = await asks(store)
    asha, bela = [(await hire(store, name)).colleague for name in ("Asha", "Bela")]
    await desk.claim(conversation, asha, [])
    with pytest.raises(AlreadyHeld):
        await desk.claim(conversation, bela, [])
    await desk.transfer(conversation, asha, bela, [], any_holder=False)
    with pytest.raises(NotHolder):
        await desk.close(conversation, asha, "answered", [])
    await desk.release(conversation, bela, Why.RELEASED, [], holder_id=bela.id)
    await desk.claim(conversation, bela, [])
    await desk.release(conversation, None, Why.SILENT, [], holder_id=bela.id)
    log = [entry for entry in await AuditLog(store.database).read() if entry.action.startswith("conversation.")]
    assert [(entry.who, entry.action, entry.subject) for entry in reversed(log)] == [
        (asha.email, "conversation.claim", conversation),
        (asha.email, "conversation.transfer", conversation),
        (bela.email, "conversation.release", conversation),
        (bela.email, "conversation.claim", conversation),
    ]


# Nobody is forgotten


async def set_times(database: Database, conversation: str, **columns: object) -> None:
    """Let time have passed on a card."""
    async with database.transaction() as connection:
        await connection.execute(
            update(desk_cards).where(desk_cards.c.conversation_id == conversation).values(**columns)
        )


async def test_a_holder_who_is_silent_or_away_is_noticed(store: ConversationStore, desk: HandoffStore) -> None:
    asha, log = (await hire(store, "Asha")).colleague, HandoffLog(store.database)
    long_ago = now() - timedelta(minutes=30)
    limits = {"silent_before": now() - timedelta(minutes=10), "offline_before": now() - timedelta(minutes=3)}
    conversation = await asks(store)
    await desk.claim(conversation, asha, [])
    assert await log.overdue(**limits) == [], "she has just come"
    await set_times(store.database, conversation, held_since=long_ago, unanswered_since=long_ago)
    assert [one.why for one in await log.overdue(**limits)] == [Why.OFFLINE]
    await StaffStore(store.database).seen([asha.id], now())
    assert [(one.why, one.holder) for one in await log.overdue(**limits)] == [(Why.SILENT, asha)]
    await desk.write(conversation, asha, str(uuid4()), "I am here", "talk_to_human")
    assert await log.overdue(**limits) == [], "she answered, and the visitor has written nothing since"
    await put(store, conversation, "hello?")
    assert await log.overdue(**limits) == [], "the visitor waits for a moment only"
    async with store.database.transaction() as connection:
        await connection.execute(update(staff).where(staff.c.id == asha.id).values(disabled_at=now()))
    assert [one.why for one in await log.overdue(**limits)] == [Why.ACCOUNT_ENDED]


async def test_what_was_taken_away_keeps_its_place_in_the_queue(
    store: ConversationStore, desk: HandoffStore, cards: CardStore
) -> None:
    asha = (await hire(store, "Asha")).colleague
    conversation, other = await asks(store), await asks(store)
    await desk.claim(conversation, asha, [])
    long_ago = now() - timedelta(minutes=30)
    await set_times(store.database, conversation, unanswered_since=long_ago)
    await desk.release(conversation, None, Why.OFFLINE, [reply("We lost her")], holder_id=asha.id)
    waiting = {card.id: card.waiting_since for card in await cards.cards()}
    assert waiting[conversation] == long_ago
    before, after = waiting[conversation], waiting[other]
    assert before is not None
    assert after is not None
    assert before < after
    with pytest.raises(NotHolder):
        await desk.release(conversation, None, Why.OFFLINE, [], holder_id=asha.id)


async def test_a_visitor_who_is_away_is_marked_and_one_who_is_back_is_not(
    store: ConversationStore, cards: CardStore
) -> None:
    conversation = await asks(store)
    assert await cards.mark_left("web", now() - timedelta(seconds=45)) == 0
    await set_times(store.database, conversation, seen_at=now() - timedelta(minutes=5))
    assert await cards.mark_left("web", now() - timedelta(seconds=45)) == 1
    card = await cards.get(conversation)
    assert card is not None
    assert card.left_at is not None
    seen = card.revision
    await cards.present([conversation])
    card = await cards.get(conversation)
    assert card is not None
    assert card.left_at is None
    assert card.revision > seen, "the desk is told"


async def test_how_long_it_usually_takes_is_only_said_when_it_is_known(
    store: ConversationStore, desk: HandoffStore
) -> None:
    asha = (await hire(store, "Asha")).colleague
    for minutes in (1, 2, 3, 10):
        conversation = await asks(store)
        await desk.claim(conversation, asha, [])
        async with store.database.transaction() as connection:
            requested = now() - timedelta(minutes=minutes)
            this = handoffs.c.conversation_id == conversation
            await connection.execute(update(handoffs).where(this).values(requested_at=requested))
    since = now() - timedelta(days=14)
    assert await HandoffLog(store.database).usual_wait(since=since) is None, "four are too few to say"
    waits = await HandoffLog(store.database).usual_wait(since=since, least=4)
    assert waits == pytest.approx(150, abs=5), "the middle of 1, 2, 3 and 10 minutes"
