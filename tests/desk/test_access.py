"""Who reaches what at the desk of the real application, over HTTP: by role, by session, by conversation, by origin."""

from __future__ import annotations

import html
import json
import logging
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from bot.assistant.agent import Assistant
from bot.desk.access import RIGHTS, May, Role
from bot.desk.rendering import TEMPLATES
from bot.desk.sessions import COOKIE
from bot.directory.practitioner import read_practitioner
from bot.model import now
from bot.settings import Settings
from bot.storage.canned import CannedStore
from bot.storage.conversations import ConversationStore
from bot.storage.invitations import InvitationStore
from bot.storage.misunderstood import MisunderstoodStore, note
from bot.storage.practitioners import PractitionerStore
from bot.storage.sessions import Stage
from bot.storage.staff import StaffStore
from tests.desk.desk_app import API, WISH, Office, Staff, browser_with, office, referral, session_of, table_of, until
from tests.desk.signing_in import make_member
from tests.desk.team import hire
from tests.integration.stored import all_rows, on_sqlite, raw_bytes

PUBLIC = "public"
ANYBODY = None
"""Signed in, whatever the role."""

ONE = "/desk/api/conversations/{id}"
EXPECTED: dict[tuple[str, str], May | str | None] = {
    ("GET", "/desk/sign-in"): PUBLIC,
    ("POST", "/desk/sign-in"): PUBLIC,
    ("GET", "/desk/invitation/{token}"): PUBLIC,
    ("POST", "/desk/invitation/{token}"): PUBLIC,
    ("GET", "/desk/second-factor"): ANYBODY,
    ("POST", "/desk/second-factor"): ANYBODY,
    ("POST", "/desk/sign-out"): ANYBODY,
    ("GET", "/desk/account"): ANYBODY,
    ("POST", "/desk/account"): ANYBODY,
    ("GET", "/desk"): May.WORK,
    ("GET", "/desk/api/queue"): May.WORK,
    ("GET", "/desk/api/colleagues"): May.WORK,
    ("GET", "/desk/api/events"): May.WORK,
    ("GET", ONE): May.WORK,
    ("DELETE", ONE): May.ERASE,
    ("GET", f"{ONE}/suggestions"): May.WORK,
    ("GET", f"{ONE}/canned"): May.WORK,
    ("POST", f"{ONE}/claim"): May.WORK,
    ("POST", f"{ONE}/release"): May.WORK,
    ("POST", f"{ONE}/transfer"): May.WORK,
    ("POST", f"{ONE}/hand-back"): May.WORK,
    ("POST", f"{ONE}/close"): May.WORK,
    ("POST", f"{ONE}/messages"): May.WORK,
    ("POST", f"{ONE}/notes"): May.WORK,
    ("POST", f"{ONE}/signals"): May.WORK,
    ("GET", "/desk/search"): May.WORK,
    ("POST", "/desk/search"): May.WORK,
    ("GET", "/desk/referrals"): May.REFERRALS,
    ("GET", "/desk/referrals/{code}"): May.REFERRALS,
    ("POST", "/desk/referrals/{code}/state"): May.REFERRALS,
    ("GET", "/desk/directory"): May.DIRECTORY,
    ("GET", "/desk/directory/new"): May.DIRECTORY,
    ("POST", "/desk/directory/new"): May.DIRECTORY,
    ("POST", "/desk/directory/file"): May.DIRECTORY,
    ("GET", "/desk/directory/export.csv"): May.DIRECTORY,
    ("GET", "/desk/directory/entry/{id}"): May.DIRECTORY,
    ("POST", "/desk/directory/entry/{id}"): May.DIRECTORY,
    ("GET", "/desk/directory/entry/{id}/remove"): May.DIRECTORY,
    ("POST", "/desk/directory/entry/{id}/remove"): May.DIRECTORY,
    ("GET", "/desk/reports"): May.REPORTS,
    ("GET", "/desk/reports/{name}.csv"): May.REPORTS,
    ("GET", "/desk/understanding"): May.REVIEW,
    ("POST", "/desk/understanding"): May.REVIEW,
    ("GET", "/desk/understanding/reviewed"): May.REVIEW,
    ("POST", "/desk/understanding/reviewed"): May.REVIEW,
    ("GET", "/desk/understanding/export.yml"): May.REVIEW,
    ("GET", "/desk/canned"): May.CANNED,
    ("POST", "/desk/canned"): May.CANNED,
    ("GET", "/desk/canned/{id}"): May.CANNED,
    ("POST", "/desk/canned/{id}"): May.CANNED,
    ("POST", "/desk/canned/{id}/delete"): May.CANNED,
    ("GET", "/desk/staff"): May.STAFF,
    ("POST", "/desk/staff/invite"): May.STAFF,
    ("POST", "/desk/staff/withdraw"): May.STAFF,
    ("POST", "/desk/staff/option"): May.STAFF,
    ("POST", "/desk/staff/{id}/role"): May.STAFF,
    ("POST", "/desk/staff/{id}/disable"): May.STAFF,
    ("POST", "/desk/staff/{id}/enable"): May.STAFF,
    ("POST", "/desk/staff/{id}/reset"): May.STAFF,
    ("GET", "/desk/audit"): May.AUDIT,
}
ROLES_OF_RIGHTS = {
    May.WORK: set(Role),
    May.REFERRALS: set(Role),
    May.SEE_ALL: {Role.COORDINATOR, Role.ADMINISTRATOR},
    May.ERASE: {Role.COORDINATOR, Role.ADMINISTRATOR},
    May.DIRECTORY: {Role.COORDINATOR, Role.ADMINISTRATOR},
    May.REVIEW: {Role.COORDINATOR, Role.ADMINISTRATOR},
    May.CANNED: {Role.COORDINATOR, Role.ADMINISTRATOR},
    May.REPORTS: {Role.COORDINATOR, Role.ADMINISTRATOR},
    May.STAFF: {Role.ADMINISTRATOR},
    May.AUDIT: {Role.ADMINISTRATOR},
}
CHANGING = [row for row in EXPECTED if row[0] != "GET"]


