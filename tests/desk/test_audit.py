"""The audit log: what is in it, who may read it, and that the database itself keeps it as it is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from bot.desk.access import Role
from bot.model import now
from bot.storage.audit import AuditLog
from bot.storage.conversations import ConversationStore
from bot.storage.desk_tables import audit_log
from tests.desk.accounts_app import Desk, serve_accounts
from tests.desk.signing_in import browser, make_member, sign_in
from tests.integration.stored import on_postgresql


@pytest.fixture
async def desk(store: ConversationStore) -> AsyncIterator[Desk]:
    """The pages on an empty database."""
    async with serve_accounts(store) as served:
        yield served


async def add_old(store: ConversationStore, days: float) -> None:
    """Add an entry as it was written some days ago."""
    async with store.database.transaction() as connection:
        moment = now() - timedelta(days=days)
        await connection.execute(insert(audit_log).values(at=moment, who="command", action="old", detail=str(days)))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET who = 'somebody else'",
        "UPDATE audit_log SET at = '2020-01-01'",
        "DELETE FROM audit_log",
        "DELETE FROM audit_log WHERE action = 'looked'",
    ],
)
async def test_the_database_refuses_to_change_or_erase_an_entry(store: ConversationStore, statement: str) -> None:
    log = AuditLog(store.database)
    await log.record(None, "looked", "x")
    with pytest.raises(DBAPIError, match="the audit log cannot be changed"):
        async with store.database.transaction() as connection:
            await connection.execute(text(statement))
    assert [(entry.who, entry.action, entry.subject) for entry in await log.read()] == [("command", "looked", "x")]


@on_postgresql
@pytest.mark.parametrize("statement", ["TRUNCATE audit_log", "TRUNCATE audit_log CASCADE"])
async def test_postgresql_refuses_to_empty_the_log(store: ConversationStore, statement: str) -> None:
    log = AuditLog(store.database)
    await log.record(None, "looked")
    with pytest.raises(DBAPIError, match="the audit log cannot be changed"):
        async with store.database.transaction() as connection:
            await connection.execute(text(statement))
    assert len(await log.read()) == 1


async def test_an_entry_cannot_be_replaced_by_another_of_its_id(store: ConversationStore) -> None:
    log = AuditLog(store.database)
    await log.record(None, "looked")
    [entry] = await log.read()
    way = "INSERT OR REPLACE" if store.database.is_sqlite else "INSERT"
    with pytest.raises(DBAPIError):
        async with store.database.transaction() as connection:
            await connection.execute(
                text(f"{way} INTO audit_log (id, at, who, action, detail) VALUES ({entry.id}, :at, 'x', 'x', '')"),
                {"at": "2026-01-01 00:00:00.000000" if store.database.is_sqlite else now()},
            )
    assert await log.read() == [entry]


async def test_only_what_is_older_than_thirty_days_can_be_erased(store: ConversationStore) -> None:
    log = AuditLog(store.database)
    for days in (400, 31, 29, 0):
        await add_old(store, days)
    assert await log.purge(now() - timedelta(days=365)) == 1
    assert await log.purge(now() - timedelta(days=30)) == 1
    with pytest.raises(DBAPIError, match="the audit log cannot be changed"):
        await log.purge(now() - timedelta(days=1))
    assert [entry.detail for entry in await log.read()] == ["0", "29"]


async def test_entries_are_read_by_pages_person_and_action(store: ConversationStore) -> None:
    log = AuditLog(store.database)
    asha, _ = await make_member(store, Role.COACH, email="asha@example.org")  # one entry: account_created
    for number in range(5):
        await log.record(asha, "read", str(number))
        await log.record(None, "read", str(number))
    newest = await log.read(action="read", who="asha@example.org", limit=2)
    assert [entry.subject for entry in newest] == ["4", "3"]
    older = await log.read(action="read", who="asha@example.org", limit=9, before=newest[-1].id)
    assert [entry.subject for entry in older] == ["2", "1", "0"]
    assert {entry.staff_id for entry in older} == {asha.id}
    assert await log.actions() == ["account_created", "read"]
    assert await log.people() == ["asha@example.org", "command"]


async def test_a_change_that_fails_leaves_no_entry(store: ConversationStore) -> None:
    log = AuditLog(store.database)

    async def fail() -> None:
        async with store.database.transaction() as connection:
            await AuditLog.record_in(connection, None, "looked")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await log.read() == []


async def test_signing_in_and_out_is_recorded(desk: Desk) -> None:
    account, password = await make_member(desk.store, Role.COACH, email="asha@example.org")
    async with browser(desk.url) as http:
        for email in ("asha@example.org", "typed my password here"):
            await http.post("/desk/sign-in", data={"email": email, "password": "no"})
        await sign_in(http, account.email, password)
        await http.post("/desk/sign-out")
    entries = [(entry.who, entry.action, entry.subject) for entry in reversed(await desk.audit.read())]
    assert entries[1:] == [
        ("asha@example.org", "sign_in_failed", account.id),
        ("nobody", "sign_in_failed", None),
        ("asha@example.org", "sign_in", account.id),
        ("asha@example.org", "sign_out", account.id),
    ]
    assert not any("typed" in entry.detail for entry in await desk.audit.read())


async def test_administrators_read_the_log_page_by_page(desk: Desk) -> None:
    account, password = await make_member(desk.store, Role.ADMINISTRATOR, email="admin@example.org")
    for number in range(120):
        await desk.audit.record(account, "looked", detail=f"number {number}.")
    async with browser(desk.url) as http:
        await sign_in(http, account.email, password)
        async with http.get("/desk/audit?action=looked&who=admin@example.org") as response:
            page = await response.text()
        assert "number 119." in page
        assert "number 20." in page
        assert "number 19." not in page
        older = re.search(r'href="([^"]+)">Older', page)
        assert older is not None
        async with http.get(older[1].replace("&amp;", "&")) as response:
            page = await response.text()
        assert "number 19." in page
        assert "number 20." not in page
        assert "Older" not in page
        for odd in ("x", "99999999999", "-1", "4294967296"):
            async with http.get(f"/desk/audit?before={odd}") as response:
                assert response.status == 404


@pytest.mark.parametrize("role", [Role.COACH, Role.COORDINATOR])
async def test_nobody_else_reads_the_log(desk: Desk, role: Role) -> None:
    account, password = await make_member(desk.store, role)
    async with browser(desk.url) as http:
        await sign_in(http, account.email, password)
        async with http.get("/desk/audit") as response:
            assert response.status == 403
            assert "sign_in" not in await response.text()
