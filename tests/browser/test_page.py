"""The page at ``/`` in a real browser, against a running server: what a visitor sees, and what is kept where."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, FloatRect, Locator, Page, Request, Route, expect

DIFFERENCE = "What is the difference between primary and secondary vaginismus?"
TREATMENTS = "Which treatments can help?"
NEUTRAL = re.compile(r"^https://www\.google\.com/")
KEPT = "() => ({ session: {...sessionStorage}, local: {...localStorage}, cookies: document.cookie })"
NOTHING_KEPT = {"session": {}, "local": {}, "cookies": ""}


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A fresh visitor, who never reaches the real neutral page."""
    context = await browser.new_context(viewport={"width": 1024, "height": 768})
    await context.route(NEUTRAL, _neutral_page)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext, base_url: str) -> Page:
    page = await context.new_page()
    await page.goto(base_url)
    await expect(_box(page)).to_be_visible()
    return page


async def _neutral_page(route: Route) -> None:
    await route.fulfill(content_type="text/html", body="<title>Neutral</title><p>nothing to see</p>")


def _box(page: Page) -> Locator:
    return page.get_by_label("Your message")


def _log(page: Page) -> Locator:
    return page.get_by_role("log")


def _messages(page: Page, sender: str) -> Locator:
    return _log(page).locator(f'[data-sender="{sender}"] .bubble')


async def _say(page: Page, text: str) -> None:
    await _box(page).fill(text)
    await _box(page).press("Enter")


async def _ask_difference(page: Page) -> None:
    await _say(page, DIFFERENCE)
    await expect(_messages(page, "assistant").filter(has_text="Primary").first).to_be_visible()


def _sent_bodies(page: Page) -> list[dict[str, str]]:
    """Collects, from now on, what the page posts as messages."""
    bodies: list[dict[str, str]] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/messages"):
            bodies.append(json.loads(request.post_data or ""))

    page.on("request", note)
    return bodies


async def _answered(page: Page, *texts: str) -> None:
    """Waits until the visitor's messages are these, in this order, and the last one is answered."""
    await expect(_messages(page, "user")).to_have_text(texts)
    await expect(_log(page).locator("[data-sender]").last).not_to_have_attribute("data-sender", "user")


async def _shown(page: Page) -> list[str]:
    return await _log(page).locator(".bubble").all_inner_texts()


async def _expect_same_after_reload(page: Page) -> None:
    before = await _shown(page)
    await page.reload()
    await expect(_log(page).locator(".bubble")).to_have_count(len(before))
    assert await _shown(page) == before


async def _rectangle(locator: Locator) -> FloatRect:
    rectangle = await locator.bounding_box()
    assert rectangle is not None
    return rectangle


async def _kept(page: Page) -> object:
    return await page.evaluate(KEPT)


async def test_first_message_is_answered_in_order(page: Page) -> None:
    bodies = _sent_bodies(page)
    await _ask_difference(page)
    await expect(_messages(page, "user")).to_have_text([DIFFERENCE])
    senders = await _log(page).locator("[data-sender]").evaluate_all("all => all.map(one => one.dataset.sender)")
    assert senders.index("user") < senders.index("assistant")
    assert [body["text"] for body in bodies] == [DIFFERENCE]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", bodies[0]["id"])


async def test_replies_that_come_twice_are_shown_once(page: Page) -> None:
    """Replies come with the answer to a message and again over the event stream."""
    async with page.expect_request("**/events"):
        await _ask_difference(page)
    listed = await page.evaluate(
        """async () => {
          const {id, token} = JSON.parse(sessionStorage.chat);
          const url = `/api/chat/conversations/${id}/messages`;
          const answer = await fetch(url, {headers: {Authorization: `Bearer ${token}`}});
          return (await answer.json()).messages.length;
        }"""
    )
    await asyncio.sleep(1)  # time for the stream to repeat itself
    await expect(_log(page).locator("[data-sender]")).to_have_count(listed)


async def test_nothing_is_kept_or_asked_before_the_first_message(context: BrowserContext, base_url: str) -> None:
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    await page.goto(base_url)
    await _box(page).fill("not sent")
    await page.wait_for_load_state("networkidle")
    assert "/" in asked
    assert [path for path in asked if path.startswith("/api")] == []
    assert await _kept(page) == NOTHING_KEPT
    assert await context.cookies() == []
    await expect(page).to_have_title("Support chat")