@pytest.fixture
async def desk(store: ConversationStore, base_url: str) -> AsyncIterator[Office]:
    """An office at the real application."""
    async with office(store, base_url) as opened:
        yield opened


def at(path: str, **known: str) -> str:
    """A path with something in its gaps."""
    gaps = {"id": str(uuid4()), "token": "no-such-token", "code": "K7M2-QX9T", "name": "topics", **known}
    return path.format(**gaps)


async def asked(http: aiohttp.ClientSession, method: str, path: str, **options: Any) -> tuple[int, str]:
    """Status of a request, and where it leads."""
    async with http.request(method, path, allow_redirects=False, **options) as response:
        return response.status, response.headers.get("Location", "")


# The table


@on_sqlite
def test_the_table_says_who_may_what_and_has_nothing_else(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    table = table_of(settings, store, assistant)
    assert {(row.method, row.path): PUBLIC if row.public else row.right for row in table} == EXPECTED
    assert len(table) == len(EXPECTED)
    assert {right: {role for role in Role if right in RIGHTS[role]} for right in May} == ROLES_OF_RIGHTS


@on_sqlite
@pytest.mark.parametrize("role", list(Role))
async def test_a_role_reaches_what_it_has_the_right_for_and_nothing_else(desk: Office, role: Role) -> None:
    member = await hire(desk.store, "Asha", role)
    await hire(desk.store, "Devi", Role.ADMINISTRATOR)
    for (method, path), right in EXPECTED.items():
        async with browser_with(desk.url, await session_of(desk.store, member)) as http:
            status, led = await asked(http, method, at(path))
        if isinstance(right, May) and role not in ROLES_OF_RIGHTS[right]:
            assert status == 403, (method, path)
        else:
            assert status in (200, 303, 400, 404, 409) or right == PUBLIC, (method, path, status)
            assert path == "/desk/sign-out" or "/desk/sign-in" not in led, (method, path, led)


@on_sqlite
@pytest.mark.parametrize("token", [None, "", "made-up"])
async def test_nobody_reaches_anything_without_signing_in(desk: Office, token: str | None) -> None:
    async with browser_with(desk.url, token) as http:
        for (method, path), right in EXPECTED.items():
            status, led = await asked(http, method, at(path))
            if right == PUBLIC:
                assert status in (200, 400, 404, 410), (method, path, status)
            elif path.startswith(API):
                assert status == 401, (method, path)
            else:
                assert (status, led.partition("?")[0]) == (303, "/desk/sign-in"), (method, path)


@on_sqlite
@pytest.mark.parametrize(
    ("stage", "required", "gate"),
    [(Stage.SECOND_FACTOR, False, "/desk/second-factor"), (Stage.FULL, True, "/desk/account")],
    ids=["code still to come", "second factor required and not set"],
)
async def test_who_is_not_quite_signed_in_gets_to_the_second_factor_and_nowhere_else(
    desk: Office, stage: Stage, required: bool, gate: str
) -> None:
    await StaffStore(desk.store.database).require_second_factor(required)
    member = await hire(desk.store, "Asha", Role.ADMINISTRATOR)
    for (method, path), right in EXPECTED.items():
        async with browser_with(desk.url, await session_of(desk.store, member, stage)) as http:
            status, led = await asked(http, method, at(path))
        if path.startswith(API):
            assert status == 401, (method, path)
        elif right not in (PUBLIC, ANYBODY):
            assert (status, led) == (303, gate), (method, path)
        elif path == gate and method == "GET":
            assert status == 200
        elif path == "/desk/account":
            assert stage is Stage.FULL or (status, led) == (303, gate)


# Other sites


async def targets(desk: Office, me: Staff) -> dict[tuple[str, str], tuple[str, dict[str, Any]]]:
    """For every request that changes something, one that would: its address and what it sends."""
    store, database, keyring = desk.store, desk.store.database, desk.store.keyring
    chats = {name: await desk.waiting() for name in ("claim", "held", "back", "close", "erase")}
    other = await desk.staff("Bela", Role.COORDINATOR)
    await me.done(chats["held"].id, "claim")
    for name in ("back", "close"):
        await me.done(chats[name].id, "claim")
    await desk.keep(chats["held"].id, referral("K7M2-QX9T"))
    mine, theirs = [await CannedStore(database).put(title, "Hello there.") for title in ("Hello", "Bye")]
    entry = {
        "id": "asha-pune",
        "role": "coach",
        "name": "Asha",
        "languages": "Hindi",
        "country": "IN",
        "contact": "a@example.org",
    }
    await PractitionerStore(database, keyring).put([read_practitioner({**entry, "taking_new": "yes"})])
    await InvitationStore(database).make("new@example.org", Role.COACH, me.member, now())
    token = await InvitationStore(database).make("newer@example.org", Role.COACH, me.member, now())
    async with database.transaction() as connection:
        for position in (1, 2):
            await note(connection, keyring, chats["held"].id, position, "what", "clarify", None, now())
    rows = await MisunderstoodStore(database, keyring).open()
    await MisunderstoodStore(database, keyring).name([rows[1].id], "what_is_vaginismus", me.member.id)
    account, password = await make_member(store, Role.COACH)
    held = {"id": chats["held"].id}
    words = {"id": str(uuid4()), "text": "hello"}
    form: dict[tuple[str, str], tuple[dict[str, str], dict[str, Any]]] = {
        ("POST", "/desk/sign-in"): ({}, {"data": {"email": account.email, "password": password}}),
        ("POST", "/desk/invitation/{token}"): (
            {"token": token},
            {"data": {"name": "N", "password": "a good long password", "again": "a good long password"}},
        ),
        ("POST", "/desk/second-factor"): ({}, {"data": {"code": "000000"}}),
        ("POST", "/desk/account"): ({}, {"data": {"change": "name", "name": "Somebody Else"}}),
        ("DELETE", ONE): ({"id": chats["erase"].id}, {}),
        ("POST", f"{ONE}/claim"): ({"id": chats["claim"].id}, {"json": {}}),
        ("POST", f"{ONE}/messages"): (held, {"json": words}),
        ("POST", f"{ONE}/notes"): (held, {"json": words}),
        ("POST", f"{ONE}/signals"): (held, {"json": {"read": 1}}),
        ("POST", f"{ONE}/transfer"): (held, {"json": {"to": other.member.id}}),
        ("POST", f"{ONE}/release"): ({"id": chats["claim"].id}, {"json": {}}),
        ("POST", f"{ONE}/hand-back"): ({"id": chats["back"].id}, {"json": {}}),
        ("POST", f"{ONE}/close"): ({"id": chats["close"].id}, {"json": {"reason": "answered"}}),
        ("POST", "/desk/search"): ({}, {"data": {"words": "person"}}),
        ("POST", "/desk/referrals/{code}/state"): ({}, {"data": {"state": "contacted"}}),
        ("POST", "/desk/directory/new"): ({}, {"data": {**entry, "id": "new-one"}}),
        ("POST", "/desk/directory/entry/{id}"): ({"id": "asha-pune"}, {"data": {**entry, "name": "Changed"}}),
        ("POST", "/desk/directory/entry/{id}/remove"): ({"id": "asha-pune"}, {"data": {}}),
        ("POST", "/desk/understanding"): ({}, {"data": {"id": rows[0].id, "do": "none"}}),
        ("POST", "/desk/understanding/reviewed"): ({}, {"data": {"id": rows[1].id}}),
        ("POST", "/desk/canned"): ({}, {"data": {"title": "New", "text": "New text."}}),
        ("POST", "/desk/canned/{id}"): ({"id": mine}, {"data": {"title": "Changed", "text": "Changed."}}),
        ("POST", "/desk/canned/{id}/delete"): ({"id": theirs}, {"data": {}}),
        ("POST", "/desk/staff/invite"): ({}, {"data": {"email": "third@example.org", "role": "coach"}}),
        ("POST", "/desk/staff/withdraw"): ({}, {"data": {"email": "new@example.org"}}),
        ("POST", "/desk/staff/option"): ({}, {"data": {"second_factor": "optional"}}),
        ("POST", "/desk/staff/{id}/role"): ({"id": account.id}, {"data": {"role": "coordinator"}}),
        ("POST", "/desk/staff/{id}/disable"): ({"id": account.id}, {"data": {}}),
        ("POST", "/desk/staff/{id}/enable"): ({"id": account.id}, {"data": {}}),
        ("POST", "/desk/staff/{id}/reset"): ({"id": account.id}, {"data": {}}),
        ("POST", "/desk/directory/file"): ({}, {"data": {}}),
        ("POST", "/desk/sign-out"): ({}, {"data": {}}),
    }
    return {row: (at(row[1], **gaps), options) for row, (gaps, options) in form.items()}


async def kept(desk: Office) -> dict[str, list[dict[str, Any]]]:
    """All that is stored, but for when messages were delivered, which is stored a moment later."""
    rows = await all_rows(desk.store.database)
    return {name: [row | {"delivered_at": None} for row in table] for name, table in rows.items()}


FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "OURS"},
    {"Origin": "https://elsewhere.example.org"},
    {"Origin": "null"},
    {},
]


