"""The endpoints of the live page, over HTTP against the real application: what staff do, and what visitors notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from sqlalchemy import select

from bot.assistant.agent import Assistant
from bot.desk.access import Role
from bot.handoff import CLOSE_REASONS, feedback_payload
from bot.model import Effect, Keeps
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from bot.storage.desk_tables import handoffs
from bot.storage.referrals import ReferralStore
from bot.storage.staff import StaffStore
from bot.storage.tables import trackers
from tests.conftest import serve
from tests.desk.desk_app import API, WISH, Office, office, referral, until
from tests.http.chat import Chat
from tests.http.patience import eventually
from tests.http.stream import listen
from tests.integration.stored import on_sqlite

QUESTION = "what is the difference between primary and secondary vaginismus"
DANGER = "he is hitting me right now and i am scared for my life"


@pytest.fixture
async def desk(store: ConversationStore, base_url: str) -> AsyncIterator[Office]:
    """An office at the real application."""
    async with office(store, base_url) as opened:
        yield opened


def message(text: Any, **changes: Any) -> dict[str, Any]:
    """What a browser sends to write."""
    return {"id": str(uuid4()), "text": text, **changes}


async def last_texts(chat: Chat, sender: str) -> list[str]:
    """What the visitor has got from one kind of sender."""
    return [found["text"] for found in await chat.history() if found["sender"] == sender]


# Lists


async def test_who_waits_stands_in_the_queue_of_everybody(desk: Office) -> None:
    chat, other = await desk.waiting(), await desk.visitor("what is vaginismus")
    for role in Role:
        asha = await desk.staff("Asha", role)
        queue = await asha.get("/queue")
        (card,) = queue["cards"]
        assert other.id not in str(queue), "nobody put this one to people"
        assert (card["id"], card["state"], card["reason"]["id"], card["holder"]) == (chat.id, "waiting", "asked", None)
        assert (card["unread"], card["readable"]) == (1, True)
        assert card["waiting_since"] is not None
        assert (queue["me"]["id"], queue["me"]["role"]) == (asha.member.id, role.value)
        assert ("erase" in queue["me"]["rights"]) is (role is not Role.COACH)
        assert {row["id"] for row in queue["close_reasons"]} == set(CLOSE_REASONS)


@on_sqlite
async def test_colleagues_are_who_may_take_a_conversation_and_it_is_said_who_is_there(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    soon = settings.replace(visitor_left_seconds=0.6)  # who is there is noted three times in this time
    async with serve(soon, store, assistant) as url, office(store, url) as desk:
        await colleagues(desk)


async def colleagues(desk: Office) -> None:
    """What one of the staff sees of the others."""
    asha, bela = await desk.staff("Asha"), await desk.staff("Bela")
    gone = await desk.staff("Devi")
    await StaffStore(desk.store.database).disable(gone.member.id)
    async with bela.listen():

        async def bela_is_there() -> bool:
            found = (await asha.get("/colleagues"))["colleagues"]
            assert [row["name"] for row in found] == ["Bela"]
            return bool(found[0]["online"])

        await eventually(bela_is_there)


async def test_of_many_who_claim_at_once_one_gets_it_and_the_others_hear_who(desk: Office) -> None:
    chat = await desk.waiting()
    team = [await desk.staff(name) for name in ("Asha", "Bela", "Chitra", "Devi", "Esha")]
    results = await asyncio.gather(*(one.do(chat.id, "claim") for one in team))
    assert sorted(status for status, _ in results) == [200, 409, 409, 409, 409]
    winner = next(one for one, (status, _) in zip(team, results, strict=True) if status == 200)
    for status, answer in results:
        if status == 409:
            assert winner.member.name in answer["detail"]
        else:
            assert (answer["state"], answer["holder"]["id"]) == ("person", winner.member.id)
    told = await last_texts(chat, "system")
    assert len(told) == 1, "the visitor hears of one person"
    assert winner.member.name in told[0]
    status, answer = await winner.do(chat.id, "claim")
    assert (status, answer["holder"]["id"]) == (200, winner.member.id), "a repeated click does no harm"


# Writing


async def test_what_is_written_reaches_the_visitor_once(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    await asha.done(chat.id, "claim")
    sent = message("Hello, I am here.")
    status, written = await asha.do(chat.id, "messages", sent)
    assert status == 201
    assert (written["id"], written["sender"], written["author"]) == (sent["id"], "person", "Asha")
    assert await asha.do(chat.id, "messages", sent) == (201, written)
    found = [row for row in await chat.history() if row["sender"] == "person"]
    assert [(row["id"], row["text"]) for row in found] == [(sent["id"], "Hello, I am here.")]
    assert "author" not in found[0], "who exactly writes, visitors are told by the notice alone"


async def test_only_the_holder_writes_and_the_others_hear_who_it_is(desk: Office) -> None:
    chat, asha, bela = await desk.waiting(), await desk.staff("Asha"), await desk.staff("Bela")
    assert (await asha.do(chat.id, "messages", message("hello")))[0] == 409, "nobody has it"
    await asha.done(chat.id, "claim")
    before = await chat.history()
    for name, body in (
        ("messages", message("hello")),
        ("release", {}),
        ("hand-back", {}),
        ("close", {"reason": "answered"}),
        ("transfer", {"to": bela.member.id}),
    ):
        status, answer = await bela.do(chat.id, name, body)
        assert status == 403, name
        assert "Asha" in answer["detail"], name
    assert (await bela.do(chat.id, "claim"))[0] == 409
    assert await chat.history() == before


BAD_MESSAGES: list[tuple[Any, str]] = [
    ({"text": "hello"}, "'id'"),
    ({"id": "7", "text": "hello"}, "'id'"),
    ({"id": 7, "text": "hello"}, "'id'"),
    ({"id": "{00000000-0000-0000-0000-000000000000}", "text": "hello"}, "'id'"),
    (message(""), "empty"),
    (message("  \n "), "empty"),
    (message(None), "empty"),
    (message(["hello"]), "empty"),
    (message("x" * 5001), "5,001"),
    (message("hello", topic="no_such_topic"), "topic"),
    (message("hello", topic=""), "topic"),
    (message("hello", topic=["physio"]), "topic"),
    ([message("hello")], "JSON object"),
]


@on_sqlite
async def test_what_cannot_be_sent_is_refused_with_the_reason(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    await asha.done(chat.id, "claim")
    before = await chat.history()
    for body, reason in BAD_MESSAGES:
        status, answer = await asha.do(chat.id, "messages", body)
        assert (status, answer["status"]) == (400, 400), body
        assert reason in answer["detail"], body
    refused: dict[str, tuple[Any, ...]] = {
        "notes": ({"text": "x"}, message(" "), message("x" * 2001)),
        "close": ({}, {"reason": "because"}, {"reason": []}, {"reason": {}}, {"reason": None}),
        "transfer": ({}, {"to": []}, {"to": "nobody"}, {"to": str(uuid4())}),
    }
    for name, bodies in refused.items():
        for body in bodies:
            assert (await asha.do(chat.id, name, body))[0] == 400, (name, body)
    path = f"/conversations/{chat.id}/messages"
    for data in (b"", b"{", b"\xff", b"[" * 5000):
        status, answer = await asha.ask("POST", path, data=data)
        assert (status, answer["detail"]) == (400, "The request is not JSON."), data[:5]
    assert (await asha.do(chat.id, "messages", message("x" * 5000)))[0] == 201
    assert await last_texts(chat, "person") == ["x" * 5000]
    assert await chat.history(after=before[-1]["id"]) != []
    assert (await asha.do(chat.id, "notes", message("x" * 2000)))[0] == 201


@on_sqlite
async def test_an_unknown_conversation_is_not_found(desk: Office) -> None:
    asha = await desk.staff("Asha", Role.ADMINISTRATOR)
    for unknown in (str(uuid4()), "not-an-id", "0", "%00", "..", "x" * 300):
        assert (await asha.ask("GET", f"/conversations/{unknown}"))[0] == 404, unknown
        for name in ("claim", "release", "hand-back", "close", "transfer", "messages", "notes", "signals"):
            assert (await asha.do(unknown, name, message("hello")))[0] == 404, (unknown, name)
        assert (await asha.ask("DELETE", f"/conversations/{unknown}"))[0] == 404


@on_sqlite
@pytest.mark.parametrize("read", [10**30, -(10**30), True, "7", 1.5, None, []])
async def test_a_position_that_makes_no_sense_does_no_harm(desk: Office, read: Any) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    await asha.done(chat.id, "claim")
    assert (await asha.do(chat.id, "signals", {"read": read}))[0] == 204
    assert (await asha.card(chat.id))["unread"] == (0 if read == 10**30 else 1)


@on_sqlite
async def test_notes_are_for_the_team_alone(desk: Office) -> None:
    chat, asha, bela = await desk.waiting(), await desk.staff("Asha"), await desk.staff("Bela")
    sent = message("please be gentle")
    status, note = await asha.do(chat.id, "notes", sent)
    assert (status, note["author"], note["mine"]) == (201, "Asha", True)
    assert (await asha.do(chat.id, "notes", sent))[1] == note
    (seen,) = (await bela.opened(chat.id))["notes"]
    assert (seen["text"], seen["author"], seen["mine"]) == ("please be gentle", "Asha", False)
    assert "gentle" not in str(await chat.history())
    async with chat.http.get(f"{chat.path}/export", headers=chat.headers) as response:
        assert "gentle" not in await response.text()


# Into other hands


@on_sqlite
async def test_a_conversation_goes_from_hand_to_hand(desk: Office) -> None:
    chat, asha, bela = await desk.waiting(), await desk.staff("Asha"), await desk.staff("Bela")
    boss = await desk.staff("Chitra", Role.COORDINATOR)
    assert (await asha.do(chat.id, "transfer", {"to": bela.member.id}))[0] == 409, "nobody has it"
    card = await boss.done(chat.id, "transfer", {"to": asha.member.id})
    assert (card["state"], card["holder"]["name"]) == ("person", "Asha"), "a coordinator gives out what waits"
    assert (await asha.do(chat.id, "transfer", {"to": asha.member.id}))[0] == 409
    card = await asha.done(chat.id, "transfer", {"to": bela.member.id})
    assert card["holder"]["name"] == "Bela"
    status, answer = await asha.do(chat.id, "messages", message("one more thing"))
    assert (status, "Bela" in answer["detail"]) == (403, True)
    await bela.write(chat.id, "Hello, this is Bela.")
    card = await boss.done(chat.id, "transfer", {"to": asha.member.id})
    assert card["holder"]["name"] == "Asha", "a coordinator moves what others hold"
    card = await asha.done(chat.id, "release")
    assert (card["state"], card["holder"], card["last_holder"]["name"]) == ("waiting", None, "Asha")
    assert [row["why"] for row in (await boss.opened(chat.id))["panel"]["changes"]] == [
        "Asked for a person",
        "Transferred",
        "Transferred",
        "Transferred",
        "Put back",
    ]
    told = await last_texts(chat, "system")
    assert ["Asha" in told[0], "Bela" in told[1], "Asha" in told[2]] == [True] * 3
    assert len(told) == 4
    await StaffStore(desk.store.database).disable(bela.member.id)
    await asha.done(chat.id, "claim")
    assert (await asha.do(chat.id, "transfer", {"to": bela.member.id}))[0] == 400, "she cannot come in any more"


async def test_after_handing_back_the_assistant_answers_and_does_not_repeat_what_a_person_sent(desk: Office) -> None:
    asha, chat, other = await desk.staff("Asha"), await desk.visitor(), await desk.visitor()
    full = [row["text"] for row in await other.say(QUESTION)]
    await chat.say(WISH)
    await asha.done(chat.id, "claim")
    await chat.say(QUESTION)
    best = (await asha.get(f"/conversations/{chat.id}/suggestions"))["suggestions"][0]
    await asha.write(chat.id, best["text"], best["topic"]["id"])
    card = await asha.done(chat.id, "hand-back")
    assert (card["state"], card["holder"], card["last_holder"]["name"]) == ("assistant", None, "Asha")
    again = await chat.say(QUESTION)
    assert {row["topic"] for row in again} == {best["topic"]["id"]}
    assert [row["text"] for row in again] != full
    assert full[0] not in [row["text"] for row in again]
    assert (await asha.do(chat.id, "messages", message("and")))[0] == 409
    assert [row["text"] for row in await other.say(QUESTION)] != full, "as when it had said so itself"


async def test_a_closed_conversation_says_so_takes_feedback_and_opens_when_she_writes(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    await asha.done(chat.id, "claim")
    card = await asha.done(chat.id, "close", {"reason": "referred"})
    assert (card["state"], card["holder"], card["close_reason"]) == ("closed", None, "referred")
    assert (await asha.do(chat.id, "messages", message("and")))[0] == 409
    assert (await asha.do(chat.id, "close", {"reason": "answered"}))[0] == 409
    asked = (await chat.history())[-1]
    assert [button["payload"] for button in asked["buttons"]] == [feedback_payload(score) for score in "123"]
    assert len(await chat.say(payload=feedback_payload("3"))) == 1, "a word of thanks"
    assert (await asha.card(chat.id))["state"] == "closed", "feedback is no new message"
    async with desk.store.database.read() as connection:
        rows = (await connection.execute(select(handoffs.c.feedback, handoffs.c.close_reason))).all()
    assert [tuple(row) for row in rows] == [(3, "referred")]
    assert await chat.say("what is vaginismus"), "the assistant answers"
    assert (await asha.card(chat.id))["state"] == "assistant"
    await chat.say(WISH)
    assert (await asha.card(chat.id))["state"] == "waiting"


@on_sqlite
async def test_nobody_is_closed_without_having_been_heard(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    assert (await asha.do(chat.id, "close", {"reason": "visitor_left"}))[0] == 409
    await asha.done(chat.id, "claim")
    assert (await asha.done(chat.id, "close", {"reason": "visitor_left"}))["close_reason"] == "visitor_left"
    status, answer = await (await desk.staff("Chitra", Role.COORDINATOR)).do(chat.id, "claim")
    assert (status, "closed" in answer["detail"]) == (409, True)


@pytest.mark.parametrize(("what", "more"), [("hand-back", {}), ("close", {"reason": "answered"})])
async def test_what_the_visitor_has_just_written_is_not_gone_over(
    desk: Office, what: str, more: dict[str, str]
) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    await asha.done(chat.id, "claim")
    seen = (await asha.opened(chat.id))["messages"][-1]["position"]
    await chat.say("wait, one more thing")
    status, answer = await asha.do(chat.id, what, {**more, "seen": seen})
    assert (status, "just written" in answer["detail"]) == (409, True)
    seen = (await asha.opened(chat.id))["messages"][-1]["position"]
    await asha.done(chat.id, what, {**more, "seen": seen})


async def test_what_another_gave_back_to_the_assistant_is_not_hers_to_take(desk: Office) -> None:
    chat, asha, bela = await desk.waiting(), await desk.staff("Asha"), await desk.staff("Bela")
    await asha.done(chat.id, "claim")
    await asha.done(chat.id, "hand-back")
    status, answer = await bela.do(chat.id, "claim")
    assert (status, "gave it back" in answer["detail"]) == (409, True)
    await asha.done(chat.id, "claim")
    await asha.done(chat.id, "hand-back")
    await (await desk.staff("Chitra", Role.COORDINATOR)).done(chat.id, "claim")


async def test_erasing_is_for_coordinators_and_leaves_nothing(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    boss = await desk.staff("Chitra", Role.COORDINATOR)
    await asha.done(chat.id, "claim")
    assert (await asha.ask("DELETE", f"/conversations/{chat.id}"))[0] == 403
    assert await chat.history() != []
    assert (await boss.ask("DELETE", f"/conversations/{chat.id}"))[0] == 204
    async with chat.http.get(f"{chat.path}/messages", headers=chat.headers) as response:
        assert response.status == 404
    assert (await chat.send(message("hello")))[0] == 404
    for who in (asha, boss):
        assert await who.card(chat.id) is None
        assert (await who.ask("GET", f"/conversations/{chat.id}"))[0] == 404
    assert (await asha.do(chat.id, "messages", message("hello")))[0] == 404
    assert (await boss.ask("DELETE", f"/conversations/{chat.id}"))[0] == 404


# What is true for a moment


async def test_each_side_sees_that_the_other_types_and_how_far_she_has_read(desk: Office) -> None:
    chat, asha, bela = await desk.waiting(), await desk.staff("Asha"), await desk.staff("Bela")
    await asha.done(chat.id, "claim")
    everything = await chat.history()
    async with listen(chat) as visitor, asha.listen(chat.id) as person:
        for typing in (True, False):
            await asha.done(chat.id, "signals", {"typing": typing})
            event = await until(visitor, "typing")
            assert event.data == {"typing": typing}, "not who of the team"
        async with chat.http.post(f"{chat.path}/signals", json={"typing": True}, headers=chat.headers) as response:
            assert response.status == 204
        await until(person, "typing", who="visitor", typing=True)
        assert await visitor.is_silent(0.1), "her own typing is nothing new to her"
        await bela.do(chat.id, "signals", {"typing": True})
        assert await visitor.is_silent(0.2), "only the holder's typing counts"
        read = {"read": everything[-1]["id"]}
        async with chat.http.post(f"{chat.path}/signals", json=read, headers=chat.headers) as response:
            assert response.status == 204
        await until(person, "card", visitor_read=len(everything))
        assert (await asha.card(chat.id))["unread"] == 1
        await asha.done(chat.id, "signals", {"read": len(everything)})
        event = await until(person, "card", staff_read=len(everything))
        assert event.data["unread"] == 0
    await asha.done(chat.id, "signals", {"read": 1})
    assert (await asha.card(chat.id))["staff_read"] == len(everything), "nobody unreads"


# Suggestions


@on_sqlite
async def test_the_best_answer_is_suggested_first_and_asking_writes_nothing(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    await asha.done(chat.id, "claim")
    assert await chat.say(QUESTION) == []
    before = await chat.history()
    found = (await asha.get(f"/conversations/{chat.id}/suggestions"))["suggestions"]
    assert found[0]["topic"]["id"] == "types"
    assert [row["confidence"] for row in found] == sorted((row["confidence"] for row in found), reverse=True)
    assert "\n\n".join(row["text"] for row in await (await desk.visitor()).say(QUESTION)).startswith(found[0]["text"])
    await asha.get(f"/conversations/{chat.id}/canned")
    assert await chat.history() == before, "nothing is sent without a click"
    await asha.write(chat.id, found[0]["text"], found[0]["topic"]["id"])
    sent = (await chat.history())[-1]
    assert (sent["sender"], sent["text"], sent["topic"]) == ("person", found[0]["text"], "types")


@on_sqlite
async def test_canned_replies_come_with_their_gaps_filled(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    await desk.keep(chat.id, referral("K7M2-QX9T"))
    boss = await desk.staff("Chitra", Role.COORDINATOR)
    await boss.form("/desk/canned", title="Mine", text="I am {me}. Your code is {code}.")
    replies = (await asha.get(f"/conversations/{chat.id}/canned"))["replies"]
    assert "I am Asha. Your code is K7M2-QX9T." in [row["text"] for row in replies]


# While a person answers


async def sealed_state(store: ConversationStore, chat: Chat) -> Any:
    """The assistant's state as its bytes stand in the database."""
    async with store.database.read() as connection:
        return (await connection.execute(select(trackers).where(trackers.c.conversation_id == chat.id))).one()


