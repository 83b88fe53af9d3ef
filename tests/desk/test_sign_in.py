"""Signing in, the second factor, and how sessions begin, change their tokens and end."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pyotp
import pytest
from argon2 import PasswordHasher

from bot.desk.access import Role
from bot.desk.passwords import Passwords
from bot.desk.sign_in import next_page
from bot.model import now
from bot.storage.conversations import ConversationStore
from bot.storage.staff import StaffAccount
from bot.values import Rate
from tests.desk.accounts_app import Desk, serve_accounts
from tests.desk.signing_in import PASSWORD, browser, make_member, quick_passwords, sign_in
from tests.integration.stored import raw_bytes

WRONG = "The e-mail address or the password is not right."


@pytest.fixture
async def desk(store: ConversationStore) -> AsyncIterator[Desk]:
    """The pages on an empty database."""
    async with serve_accounts(store) as served:
        yield served


@pytest.fixture
async def http(desk: Desk) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser."""
    async with browser(desk.url) as session:
        yield session


@pytest.fixture
async def coach(store: ConversationStore) -> StaffAccount:
    """A coach."""
    return (await make_member(store, Role.COACH, email="asha@example.org", name="Example Asha"))[0]


async def attempt(
    http: aiohttp.ClientSession, email: str, password: str = "not the password"
) -> tuple[int, str, str | None]:
    """Try to sign in: the status, what the page says, and how long to wait."""
    form = {"email": email, "password": password}
    async with http.post("/desk/sign-in", data=form, allow_redirects=False) as response:
        alert = re.search(r'role="alert">([^<]*)<', await response.text())
        return response.status, "" if alert is None else alert[1], response.headers.get("Retry-After")


async def home(http: aiohttp.ClientSession, path: str = "/desk", **headers: str) -> str | None:
    """What a page of the desk says to who is signed in; nothing when it sends elsewhere."""
    async with http.get(path, headers=headers, allow_redirects=False) as response:
        return await response.text() if response.status == 200 else None


async def give_code(http: aiohttp.ClientSession, code: str) -> int:
    async with http.post("/desk/second-factor", data={"code": code}, allow_redirects=False) as response:
        return response.status


async def set_up(desk: Desk, account: StaffAccount) -> pyotp.TOTP:
    """Give an account a second factor, confirmed some time ago."""
    secret = pyotp.random_base32()
    await desk.credentials.offer_secret(account.id, secret)
    await desk.credentials.confirm_secret(account.id, 1, account)
    return pyotp.TOTP(secret)


def token(http: aiohttp.ClientSession) -> str:
    """The token that a browser has."""
    return next(cookie.value for cookie in http.cookie_jar if cookie.key == "desk_session")


def with_token(desk: Desk, value: str) -> aiohttp.ClientSession:
    """Another browser with a token, as a thief has it."""
    return aiohttp.ClientSession(desk.url, headers={"Cookie": f"desk_session={value}"})


async def test_who_signs_in_sees_the_desk(http: aiohttp.ClientSession, coach: StaffAccount) -> None:
    assert await home(http) is None
    await sign_in(http, "Asha@Example.org ", PASSWORD)
    assert await home(http) == "Example Asha, coach, lasts"


async def test_sign_in_goes_on_to_the_page_that_was_wanted(http: aiohttp.ClientSession, coach: StaffAccount) -> None:
    async with http.get("/desk/missing") as response:
        hidden = re.search(r'name="next" value="([^"]*)"', await response.text())
        assert hidden is not None
    form = {"email": coach.email, "password": PASSWORD, "next": hidden[1]}
    async with http.post("/desk/sign-in", data=form, allow_redirects=False) as response:
        assert response.headers["Location"] == "/desk/missing"