async def test_only_the_key_to_the_conversation_is_kept(context: BrowserContext, page: Page) -> None:
    await _ask_difference(page)
    kept = await page.evaluate(KEPT)
    assert list(kept["session"]) == ["chat"]
    assert set(json.loads(kept["session"]["chat"])) == {"id", "token"}
    assert kept["local"] == {}
    assert await context.cookies() == []


async def test_introduction_and_starter_questions(page: Page) -> None:
    await expect(page.get_by_role("main")).to_contain_text("computer program")
    for number in ("112", "999", "911"):
        await expect(page.get_by_role("link", name=number)).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text("does not clear your browser’s history")
    starters = page.get_by_role("group", name="You could start with")
    await expect(starters.get_by_role("button")).to_have_count(4)
    bodies = _sent_bodies(page)
    await starters.get_by_role("button", name="What is vaginismus?").click()
    await expect(_messages(page, "assistant").first).to_be_visible()
    assert [body.get("text") for body in bodies] == ["What is vaginismus?"]
    await expect(starters).to_be_hidden()


async def test_button_sends_its_payload_and_shows_its_title(page: Page) -> None:
    await _ask_difference(page)
    choices = _log(page).get_by_role("group", name="Suggested answers")
    await expect(choices).to_have_count(1)
    first = choices.get_by_role("button").first
    title = await first.inner_text()
    bodies = _sent_bodies(page)
    await first.click()
    await expect(_messages(page, "user")).to_have_text([DIFFERENCE, title])
    await expect(_log(page).locator("[data-sender]").last).not_to_have_attribute("data-sender", "user")
    assert len(bodies) == 1
    assert set(bodies[0]) == {"id", "payload"}
    earlier = _log(page).locator('[data-sender="user"] ~ *:not(:last-child) button, :not(:last-child) > .choices')
    await expect(earlier).to_have_count(0)


async def test_reload_keeps_the_conversation(page: Page) -> None:
    await _ask_difference(page)
    await _expect_same_after_reload(page)
    await _say(page, "Thank you")
    await expect(_messages(page, "user")).to_have_text([DIFFERENCE, "Thank you"])
    await expect(_log(page).locator("[data-sender]").last).not_to_have_attribute("data-sender", "user")


async def test_a_new_tab_knows_nothing(context: BrowserContext, page: Page, base_url: str) -> None:
    await _ask_difference(page)
    other = await context.new_page()
    await other.goto(base_url)
    await expect(_box(other)).to_be_visible()
    await expect(_log(other).locator(".bubble")).to_have_count(0)


async def test_a_key_that_opens_nothing_is_forgotten(page: Page) -> None:
    await _ask_difference(page)
    await page.evaluate("""() => {
      sessionStorage.chat = JSON.stringify({...JSON.parse(sessionStorage.chat), token: "wrong"});
    }""")
    await page.reload()
    await expect(page.get_by_role("status").filter(has_text="no longer there")).to_be_visible()
    assert await _kept(page) == NOTHING_KEPT
    await _ask_difference(page)


@pytest.mark.parametrize("way", ["Escape twice", "click", "space bar"])
async def test_leaving_quickly(context: BrowserContext, page: Page, base_url: str, way: str) -> None:
    await _ask_difference(page)
    leave = page.get_by_role("button", name="Leave quickly")
    if way == "Escape twice":
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("status").filter(has_text="Escape once more")).to_be_visible()
        assert page.url.startswith(base_url)
        await page.keyboard.press("Escape")
    elif way == "click":
        await leave.click()
    else:
        await leave.press(" ")
    await page.wait_for_url(NEUTRAL)
    await expect(page).to_have_title("Neutral")
    await page.go_back()  # the chat's own entry is gone from the history of the tab
    await expect(_log(page)).to_have_count(0)
    await page.goto(base_url)
    await expect(_box(page)).to_be_visible()
    assert await _kept(page) == NOTHING_KEPT
    await expect(_log(page).locator(".bubble")).to_have_count(0)


