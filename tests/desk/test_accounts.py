"""Accounts: invitations, roles, disabling, resets, the own account, and the command."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pyotp
import pytest

from bot.commands import staff as command
from bot.desk.access import Role
from bot.desk.invitation import first_administrator_link
from bot.desk.passwords import what_is_wrong
from bot.desk.second_factor import step_of
from bot.model import now
from bot.storage.conversations import ConversationStore
from bot.storage.invitations import InvitationOver
from bot.storage.staff import EmailTaken, LastAdministrator, StaffAccount
from tests.conftest import settings_for
from tests.desk.accounts_app import Desk, serve_accounts
from tests.desk.signing_in import PASSWORD, browser, make_member, sign_in

NEW = "another example password"


@pytest.fixture
async def desk(store: ConversationStore) -> AsyncIterator[Desk]:
    """The pages on an empty database."""
    async with serve_accounts(store) as served:
        yield served


@pytest.fixture
async def admin(store: ConversationStore) -> StaffAccount:
    """The only administrator."""
    return (await make_member(store, Role.ADMINISTRATOR, email="admin@example.org", name="Example Admin"))[0]


@pytest.fixture
async def coach(store: ConversationStore) -> StaffAccount:
    """A coach."""
    return (await make_member(store, Role.COACH, email="asha@example.org", name="Example Asha"))[0]


@pytest.fixture
async def http(desk: Desk, admin: StaffAccount) -> AsyncIterator[aiohttp.ClientSession]:
    """The administrator's browser."""
    async with browser(desk.url) as session:
        await sign_in(session, admin.email, PASSWORD)
        yield session


async def send(http: aiohttp.ClientSession, path: str, **form: str) -> tuple[int, str]:
    """Send a form; the status and the page (or where it goes)."""
    async with http.post(path, data=form, allow_redirects=False) as response:
        return response.status, response.headers.get("Location") or await response.text()


async def is_in(http: aiohttp.ClientSession) -> bool:
    """Whether somebody is signed in."""
    async with http.get("/desk", allow_redirects=False) as response:
        return response.status == 200


def link_on(page: str, desk: Desk) -> str:
    """The path of the invitation link that a page shows."""
    found = re.search(rf'value="{desk.url}(/desk/invitation/[^"]+)"', page)
    assert found is not None, page
    return found[1]


async def test_the_first_administrator_makes_her_account_with_the_newest_link(desk: Desk) -> None:
    old = await first_administrator_link(desk.accounts, desk.invitations)
    new = await first_administrator_link(desk.accounts, desk.invitations)
    assert old is not None
    assert new is not None
    async with browser(desk.url) as http:
        form = {"email": "First@Example.org", "name": "Example First", "password": PASSWORD, "again": PASSWORD}
        assert (await send(http, old, **form))[0] == 410
        status, page = await send(http, new, **{**form, "email": "no address"})
        assert status == 400
        assert "This is not an e-mail address." in page
        assert 'value="Example First"' in page
        assert await send(http, new, **form) == (303, "/desk/sign-in?said=ready")
        await sign_in(http, "first@example.org", PASSWORD)
        async with http.get("/desk/staff") as response:
            assert response.status == 200
    assert await first_administrator_link(desk.accounts, desk.invitations) is None
    [account] = await desk.accounts.all()
    assert (account.email, account.name, account.role) == ("first@example.org", "Example First", "administrator")


async def test_two_first_links_make_one_account(desk: Desk) -> None:
    link = await first_administrator_link(desk.accounts, desk.invitations)
    assert link is not None
    token = link.rpartition("/")[2]
    made = await asyncio.gather(
        *(desk.invitations.accept(token, f"first{n}@example.org", "Example", "hash", now()) for n in range(4)),
        return_exceptions=True,
    )
    assert len(await desk.accounts.all()) == 1
    assert sum(isinstance(one, InvitationOver) for one in made) == 3


async def test_an_invited_person_makes_her_account_and_a_used_invitation_cannot_be_used_again(
    desk: Desk, http: aiohttp.ClientSession
) -> None:
    status, page = await send(http, "/desk/staff/invite", email="Asha@example.org", role="coach")
    assert status == 200
    link = link_on(page, desk)
    async with http.get("/desk/staff") as response:
        page = await response.text()
        assert "Works until" in page
        assert link not in page
    form = {"name": "  Example   Asha ", "password": NEW, "again": NEW}
    async with browser(desk.url) as other:
        assert (await send(other, link, **form))[0] == 303
        assert (await send(other, link, **form))[0] == 410
        await sign_in(other, "asha@example.org", NEW)
    account = await desk.accounts.by_email("asha@example.org")
    assert account is not None
    assert (account.name, account.role) == ("Example Asha", "coach")


