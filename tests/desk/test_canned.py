"""Canned replies: the reviewed ones, and the team's own over real HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import yaml
from sqlalchemy import select

from bot.desk.access import Role
from bot.desk.canned_page import PAGE, CannedPage
from bot.review.readability import MAX_GRADE, grade
from bot.storage.audit import AuditLog
from bot.storage.canned import PLACEHOLDERS, STANDARD, CannedStore, fill
from bot.storage.conversations import ConversationStore
from bot.storage.desk_tables import audit_log
from tests.desk.one_page import PAGES, add_account, member, read, served

STANDARD_REPLIES = yaml.safe_load(STANDARD.read_text(encoding="utf-8"))["replies"]


@pytest.fixture
def canned(store: ConversationStore) -> CannedStore:
    """The replies."""
    return CannedStore(store.database)


@pytest.fixture
async def client(store: ConversationStore, canned: CannedStore) -> AsyncIterator[aiohttp.ClientSession]:
    """A coordinator's browser."""
    who = member(Role.COORDINATOR)
    await add_account(store.database, who)
    async with served(CannedPage(canned, PAGES, AuditLog(store.database)).routes, who) as session:
        yield session


async def _own(canned: CannedStore) -> dict[str, str]:
    return {reply.title: reply.text for reply in await canned.all() if reply.own}


@pytest.mark.parametrize("reply", STANDARD_REPLIES, ids=lambda reply: reply["id"])
def test_standard_replies_are_plain_and_keep_to_the_wording(reply: dict[str, str]) -> None:
    """Nothing banned, readable, short, known placeholders."""
    text = reply["text"]
    banned = yaml.safe_load(Path("data/knowledge/wording.yml").read_text(encoding="utf-8"))["banned"]
    for row in banned:
        assert not re.search(row["pattern"], text, re.IGNORECASE), row["why"]
    found = grade(text)
    assert found is None or found <= MAX_GRADE
    assert len(text.split()) <= 90
    assert len(reply["title"]) <= 80
    assert set(re.findall(r"\{(.*?)\}", text)) <= set(PLACEHOLDERS)


def test_the_standard_replies_are_told_apart_and_cover_what_is_needed() -> None:
    """Between 12 and 15 of them, each once."""
    ids = [reply["id"] for reply in STANDARD_REPLIES]
    assert 12 <= len(ids) == len(set(ids)) <= 15
    assert len({reply["title"] for reply in STANDARD_REPLIES}) == len(ids)
    assert {"after_hours", "goodbye", "crisis"} <= set(ids)


def test_numbers_to_call_are_those_of_the_helplines() -> None:
    """A number is written in one file and compared here."""
    india = yaml.safe_load(Path("data/safety/helplines.yml").read_text(encoding="utf-8"))["countries"]["IN"]
    numbers = {india["emergency"]} | {part.strip() for line in india["lines"] for part in line["number"].split(" or ")}
    written = {number for reply in STANDARD_REPLIES for number in re.findall(r"\d[\d-]*", reply["text"])}
    assert "112" in written
    assert written <= numbers
    for id_ in ("crisis", "after_hours"):
        assert next("112" in reply["text"] for reply in STANDARD_REPLIES if reply["id"] == id_)


def test_a_placeholder_without_a_value_stays_to_be_seen() -> None:
    """Nobody sends a hole without noticing."""
    text = "I am {me}, back {opening}, code {code}, {strange}."
    assert fill(text, {"me": "Meera", "opening": None}) == "I am Meera, back [opening?], code [code?], {strange}."
    assert fill("{me}", {"me": "{code}"}) == "{code}"


async def test_a_reply_is_added_changed_and_deleted(
    store: ConversationStore, canned: CannedStore, client: aiohttp.ClientSession
) -> None:
    """Over the forms; audited without its words."""
    await client.post(PAGE, data={"title": " Parking ", "text": "Hi, {me} here.\r\nThe car park is behind the house."})
    assert await _own(canned) == {"Parking": "Hi, {me} here.\nThe car park is behind the house."}
    every = await canned.all()
    assert every[0].own
    assert [reply.id for reply in every[1:]] == [reply["id"] for reply in STANDARD_REPLIES]
    assert "\n" not in every[1].text
    address = f"{PAGE}/{every[0].id}"
    assert "The car park" in await read(await client.get(address))
    response = await client.post(address, data={"title": "Parking", "text": "There is none."})
    assert "The reply was changed." in await read(response)
    assert await _own(canned) == {"Parking": "There is none."}
    response = await client.post(f"{address}/delete")
    assert "The reply was deleted." in await read(response)
    assert await _own(canned) == {}
    async with store.database.read() as connection:
        entries = (await connection.execute(select(audit_log).order_by(audit_log.c.id))).all()
    assert [(entry.action, entry.detail) for entry in entries] == [
        ("canned_added", ""),
        ("canned_changed", ""),
        ("canned_deleted", ""),
    ]


REFUSED = [
    ("", "text", "Please give the reply a title."),
    ("t" * 81, "text", "The title is too long"),
    ("title", " ", "Please write the text"),
    ("title", "x" * 2001, "The text is too long"),
    ("title", "Hi {name}", "{name} is not known here. You can use {me}, {opening}, {code}."),
    ("title", "Hi {}", "{} is not known here."),
    ("title", "a\0b", "cannot be stored"),
]


@pytest.mark.parametrize(("title", "text", "why"), REFUSED)
async def test_what_cannot_be_kept_comes_back_as_it_was_typed(
    canned: CannedStore, client: aiohttp.ClientSession, title: str, text: str, why: str
) -> None:
    """With the reason; for a new one and for a changed one."""
    id_ = await canned.put("Before", "It was so.")
    for address in (PAGE, f"{PAGE}/{id_}"):
        response = await client.post(address, data={"title": title, "text": text})
        assert response.status == 400
        page = await read(response)
        assert why in page
        assert f'value="{title}"' in page
        assert f">\n{text}</textarea>".replace("\0", "\ufffd") in page.replace("\0", "\ufffd")
    assert await _own(canned) == {"Before": "It was so."}


async def test_markup_is_text(canned: CannedStore, client: aiohttp.ClientSession) -> None:
    """On the list and in the form."""
    id_ = await canned.put("<b>t</b>", "<script>x</script>")
    for address in (PAGE, f"{PAGE}/{id_}"):
        page = await (await client.get(address)).text()
        assert "<script>x" not in page
        assert "<b>t" not in page


async def test_unknown_and_standard_replies_cannot_be_changed(client: aiohttp.ClientSession) -> None:
    """They are not there to be changed."""
    for id_ in ("unknown", "hello"):
        assert (await client.get(f"{PAGE}/{id_}")).status == 404
        assert (await client.post(f"{PAGE}/{id_}", data={"title": "", "text": ""})).status == 404
        assert (await client.post(f"{PAGE}/{id_}", data={"title": "t", "text": "x"})).status == 404
        assert (await client.post(f"{PAGE}/{id_}/delete")).status == 404


async def test_a_coach_may_not_change_them(store: ConversationStore, canned: CannedStore) -> None:
    """She takes them while writing; that is another page."""
    async with served(CannedPage(canned, PAGES, AuditLog(store.database)).routes, member(Role.COACH)) as client:
        assert (await client.get(PAGE)).status == 403
        assert (await client.post(PAGE, data={"title": "t", "text": "x"})).status == 403
    assert await _own(canned) == {}
