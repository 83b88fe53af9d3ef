"""Searching in conversations, which are sealed in the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from sqlalchemy import insert, select, update

from bot.desk.access import Member, Role
from bot.desk.search_page import PAGE, SearchPage
from bot.handoff import Card, Colleague
from bot.model import State, now
from bot.storage.audit import AuditLog
from bot.storage.conversations import ConversationStore
from bot.storage.desk_tables import audit_log, desk_cards
from bot.storage.encryption import Keyring
from bot.storage.messages import seal
from bot.storage.notes import NoteStore
from bot.storage.referrals import open_referral
from bot.storage.search import Search, excerpt_of
from bot.storage.tables import conversations, messages
from tests.desk.one_page import PAGES, add_account, member, read, served
from tests.integration.stored import finish, put, reply

BEGAN = now()


@pytest.fixture
def search(store: ConversationStore) -> Search:
    """What is tested."""
    return Search(store.database, store.keyring)


async def _talk(store: ConversationStore, *texts: str, answer: str = "") -> str:
    conversation_id = await store.create("web")
    for text in texts:
        message = await put(store, conversation_id, text)
        await finish(store, message, [reply(answer)] if answer else [], None)
    return conversation_id


async def _add_note(store: ConversationStore, conversation_id: str, text: str, who: Member) -> None:
    async with store.database.transaction() as connection:
        await connection.execute(
            insert(desk_cards).values(conversation_id=conversation_id, revision=1, reason="asked", level=0)
        )
        await connection.execute(
            update(conversations).where(conversations.c.id == conversation_id).values(on_desk=True)
        )
    await NoteStore(store.database, store.keyring).add(conversation_id, who.colleague, str(uuid4()), text)


def _card(id_: str, age: int = 0, **changes: Any) -> Card:
    values: dict[str, Any] = {
        "id": id_, "revision": 1, "state": State.WAITING.value, "channel": "web", "language": "en", "topic": None,
        "reason": "asked", "level": 0, "alarms": (), "holder": None, "held_since": None, "last_holder": None,
        "waiting_since": None, "unanswered_since": None, "left_at": None, "visitor_read": 0, "staff_read": 0,
        "unread": 0, "close_reason": None, "created_at": BEGAN, "last_message_at": BEGAN - timedelta(minutes=age),
    }  # fmt: skip
    return Card(**(values | changes))


# Storage


async def test_all_words_must_stand_in_one_message(store: ConversationStore, search: Search) -> None:
    """In any order and case; parts of words count."""
    one = await _talk(store, "The blue DILATOR hurts", "something else")
    two = await _talk(store, "a dilator", "it is blue")
    (place,) = await search.find("dilat Blue", [one, two])
    assert (place.conversation_id, place.position, place.sender) == (one, 1, "user")
    assert place.excerpt == "The blue DILATOR hurts"
    assert await search.find("dilator green", [one, two]) == []
    assert await search.find("   ", [one, two]) == []


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Die Straße ist lang", "STRASSE"),
        ("ﬁnger", "finger"),
        ("ＦＵＬＬ width", "full"),
        ("İstanbul'da", "İSTANBUL"),
        ("मुझे दर्द होता है", "दर्द"),
        ("100% sure_of it", "100%"),
        ("a 'quoted' \\ word", "\\"),
    ],
)
async def test_how_it_is_written_does_not_matter(
    store: ConversationStore, search: Search, written: str, asked: str
) -> None:
    """Letters in other forms, other scripts, signs that mean something to databases."""
    one = await _talk(store, written)
    assert len(await search.find(asked, [one])) == 1


async def test_answers_and_private_notes_are_found_too(store: ConversationStore, search: Search) -> None:
    """With who wrote them."""
    who = member()
    await add_account(store.database, who)
    one = await _talk(store, "hello", answer="Breathing slowly can help.")
    await _add_note(store, one, "She asked about BREATHING before.", who)
    found = {(place.sender, place.position) for place in await search.find("breathing", [one])}
    assert found == {("assistant", 2), ("note", None)}


async def test_only_the_given_conversations_are_read(store: ConversationStore, search: Search) -> None:
    """And in their order, the newest message of each first."""
    ids = [await _talk(store, f"apple {number}", f"apple again {number}") for number in range(25)]
    found = await search.find("apple", ids[5:][::-1], limit=100)
    expected = [(id_, position) for id_ in ids[5:][::-1] for position in (2, 1)]
    assert [(place.conversation_id, place.position) for place in found] == expected
    assert [place.conversation_id for place in await search.find("apple", ids, limit=3)] == [ids[0], ids[0], ids[1]]


async def test_only_so_many_conversations_are_looked_at(store: ConversationStore) -> None:
    """The first ones; by number all are found."""
    ids = [await _talk(store, "pear") for _ in range(4)]
    few = Search(store.database, store.keyring, most=2)
    assert [place.conversation_id for place in await few.find("pear", ids)] == ids[:2]
    assert [place.conversation_id for place in await few.find(ids[3], ids)] == [ids[3]]


async def test_a_reference_code_leads_to_its_conversation(store: ConversationStore, search: Search) -> None:
    """However it is written, if the conversation may be read."""
    one, two = await _talk(store, "hello"), await _talk(store, "hi")
    async with store.database.transaction() as connection:
        data = {"code": "K7M2-QX9T", "kind": "coach", "content": {"place": "Pune"}}
        await open_referral(connection, store.keyring, one, data, now())
    for written in ("K7M2-QX9T", "k7m2qx9t", "code K7M2 QX9T?"):
        assert [(p.conversation_id, p.sender) for p in await search.find(written, [two, one])] == [(one, "reference")]
    assert await search.find("K7M2-QX9T", [two]) == []
    assert await search.find("pune", [one]) == []  # what she wished for is not searched


async def test_a_conversation_is_found_by_the_beginning_of_its_number(store: ConversationStore, search: Search) -> None:
    """Of four signs and more."""
    one, two = await _talk(store, "hello"), await _talk(store, "hi")
    assert [place.conversation_id for place in await search.find(f" {one[:13].upper()} ", [two, one])] == [one]
    assert await search.find(one[:13], [two]) == []


async def test_a_message_that_cannot_be_opened_is_left_out(store: ConversationStore, search: Search) -> None:
    """The others are still found."""
    one = await _talk(store, "plum one", "plum two")
    foreign = Keyring({"x": b"0" * 32}, "x").seal("{}", "elsewhere")
    async with store.database.transaction() as connection:
        await connection.execute(
            update(messages).where(messages.c.conversation_id == one, messages.c.position == 1).values(content=foreign)
        )
    assert [place.position for place in await search.find("plum", [one])] == [2]


def test_an_excerpt_is_the_part_around_the_word() -> None:
    """Cut between words, on both sides, whatever is folded before it."""
    text = "ß " * 60 + "needle in it " + "hay " * 100
    excerpt = excerpt_of(text, ["needle"])
    assert excerpt is not None
    assert "needle in it" in excerpt
    assert excerpt.startswith("… ß")
    assert excerpt.endswith("hay …")
    assert len(excerpt) < 230
    assert excerpt_of("x" * 500 + "needle" + "y" * 500, ["needle"]) is not None
    assert excerpt_of("no such thing", ["needle"]) is None


# The page


@pytest.fixture
def ask(store: ConversationStore, search: Search) -> Callable[..., Any]:
    """Searches over HTTP as a member, among cards."""

    async def send(who: Member, cards: list[Card], words: str, **options: Any) -> tuple[int, str]:
        async def given() -> list[Card]:
            return cards

        page = SearchPage(options.get("search", search), given, PAGES, AuditLog(store.database))
        async with served(page.routes, who) as client:
            response = await client.post(PAGE, data={"words": words})
            assert response.url.query_string == ""
            return response.status, await read(response)

    return send


async def test_a_coach_finds_only_what_she_may_read(store: ConversationStore, ask: Callable[..., Any]) -> None:
    """What waits, what she holds, not what others hold or had; a coordinator finds all."""
    coach = member(Role.COACH)
    other = Colleague("another", "Another Example")
    waiting, hers, others, closed = [await _talk(store, "the word is mango") for _ in range(4)]
    cards = [
        _card(waiting),
        _card(hers, state=State.PERSON.value, holder=coach.colleague),
        _card(others, state=State.PERSON.value, holder=other),
        _card(closed, state=State.CLOSED.value, last_holder=other),
    ]
    _, text = await ask(coach, cards, "Mango")
    assert "2 places" in text
    for id_, seen in ((waiting, True), (hers, True), (others, False), (closed, False)):
        assert (f'href="/desk#{id_}"' in text) == seen
    _, text = await ask(member(Role.COORDINATOR), cards, "Mango")
    assert "4 places" in text


async def test_searching_is_audited_without_the_words(store: ConversationStore, ask: Callable[..., Any]) -> None:
    """Who, when, how many places, and in which conversations."""
    one = await _talk(store, "cherry", "cherry pie")
    await ask(member(Role.COACH), [_card(one)], "cherry")
    async with store.database.read() as connection:
        log = (await connection.execute(select(audit_log).order_by(audit_log.c.id))).all()
    assert [(entry.action, entry.subject, entry.detail) for entry in log] == [
        ("searched", None, "hits: 2"),
        ("conversation.found", one, ""),
    ]


async def test_the_page_says_when_it_did_not_look_everywhere(store: ConversationStore, ask: Callable[..., Any]) -> None:
    """The newest conversations first, whatever order the cards came in."""
    ids = [await _talk(store, "grape") for _ in range(3)]
    cards = [_card(ids[0], age=9), _card(ids[1], age=1), _card(ids[2], age=5)]
    few = Search(store.database, store.keyring, most=2)
    _, text = await ask(member(), cards, "grape", search=few)
    assert "Only the newest 2 conversations" in text
    assert text.index(ids[1]) < text.index(ids[2])
    assert ids[0] not in text
    _, text = await ask(member(), cards, "grape")
    assert "Only the newest" not in text


async def test_what_was_found_is_text_and_not_markup(store: ConversationStore, search: Search) -> None:
    """Also what was searched for."""
    one = await _talk(store, "<script>alert(1)</script> fig")

    async def given() -> list[Card]:
        return [_card(one)]

    page = SearchPage(search, given, PAGES, AuditLog(store.database))
    async with served(page.routes, member()) as client:
        raw = await (await client.post(PAGE, data={"words": "<script> fig"})).text()
    assert "<script" not in raw
    assert "&lt;script&gt;alert(1)&lt;/script&gt; fig" in raw


@pytest.mark.parametrize("words", ["", "x", "y" * 201])
async def test_too_little_and_too_much_is_refused(
    store: ConversationStore, ask: Callable[..., Any], words: str
) -> None:
    """The form comes back with what was typed; nothing is audited."""
    status, text = await ask(member(), [], words)
    assert status == 400
    assert f'value="{words}"' in text
    async with store.database.read() as connection:
        assert (await connection.execute(select(audit_log))).all() == []


async def test_nothing_found_is_said_so(store: ConversationStore, ask: Callable[..., Any]) -> None:
    """In words."""
    one = await _talk(store, "kiwi")
    status, text = await ask(member(), [_card(one)], "banana")
    assert status == 200
    assert "Nothing was found" in text


async def test_the_words_are_no_part_of_an_address(search: Search, store: ConversationStore) -> None:
    """What stands in an address is not searched for."""

    async def given() -> list[Card]:
        return []

    page = SearchPage(search, given, PAGES, AuditLog(store.database))
    async with served(page.routes, member()) as client:
        text = await read(await client.get(f"{PAGE}?words=secretword"))
    assert 'method="post"' in text
    assert "secretword" not in text


async def test_hundreds_of_conversations_take_little_time(store: ConversationStore, search: Search) -> None:
    """And leave the event loop free."""
    ids = [str(uuid4()) for _ in range(300)]
    moment = now()
    async with store.database.transaction() as connection:
        await connection.execute(
            insert(conversations),
            [{"id": id_, "channel": "web", "created_at": moment, "last_message_at": moment} for id_ in ids],
        )
        await connection.execute(
            insert(messages),
            [
                {
                    "conversation_id": id_, "position": position, "id": str(uuid4()), "channel": "web",
                    "external_id": None, "sender": "user", "in_reply_to": None, "topic": None, "sent_at": moment,
                    "content": seal(store.keyring, id_, position, {"text": f"some words that people write {position}"}),
                }
                for id_ in ids
                for position in range(1, 31)
            ],
        )  # fmt: skip
    longest, running = 0.0, True

    async def watch() -> None:
        nonlocal longest
        while running:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            longest = max(longest, time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    assert await search.find("notthere", ids) == []
    took = time.perf_counter() - began
    running = False
    await watching
    assert took < 20
    assert longest < 1.0
    print(f"9,000 messages in {took:.2f} s, longest pause {longest:.2f} s")


async def test_a_get_without_the_right_headers_is_fine_and_a_post_is_not(
    search: Search, store: ConversationStore
) -> None:
    """A search is made by our own pages only."""

    async def given() -> list[Card]:
        return []

    page = SearchPage(search, given, PAGES, AuditLog(store.database))
    async with served(page.routes, member()) as client:
        async with aiohttp.ClientSession() as stranger:
            address = str(client._build_url(PAGE))
            assert (await stranger.get(address)).status == 200
            assert (await stranger.post(address, data={"words": "kiwi"})).status == 403
