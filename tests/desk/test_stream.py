"""The desk's stream over HTTP: exact, resumed without gap or double, across two servers, and over with its session."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from bot import app_desk
from bot.assistant.agent import Assistant
from bot.desk.access import Role
from bot.desk.stream import DeskStream
from bot.model import now
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from bot.storage.desk_tables import staff_sessions
from tests.desk.desk_app import WISH, Office, Staff, office, two_servers, until
from tests.desk.screen import Screen
from tests.http.chat import Chat
from tests.http.stream import Stream, listen
from tests.integration.stored import on_postgresql, on_sqlite


@pytest.fixture
async def desk(store: ConversationStore, base_url: str) -> AsyncIterator[Office]:
    """An office at the real application."""
    async with office(store, base_url) as opened:
        yield opened


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams look at their session every tenth of a second; must come before the server."""
    monkeypatch.setattr(app_desk, "DeskStream", functools.partial(DeskStream, heartbeat=0.1))


class Page(Screen):
    """A page: loaded once, and then changed by events alone."""

    def __init__(self, who: Staff, conversation: str) -> None:
        super().__init__(conversation)
        self.who = who
        self.cursor = 0

    async def load(self) -> Page:
        """As a reload of the page does."""
        queue = await self.who.get("/queue")
        self.cursor = queue["cursor"]
        self.cards = {card["id"]: card for card in queue["cards"]}
        status, found = await self.who.ask("GET", f"/conversations/{self.open}")
        assert status in (200, 403, 404), found
        if status == 200:
            self.messages = found["messages"]
            self.detail = {name: found[name] for name in ("card", "panel", "notes")}
        return self

    async def catch_up(self, stream: Stream, *, at_most: int = 1000) -> bool:
        """Take events until it is as new as the server; false when it stopped before, after ``at_most``."""
        latest = (await self.who.get("/queue"))["cursor"]
        while self.reached < latest:
            if at_most == 0:
                return False
            event = await stream.next()
            assert event is not None, "the stream ended"
            self.apply(event.name, event.data, event.id)
            at_most -= 1
        return True

    @property
    def reached(self) -> int:
        """The number of the change that it is as new as."""
        return int(self.last_id.partition("-")[0]) if self.last_id else self.cursor


async def an_afternoon(chat: Chat, asha: Staff, bela: Staff, boss: Staff, other: Chat) -> AsyncIterator[str]:
    """A handful of things that happen one after the other; each is named once it is done."""
    for who, name, body in (
        (asha, "claim", None),
        (asha, "notes", {"id": str(uuid4()), "text": "a note"}),
        (asha, "messages", {"id": str(uuid4()), "text": "I am here"}),
        (asha, "signals", {"read": 3}),
        (asha, "transfer", {"to": bela.member.id}),
        (bela, "messages", {"id": str(uuid4()), "text": "and now me"}),
        (bela, "release", None),
        (asha, "claim", None),
        (asha, "hand-back", None),
    ):
        await who.done(chat.id, name, body)
        yield name
        await chat.say("what helps")
        yield "visitor writes"
    await chat.say(WISH)
    yield "waits again"
    assert (await boss.ask("DELETE", f"/conversations/{other.id}"))[0] == 204
    yield "another is erased"
    await asha.done(chat.id, "claim")
    await asha.done(chat.id, "close", {"reason": "answered"})
    yield "closed"


async def test_a_page_that_took_every_event_shows_what_a_reload_shows(desk: Office) -> None:
    asha, bela = await desk.staff("Asha"), await desk.staff("Bela")
    boss = await desk.staff("Chitra", Role.COORDINATOR)
    chat, other = await desk.waiting(), await desk.waiting()
    screens = [await Page(who, chat.id).load() for who in (asha, bela, boss)]
    first, second, third = screens
    async with (
        asha.listen(chat.id, cursor=first.cursor, position=first.position) as one,
        bela.listen(chat.id, cursor=second.cursor, position=second.position) as two,
        boss.listen(chat.id, cursor=third.cursor, position=third.position) as three,
    ):
        async for done in an_afternoon(chat, asha, bela, boss, other):
            for screen, stream in zip(screens, (one, two, three), strict=True):
                await screen.catch_up(stream)
                fresh = await Page(screen.who, chat.id).load()
                assert screen.shown() == fresh.shown(), (done, screen.who.member.name)
    assert second.detail is None, "what Asha closed is not for Bela"
    assert third.detail["card"]["state"] == "closed"
    assert list(third.cards) == [chat.id]