@on_sqlite
async def test_what_another_site_sends_is_refused_and_changes_nothing(desk: Office) -> None:
    me = await desk.staff("Asha", Role.ADMINISTRATOR)
    requests = await targets(desk, me)
    assert set(requests) == set(CHANGING)
    cookies = {COOKIE: await session_of(desk.store, me.member)}
    before = await kept(desk)
    async with aiohttp.ClientSession(desk.url, cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        for (method, _), (path, options) in requests.items():
            for headers in FOREIGN:
                sent = {name: desk.url if value == "OURS" else value for name, value in headers.items()}
                assert (await asked(http, method, path, headers=sent, **options))[0] == 403, (method, path, headers)
        assert await kept(desk) == before
    del before["staff_sessions"]
    for (method, row), (path, options) in requests.items():  # from our own pages, each of them does something
        async with browser_with(desk.url, await session_of(desk.store, me.member)) as http:
            status, _ = await asked(http, method, path, **options)
        after = await kept(desk)
        del after["staff_sessions"]
        assert status < 400 or row == "/desk/directory/file", (method, path, status)
        assert after != before or row in ("/desk/second-factor", "/desk/directory/file"), (method, path)
        before = after


@on_sqlite
async def test_an_old_browser_is_known_by_the_origin_that_it_sends(desk: Office) -> None:
    chat, me = await desk.waiting(), await desk.staff("Asha")
    cookies = {COOKIE: await session_of(desk.store, me.member)}
    async with aiohttp.ClientSession(desk.url, cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        path = f"{API}/conversations/{chat.id}/claim"
        assert (await asked(http, "POST", path, headers={"Origin": desk.url}, json={}))[0] == 200


# Sessions that end


@on_sqlite
async def test_a_disabled_account_is_out_at_once_and_nobody_waits_for_it(desk: Office) -> None:
    chat, asha = await desk.waiting(), await desk.staff("Asha")
    admin = await desk.staff("Devi", Role.ADMINISTRATOR)
    await asha.done(chat.id, "claim")
    async with asha.listen(chat.id) as stream:
        await until(stream, "card", id=chat.id)
        began = time.monotonic()
        await admin.form(f"/desk/staff/{asha.member.id}/disable")
        event = await stream.next(1)
        assert event is not None
        assert event.name == "signed-out"
        assert await stream.next(1) is None
        assert time.monotonic() - began < 1.5
    assert (await asha.ask("GET", "/queue"))[0] == 401
    assert (await asha.do(chat.id, "messages", {"id": str(uuid4()), "text": "still here"}))[0] == 401
    card = await admin.card(chat.id)
    assert (card["state"], card["holder"]) == ("waiting", None)
    assert "still here" not in str(await chat.history())


@on_sqlite
async def test_whoever_gets_another_role_signs_in_again_and_loses_what_she_may_not(desk: Office) -> None:
    bela, admin = await desk.staff("Bela", Role.COORDINATOR), await desk.staff("Devi", Role.ADMINISTRATOR)
    async with bela.listen() as stream:
        assert await stream.is_silent(0.1)
        await admin.form(f"/desk/staff/{bela.member.id}/role", role="coach")
        event = await stream.next(2)
        assert event is not None
        assert event.name == "signed-out"
    assert (await bela.ask("GET", "/queue"))[0] == 401


# Conversations of others


async def nothing_to_see(who: Staff, conversation_id: str, word: str, status: int) -> None:
    """All ways to a conversation are closed to somebody."""
    one = f"/conversations/{conversation_id}"
    for method, path, body in (
        ("GET", one, None),
        ("GET", f"{one}/suggestions", None),
        ("GET", f"{one}/canned", None),
        ("POST", f"{one}/notes", {"id": str(uuid4()), "text": "a note"}),
        ("POST", f"{one}/signals", {"typing": True}),
    ):
        got, answer = await who.ask(method, path, body)
        assert got == status, (method, path, answer)
        assert word not in json.dumps(answer)
    assert word not in json.dumps(await who.get("/queue"))
    found = await who.form("/desk/search", 200, words=word)
    assert conversation_id not in found
    assert html.unescape(found).count(word) == 1, "only what she typed herself"


@on_sqlite
async def test_a_coach_reads_nothing_of_what_another_has_or_closed(desk: Office) -> None:
    asha, bela = await desk.staff("Asha"), await desk.staff("Bela")
    boss = await desk.staff("Chitra", Role.COORDINATOR)
    chat = await desk.waiting()
    await chat.say("my word is quokkas")
    await asha.done(chat.id, "claim")
    await asha.done(chat.id, "notes", {"id": str(uuid4()), "text": "she says quokkas"})
    async with bela.listen(chat.id) as stream:
        card = await until(stream, "card", id=chat.id)
        assert card.data["readable"] is False
        await asha.write(chat.id, "what about quokkas?")
        event = await until(stream, "card", id=chat.id)
        assert "quokkas" not in str(event.data)
        async with chat.http.post(f"{chat.path}/signals", json={"typing": True}, headers=chat.headers) as response:
            assert response.status == 204
        assert await stream.is_silent(0.2), "no message, no typing, no panel"
    await nothing_to_see(bela, chat.id, "quokkas", 403)
    assert "quokkas" in str(await boss.opened(chat.id))
    await asha.done(chat.id, "close", {"reason": "answered"})
    await nothing_to_see(bela, chat.id, "quokkas", 404)
    assert await bela.card(chat.id) is None
    assert (await bela.do(chat.id, "claim"))[0] == 404, "taking it is no way to read it either"
    assert "quokkas" in str(await boss.opened(chat.id))
    assert chat.id in await boss.form("/desk/search", 200, words="quokkas")
    assert "quokkas" in str(await asha.opened(chat.id)), "what she had last she may read"


@on_sqlite
async def test_a_code_that_was_given_leads_only_to_what_she_may_see(desk: Office) -> None:
    asha, bela = await desk.staff("Asha"), await desk.staff("Bela")
    boss = await desk.staff("Chitra", Role.COORDINATOR)
    earlier, later = await desk.waiting(), await desk.waiting()
    await desk.keep(earlier.id, referral("K7M2-QX9T"))
    await later.say("my code is K7M2-QX9T")
    await bela.done(later.id, "claim")
    assert [row["id"] for row in (await bela.opened(later.id))["panel"]["earlier"]] == [earlier.id]
    await asha.done(earlier.id, "claim")
    await asha.done(earlier.id, "close", {"reason": "answered"})
    assert (await bela.opened(later.id))["panel"]["earlier"] == []
    assert [row["id"] for row in (await boss.opened(later.id))["panel"]["earlier"]] == [earlier.id]


@on_sqlite
async def test_a_conversation_that_never_came_to_people_is_read_by_nobody(desk: Office) -> None:
    chat = await desk.visitor("what is vaginismus, said the quokkas")
    for role in Role:
        who = await desk.staff("Asha", role)
        async with who.listen(chat.id) as stream:
            async with chat.http.post(f"{chat.path}/signals", json={"typing": True}, headers=chat.headers) as response:
                assert response.status == 204
            await chat.say("thank you")
            assert await stream.is_silent(0.2)
        await nothing_to_see(who, chat.id, "quokkas", 404)
        for name in ("claim", "release", "hand-back", "close", "transfer", "messages"):
            body = {"id": str(uuid4()), "text": "hello", "reason": "answered", "to": who.member.id}
            assert (await who.do(chat.id, name, body))[0] == 404, name
        assert (await who.ask("DELETE", f"/conversations/{chat.id}"))[0] == (403 if role is Role.COACH else 404)
    assert len(await chat.history()) >= 4, "it is still there for her"


# The audit log, and what is written nowhere


@on_sqlite
async def test_every_look_is_recorded_with_who_and_which(desk: Office) -> None:
    chat, boss = await desk.waiting(), await desk.staff("Chitra", Role.COORDINATOR)
    await boss.opened(chat.id)
    async with boss.listen(chat.id) as stream:
        await until(stream, "card")
    async with boss.listen(chat.id, after="1-1") as stream:  # an id that was made up, to get around being recorded
        await until(stream, "card")
    await boss.form("/desk/search", 200, words="person")
    await boss.page("/desk/directory/export.csv")
    await boss.page("/desk/understanding/export.yml")
    assert (await boss.ask("DELETE", f"/conversations/{chat.id}"))[0] == 204
    log = [entry for entry in await desk.audit() if entry.action != "account_created"]
    assert {(entry.staff_id, entry.who) for entry in log} == {(boss.member.id, boss.member.email)}
    assert [(entry.action, entry.subject) for entry in log] == [
        ("conversation.read", chat.id),
        ("conversation.watch", chat.id),
        ("conversation.watch", chat.id),
        ("searched", None),
        ("conversation.found", chat.id),
        ("directory_exported", None),
        ("understanding_exported", None),
        ("conversation.erase", chat.id),
    ]


async def test_what_people_write_stands_in_no_log_no_figure_and_not_openly_in_the_database(
    desk: Office, store: ConversationStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "aiosqlite")  # as the command has it: it logs every statement
    written, name = "Quokkas", "Numbat"  # a name of the staff is shown to visitors: it is stored, but logged nowhere
    asha, bela = await desk.staff(f"Asha{name}"), await desk.staff(f"Bela{name}", Role.ADMINISTRATOR)
    chat = await desk.visitor(f"I am {written} and i want a person")
    await chat.say(WISH)
    await chat.say(f"call me at {written}@example.org")
    await asha.done(chat.id, "claim")
    await asha.write(chat.id, f"Hello {written}")
    await asha.done(chat.id, "notes", {"id": str(uuid4()), "text": f"her name is {written}"})
    await desk.keep(chat.id, referral("K7M2-QX9T", contact=f"{written}@example.org", words=written), text=written)
    await asha.page("/desk/referrals/K7M2-QX9T")
    await asha.form("/desk/referrals/K7M2-QX9T/state", state="contacted")
    await asha.form("/desk/search", 200, words=written)
    await asha.opened(chat.id)
    await asha.get(f"/conversations/{chat.id}/suggestions")
    assert (await asha.do(chat.id, "messages", {"id": written, "text": written}))[0] == 400
    assert (await asha.do(chat.id, "close", {"reason": written}))[0] == 400
    await asha.done(chat.id, "transfer", {"to": bela.member.id})
    entry = {"id": "an-entry", "role": "coach", "name": f"Rani {name}", "languages": "Hindi", "country": "IN"}
    await bela.form("/desk/directory/new", 303, **entry, contact=f"{written}@example.org")
    await bela.form("/desk/account", change="name", name=f"Bela {name} Again")
    await bela.done(chat.id, "close", {"reason": "answered"})
    async with bela.http.get("/metrics") as response:
        figures = (await response.text()).casefold()
    audit = str(await desk.audit()).casefold()
    assert "conversation.transfer" in audit
    assert "bot_messages" in figures
    # The addresses that accounts have contain the staff's names here, and the log names people by them.
    for member in (asha.member, bela.member):
        audit = audit.replace(member.email.casefold(), "")
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records).casefold()
    for word in (written.casefold(), name.casefold()):
        assert word not in audit
        assert word not in logged
        assert word not in figures
    assert written.casefold().encode() not in (await raw_bytes(store.database)).lower()


# Headers and templates


@on_sqlite
async def test_no_page_can_run_foreign_code_or_stay_in_a_cache(desk: Office) -> None:
    admin, coach = await desk.staff("Devi", Role.ADMINISTRATOR), await desk.staff("Asha")
    pages = [path for (method, path), _ in EXPECTED.items() if method == "GET" and not path.startswith(API)]
    asking = [*((admin, at(path)) for path in pages), (coach, "/desk/staff"), (coach, "/desk/audit")]
    for who, path in asking:
        async with who.http.get(path, allow_redirects=False) as response:
            if response.status == 404:
                continue  # a problem, and no page
            assert response.headers["Cache-Control"] == "no-store" or response.status == 303, path
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
            assert policy["default-src"] == "'none'"
            assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
            assert "frame-ancestors" in policy
            assert "unsafe" not in str(policy)
            text = await response.text()
        assert not re.search(r"<style|\sstyle=|\son\w+\s*=|javascript:|<script(?![^>]*\ssrc=)", text, re.IGNORECASE), (
            path
        )
    async with admin.http.get(f"{API}/queue") as response:
        assert response.headers["Cache-Control"] == "no-store"


@on_sqlite
async def test_the_cookie_is_for_the_desk_alone_and_no_script_reads_it(desk: Office) -> None:
    account, password = await make_member(desk.store, Role.COACH)
    form = {"email": account.email, "password": password}
    async with browser_with(desk.url, None) as http:
        async with http.post("/desk/sign-in", data=form, allow_redirects=False) as response:
            assert response.status == 303
            (cookie,) = response.headers.getall("Set-Cookie")
        name, *flags = (part.strip() for part in cookie.split(";"))
        assert name.startswith(f"{COOKIE}=")
        assert {"HttpOnly", "SameSite=Strict", "Path=/desk"} <= set(flags)
        async with http.get(f"{API}/queue") as response:
            assert response.status == 200


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_a_template_neither_trusts_a_text_nor_holds_code(template: Any) -> None:
    source = template.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", source)
    tags = re.sub(r"\{%.*?%\}|\{#.*?#\}", " ", source, flags=re.DOTALL)
    for forbidden in (r"\son[a-z]+\s*=", r"\sstyle\s*=", r"<style", r"javascript:"):
        assert not re.search(forbidden, tags, re.IGNORECASE), forbidden
    for tag in re.findall(r"<script\b[^>]*>", source, re.IGNORECASE):
        assert re.search(r'\ssrc="/desk/web/[\w.-]+"', tag), tag
    assert not re.search(r"<script\b[^>]*>\s*[^<\s]", source, re.IGNORECASE), "nothing between the tags"


# Markup that somebody wrote


def evil(name: str) -> str:
    """Markup with a name to find it by."""
    return f"<img src=x onerror=alert(1)>'\"{name}"


@on_sqlite
async def test_markup_that_anybody_wrote_is_text_on_every_page(desk: Office) -> None:
    database, keyring = desk.store.database, desk.store.keyring
    admin, chat = await desk.staff("Devi", Role.ADMINISTRATOR), await desk.waiting()
    await StaffStore(database).set_name(admin.member.id, evil("staff"))
    await chat.say(evil("message"))
    await admin.done(chat.id, "claim")
    await admin.done(chat.id, "notes", {"id": str(uuid4()), "text": evil("remark")})
    entry = {"id": "an-entry", "role": "physiotherapist", "name": evil("practitioner"), "city": evil("city")}
    entry |= {"languages": "Hindi", "taking_new": "yes", "contact": "a@example.org", "latitude": "18.5"}
    await PractitionerStore(database, keyring).put([read_practitioner({**entry, "longitude": "73.8", "country": "IN"})])
    wish = referral("K7M2-QX9T", words=evil("words"), contact=evil("contact"), place=evil("place"), times=evil("times"))
    await desk.keep(chat.id, type(wish)(wish.keeps, {**wish.data, "practitioner_id": "an-entry"}))
    async with database.transaction() as connection:
        await note(connection, keyring, chat.id, 1, evil("unclear"), "clarify", None, now())
    mine = await CannedStore(database).put(evil("title"), evil("canned"))
    await InvitationStore(database).make("new@example.org", Role.COACH, admin.member, now())
    shown = {
        "/desk": ["staff"],
        "/desk/account": ["staff"],
        "/desk/staff": ["staff"],
        "/desk/audit": ["staff"],
        "/desk/referrals": ["practitioner"],
        "/desk/referrals/K7M2-QX9T": ["words", "contact", "place", "times", "practitioner"],
        "/desk/directory": ["practitioner", "city"],
        "/desk/directory/entry/an-entry": ["practitioner", "city"],
        "/desk/directory/entry/an-entry/remove": ["practitioner"],
        "/desk/understanding": ["unclear"],
        "/desk/canned": ["title", "canned"],
        f"/desk/canned/{mine}": ["title", "canned"],
    }
    pages = {path: await admin.page(path) for path in shown}
    for name in ("message", "remark"):
        shown[name] = [name]
        pages[name] = await admin.form("/desk/search", 200, words=f"onerror=alert(1)>'\"{name}")
    shown["typed again"] = ["typed"]
    pages["typed again"] = await admin.form("/desk/canned", 400, title=evil("typed"), text="")
    for path, text in pages.items():
        assert "<img src=x" not in text, path
        for name in shown[path]:
            assert evil(name) in html.unescape(text), (path, name)
    assert evil("staff") in [one["name"] for one in (await admin.get("/colleagues"))["colleagues"]], "and JSON is JSON"