async def test_leaving_clears_the_screen_before_the_next_page_comes(page: Page) -> None:
    left: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
    referrers: list[str | None] = []

    async def answer_late(route: Route) -> None:
        referrers.append(route.request.headers.get("referer"))
        await asyncio.wait_for(left, timeout=10)
        await _neutral_page(route)

    def note(seen: dict[str, object]) -> None:
        if not left.done():
            left.set_result(seen)

    await page.expose_function("tellTest", note)
    await page.route(NEUTRAL, answer_late)
    await _ask_difference(page)
    await page.evaluate("""() => {
      new MutationObserver(() => tellTest({text: document.body.innerText.trim(), kept: sessionStorage.length}))
        .observe(document.body, {childList: true});
    }""")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.wait_for_url(NEUTRAL)
    assert await left == {"text": "", "kept": 0}
    assert referrers == [None]


async def test_delete_everything(page: Page, base_url: str) -> None:
    await expect(page.get_by_role("button", name="Delete everything")).to_be_hidden()
    await _ask_difference(page)
    key = json.loads(await page.evaluate("sessionStorage.chat"))
    await page.get_by_role("button", name="Delete everything").click()
    dialog = page.get_by_role("dialog", name="Delete everything?")
    await dialog.get_by_role("button", name="Keep it").click()
    await expect(dialog).to_be_hidden()
    await expect(_messages(page, "user")).to_have_count(1)

    await page.get_by_role("button", name="Delete everything").click()
    async with page.expect_response(lambda response: response.request.method == "DELETE") as erasing:
        await dialog.get_by_role("button", name="Delete everything").click()
    assert (await erasing.value).status == 204
    await expect(page.get_by_role("status").filter(has_text="Everything has been deleted")).to_be_visible()
    await expect(dialog).to_be_hidden()
    await expect(_log(page).locator(".bubble")).to_have_count(0)
    assert await _kept(page) == NOTHING_KEPT
    address = urljoin(base_url, f"/api/chat/conversations/{key['id']}/messages")
    answer = await page.request.get(address, headers={"Authorization": f"Bearer {key['token']}"})
    assert answer.status in {401, 404, 410}
    await _ask_difference(page)


async def test_what_was_never_sent_can_be_deleted_too(page: Page) -> None:
    methods: list[str] = []
    await page.route("**/api/**", lambda route: route.abort())
    await _say(page, DIFFERENCE)
    await expect(_log(page).get_by_text("Not sent.")).to_be_visible()
    page.on("request", lambda request: methods.append(request.method))
    await page.get_by_role("button", name="Delete everything").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete everything").click()
    await expect(page.get_by_role("status").filter(has_text="Everything has been deleted")).to_be_visible()
    await expect(_log(page).locator(".bubble")).to_have_count(0)
    await expect(page.get_by_role("button", name="Delete everything")).to_be_hidden()
    assert await _kept(page) == NOTHING_KEPT
    assert methods == []  # the server has nothing that could be deleted
    await page.unroute("**/api/**")
    await _say(page, TREATMENTS)
    await _answered(page, TREATMENTS)


async def test_markup_of_the_visitor_stays_text(page: Page) -> None:
    typed = '<img src=x onerror="window.harmed=true"> *bold* <b>b</b>\n- one'
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await _say(page, typed)
    await expect(_log(page).locator("[data-sender]").last).not_to_have_attribute("data-sender", "user")
    for _ in range(2):  # as written, and as the server gives it back
        assert await _messages(page, "user").first.inner_text() == typed
        await expect(_messages(page, "user").locator("img, b, em, li")).to_have_count(0)
        assert await page.evaluate("window.harmed") is None
        await page.reload()
        await expect(_messages(page, "user")).to_have_count(1)
    assert errors == []


