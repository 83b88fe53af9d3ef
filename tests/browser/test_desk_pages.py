"""Every page of the desk in a real browser: for everybody to use, on any screen, and markup of others stays text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import axe_playwright_python  # type: ignore[import-untyped]
import pytest
from playwright.async_api import Browser, Page

from bot.storage.conversations import ConversationStore
from tests.browser.desk import People, faults_of
from tests.browser.desk_data import CODE, furnish, tour

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
MARKUP = ' <img src="/nothing" onerror="window.xss = 1"><script>window.xss = 1</script>'
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
ZOOMED = {"width": 640, "height": 400}
"""1280 by 800 at 200 %."""

_FIND = """async () => (await axe.run()).violations.map(
  ({id, help, nodes}) => ({id, help, where: nodes.slice(0, 3).map(({target, failureSummary}) =>
    `${target.join(" ")}: ${failureSummary.replace(/\\s+/g, " ").slice(0, 200)}`)}))"""
_SIDEWAYS = """() => {
  const {scrollWidth, clientWidth} = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > clientWidth + 1 && !one.closest(".scroll, .unseen"))
    .map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 30)}`).slice(0, 4);
}"""


@pytest.fixture
async def people(browser: Browser, store: ConversationStore) -> AsyncIterator[People]:
    """Whoever takes part."""
    everybody = People(browser, store)
    yield everybody
    await everybody.close()


async def _violations(page: Page) -> Any:
    """What axe finds, with its usual rules."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE)
    return await page.evaluate(_FIND)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_usable_by_everybody(
    people: People, base_url: str, store: ConversationStore, scheme: str
) -> None:
    """Axe looks at both widths of the live page and at one of the others, another one in each colour scheme."""
    there = await furnish(store)
    found: dict[str, Any] = {}
    faults: dict[Page, list[str]] = {}
    async for name, page in tour(people, base_url, there, color_scheme=scheme):
        faults.setdefault(page, faults_of(page))
        for size in (WIDE, PHONE, ZOOMED):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            sideways = await page.evaluate(_SIDEWAYS)
            wanted = WIDE if scheme == "light" else PHONE
            wrong = await _violations(page) if size is wanted or (name == "live" and size is not ZOOMED) else []
            if sideways or wrong:
                found[f"{name} {size['width']}"] = [*sideways, *wrong]
        await page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        assert await page.get_by_role("heading", level=1).count() == 1, name
    assert found == {}
    assert [one for some in faults.values() for one in some] == []


async def test_markup_that_somebody_wrote_stays_text(people: People, base_url: str, store: ConversationStore) -> None:
    there = await furnish(store, MARKUP)
    checked = []
    async for name, page in tour(people, base_url, there):
        text = await page.locator("body").inner_text()
        if "window.xss = 1" in text or await page.locator("[value*='window.xss']").count():
            checked.append(name)
        assert await page.evaluate(
            "() => [window.xss, document.querySelectorAll('body img[src=\"/nothing\"]').length]"
        ) == [
            None,
            0,
        ], name
    assert {"live", "referral", "directory", "directory-entry", "understanding", "canned", "search"} <= set(checked)


async def test_events_bring_a_page_to_where_a_fresh_load_is(
    people: People, base_url: str, store: ConversationStore
) -> None:
    """The page's own script, in the browser, on the server's own answers and stream."""
    there = await furnish(store)
    context = await people.signed_in(base_url, there.admin, there.password)
    page = await context.new_page()
    await page.goto(f"{base_url}/desk/referrals/{CODE}")
    changed = await page.evaluate(
        """async (id) => {
          const {apply, initial} = await import("/desk/web/state.js");
          const get = async (path) => (await fetch(`/desk/api/${path}`)).json();
          const post = (path, body) => fetch(`/desk/api/conversations/${id}/${path}`, {
            method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
          });
          const load = async () => {
            const [list, opened] = [await get("queue"), await get(`conversations/${id}`)];
            const open = {type: "open", data: {id}};
            return [list, opened, [open, {type: "loaded", data: opened}].reduce(apply, initial(list))];
          };
          const plain = (state) => JSON.stringify({...state, cards: [...state.cards.values()]
            .sort((one, other) => one.id < other.id ? -1 : 1)});
          let [list, opened, state] = await load();
          const before = plain(state);
          const query = new URLSearchParams({
            from: Math.min(list.cursor, opened.cursor), conversation: id, position: opened.messages.at(-1).position});
          const source = new EventSource(`/desk/api/events?${query}`);
          const got = [];
          for (const type of ["card", "gone", "message", "conversation", "typing"]) {
            source.addEventListener(type, ({data}) => {
              got.push(type);
              state = apply(state, {type, data: JSON.parse(data), ...(type !== "card" && type !== "gone"
                && {conversation: id})});
            });
          }
          await new Promise((resolve) => { source.onopen = resolve; });
          await post("messages", {id: crypto.randomUUID(), text: "one more"});
          await post("notes", {id: crypto.randomUUID(), text: "one more"});
          await post("release", {});
          const other = list.cards.find((card) => card.state === "waiting" && card.id !== id);
          await fetch(`/desk/api/conversations/${other.id}`, {method: "DELETE"});
          let fresh;
          for (let tries = 0; tries < 40; tries += 1) {
            fresh = plain((await load())[2]);
            if (fresh === plain(state) && got.includes("gone")) break;
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
          source.close();
          return {before, after: plain(state), fresh, got};
        }""",
        there.talk,
    )
    assert changed["before"] != changed["after"]
    assert {"card", "gone", "message", "conversation"} <= set(changed["got"])
    assert changed["after"] == changed["fresh"]