async def test_an_invitation_works_for_seven_days(desk: Desk) -> None:
    moment = now()
    token = await desk.invitations.make("asha@example.org", Role.COACH, None, moment)
    assert (await desk.invitations.find(token, moment + timedelta(days=6, hours=23))).role == "coach"
    with pytest.raises(InvitationOver):
        await desk.invitations.find(token, moment + timedelta(days=7))
    with pytest.raises(InvitationOver):
        await desk.invitations.accept(token, "", "Example", "hash", moment + timedelta(days=7))
    assert await desk.accounts.all() == []


async def test_a_later_invitation_replaces_an_earlier_one_and_can_be_withdrawn(
    desk: Desk, http: aiohttp.ClientSession
) -> None:
    links = []
    for _ in range(2):
        links.append(link_on((await send(http, "/desk/staff/invite", email="a@example.org", role="coach"))[1], desk))
    async with browser(desk.url) as other:
        async with other.get(links[0]) as response:
            assert response.status == 410
        async with other.get(links[1]) as response:
            assert response.status == 200
        assert (await send(http, "/desk/staff/withdraw", email="a@example.org"))[0] == 303
        async with other.get(links[1]) as response:
            assert response.status == 410
    assert (await send(http, "/desk/staff/withdraw", email="a@example.org"))[0] == 404