async def test_while_a_person_answers_the_assistant_neither_answers_nor_listens(
    desk: Office, store: ConversationStore
) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    await asha.done(chat.id, "claim")
    before = await sealed_state(store, chat)
    for text in (QUESTION, "delete my data", WISH, "asdf qwer"):
        assert await chat.say(text) == []
    assert await chat.say(payload="/ask_what_is_vaginismus") == []
    assert await sealed_state(store, chat) == before
    card = await asha.card(chat.id)
    assert (card["state"], card["unread"]) == ("person", 6)
    assert card["unanswered_since"] is not None
    await asha.write(chat.id, "I read it.")
    assert (await asha.card(chat.id))["unanswered_since"] is None


@on_sqlite
async def test_danger_is_answered_with_numbers_also_while_a_person_has_the_conversation(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    await asha.done(chat.id, "claim")
    async with asha.listen(chat.id) as stream:
        replies = await chat.say(DANGER)
        assert "112" in " ".join(row["text"] for row in replies)
        event = await until(stream, "card", level=3)
        assert [alarm["category"] for alarm in event.data["alarms"]] == ["safety_violence"]
    opened = await asha.opened(chat.id)
    (flag,) = opened["panel"]["flags"]
    assert (flag["category"], flag["level"], flag["handled_at"]) == ("safety_violence", 3, None)
    assert [row["alarms"] != [] for row in opened["messages"] if row["text"] == DANGER] == [True]
    assert opened["card"]["holder"]["name"] == "Asha"


# The panel


@on_sqlite
async def test_the_panel_tells_what_was_asked_and_who_did_what(desk: Office) -> None:
    chat, asha = await desk.visitor(), await desk.staff("Asha")
    for text in (QUESTION, "what is vaginismus", QUESTION, WISH):
        await chat.say(text)
    await asha.done(chat.id, "claim")
    panel = (await asha.opened(chat.id))["panel"]
    asked = [(row["id"], row["times"]) for row in panel["topics"]]
    assert asked == [("types", 2), ("what_is_vaginismus", 1)]
    assert [(row["state"], row["who"], row["why"]) for row in panel["changes"]] == [
        ("Waiting", "Visitor", "Asked for a person"),
        ("With a person", "Asha", "Taken"),
    ]
    assert (panel["flags"], panel["history"], panel["contact"]) == ([], None, None)


async def test_the_history_is_shown_only_while_it_is_shared(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    record = {"answers": {"began": {"choices": [], "words": "after my jasmine wedding"}}, "skipped": ["tried"]}
    await desk.keep(chat.id, Effect(Keeps.HISTORY_SAVED, {"record": record}))
    assert "jasmine" not in str(await asha.opened(chat.id))
    await desk.keep(chat.id, Effect(Keeps.HISTORY_SHARED, {"shared": True}))
    shown = (await asha.opened(chat.id))["panel"]["history"]
    assert shown["shared"] is True
    assert "after my jasmine wedding" in " ".join(shown["lines"])
    await desk.keep(chat.id, Effect(Keeps.HISTORY_SHARED, {"shared": False}))
    assert "jasmine" not in str(await asha.opened(chat.id))


@on_sqlite
@pytest.mark.parametrize("end", ["closed", "withdrawn"])
async def test_how_to_reach_her_is_shown_only_with_an_open_referral(desk: Office, end: str) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    await desk.keep(chat.id, referral("K7M2-QX9T"))
    panel = (await asha.opened(chat.id))["panel"]
    assert panel["contact"] == {"Way": "phone", "Contact": "+919800000001", "Times": "evenings"}
    assert [(row["code"], row["state"]) for row in panel["referrals"]] == [("K7M2-QX9T", "new")]
    if end == "closed":
        await asha.form("/desk/referrals/K7M2-QX9T/state", state="closed")
    else:
        await desk.keep(chat.id, Effect(Keeps.REFERRAL_WITHDRAWN, {"code": "K7M2-QX9T"}))
    found = await ReferralStore(desk.store.database, desk.store.keyring).by_code("K7M2-QX9T")
    assert found.state == end
    opened = await asha.opened(chat.id)
    assert opened["panel"]["contact"] is None
    assert "9800000001" not in str(opened)


@on_sqlite
async def test_an_earlier_conversation_is_linked_only_by_a_code_that_she_gave(desk: Office) -> None:
    asha, earlier, later = await desk.staff("Asha"), await desk.waiting(), await desk.waiting()
    await desk.keep(earlier.id, referral("K7M2-QX9T"))
    assert (await asha.opened(later.id))["panel"]["earlier"] == []
    await later.say("i have a code, k7m2 qx9t")
    assert [row["id"] for row in (await asha.opened(later.id))["panel"]["earlier"]] == [earlier.id]
    assert (await asha.opened(earlier.id))["panel"]["earlier"] == []


@on_sqlite
async def test_a_method_that_an_address_does_not_take_is_refused(desk: Office) -> None:
    asha = await desk.staff("Asha", Role.ADMINISTRATOR)
    for method, path in (
        ("POST", "/queue"),
        ("PUT", f"/conversations/{uuid4()}"),
        ("GET", f"/conversations/{uuid4()}/claim"),
    ):
        assert (await asha.ask(method, path))[0] == 405, (method, path)
    async with aiohttp.ClientSession(desk.url) as http, http.get(f"{API}/nothing") as response:
        assert response.status == 404
