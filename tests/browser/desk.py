"""The staff desk and a visitor in real browsers: pages of their own, as people on different computers have them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from bot.desk.access import Role
from bot.storage.conversations import ConversationStore
from bot.storage.staff import StaffAccount
from tests.desk.signing_in import FROM_OUR_PAGES, make_member

WAITING = "You can go on writing"
"""What stands above a visitor's message box while somebody is to come."""
ASK = "Can I talk to a person?"
PATIENCE_MS = 10_000
"""How long something may take that needs no reconnecting; the machine is small and busy."""

# All that a desk page knows: every list, the open conversation, its panel and notes; not the time that clocks show.
_SHOWN = """() => {
  const text = (id) => {
    const copy = document.getElementById(id).cloneNode(true);
    for (const one of copy.querySelectorAll("time.clock")) one.textContent = one.dataset.before;
    return [...copy.querySelectorAll("*")].filter((one) => !one.childElementCount).map((one) => one.textContent);
  };
  const chosen = document.querySelector("#tabs [aria-selected=true]");
  const lists = [...document.querySelectorAll("#tabs button")].map((tab) => (tab.click(), [tab.id, text("cards")]));
  chosen.click();
  const parts = ["tabs", "talk-title", "talk-facts", "log", "actions", "panel", "notes-list"];
  return {lists, title: document.title, ...Object.fromEntries(parts.map((id) => [id, text(id)]))};
}"""

_LOADED = """() => {
  const other = document.getElementById("placeholder");
  return document.getElementById("log").childElementCount || (!other.hidden && other.textContent !== "Loading…");
}"""