async def test_an_invitation_to_somebody_with_an_account_is_refused(
    http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    status, page = await send(http, "/desk/staff/invite", email="ASHA@example.org", role="coordinator")
    assert status == 400
    assert "has an account already" in page
    assert 'value="ASHA@example.org"' in page


async def test_an_open_invitation_never_takes_over_an_account_that_was_made_meanwhile(desk: Desk) -> None:
    token = await desk.invitations.make("asha@example.org", Role.COACH, None, now())
    first = await first_administrator_link(desk.accounts, desk.invitations)
    assert first is not None
    await desk.invitations.accept(first.rpartition("/")[2], "asha@example.org", "Example Asha", "hash", now())
    with pytest.raises(InvitationOver):
        await desk.invitations.accept(token, "", "Thief", "other hash", now())


@pytest.mark.parametrize(
    ("password", "again", "wrong"),
    [
        ("elevenchars", "elevenchars", "at least 12"),
        ("my-ASHA-password", "my-ASHA-password", "must not contain the name"),
        ("long enough one", "long enough two", "not the same"),
        ("x" * 513, "x" * 513, "at most 512"),
        ("twelve chars", "twelve chars", ""),
    ],
)
def test_a_new_password_must_be_good(password: str, again: str, wrong: str) -> None:
    said = what_is_wrong(password, again, "asha@example.org")
    assert (wrong in said) if wrong else said == ""


async def test_a_changed_role_ends_the_sessions_at_once(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    async with browser(desk.url) as other:
        await sign_in(other, coach.email, PASSWORD)
        assert await send(http, f"/desk/staff/{coach.id}/role", role="coordinator") == (303, "/desk/staff?said=role")
        assert not await is_in(other)
        await sign_in(other, coach.email, PASSWORD)
        async with other.get("/desk") as response:
            assert "coordinator" in await response.text()
    assert desk.ended == [coach.id]
    assert (await send(http, f"/desk/staff/{coach.id}/role", role="queen"))[0] == 400
    assert (await send(http, "/desk/staff/nobody/role", role="coach"))[0] == 404


async def test_a_disabled_account_is_out_at_once_and_can_come_back(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    async with browser(desk.url) as other:
        await sign_in(other, coach.email, PASSWORD)
        assert (await send(http, f"/desk/staff/{coach.id}/disable"))[0] == 303
        assert not await is_in(other)
        assert (await send(other, "/desk/sign-in", email=coach.email, password=PASSWORD))[0] == 400
        assert desk.ended == [coach.id]
        assert [one.id for one in await desk.accounts.colleagues()] != [coach.id]
        assert coach.id in await desk.accounts.names()
        assert (await send(http, f"/desk/staff/{coach.id}/enable"))[0] == 303
        assert not await is_in(other)
        await sign_in(other, coach.email, PASSWORD)


async def test_the_last_administrator_stays_one(
    desk: Desk, http: aiohttp.ClientSession, admin: StaffAccount, coach: StaffAccount
) -> None:
    gone, _ = await make_member(desk.store, Role.ADMINISTRATOR)
    await desk.accounts.disable(gone.id)
    for path, form in ((f"/desk/staff/{admin.id}/disable", {}), (f"/desk/staff/{admin.id}/role", {"role": "coach"})):
        status, page = await send(http, path, **form)
        assert status == 400
        assert "This is the last administrator" in page
    assert await is_in(http)
    assert (await send(http, f"/desk/staff/{coach.id}/role", role="administrator"))[0] == 303
    assert (await send(http, f"/desk/staff/{admin.id}/disable"))[0] == 303
    assert not await is_in(http)


async def test_two_administrators_cannot_take_each_others_role_at_once(desk: Desk, admin: StaffAccount) -> None:
    other, _ = await make_member(desk.store, Role.ADMINISTRATOR)
    done = await asyncio.gather(
        desk.accounts.set_role(admin.id, Role.COACH, other),
        desk.accounts.disable(other.id, admin),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["LastAdministrator", "bool"]
    assert sum(one.role == "administrator" and one.is_active for one in await desk.accounts.all()) == 1
    assert any(isinstance(one, LastAdministrator) for one in done)


async def test_a_reset_ends_password_second_factor_and_sessions(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    async with browser(desk.url) as other:
        await sign_in(other, coach.email, PASSWORD)
        await desk.credentials.offer_secret(coach.id, pyotp.random_base32())
        await desk.credentials.confirm_secret(coach.id, 1, coach)
        status, page = await send(http, f"/desk/staff/{coach.id}/reset")
        assert status == 200
        link = link_on(page, desk)
        assert not await is_in(other)
        assert (await send(other, "/desk/sign-in", email=coach.email, password=PASSWORD))[0] == 400
        assert (await send(other, "/desk/sign-in", email=coach.email, password=""))[0] == 400
        status, page = await send(other, link, password="short", again="short")
        assert status == 400
        assert (await send(other, link, password=NEW, again=NEW))[0] == 303
        await sign_in(other, coach.email, NEW)
        assert await is_in(other)
    account = await desk.accounts.by_id(coach.id)
    assert account is not None
    assert (account.name, account.role, account.has_second_factor) == (coach.name, "coach", False)
    assert desk.ended == [coach.id]


async def test_a_reset_link_is_of_no_use_for_an_account_that_is_disabled_later(
    desk: Desk, admin: StaffAccount, coach: StaffAccount
) -> None:
    token = await desk.invitations.reset(coach.id, admin, now())
    await desk.accounts.disable(coach.id, admin)
    await desk.accounts.enable(coach.id, admin)
    with pytest.raises(InvitationOver):
        await desk.invitations.accept(token, "", "", "hash", now())


@pytest.mark.parametrize("role", [Role.COACH, Role.COORDINATOR])
async def test_only_administrators_manage_accounts(desk: Desk, admin: StaffAccount, role: Role) -> None:
    account, password = await make_member(desk.store, role)
    async with browser(desk.url) as http:
        await sign_in(http, account.email, password)
        async with http.get("/desk/staff") as response:
            assert response.status == 403
        for path in ("invite", "withdraw", "option", *(f"{admin.id}/{do}" for do in ("role", "disable", "reset"))):
            form = {"email": "x@example.org", "role": "coach", "second_factor": "required"}
            assert (await send(http, f"/desk/staff/{path}", **form))[0] == 403
    assert {one.role for one in await desk.accounts.all() if one.is_active} == {"administrator", role}
    assert not await desk.accounts.second_factor_required()


async def test_changing_the_password_asks_the_present_one_and_ends_all_other_sessions(
    desk: Desk, http: aiohttp.ClientSession, admin: StaffAccount
) -> None:
    form = {"change": "password", "password": NEW, "again": NEW}
    async with browser(desk.url) as other:
        await sign_in(other, admin.email, PASSWORD)
        old = {cookie.value for cookie in http.cookie_jar}
        status, page = await send(http, "/desk/account", present="wrong password", **form)
        assert status == 400
        assert "Your present password is not right." in page
        assert await is_in(other)
        assert (await send(http, "/desk/account", present=PASSWORD, **form))[0] == 303
        assert not await is_in(other)
        assert await is_in(http)
        assert old.isdisjoint(cookie.value for cookie in http.cookie_jar)
    async with aiohttp.ClientSession(desk.url, headers={"Cookie": f"desk_session={old.pop()}"}) as thief:
        assert not await is_in(thief)


async def test_the_name_is_changed_and_shown_as_text(desk: Desk, http: aiohttp.ClientSession) -> None:
    assert (await send(http, "/desk/account", change="name", name="<b>Example</b>"))[0] == 303
    async with http.get("/desk/staff") as response:
        page = await response.text()
    assert "&lt;b&gt;Example" in page
    assert "<b>Example" not in page
    for name in ("", " ", "x" * 81, "a\x00b"):
        assert (await send(http, "/desk/account", change="name", name=name))[0] == 400
    assert (await send(http, "/desk/account", change="else"))[0] == 404


async def test_a_second_factor_is_set_up_used_and_removed_with_the_password(
    desk: Desk, http: aiohttp.ClientSession, admin: StaffAccount
) -> None:
    assert (await send(http, "/desk/account", change="offer"))[0] == 303
    async with http.get("/desk/account") as response:
        shown = re.search(r"<code>([A-Z2-7 ]+)</code>", await response.text())
    assert shown is not None
    secret = shown[1].replace(" ", "")
    assert (await send(http, "/desk/account", change="confirm", code="abcdef"))[0] == 400
    code = pyotp.TOTP(secret).now()
    assert (await send(http, "/desk/account", change="confirm", code=f"{code[:3]} {code[3:]}"))[0] == 303
    async with http.get("/desk/account") as response:
        assert secret[:4] not in await response.text()
    async with browser(desk.url) as other:
        await sign_in(other, admin.email, PASSWORD)
        assert not await is_in(other)
    assert (await send(http, "/desk/staff/option", second_factor="required"))[0] == 303
    status, page = await send(http, "/desk/account", change="remove", present=PASSWORD)
    assert status == 400
    assert "cannot be removed" in page
    assert (await send(http, "/desk/staff/option", second_factor="optional"))[0] == 303
    assert (await send(http, "/desk/account", change="remove", present="wrong password"))[0] == 400
    assert (await send(http, "/desk/account", change="remove", present=PASSWORD))[0] == 303
    account = await desk.accounts.by_id(admin.id)
    assert account is not None
    assert not account.has_second_factor
    actions = [entry.action for entry in reversed(await desk.audit.read())]
    assert actions[-5:] == [
        "sign_in",
        "second_factor_set",
        "option_changed",
        "option_changed",
        "second_factor_removed",
    ]


def test_codes_are_those_of_the_standard() -> None:
    # RFC 6238, appendix B: the last six of the eight digits for SHA-1
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    moment = now().replace(year=2009, month=2, day=13, hour=23, minute=31, second=30, microsecond=0)  # 1234567890
    assert step_of(secret, "005924", 0, moment) == 1234567890 // 30
    assert step_of(secret, "005924", 1234567890 // 30, moment) is None
    assert step_of(secret, "٠٠٥٩٢٤", 0, moment) is None


async def test_an_address_is_taken_once(desk: Desk, coach: StaffAccount) -> None:
    with pytest.raises(EmailTaken):
        await desk.accounts.create("ASHA@example.org", "Example", Role.COACH, "hash")


async def test_when_somebody_was_seen_is_kept(desk: Desk, coach: StaffAccount, admin: StaffAccount) -> None:
    moment = now()
    await desk.accounts.seen([], moment)
    await desk.accounts.seen([coach.id], moment)
    seen = {one.id: one.last_seen_at for one in await desk.accounts.all()}
    assert seen == {coach.id: moment, admin.id: None}


def test_the_command_invites_lists_disables_and_resets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_for(tmp_path)
    assert command.list_(settings) == 0
    assert capsys.readouterr().out == "There are no accounts yet.\n"
    assert command.add(settings, "no address", "", "coach") == 1
    assert command.add(settings, "asha@example.org", "", "queen") == 1
    assert command.add(settings, "asha@example.org", "Example Asha", "administrator") == 0
    path = capsys.readouterr().out.splitlines()[-1]

    async def through_the_link() -> None:
        from bot.app import open_store

        async with open_store(settings) as store, serve_accounts(store) as desk, browser(desk.url) as http:
            async with http.get(path) as response:
                assert 'value="Example Asha"' in await response.text()
            assert (await send(http, path, name="Example Asha", password=NEW, again=NEW))[0] == 303
            await make_member(store, Role.COACH, email="gone@example.org", name="Example Gone")

    asyncio.run(through_the_link())
    assert command.add(settings, "asha@example.org", "", "coach") == 1
    assert command.disable(settings, "asha@example.org") == 1
    assert "last administrator" in capsys.readouterr().err
    assert command.disable(settings, "nobody@example.org") == 1
    assert command.disable(settings, "gone@example.org") == 0
    assert command.reset(settings, "gone@example.org") == 1
    assert command.reset(settings, "asha@example.org") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("/desk/invitation/")
    assert command.list_(settings) == 0
    assert capsys.readouterr().out.splitlines() == [
        "asha@example.org\tExample Asha\tadministrator\tpassword only\tactive",
        "gone@example.org\tExample Gone\tcoach\tpassword only\tdisabled",
    ]