async def test_light_markup_of_replies(page: Page) -> None:
    async def answer(route: Route) -> None:
        sent = json.loads(route.request.post_data or "")
        text = (
            "A *strong* word, 2 * 3 * 4.\nNext line\n- one\n- two\n\n<b>no</b> http://a.example, https://b.example/c."
        )
        reply = {"id": "reply-1", "sender": "assistant", "text": text, "buttons": [], "topic": "types"}
        times = [{"sent_at": "2026-01-01T00:00:01Z"}, {"sent_at": "2026-01-01T00:00:02Z"}]
        own = {"id": sent["id"], "sender": "user", "text": sent["text"], "buttons": [], "topic": None}
        await route.fulfill(json={"messages": [own | times[0], reply | times[1]]})

    await page.route("**/messages", answer)
    await _say(page, "hello")
    bubble = _messages(page, "assistant").filter(has_text="strong")
    await expect(bubble.locator("em")).to_have_text(["strong"])
    await expect(bubble.locator("li")).to_have_text(["one", "two"])
    await expect(bubble.locator("br")).to_have_count(1)
    await expect(bubble.locator("b")).to_have_count(0)
    await expect(bubble.locator("p").last).to_have_text("<b>no</b> http://a.example, https://b.example/c.")
    link = bubble.get_by_role("link")
    await expect(link).to_have_text(["https://b.example/c"])
    assert await link.get_attribute("rel") == "noopener noreferrer"


async def test_stars_within_words_and_sums_are_no_emphasis(page: Page) -> None:
    cases = {
        "2*3*4": [],
        "2*3*4 and *so*": ["so"],
        "2*(*so*)": ["so"],
        "a*b*": [],
        "*b*c": [],
        "की*ख* *ग*का": [],
        "*so*, (*too*) *and then*.": ["so", "too", "and then"],
        "*one* *two*": ["one", "two"],
        "5 * 4 * 3": [],
    }
    found = await page.evaluate(
        """async (texts) => {
          const { renderText } = await import("/web/log.js");
          return texts.map((text) => {
            const [block] = renderText(text);
            return [[...block.querySelectorAll("em")].map((one) => one.textContent), block.textContent];
          });
        }""",
        list(cases),
    )
    stars = re.compile(r"\*")
    assert {text: emphasis for text, (emphasis, _) in zip(cases, found, strict=True)} == cases
    assert [stars.sub("", shown) for _, shown in found] == [stars.sub("", text) for text in cases]  # nothing is lost


async def test_retry_after_a_failed_send_reuses_the_id(page: Page) -> None:
    bodies = _sent_bodies(page)
    await page.route("**/messages", lambda route: route.abort(), times=1)
    await _say(page, DIFFERENCE)
    await expect(_log(page).get_by_text("Not sent.")).to_be_visible()
    await _log(page).get_by_role("button", name="Retry").click()
    await expect(_messages(page, "assistant").filter(has_text="Primary").first).to_be_visible()
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    await expect(_log(page).get_by_text("Not sent.")).to_have_count(0)
    await expect(_messages(page, "user")).to_have_count(1)


async def test_a_retried_message_is_shown_where_it_lands(page: Page) -> None:
    await page.route("**/messages", lambda route: route.abort(), times=1)
    await _say(page, DIFFERENCE)
    await expect(_log(page).get_by_text("Not sent.")).to_be_visible()
    await _say(page, TREATMENTS)
    await _answered(page, DIFFERENCE, TREATMENTS)
    await _log(page).get_by_role("button", name="Retry").click()
    await _answered(page, TREATMENTS, DIFFERENCE)
    await _expect_same_after_reload(page)


async def test_a_message_written_before_an_answer_is_shown_after_it(page: Page) -> None:
    written = asyncio.Event()

    async def hold(route: Route) -> None:
        await written.wait()
        await route.continue_()

    bodies = _sent_bodies(page)
    await page.route("**/messages", hold, times=1)
    await _say(page, DIFFERENCE)
    await _say(page, TREATMENTS)
    await expect(_messages(page, "user")).to_have_text([DIFFERENCE, TREATMENTS])
    written.set()
    await _answered(page, DIFFERENCE, TREATMENTS)
    await expect(_messages(page, "assistant").filter(has_text="Primary").first).to_be_visible()
    assert [body["text"] for body in bodies] == [DIFFERENCE, TREATMENTS]
    await _expect_same_after_reload(page)


async def test_a_message_whose_answer_was_lost_needs_no_retry(page: Page) -> None:
    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route("**/messages", lose, times=1)
    await _say(page, DIFFERENCE)
    await expect(_log(page).get_by_text("Not sent.")).to_be_visible()
    await _say(page, TREATMENTS)
    await expect(_log(page).get_by_text("Not sent.")).to_have_count(0)
    await expect(_messages(page, "assistant").filter(has_text="Primary").first).to_be_visible()
    await _answered(page, DIFFERENCE, TREATMENTS)
    await _expect_same_after_reload(page)