def faults_of(page: Page) -> list[str]:
    """Collects, from now on, errors of scripts and what the content security policy refuses."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            found.append(f"{page.url}: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))
    return found


@dataclass
class Person:
    """Somebody with a browser of her own; ``faults`` are errors of scripts on her page."""

    page: Page
    faults: list[str] = field(default_factory=list)

    @property
    def box(self) -> Locator:
        """Where she writes."""
        return self.page.locator("#text")

    async def says(self, text: str) -> None:
        """Write a message and send it."""
        await self.box.fill(text)
        await self.box.press("Enter")


class Visitor(Person):
    """Somebody on the chat page."""

    def bubbles(self, sender: str = "") -> Locator:
        """What is shown of one side, or of all."""
        which = f'[data-sender="{sender}"]' if sender else "[data-sender]"
        return self.page.get_by_role("log").locator(f"{which} .bubble")

    async def hears(self, sender: str, words: str | re.Pattern[str], *, ms: float = PATIENCE_MS) -> None:
        """Wait until the last message of a side has these words."""
        await expect(self.bubbles(sender).last).to_contain_text(words, timeout=ms)

    async def asks_for_a_person(self) -> None:
        """Press the button, and wait until the team knows."""
        await self.page.get_by_role("button", name=ASK).click()
        await expect(self.page.locator("#handoff")).to_have_text(re.compile(WAITING), timeout=PATIENCE_MS)

    async def is_told_who_is_here(self, name: str) -> None:
        """Wait until a person has the conversation."""
        await self.hears("system", f"{name} from our team")
        await expect(self.page.locator("#handoff")).to_have_text(re.compile("talking with a person"))

    @property
    async def texts(self) -> list[str]:
        """All that is shown."""
        return await self.bubbles().all_inner_texts()


class Coach(Person):
    """One of the staff on the live page."""

    account: StaffAccount

    @property
    def name(self) -> str:
        """As visitors see it."""
        return self.account.name

    @property
    def cards(self) -> Locator:
        """The list that she looks at."""
        return self.page.locator("#cards > li")

    @property
    def messages(self) -> Locator:
        """The open conversation."""
        return self.page.locator("#log .message .bubble")

    def tab(self, name: str) -> Locator:
        """One of the lists."""
        return self.page.get_by_role("tab", name=re.compile(f"^{name}"))

    def take_buttons(self) -> Locator:
        """Those in the list."""
        return self.cards.get_by_role("button", name=re.compile("^Take it"))

    async def takes(self) -> None:
        """Take the first conversation that waits."""
        await self.take_buttons().first.click()
        await expect(self.box).to_be_visible()

    async def is_connected(self, *, ms: float = PATIENCE_MS) -> None:
        """Wait for the stream."""
        await expect(self.page.locator("#connection")).to_have_text("Connected", timeout=ms)

    async def sees(self, text: str, *, ms: float = PATIENCE_MS) -> None:
        """Wait until exactly one message of the open conversation has this text."""
        await expect(self.messages.filter(has_text=text)).to_have_count(1, timeout=ms)

    async def does(self, action: str) -> None:
        """Press one of the buttons above the conversation."""
        await self.page.locator("#actions").get_by_role("button", name=action).click()

    async def passes_on_to(self, other: Coach) -> None:
        """Give the open conversation to somebody."""
        await self.does("Pass on")
        await self.page.locator("#dialog").get_by_label(other.name).check()
        await self.page.locator("#dialog-yes").click()

    async def closes(self, reason: str = "Answered") -> None:
        """Close the open conversation."""
        await self.does("Close")
        await self.page.locator("#dialog").get_by_label(reason).check()
        await self.page.locator("#dialog-yes").click()

    async def shown(self) -> Any:
        """All that her page knows, without the time that clocks show."""
        return await self.page.evaluate(_SHOWN)

    async def is_exact(self) -> None:
        """Her page becomes what a fresh load of it shows."""
        fresh = Coach(await self.page.context.new_page())
        await fresh.page.goto(self.page.url)
        await fresh.is_connected()
        if "#" in self.page.url:
            await fresh.page.wait_for_function(_LOADED)
        for _ in range(25):
            mine, other = await self.shown(), await fresh.shown()
            if mine == other:
                break
            await asyncio.sleep(0.2)  # either may have an event on its way
        await fresh.page.close()
        assert mine == other


@dataclass
class People:
    """Makes people, and lets their browsers go in the end."""

    browser: Browser
    store: ConversationStore
    contexts: list[BrowserContext] = field(default_factory=list)

    async def context(self, **options: Any) -> BrowserContext:
        """A browser of somebody's own."""
        context = await self.browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.contexts.append(context)
        return context

    async def visitor(self, url: str, **options: Any) -> Visitor:
        """Somebody who opens the chat."""
        page = await (await self.context(**options)).new_page()
        visitor = Visitor(page, faults_of(page))
        await page.goto(url)
        await expect(visitor.box).to_be_visible()
        return visitor

    async def signed_in(self, url: str, account: StaffAccount, password: str, **options: Any) -> BrowserContext:
        """A browser in which somebody is signed in."""
        context = await self.context(**options)
        form: dict[str, str | float | bool] = {"email": account.email, "password": password}
        answer = await context.request.post(f"{url}/desk/sign-in", form=form, headers=FROM_OUR_PAGES, max_redirects=0)
        assert answer.status == 303, await answer.text()
        return context

    async def coach(
        self, url: str, name: str, role: Role = Role.COACH, *, init_script: str = "", **options: Any
    ) -> Coach:
        """A new colleague who is signed in and has the live page open."""
        account, password = await make_member(self.store, role, name=f"{name} Example")
        context = await self.signed_in(url, account, password, **options)
        if init_script:
            await context.add_init_script(init_script)
        page = await context.new_page()
        coach = Coach(page, faults_of(page))
        coach.account = account
        await page.goto(f"{url}/desk")
        await coach.is_connected()
        return coach

    async def close(self) -> None:
        """Let everything go."""
        for context in self.contexts:
            await context.close()


@dataclass
class Lid:
    """The line of a computer that can fall asleep: its connections then stay as they are, and nothing passes.

    That is what a server sees of a laptop whose lid is closed: not even the end of a connection.
    """

    url: str
    is_closed: bool = False
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def close(self) -> None:
        """Fall asleep."""
        self._open.clear()
        self.is_closed = True

    def open(self) -> None:
        """Wake up: connections of before are found to be dead."""
        for writer in list(self._writers):
            writer.transport.abort()
        self.is_closed = False
        self._open.set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what a browser and the server say."""
        there = urlsplit(self.url)
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self._open.wait()
            other_reader, other_writer = await asyncio.open_connection(there.hostname, there.port)
            await asyncio.gather(self._pass_on(reader, other_writer), self._pass_on(other_reader, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, RuntimeError):  # uvloop says the latter of what is closed
                while data := await reader.read(65536):
                    await self._open.wait()
                    writer.write(data)
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()


@asynccontextmanager
async def laptop(url: str) -> AsyncIterator[tuple[Lid, str]]:
    """A line to a server, and the address on this end of it."""
    lid = Lid(url)
    lid.open()
    server = await asyncio.start_server(lid.connect, "127.0.0.1", 0)
    try:
        yield lid, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        lid.open()
