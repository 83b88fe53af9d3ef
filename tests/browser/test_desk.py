"""Live chat end to end: a visitor and staff in browsers of their own, against the real application and model."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route, expect

from bot.app import open_store
from bot.assistant.agent import Assistant
from bot.desk.access import Role
from bot.hours import DAYS, Hours
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from tests.browser.desk import ASK, WAITING, Coach, People, Visitor, laptop
from tests.conftest import serve
from tests.desk.signing_in import make_member
from tests.integration.processes import Running, environment, running
from tests.integration.stored import all_rows

QUESTION = "what is vaginismus"
NOTIFICATIONS = """
  window.notified = [];
  window.Notification = class {
    static permission = "granted";
    constructor(title, options) { window.notified.push({title, ...options}); }
    close() {}
  };
  window.lookAway = (away) => {
    Object.defineProperty(document, "hidden", {configurable: true, get: () => away});
    document.dispatchEvent(new Event("visibilitychange"));
  };
"""


@pytest.fixture
async def people(browser: Browser, store: ConversationStore) -> AsyncIterator[People]:
    """Whoever takes part."""
    everybody = People(browser, store)
    yield everybody
    await everybody.close()


async def _both_claim(first: Coach, second: Coach) -> tuple[Coach, Coach]:
    """Both press "Take it" before the server hears of either; gives who got it and who did not."""
    both = asyncio.Barrier(2)

    async def hold(route: Route) -> None:
        await both.wait()
        await route.continue_()

    for one in (first, second):
        await one.page.route("**/claim", hold)
    await asyncio.gather(*(one.take_buttons().click() for one in (first, second)))
    await expect(first.page.locator("#text:visible, #news:not(:empty)").first).to_be_visible()
    for one in (first, second):
        await one.page.unroute("**/claim")
    return (first, second) if await first.box.is_visible() else (second, first)


async def test_a_visitor_asks_two_claim_one_answers_live_and_passes_on(people: People, base_url: str) -> None:
    asha, bela = await asyncio.gather(people.coach(base_url, "Asha"), people.coach(base_url, "Bela"))
    visitor = await people.visitor(base_url)
    await visitor.says(ASK)
    await visitor.hears("assistant", re.compile("call your local emergency number", re.IGNORECASE))
    heard = " ".join(await visitor.bubbles("assistant").all_inner_texts())
    assert re.search("our team|Your wish for a person", heard), heard
    await expect(visitor.page.locator("#handoff")).to_contain_text(WAITING)
    for one in (asha, bela):  # neither page was loaded again
        await expect(one.cards).to_have_count(1)
        await expect(one.cards).to_contain_text("Asked for a person")
        await expect(one.page).to_have_title("(1) Desk")

    holder, other = await _both_claim(asha, bela)
    await expect(other.page.locator("#news")).to_contain_text(f"{holder.name} has this conversation.")
    await expect(other.box).to_be_hidden()
    await expect(other.take_buttons()).to_have_count(0)
    await visitor.is_told_who_is_here(holder.name)
    await holder.sees(ASK)

    # Live both ways, each side sees the other type, and what she wrote being seen.
    await holder.box.press_sequentially("Hel")
    await expect(visitor.page.locator("#typing-person")).to_be_visible()
    await holder.says("Hello, I am here. <b>Take your time.</b>")
    await visitor.hears("person", "Hello, I am here. <b>Take your time.</b>")
    await expect(visitor.page.locator("#typing-person")).to_be_hidden()
    await expect(holder.page.locator(".message.own .sent-state")).to_have_text("Seen")
    await visitor.box.press_sequentially("I")
    await expect(holder.page.locator("#typing")).to_have_text("The visitor is typing…")
    await visitor.says("It hurts every time.")
    await holder.sees("It hurts every time.")
    await expect(holder.page.locator("#typing")).to_have_text("")

    # The other one gets it; what was typed and not sent stays, for the one who typed it.
    await holder.box.fill("I was about to say")
    await holder.passes_on_to(other)
    await visitor.is_told_who_is_here(other.name)
    await expect(holder.page.locator("#news")).to_contain_text(f"{other.name} has")
    await expect(holder.page.locator("#send")).to_be_hidden()
    await expect(holder.box).to_have_value("I was about to say")
    await expect(holder.box).to_have_attribute("readonly", "")
    await expect(holder.messages).to_have_count(0)  # she may not read on
    await other.tab("Mine").click()
    await other.cards.get_by_role("link").click()
    await other.sees("It hurts every time.")
    await other.says("I have read all of it.")
    await visitor.hears("person", "I have read all of it.")
    assert "I was about to say" not in " ".join(await visitor.texts)
    await other.is_exact()
    await holder.is_exact()
    assert asha.faults + bela.faults + visitor.faults == []


async def test_reloading_loses_nothing_and_doubles_nothing(people: People, base_url: str) -> None:
    asha, visitor = await people.coach(base_url, "Asha"), await people.visitor(base_url)
    await visitor.asks_for_a_person()
    await asha.takes()
    await asha.says("one")
    await visitor.hears("person", "one")
    await visitor.says("two")
    await asha.sees("two")
    shown = await visitor.texts
    await visitor.page.reload()
    await expect(visitor.bubbles()).to_have_count(len(shown))
    assert await visitor.texts == shown
    await expect(visitor.page.locator("#handoff")).to_contain_text("talking with a person")
    await asha.page.reload()
    await asha.is_connected()
    await expect(asha.messages).to_have_count(len(shown))
    await asha.says("three")
    await visitor.says("four")
    await visitor.hears("person", "three")
    await asha.sees("four")
    await expect(visitor.bubbles()).to_have_count(len(shown) + 2)
    await expect(asha.messages).to_have_count(len(shown) + 2)
    await asha.is_exact()
    assert asha.faults + visitor.faults == []


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def _ready(server: Running, url: str) -> None:
    await asyncio.to_thread(server.wait_for_http, url)


async def test_both_pages_come_back_by_themselves_after_the_server_was_killed(
    browser: Browser, settings: Settings, model: Path, tmp_path: Path
) -> None:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    given = environment(
        tmp_path / "home",
        BOT_DATA_DIR=str(settings.data_dir),
        BOT_DATABASE_URL=settings.database_url,
        BOT_MODEL=str(model),
        BOT_CACHE_DIR=str(settings.cache_dir),
        BOT_PORT=str(port),
        BOT_RATE_LIMIT="off",
    )
    async with open_store(settings) as store:
        people = People(browser, store)
        try:
            with running("bot", "run", env=given, log=tmp_path / "first.log") as server:
                await _ready(server, url)
                asha, visitor = await people.coach(url, "Asha"), await people.visitor(url)
                await visitor.asks_for_a_person()
                await asha.takes()
                await asha.says("I am here.")
                await visitor.hears("person", "I am here.")
                server.process.kill()
                server.process.wait()
            await visitor.says("written to nobody")
            await asha.says("said into the void")
            await expect(asha.page.locator(".sent-state", has_text="Sending")).to_be_visible()
            await expect(asha.page.locator("#connection")).to_contain_text("Connection lost", timeout=15_000)
            with running("bot", "run", env=given, log=tmp_path / "second.log") as server:
                await _ready(server, url)
                await asha.is_connected(ms=40_000)
                await asha.sees("written to nobody", ms=40_000)
                await expect(visitor.bubbles("person")).to_have_text(
                    ["I am here.", "said into the void"], timeout=40_000
                )
                await expect(asha.page.locator(".sent-state.failed")).to_have_count(0)
                await asha.sees("said into the void")
                await visitor.says("and now?")
                await asha.sees("and now?")
                await asha.is_exact()
                shown = await visitor.texts
                assert [shown.count(text) for text in ("written to nobody", "said into the void")] == [1, 1]
        finally:
            await people.close()


async def test_a_lid_that_is_closed_gives_the_visitor_to_somebody_else(
    people: People, settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    """The server does not even hear that the connection ended; the limit is seconds here and minutes otherwise."""
    impatient = settings.replace(claim_offline_minutes=0.08)
    async with serve(impatient, store, assistant) as url, laptop(url) as (lid, url_of_asha):
        asha, bela = await people.coach(url_of_asha, "Asha"), await people.coach(url, "Bela")
        visitor = await people.visitor(url)
        await visitor.asks_for_a_person()
        await asha.takes()
        await asha.says("I am here.")
        await visitor.hears("person", "I am here.")
        await asha.box.fill("half a sen")
        lid.close()
        await visitor.says("are you there?")
        await visitor.hears("system", "We lost the person", ms=25_000)
        await expect(visitor.page.locator("#handoff")).to_contain_text(WAITING)
        await expect(bela.cards).to_have_count(1)
        await bela.takes()
        await visitor.is_told_who_is_here("Bela Example")
        await bela.sees("are you there?")
        await bela.says("Bela here.")
        await visitor.hears("person", "Bela here.")

        lid.open()
        lost = asha.page.locator("#talk-notice")
        await expect(lost).to_contain_text("You do not have this conversation any more: Bela Example", timeout=20_000)
        await expect(asha.page.locator("#send")).to_be_hidden()
        await expect(asha.box).to_have_value("half a sen")
        await asha.is_connected(ms=20_000)
        await asha.is_exact()
        await bela.is_exact()
        assert asha.faults + bela.faults + visitor.faults == []
    await people.close()


def _closed_now(zone: datetime) -> Hours:
    """Hours of a single day that is neither today nor tomorrow."""
    return Hours.parse(f"{DAYS[(zone.weekday() + 3) % 7]} 10:00-18:00")


async def test_out_of_hours_a_visitor_leaves_a_message_for_the_morning(
    people: People, settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    today = datetime.now(settings.time_zone)
    closed = settings.replace(team_hours=_closed_now(today))
    async with serve(closed, store, assistant) as url:
        asha = await people.coach(url, "Asha")
        first = await people.visitor(url)
        await first.says(ASK)
        await expect(first.bubbles("assistant").first).to_contain_text(f"{today + timedelta(days=3):%A}")
        await expect(first.bubbles("assistant").first).to_contain_text("10:00")
        await first.says("Please write to me, my name is Nila.")
        second = await people.visitor(url)
        await second.says(ASK)
        await expect(asha.cards).to_have_count(2)
        await expect(asha.cards.first).to_contain_text("Message left at night")
        await expect(asha.cards.first).to_contain_text("2 unread")  # who has waited longest stands first
        third = await people.visitor(url)
        await third.says("i want to kill myself tonight")
        await expect(asha.cards).to_have_count(3)
        await expect(asha.cards.first).to_contain_text("In danger now")  # and danger before all
        await asha.cards.nth(1).get_by_role("link").click()
        await asha.sees("my name is Nila")
        for one in (first, second, third):
            await one.page.close()
    await people.close()


async def test_a_danger_that_a_visitor_tells_a_person_is_answered_at_once(people: People, base_url: str) -> None:
    asha, visitor = await people.coach(base_url, "Asha"), await people.visitor(base_url)
    await visitor.asks_for_a_person()
    await asha.takes()
    await asha.box.fill("I am typing and do not see")
    before = await visitor.bubbles("assistant").count()
    await visitor.says("i want to kill myself tonight")
    numbers = visitor.page.get_by_role("log").locator("[data-sender]").last
    await expect(numbers).to_contain_text("14416", timeout=10_000)  # Tele-MANAS
    await expect(visitor.page.get_by_role("log")).to_contain_text("112")
    alarm = asha.page.get_by_role("alert").filter(has_text="New alarm")
    await expect(alarm).to_be_visible()
    await asha.sees("i want to kill myself tonight")
    await expect(asha.page.locator(".raised")).to_be_visible()
    await expect(asha.box).to_have_value("I am typing and do not see")
    await expect(asha.page.locator("#panel")).to_contain_text("In danger now")
    # First help and nothing else: what follows is for the person to say.
    added = (await visitor.bubbles("assistant").all_inner_texts())[before:]
    assert added
    await visitor.says("what is a dilator")
    await asha.sees("what is a dilator")
    await asha.says("I have read what you wrote.")
    await visitor.hears("person", "I have read")
    assert (await visitor.bubbles("assistant").all_inner_texts())[before:] == added
    await asha.is_exact()
    assert asha.faults + visitor.faults == []


async def test_handed_back_the_assistant_answers_and_after_closing_the_talk_is_rated(
    people: People, base_url: str, store: ConversationStore
) -> None:
    asha, visitor = await people.coach(base_url, "Asha"), await people.visitor(base_url)
    await visitor.asks_for_a_person()
    await asha.takes()
    await visitor.says(QUESTION)
    await asha.sees(QUESTION)
    await asha.does("Hand back")
    await visitor.hears("system", "Did this talk help you?")
    await expect(visitor.page.locator("#handoff")).to_have_text("")
    answers = await visitor.bubbles("assistant").count()
    await visitor.says(QUESTION)
    await expect(visitor.bubbles("assistant")).not_to_have_count(answers)

    await visitor.says(ASK)
    await asha.tab("Waiting").click()
    await asha.takes()
    await asha.says("Goodbye.")
    await asha.closes()
    await expect(asha.page.locator("#talk-facts")).to_contain_text("Closed: Answered")
    await visitor.hears("system", "Did this talk help you?")
    await visitor.page.get_by_role("button", name="It helped", exact=True).click()
    await visitor.hears("assistant", "Thank you. That helps us to do better.")
    rows = (await all_rows(store.database))["handoffs"]
    assert sorted(row["feedback"] or 0 for row in rows) == [0, 3], rows
    await expect(asha.page.locator("#talk-facts")).to_contain_text("Closed: Answered")  # a rating opens nothing
    answers = await visitor.bubbles("assistant").count()
    await visitor.says(QUESTION)
    await expect(visitor.bubbles("assistant")).not_to_have_count(answers)
    await expect(asha.page.locator("#talk-facts")).to_contain_text("The assistant answers")
    await asha.is_exact()
    assert asha.faults + visitor.faults == []


async def _tab_to(page: Page, wanted: str) -> None:
    """Press Tab until an element that fits the selector has the focus."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