async def test_retry_is_clear_of_the_message_box_on_a_phone(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 700})
    await _ask_difference(page)
    await page.route("**/messages", lambda route: route.abort())
    await _say(page, TREATMENTS)
    retry = _log(page).get_by_role("button", name="Retry")
    await expect(retry).to_be_visible()
    button = await _rectangle(retry)
    composer = await _rectangle(page.get_by_role("region", name="Write a message"))
    assert button["y"] + button["height"] <= composer["y"]


async def test_a_notice_does_not_cover_the_last_message(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 700})
    await _ask_difference(page)
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("status").filter(has_text="Escape once more")).to_be_visible()
    message = await _rectangle(_log(page).locator("[data-sender]").last)
    composer = await _rectangle(page.get_by_role("region", name="Write a message"))
    assert message["y"] + message["height"] <= composer["y"]


async def test_a_failure_does_not_scroll_away_from_what_is_read_above(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 700})
    await _ask_difference(page)
    failing = asyncio.Event()

    async def fail_late(route: Route) -> None:
        await failing.wait()
        await route.abort()

    await page.route("**/messages", fail_late)
    await _say(page, TREATMENTS)
    await page.evaluate("scrollTo(0, 100)")
    failing.set()
    await expect(_log(page).get_by_role("button", name="Retry")).to_be_attached()
    assert await page.evaluate("scrollY") == 100


async def test_focus_does_not_scroll_to_what_is_always_there(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 700})
    await page.evaluate("scrollTo(0, 200)")
    for always in (page.get_by_role("button", name="Leave quickly"), _box(page)):
        await always.focus()
        assert await page.evaluate("scrollY") == 200


async def test_what_has_the_focus_is_clear_of_what_is_always_there(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 700})
    await _box(page).focus()
    controls = page.locator(".intro").locator("a, button")
    heights = []
    for key in ["Shift+Tab"] * await controls.count() + ["Tab"] * (await controls.count() - 1):
        await page.keyboard.press(key)
        focused = await _rectangle(page.locator(".intro :focus"))
        bar = await _rectangle(page.get_by_role("banner"))
        composer = await _rectangle(page.get_by_role("region", name="Write a message"))
        assert focused["y"] >= bar["y"] + bar["height"]
        assert focused["y"] + focused["height"] <= composer["y"]
        heights.append(await page.evaluate("scrollY"))
    assert len(set(heights)) > 1  # the page is long enough to have to scroll


async def test_too_fast_is_sent_again_by_itself(page: Page) -> None:
    async def too_fast(route: Route) -> None:
        problem = {"type": "about:blank", "status": 429, "detail": "That was quick."}
        await route.fulfill(
            status=429, headers={"Retry-After": "1"}, content_type="application/problem+json", body=json.dumps(problem)
        )

    bodies = _sent_bodies(page)
    await page.route("**/messages", too_fast, times=1)
    await _say(page, DIFFERENCE)
    await expect(page.get_by_role("status").filter(has_text="Please wait a moment. That was quick.")).to_be_visible()
    await expect(_messages(page, "assistant").filter(has_text="Primary").first).to_be_visible()
    assert len({body["id"] for body in bodies}) == 1
    assert len(bodies) == 2


def _busy(retry_after: int | None) -> Callable[[Route], Awaitable[None]]:
    async def answer(route: Route) -> None:
        body = json.dumps({"type": "about:blank", "status": 503, "detail": "We are having a <short> break."})
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        await route.fulfill(status=503, headers=headers, content_type="application/problem+json", body=body)

    return answer


async def test_a_busy_server_is_asked_again_by_itself(page: Page) -> None:
    bodies = _sent_bodies(page)
    await page.route("**/messages", _busy(1), times=2)
    await _say(page, DIFFERENCE)
    await expect(_log(page).get_by_text("No answer yet. Trying again by itself")).to_be_visible()
    await _answered(page, DIFFERENCE)
    await expect(_log(page).get_by_text("No answer yet.")).to_have_count(0)
    assert len(bodies) == 3
    assert len({body["id"] for body in bodies}) == 1


