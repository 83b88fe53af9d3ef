"""The board of referrals over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bot.desk.access import Role
from bot.desk.referrals_page import ReferralsPage
from bot.directory.practitioner import read_practitioner
from bot.model import now
from bot.storage.audit import AuditLog
from bot.storage.conversations import ConversationStore
from bot.storage.practitioners import PractitionerStore
from bot.storage.referrals import ReferralStore, open_referral, withdraw
from tests.desk.one_page import PAGES, member, served

_CONTENT = {
    "place": "near the old bridge",
    "languages": ["Hindi"],
    "gender": "woman",
    "services": ["dilators"],
    "accessibility": [],
    "words": "",
    "practitioner": "",
    "way": "phone",
    "contact": "+919800000001",
    "times": "evenings",
}
_ASHA = {
    "id": "asha-pune",
    "role": "physiotherapist",
    "name": "Asha <script>alert(1)</script>",
    "city": "Pune",
    "country": "IN",
    "latitude": "18.5",
    "longitude": "73.8",
    "languages": "Hindi",
    "taking_new": "yes",
    "contact": "asha@example.org",
}


async def _refer(store: ConversationStore, code: str, kind: str = "physiotherapist", **changes: Any) -> str:
    """A referral in a conversation of its own, whose id this gives."""
    conversation_id = await store.create("web")
    await _refer_in(store, conversation_id, code, kind, **changes)
    return conversation_id


async def _refer_in(store: ConversationStore, conversation_id: str, code: str, kind: str, **changes: Any) -> None:
    chosen = changes.pop("practitioner_id", None)
    data = {"code": code, "kind": kind, "practitioner_id": chosen, "content": {**_CONTENT, **changes}}
    async with store.database.transaction() as connection:
        assert await open_referral(connection, store.keyring, conversation_id, data, now())


@asynccontextmanager
async def _board(store: ConversationStore, role: Role = Role.COACH) -> AsyncIterator[aiohttp.ClientSession]:
    async def names() -> dict[str, str]:
        return {member().id: member().name}

    page = ReferralsPage(
        ReferralStore(store.database, store.keyring),
        PractitionerStore(store.database, store.keyring),
        AuditLog(store.database),
        PAGES,
        names=names,
    )
    async with served(page.routes, member(role)) as client:
        yield client


async def _text(client: aiohttp.ClientSession, path: str) -> str:
    async with client.get(path) as response:
        assert response.status == 200
        return await response.text()


async def _set(client: aiohttp.ClientSession, code: str, state: str) -> tuple[int, str]:
    path = f"/desk/referrals/{code}/state"
    async with client.post(path, data={"state": state}, allow_redirects=False) as response:
        return response.status, await response.text()


async def test_the_board_shows_wishes_but_not_how_to_reach_anybody(store: ConversationStore) -> None:
    await PractitionerStore(store.database, store.keyring).put([read_practitioner(_ASHA)])
    await _refer(store, "BBBB-2222", practitioner_id="asha-pune")
    await _refer(store, "CCCC-3333", "coach", languages=[], gender="", services=[], words="call +919800000001")
    async with _board(store) as client:
        text = await _text(client, "/desk/referrals")
        assert "BBBB-2222" in text
        assert "CCCC-3333" in text
        assert "speaks Hindi, a woman, helps with trainers" in text
        assert "In their own words" in text
        assert "Asha &lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "<script>" not in text
        assert "9800000001" not in text
        assert "old bridge" not in text
        assert "asha@example.org" not in text
    assert await AuditLog(store.database).read() == []


async def test_one_referral_shows_everything_and_the_look_is_recorded(store: ConversationStore) -> None:
    words = "<b onclick=alert(1)>somebody kind</b>"
    conversation_id = await _refer(store, "BBBB-2222", words=words, practitioner="Example <i>Asha</i>")
    async with _board(store) as client:
        text = await _text(client, "/desk/referrals/bbbb-2222")
    for shown in ("near the old bridge", "By phone", "+919800000001", "evenings", "Visitor"):
        assert shown in text
    assert "&lt;b onclick=alert(1)&gt;somebody kind&lt;/b&gt;" in text
    assert "<b onclick" not in text
    assert "<i>" not in text
    assert f'href="/desk#{conversation_id}"' in text
    entries = await AuditLog(store.database).read()
    assert [(one.who, one.action, one.subject, one.detail) for one in entries] == [
        ("coach@example.org", "referral_opened", conversation_id, "BBBB-2222 new")
    ]


async def test_a_change_is_kept_with_who_made_it_and_recorded(store: ConversationStore) -> None:
    conversation_id = await _refer(store, "BBBB-2222")
    async with _board(store) as client:
        status, _ = await _set(client, "BBBB-2222", "contacted")
        assert status == 303
        text = await _text(client, "/desk/referrals/BBBB-2222?done=changed")
        assert "The state was changed." in text
        assert member().name in text
        # What it can become now, and nothing else.
        assert 'value="booked"' in text
        assert 'value="closed"' in text
        assert 'value="contacted"' not in text
        board = await _text(client, "/desk/referrals")
        assert "Contacted (1)" in board
        assert "New (0)" in board
    referral = await ReferralStore(store.database, store.keyring).by_code("BBBB-2222")
    assert referral.state == "contacted"
    [opened, changed] = await AuditLog(store.database).read()
    assert (changed.action, changed.subject, changed.detail) == (
        "referral_changed",
        conversation_id,
        "BBBB-2222 contacted",
    )
    assert opened.action == "referral_opened"


async def test_a_change_that_is_not_possible_is_told_and_changes_nothing(store: ConversationStore) -> None:
    await _refer(store, "BBBB-2222")
    async with _board(store) as client:
        assert (await _set(client, "BBBB-2222", "booked"))[0] == 303
        status, text = await _set(client, "BBBB-2222", "booked")
        assert status == 409
        assert "A referral that is booked cannot become booked." in text
        status, text = await _set(client, "BBBB-2222", "<script>")
        assert status == 400
        assert "<script>" not in text
    changes = await ReferralStore(store.database, store.keyring).changes(
        (await ReferralStore(store.database, store.keyring).by_code("BBBB-2222")).id
    )
    assert [change.state for change in changes] == ["new", "booked"]


async def test_only_the_person_takes_a_referral_back(store: ConversationStore) -> None:
    await _refer(store, "BBBB-2222")
    async with _board(store) as client:
        assert 'value="withdrawn"' not in await _text(client, "/desk/referrals/BBBB-2222")
        status, text = await _set(client, "BBBB-2222", "withdrawn")
        assert status == 409
        assert "Only the person can take a referral back." in text
        async with store.database.transaction() as connection:
            await withdraw(connection, "BBBB-2222", now())
        text = await _text(client, "/desk/referrals/BBBB-2222")
        assert "erased at once" in text
        assert "+919800000001" not in text
        assert 'name="state"' not in text


async def test_a_closed_referral_is_not_taken_up_beside_another_open_one(store: ConversationStore) -> None:
    conversation_id = await _refer(store, "BBBB-2222")
    async with _board(store) as client:
        assert (await _set(client, "BBBB-2222", "closed"))[0] == 303
        await _refer_in(store, conversation_id, "CCCC-3333", "physiotherapist")
        status, text = await _set(client, "BBBB-2222", "contacted")
        assert status == 409
        assert "The person has another open referral of this kind" in text
    assert (await ReferralStore(store.database, store.keyring).by_code("BBBB-2222")).state == "closed"


async def test_closed_and_withdrawn_ones_stand_behind_the_filter(store: ConversationStore) -> None:
    await _refer(store, "BBBB-2222")
    await _refer(store, "CCCC-3333")
    await _refer(store, "DDDD-4444")
    async with _board(store) as client:
        await _set(client, "BBBB-2222", "closed")
        async with store.database.transaction() as connection:
            await withdraw(connection, "CCCC-3333", now())
        seen = {}
        for show in ("open", "closed", "withdrawn", "all", "nonsense"):
            text = await _text(client, f"/desk/referrals?show={show}")
            seen[show] = [code for code in ("BBBB-2222", "CCCC-3333", "DDDD-4444") if code in text]
    assert seen == {
        "open": ["DDDD-4444"],
        "closed": ["BBBB-2222"],
        "withdrawn": ["CCCC-3333"],
        "all": ["BBBB-2222", "CCCC-3333", "DDDD-4444"],
        "nonsense": ["DDDD-4444"],
    }


@pytest.mark.parametrize("path", ["/desk/referrals/ZZZZ-9999", "/desk/referrals/%3Cscript%3E"])
async def test_an_unknown_code_is_not_found(store: ConversationStore, path: str) -> None:
    async with _board(store) as client:
        async with client.get(path) as response:
            assert response.status == 404
    assert await AuditLog(store.database).read() == []