async def test_a_page_that_loses_its_line_again_and_again_misses_nothing_and_doubles_nothing(desk: Office) -> None:
    asha, bela = await desk.staff("Asha"), await desk.staff("Bela")
    boss = await desk.staff("Chitra", Role.COORDINATOR)
    chat, other = await desk.waiting(), await desk.waiting()
    screen = await Page(boss, chat.id).load()
    cut = 0
    async for done in an_afternoon(chat, asha, bela, boss, other):
        if done in ("claim", "messages", "release"):
            continue  # it was not connected then
        for at_most in itertools.count(1):  # a line that never lasted for all of it would never bring all of it
            async with boss.listen(
                chat.id, cursor=screen.cursor, position=screen.position, after=screen.last_id
            ) as stream:
                if await screen.catch_up(stream, at_most=at_most):
                    break
            cut += 1
        assert screen.shown() == (await Page(boss, chat.id).load()).shown(), done
    assert cut > 10, "the line was cut in the middle of what was sent"


@on_sqlite
@pytest.mark.parametrize("last", ["x", "7", "-", "1-x", "9" * 40, "1-" + "9" * 40, "-1--1"])
async def test_an_id_that_makes_no_sense_means_the_beginning(desk: Office, last: str) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    async with asha.listen(chat.id, after=last) as stream:
        screen = Page(asha, chat.id)
        await screen.catch_up(stream)
    assert screen.shown() == (await Page(asha, chat.id).load()).shown()


@on_sqlite
async def test_a_stream_without_an_open_conversation_brings_lists_alone(desk: Office) -> None:
    chat, asha = await desk.visitor(), await desk.staff("Asha")
    async with asha.listen() as stream:
        assert await stream.is_silent(0.1)
        await chat.say(f"{WISH} quokkas")
        event = await until(stream, "card", id=chat.id)
        assert (event.data["state"], event.data["unread"]) == ("waiting", 1)
        await chat.say("quokkas")
        assert "quokkas" not in str(await until(stream, "card", unread=2))
        async with chat.http.delete(chat.path, headers=chat.headers) as response:
            assert response.status == 204
        await until(stream, "gone", id=chat.id)


# How it lasts, and how it ends


@on_sqlite
async def test_silence_is_kept_alive(quick: None, desk: Office) -> None:
    asha = await desk.staff("Asha")
    async with asha.listen() as stream:
        assert await stream.is_silent(0.5)
        assert stream.comments[:2] == [": keep-alive"] * 2


async def age(desk: Office, **columns: timedelta) -> None:
    """Let time pass for every session."""
    async with desk.store.database.transaction() as connection:
        await connection.execute(
            update(staff_sessions).values(**{name: now() - passed for name, passed in columns.items()})
        )


async def ends_signed_out(stream: Stream) -> None:
    """A stream says why it ends, and ends."""
    event = await stream.next(2)
    assert event is not None
    assert (event.name, event.data) == ("signed-out", {})
    assert await stream.next(2) is None


@on_sqlite
@pytest.mark.parametrize(
    "ends", [{"began_at": timedelta(hours=12, minutes=1)}, {"used_at": timedelta(hours=2, minutes=1)}], ids=str
)
async def test_a_stream_ends_with_its_session_and_does_not_keep_it_alive(
    quick: None, desk: Office, ends: dict[str, timedelta]
) -> None:
    asha = await desk.staff("Asha")
    async with asha.listen() as stream:
        assert await stream.is_silent(0.3)
        await age(desk, **ends)
        await ends_signed_out(stream)
    assert (await asha.ask("GET", "/events"))[0] == 401