async def test_a_server_that_stays_busy_is_not_asked_for_ever(page: Page) -> None:
    bodies = _sent_bodies(page)
    await page.route("**/messages", _busy(1))
    await _say(page, DIFFERENCE)
    await expect(_log(page).get_by_text("Not sent. We are having a <short> break.")).to_be_visible(timeout=20_000)
    assert len(bodies) == 1 + 5
    await page.unroute("**/messages")
    await _log(page).get_by_role("button", name="Retry").click()
    await _answered(page, DIFFERENCE)


async def test_messages_wait_while_offline(context: BrowserContext, page: Page) -> None:
    await _ask_difference(page)
    bodies = _sent_bodies(page)
    await context.set_offline(True)
    await _say(page, "one")
    await _say(page, "two")
    await expect(_log(page).get_by_text("You are offline.")).to_have_count(2)
    await expect(_log(page).get_by_role("button", name="Retry")).to_have_count(0)
    assert {body["text"] for body in bodies} == {"one"}  # it was tried
    await context.set_offline(False)
    await expect(_log(page).get_by_text("You are offline.")).to_have_count(0)
    await _answered(page, DIFFERENCE, "one", "two")
    await _expect_same_after_reload(page)


async def test_waiting_for_a_network_is_said_once(context: BrowserContext, page: Page) -> None:
    """Further tries change nothing on the page: a screen reader would read it out each time."""
    await _ask_difference(page)
    await context.set_offline(True)
    await _say(page, "one")
    await expect(_log(page).get_by_text("You are offline.")).to_be_visible()
    await page.evaluate("""() => {
      window.changes = 0;
      new MutationObserver((all) => { changes += all.length; })
        .observe(document.getElementById("log"), {childList: true, subtree: true, characterData: true});
    }""")
    for _ in range(2):
        async with page.expect_event("requestfailed", lambda request: request.method == "POST"):
            pass
    assert await page.evaluate("changes") == 0


async def test_a_machine_without_a_network_reaches_its_own_server(context: BrowserContext, base_url: str) -> None:
    """Where there is only the loopback, browsers say that they are offline."""
    page = await context.new_page()
    await page.add_init_script("Object.defineProperty(Navigator.prototype, 'onLine', {get: () => false})")
    await page.goto(base_url)
    await _say(page, DIFFERENCE)
    await _answered(page, DIFFERENCE)
    await page.route("**/messages", lambda route: route.abort(), times=1)
    await _say(page, TREATMENTS)
    await _answered(page, DIFFERENCE, TREATMENTS)  # and needs no event that says it is online


async def test_a_stream_that_is_closed_at_once_is_asked_for_less_and_less(page: Page) -> None:
    asked: asyncio.Queue[float] = asyncio.Queue()

    async def close_at_once(route: Route) -> None:
        asked.put_nowait(asyncio.get_running_loop().time())
        await route.fulfill(content_type="text/event-stream", body="retry: 2000\n\n")

    await page.route("**/events", close_at_once)
    await _ask_difference(page)
    await expect(page.get_by_role("status").filter(has_text="The connection is lost.")).to_be_visible()
    async with asyncio.timeout(20):
        times = [await asked.get() for _ in range(4)]
    await expect(page.get_by_role("status").filter(has_text="The connection is lost.")).to_be_visible()
    assert times[3] - times[2] > 2.5  # about 1, 2, then 4 seconds

    await page.unroute("**/events")
    await expect(page.get_by_role("status").filter(has_text="The connection is lost.")).to_be_hidden(timeout=20_000)


async def test_a_problem_is_told_in_the_words_of_the_server(page: Page) -> None:
    await page.route("**/messages", _busy(None))
    await _say(page, "hello")
    await expect(_log(page).get_by_text("Not sent. We are having a <short> break.")).to_be_visible()