@pytest.mark.parametrize(
    "address",
    ["//evil.example.org", "https://evil.example.org", "/desk//\\evil", "/web", "/desk\r\nX: y", "/deskevil", ""],
)
def test_sign_in_never_goes_to_another_site(address: str) -> None:
    assert next_page(address) == "/desk"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    store: ConversationStore, coach: StaffAccount
) -> None:
    async with serve_accounts(store, trust_proxy=True) as desk, browser(desk.url) as http:
        form = {"email": coach.email, "password": PASSWORD}
        headers = {"X-Forwarded-Proto": "https"}
        async with http.post("/desk/sign-in", data=form, headers=headers, allow_redirects=False) as response:
            cookie = response.headers["Set-Cookie"]
        assert {"HttpOnly", "SameSite=Strict", "Path=/desk", "Secure"} <= set(cookie.split("; "))
    async with serve_accounts(store) as desk, browser(desk.url) as http:
        async with http.post("/desk/sign-in", data=form, headers=headers, allow_redirects=False) as response:
            assert "Secure" not in response.headers["Set-Cookie"]


async def test_tokens_passwords_and_secrets_are_not_stored_as_they_are(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    totp = await set_up(desk, coach)
    await sign_in(http, coach.email, PASSWORD)
    stored = await raw_bytes(desk.store.database)
    assert coach.email.encode() in stored
    for secret in (token(http), PASSWORD, totp.secret):
        assert secret.encode() not in stored


async def test_a_wrong_password_and_an_unknown_address_look_the_same(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    gone, _ = await make_member(desk.store, Role.COACH, email="gone@example.org")
    await desk.accounts.disable(gone.id)
    known = [await attempt(http, coach.email) for _ in range(4)]
    unknown = [await attempt(http, "nobody@example.org") for _ in range(4)]
    disabled = [await attempt(http, gone.email, PASSWORD) for _ in range(4)]
    assert known == unknown == disabled
    assert known[:3] == [(400, WRONG, None)] * 3
    assert known[3] == (429, "Too many attempts. Please wait 1 second and try again.", "1")


async def test_a_password_is_hashed_for_an_unknown_address_too(store: ConversationStore) -> None:
    slow = Passwords(PasswordHasher(time_cost=6))
    account, _ = await make_member(store, Role.COACH)
    async with serve_accounts(store, passwords=slow) as desk, browser(desk.url) as http:
        await desk.accounts.set_password_hash(account.id, await slow.hash(PASSWORD))
        await attempt(http, "first@example.org")  # makes the hash that stands in for an account
        took = {}
        for email in (account.email, "nobody@example.org"):
            began = time.perf_counter()
            await attempt(http, email)
            took[email] = time.perf_counter() - began
    assert took["nobody@example.org"] > took[account.email] / 3


async def test_no_refusal_is_faster_than_the_least_time(store: ConversationStore, coach: StaffAccount) -> None:
    async with serve_accounts(store, least_seconds=0.5) as desk, browser(desk.url) as http:
        for email in (coach.email, "nobody@example.org"):
            began = time.perf_counter()
            await attempt(http, email)
            assert time.perf_counter() - began >= 0.5


async def test_after_three_failures_each_attempt_waits_twice_as_long(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    for _ in range(3):
        assert (await attempt(http, coach.email))[0] == 400
    assert await attempt(http, coach.email, PASSWORD) == (
        429,
        "Too many attempts. Please wait 1 second and try again.",
        "1",
    )
    for seconds in (2, 4, 8):
        await desk.let_attempt(coach.email)
        assert (await attempt(http, coach.email))[0] == 400
        account = await desk.accounts.by_id(coach.id)
        assert account is not None
        assert account.not_before is not None
        assert timedelta(seconds=seconds - 1) < account.not_before - now() <= timedelta(seconds=seconds)
    await desk.let_attempt(coach.email)
    await sign_in(http, coach.email, PASSWORD)
    account = await desk.accounts.by_id(coach.id)
    assert account is not None
    assert (account.failures, account.not_before) == (0, None)


async def test_no_wait_is_longer_than_fifteen_minutes(desk: Desk, coach: StaffAccount) -> None:
    moment = now()
    for _ in range(30):
        assert await desk.credentials.attempt(coach.id, moment) == timedelta()
        moment += timedelta(minutes=15)
    assert await desk.credentials.attempt(coach.id, moment - timedelta(seconds=1)) == timedelta(seconds=1)


async def test_one_address_gets_ten_attempts_a_minute(store: ConversationStore) -> None:
    async with serve_accounts(store, rate=Rate(per_minute=10, burst=10)) as desk, browser(desk.url) as http:
        statuses = [(await attempt(http, f"guess{number}@example.org"))[0] for number in range(11)]
    assert statuses == [400] * 10 + [429]


async def test_an_old_hash_is_renewed_when_its_password_is_given(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    older = await Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)).hash(PASSWORD)
    await desk.accounts.set_password_hash(coach.id, older)
    await sign_in(http, coach.email, PASSWORD)
    found = await desk.credentials.by_id(coach.id)
    assert found is not None
    assert "m=8,t=1,p=1" in found.password_hash
    assert (await quick_passwords().verify(found.password_hash, PASSWORD)).right


def test_default_parameters_are_argon2id() -> None:
    assert PasswordHasher().hash("x").startswith("$argon2id$")


async def test_a_form_from_another_site_is_refused(desk: Desk, coach: StaffAccount) -> None:
    async with aiohttp.ClientSession(desk.url) as http:
        form = {"email": coach.email, "password": PASSWORD}
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.org"}, {}):
            async with http.post("/desk/sign-in", data=form, headers=headers, allow_redirects=False) as response:
                assert response.status == 403
                assert "Set-Cookie" not in response.headers


async def test_with_a_second_factor_the_password_alone_opens_nothing(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    totp = await set_up(desk, coach)
    await sign_in(http, coach.email, PASSWORD)
    for path in ("/desk", "/desk/account"):
        async with http.get(path, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/desk/second-factor")
    form = {"change": "name", "name": "Thief"}
    async with http.post("/desk/account", data=form, allow_redirects=False) as response:
        assert response.headers["Location"] == "/desk/second-factor"
    assert (await desk.accounts.names())[coach.id] == coach.name
    before = token(http)
    assert await give_code(http, totp.now()) == 303
    assert token(http) != before
    assert await home(http) == "Example Asha, coach, lasts"
    async with with_token(desk, before) as thief:
        assert await home(thief) is None


async def test_a_code_works_once(desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount) -> None:
    totp = await set_up(desk, coach)
    code = totp.now()
    await sign_in(http, coach.email, PASSWORD)
    assert await give_code(http, code) == 303
    async with browser(desk.url) as other:
        await sign_in(other, coach.email, PASSWORD)
        assert await give_code(other, code) == 400
        assert await home(other) is None


async def test_a_clock_may_be_one_step_off_and_no_more(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    totp = await set_up(desk, coach)
    for off, status in ((-3, 400), (3, 400), (-1, 303), (1, 303)):
        await desk.let_attempt(coach.email)
        await desk.used_code(coach.email, 1)
        await sign_in(http, coach.email, PASSWORD)
        if time.time() % 30 > 28:
            await asyncio.sleep(2.1)  # not across the end of a step
        assert await give_code(http, totp.generate_otp(int(time.time()) // 30 + off)) == status, off


async def test_guessing_codes_is_slowed_and_the_password_gives_no_fresh_start(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    await set_up(desk, coach)
    for _ in range(3):
        await sign_in(http, coach.email, PASSWORD)
        assert await give_code(http, "abcdef") == 400
    assert await give_code(http, "abcdef") == 429
    assert (await attempt(http, coach.email, PASSWORD))[0] == 429


async def test_who_must_have_a_second_factor_gets_no_further_without_one(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    await desk.accounts.require_second_factor(True)
    await sign_in(http, coach.email, PASSWORD)
    async with http.get("/desk", allow_redirects=False) as response:
        assert response.headers["Location"] == "/desk/account"
    await http.post("/desk/account", data={"change": "offer"})
    found = await desk.credentials.by_id(coach.id)
    assert found is not None
    assert found.totp_secret is not None
    async with http.get("/desk/account") as response:
        assert "data:image/svg+xml" in await response.text()
    before = token(http)
    await http.post("/desk/account", data={"change": "confirm", "code": pyotp.TOTP(found.totp_secret).now()})
    assert token(http) != before
    assert await home(http) == "Example Asha, coach, lasts"


async def test_a_token_is_changed_after_fifteen_minutes_and_the_old_one_works_a_minute_longer(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    await sign_in(http, coach.email, PASSWORD)
    old = token(http)
    await desk.age_sessions(timedelta(minutes=14, seconds=50), "token_at")
    await home(http)
    assert token(http) == old
    await desk.age_sessions(timedelta(seconds=10), "token_at")
    assert await home(http) is not None
    assert token(http) != old
    async with with_token(desk, old) as late:
        await desk.age_sessions(timedelta(seconds=50), "replaced_at")
        assert await home(late) is not None
        await desk.age_sessions(timedelta(seconds=10), "replaced_at")
        assert await home(late) is None
        assert await home(late, "/desk/watch") == "lasts for coach"  # a stream that was open goes on
    assert await home(http) is not None


async def test_a_page_that_is_missing_gives_the_new_token_too(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    await sign_in(http, coach.email, PASSWORD)
    old = token(http)
    await desk.age_sessions(timedelta(minutes=15), "token_at")
    async with http.get("/desk/missing") as response:
        assert response.status == 404
    assert token(http) != old
    assert await home(http) is not None


async def test_a_session_ends_when_nothing_is_done(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    await sign_in(http, coach.email, PASSWORD)
    await desk.age_sessions(timedelta(minutes=119), "used_at")
    assert await home(http, **{"X-Desk-Background": "1"}) is not None
    assert await home(http, "/desk/api/events") is not None
    await desk.age_sessions(timedelta(minutes=1), "used_at")
    assert await home(http, "/desk/watch") == "over"
    assert await home(http) is None


async def test_what_somebody_does_keeps_a_session_alive(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    await sign_in(http, coach.email, PASSWORD)
    for _ in range(3):
        await desk.age_sessions(timedelta(minutes=119), "used_at")
        assert await home(http) is not None


async def test_a_session_ends_twelve_hours_after_its_sign_in_whatever_happens(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    await sign_in(http, coach.email, PASSWORD)
    await desk.age_sessions(timedelta(hours=11, minutes=59), "began_at", "token_at")
    assert await home(http) is not None
    await desk.age_sessions(timedelta(minutes=1), "began_at")
    assert await home(http, "/desk/watch") == "over"
    assert await home(http) is None


async def test_signing_out_ends_every_token_of_the_session(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    await sign_in(http, coach.email, PASSWORD)
    old = token(http)
    await desk.age_sessions(timedelta(minutes=15), "token_at")
    await home(http)
    new = token(http)
    async with http.post("/desk/sign-out", allow_redirects=False) as response:
        assert response.status == 303
    assert not list(http.cookie_jar)
    for value in (old, new):
        async with with_token(desk, value) as thief:
            assert await home(thief) is None
            assert await home(thief, "/desk/watch") == "over"


async def test_signing_in_again_ends_the_session_that_the_browser_had(
    desk: Desk, http: aiohttp.ClientSession, coach: StaffAccount
) -> None:
    await sign_in(http, coach.email, PASSWORD)
    old = token(http)
    await sign_in(http, coach.email, PASSWORD)
    async with with_token(desk, old) as thief:
        assert await home(thief) is None


async def test_invented_tokens_are_nobody(desk: Desk, coach: StaffAccount) -> None:
    for value in ("", "x", "A" * 43, "%00"):
        async with with_token(desk, value) as thief:
            assert await home(thief) is None