@on_sqlite
async def test_a_stream_ends_when_she_signs_out_and_brings_nothing_after_it(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    async with asha.listen(chat.id) as stream:
        await until(stream, "card")
        await asha.form("/desk/sign-out")
        await chat.say("this is after it")
        await ends_signed_out(stream)


# Two servers on one PostgreSQL


@on_postgresql
async def test_what_happens_on_one_server_is_seen_on_the_desk_of_the_other(
    settings: Settings, assistant: Assistant
) -> None:
    async with two_servers(settings, assistant) as (desk, there):
        asha = await desk.staff("Asha")
        bela = await desk.seat((await desk.staff("Bela")).member, there)
        boss = await desk.seat((await desk.staff("Chitra", Role.COORDINATOR)).member, there)
        chat = await desk.waiting()
        async with bela.listen(chat.id) as stream, boss.listen(chat.id) as watching:
            await until(stream, "card", id=chat.id, state="waiting")
            await chat.say("hello from here")
            await until(stream, "message", text="hello from here")
            await asha.done(chat.id, "claim")
            event = await until(stream, "card", state="person")
            assert (event.data["holder"]["name"], event.data["readable"]) == ("Asha", False)
            await asha.write(chat.id, "hello from a person")
            await until(watching, "message", text="hello from a person")
            status, answer = await bela.do(chat.id, "claim")
            assert (status, "Asha" in answer["detail"]) == (409, True)
            assert (await boss.ask("DELETE", f"/conversations/{chat.id}"))[0] == 204
            await until(stream, "gone", id=chat.id)


@on_postgresql
async def test_who_claims_at_once_on_two_servers_one_gets_it(settings: Settings, assistant: Assistant) -> None:
    async with two_servers(settings, assistant) as (desk, there):
        here = [await desk.staff(name) for name in ("Asha", "Bela", "Chitra")]
        others = [await desk.seat((await desk.staff(name)).member, there) for name in ("Devi", "Esha", "Farah")]
        for _ in range(3):
            chat = await desk.waiting()
            results = await asyncio.gather(*(who.do(chat.id, "claim") for who in (*here, *others)))
            assert sorted(status for status, _ in results) == [200, 409, 409, 409, 409, 409]
            assert len([row for row in await chat.history() if row["sender"] == "system"]) == 1


@on_postgresql
async def test_typing_crosses_servers(settings: Settings, assistant: Assistant) -> None:
    async with two_servers(settings, assistant) as (desk, there):
        asha = await desk.seat((await desk.staff("Asha")).member, there)
        chat = await desk.waiting()
        await asha.done(chat.id, "claim")
        async with listen(chat) as visitor, asha.listen(chat.id) as person:
            await until(person, "card", id=chat.id)
            await asha.done(chat.id, "signals", {"typing": True})
            assert (await until(visitor, "typing")).data == {"typing": True}
            async with chat.http.post(f"{chat.path}/signals", json={"typing": True}, headers=chat.headers) as response:
                assert response.status == 204
            await until(person, "typing", who="visitor", typing=True)


@on_postgresql
async def test_what_a_visitor_has_read_crosses_servers(settings: Settings, assistant: Assistant) -> None:
    async with two_servers(settings, assistant) as (desk, there):
        asha = await desk.seat((await desk.staff("Asha")).member, there)
        chat = await desk.waiting()
        everything = await chat.history()
        async with asha.listen() as stream:
            await until(stream, "card", visitor_read=0)
            read = {"read": everything[-1]["id"]}
            async with chat.http.post(f"{chat.path}/signals", json=read, headers=chat.headers) as response:
                assert response.status == 204
            await until(stream, "card", visitor_read=len(everything))


@on_postgresql
async def test_an_account_that_is_disabled_on_one_server_is_out_on_the_other(
    quick: None, settings: Settings, assistant: Assistant
) -> None:
    async with two_servers(settings, assistant) as (desk, there):
        admin = await desk.staff("Devi", Role.ADMINISTRATOR)
        asha = await desk.seat((await desk.staff("Asha")).member, there)
        async with asha.listen() as stream:
            assert await stream.is_silent(0.2)
            await admin.form(f"/desk/staff/{asha.member.id}/disable")
            await ends_signed_out(stream)
        assert (await asha.ask("GET", "/queue"))[0] == 401