async def test_all_of_it_works_with_the_keyboard_alone(people: People, base_url: str, store: ConversationStore) -> None:
    account, password = await make_member(store, Role.COACH, name="Asha Example")
    visitor = await people.visitor(base_url)
    await visitor.asks_for_a_person()
    page = await (await people.context()).new_page()
    await page.goto(f"{base_url}/desk")
    keys = page.keyboard
    await _tab_to(page, "#email")
    await keys.type(account.email)
    await keys.press("Tab")
    await keys.type(password)
    await keys.press("Enter")
    await expect(page.locator("#connection")).to_have_text("Connected")
    await _tab_to(page, "#cards [data-focus=take]")
    await keys.press("Enter")
    await _tab_to(page, "#text:read-write")
    await keys.type("Hello with keys")
    await keys.press("Enter")
    await visitor.hears("person", "Hello with keys")
    await expect(page.locator("#text")).to_be_focused()
    await keys.type("/")
    await expect(page.locator("#picker-list li").first).to_be_visible()
    await keys.press("Escape")
    await expect(page.locator("#text")).to_have_value("/")
    await keys.press("Escape")  # back to the list
    await _tab_to(page, "#actions [data-focus=close]")
    await keys.press("Enter")
    await expect(page.locator("#dialog")).to_be_visible()
    await expect(page.locator("#dialog input").first).to_be_focused()
    await keys.press("Space")
    await keys.press("Enter")
    await visitor.hears("system", "Did this talk help you?")
    await expect(page.locator("#dialog")).to_be_hidden()


async def test_somebody_who_looks_elsewhere_is_told_that_somebody_waits_and_nothing_more(
    people: People, base_url: str
) -> None:
    asha = await people.coach(base_url, "Asha", init_script=NOTIFICATIONS)
    await expect(asha.page).to_have_title("Desk")
    await asha.page.evaluate("lookAway(true)")
    visitor: Visitor = await people.visitor(base_url)
    await visitor.says("i want to kill myself tonight")
    await expect(asha.page).to_have_title("(1) Desk")
    await asha.page.wait_for_function("() => notified.length > 0")
    assert await asha.page.evaluate("notified") == [
        {"title": "Someone is waiting", "tag": "desk-waiting", "icon": "/web/icon.svg"}
    ]
    await asha.page.evaluate("lookAway(false)")
    await asha.takes()
    await expect(asha.page).to_have_title("Desk")
    await asha.page.evaluate("lookAway(true)")
    await visitor.says("are you there")
    await asha.page.wait_for_function("() => notified.length === 2")
    assert (await asha.page.evaluate("notified"))[1]["title"] == "You have a new message"
    await expect(asha.page).to_have_title("(1) Desk")
    await asha.page.evaluate("lookAway(false)")
    await expect(asha.page).to_have_title("Desk")