async def test_keyboard_only(page: Page) -> None:
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the message box")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(_box(page)).to_be_focused()
    await page.keyboard.type("What is the difference")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("between primary and secondary vaginismus?")
    await expect(_messages(page, "user")).to_have_count(0)
    await page.keyboard.press("Enter")
    await expect(_messages(page, "assistant").filter(has_text="Primary").first).to_be_visible()
    await expect(_box(page)).to_be_focused()
    assert "\n" in await _messages(page, "user").inner_text()

    choice = _log(page).get_by_role("group", name="Suggested answers").get_by_role("button").last
    await page.keyboard.press("Shift+Tab")
    await expect(choice).to_be_focused()
    assert await choice.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    await page.keyboard.press("Enter")
    await expect(_messages(page, "user")).to_have_count(2)
    await expect(_box(page)).to_be_focused()


async def test_enter_that_ends_a_composition_does_not_send(page: Page) -> None:
    await _box(page).fill("नमस्ते")
    await _box(page).dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    await expect(_messages(page, "user")).to_have_count(0)
    await expect(_box(page)).to_have_value("नमस्ते")
    await _box(page).dispatch_event("keydown", {"key": "Enter", "bubbles": True})
    await expect(_messages(page, "user")).to_have_count(1)


async def test_a_message_can_be_too_long(page: Page) -> None:
    await _box(page).fill("é" * 4900)
    await expect(page.get_by_text("There is room for 100 characters more.")).to_be_visible()
    await _box(page).fill("a" * 5001)
    await expect(page.get_by_text("This is 1 character too long.")).to_be_visible()
    await _box(page).press("Enter")
    await expect(_messages(page, "user")).to_have_count(0)
    await expect(_box(page)).to_have_value("a" * 5001)


async def test_only_what_is_new_is_read_out(page: Page) -> None:
    """The earlier messages must be in place before the live region is switched on."""
    await _ask_difference(page)
    await page.add_init_script("""
      document.addEventListener("DOMContentLoaded", () => {
        window.readOut = 0;
        const log = document.getElementById("log");
        new MutationObserver((changes) => {
          if (log.getAttribute("aria-live") === "polite") readOut += changes.length;
        }).observe(log, {childList: true, subtree: true});
      });""")
    await page.reload()
    await expect(_messages(page, "user")).to_have_count(1)
    await expect(_log(page)).to_have_attribute("aria-live", "polite")
    assert await page.evaluate("readOut") == 0
    await _say(page, "Thank you")
    await expect(_messages(page, "user")).to_have_count(2)
    assert await page.evaluate("readOut") > 0


@pytest.mark.parametrize("height", [640, 256])
async def test_narrow_window(page: Page, height: int) -> None:
    """320 px is also what is left of a 1280 px window at 400 % zoom."""
    await page.set_viewport_size({"width": 320, "height": height})

    async def overflow() -> int:
        return int(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    assert await overflow() <= 0
    await _say(page, "x" * 300)
    await expect(_log(page).locator("[data-sender]").last).not_to_have_attribute("data-sender", "user")
    await _ask_difference(page)
    assert await overflow() <= 0
    await expect(page.get_by_role("button", name="Leave quickly")).to_be_in_viewport()
    for button in await page.get_by_role("button").all():
        box = await button.bounding_box()
        assert box is not None
        assert box["width"] >= 44, await button.inner_text()
        assert box["height"] >= 44, await button.inner_text()


async def test_what_is_typed_is_not_offered_to_helpers(page: Page) -> None:
    """Spell checkers, suggestions and writing add-ons send what they read to their makers."""
    for name, value in {
        "autocomplete": "off",
        "autocorrect": "off",
        "autocapitalize": "sentences",
        "spellcheck": "false",
        "writingsuggestions": "false",
        "data-gramm": "false",
    }.items():
        await expect(_box(page)).to_have_attribute(name, value)


async def test_the_page_itself_is_not_stored(page: Page, base_url: str) -> None:
    """A disk cache would show that somebody was here; the scripts and styles only are checked for changes."""
    assert (await page.request.get(base_url)).headers["cache-control"] == "no-store"
    assert (await page.request.get(urljoin(base_url, "/web/chat.js"))).headers["cache-control"] == "no-cache"


async def test_nothing_is_loaded_from_elsewhere_and_the_policy_holds(context: BrowserContext, base_url: str) -> None:
    page = await context.new_page()
    asked: set[str] = set()
    complaints: list[str] = []
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    response = await page.goto(base_url)
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    await _ask_difference(page)
    assert asked == {urlsplit(base_url).netloc}
    assert complaints == []
