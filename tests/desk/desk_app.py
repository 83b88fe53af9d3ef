"""The staff desk of the real application: browsers of staff who are signed in, visitors, and the desk's stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp

from bot.app import DESK_ROUTES, make_app, open_store
from bot.assistant.agent import Assistant
from bot.desk.access import Member, Role
from bot.desk.routing import Access
from bot.desk.sessions import COOKIE
from bot.model import Effect, Keeps, Outcome, now
from bot.settings import Settings
from bot.storage.audit import AuditEntry, AuditLog
from bot.storage.conversations import ConversationStore
from bot.storage.sessions import SessionStore, Stage
from tests.conftest import serve
from tests.desk.signing_in import FROM_OUR_PAGES
from tests.desk.team import hire
from tests.http.chat import Chat
from tests.http.stream import Event, Stream
from tests.integration.stored import put, reply

API = "/desk/api"
WISH = "I want to talk to a real person"


@dataclass
class Staff:
    """One of the staff at her desk."""

    http: aiohttp.ClientSession
    member: Member

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """A request to the API; status and what came back."""
        if body is not None:
            options["json"] = body
        async with self.http.request(method, f"{API}{path}", **options) as response:
            text = await response.text()
            return response.status, await response.json(content_type=None) if text else None

    async def get(self, path: str) -> Any:
        """What the API shows; a failure unless it does."""
        status, body = await self.ask("GET", path)
        assert status == 200, body
        return body

    async def do(self, conversation_id: str, name: str, body: Any = None) -> tuple[int, Any]:
        """Do something with a conversation; status and what came back."""
        return await self.ask("POST", f"/conversations/{conversation_id}/{name}", body or {})

    async def done(self, conversation_id: str, name: str, body: Any = None) -> Any:
        """Do something with a conversation; a failure unless it works."""
        status, answer = await self.do(conversation_id, name, body)
        assert status in (200, 201, 204), answer
        return answer

    async def write(self, conversation_id: str, text: str, topic: str | None = None) -> Any:
        """Write to the visitor."""
        chosen = {} if topic is None else {"topic": topic}
        return await self.done(conversation_id, "messages", {"id": str(uuid4()), "text": text, **chosen})

    async def opened(self, conversation_id: str) -> Any:
        """An opened conversation."""
        return await self.get(f"/conversations/{conversation_id}")

    async def card(self, conversation_id: str) -> Any:
        """Its card in her queue; nothing when it is not there."""
        cards = (await self.get("/queue"))["cards"]
        return next((card for card in cards if card["id"] == conversation_id), None)

    async def page(self, path: str, status: int = 200) -> str:
        """A page."""
        async with self.http.get(path) as response:
            assert response.status == status, path
            return await response.text()

    async def form(self, path: str, status: int = 303, **fields: str) -> str:
        """Send a form of a page."""
        async with self.http.post(path, data=fields, allow_redirects=False) as response:
            text = await response.text()
            assert response.status == status, (path, response.status, text)
            return text

    @asynccontextmanager
    async def listen(
        self, conversation: str | None = None, *, cursor: int = 0, position: int = 0, after: str | None = None
    ) -> AsyncIterator[Stream]:
        """Open the desk's stream as her browser does."""
        query: dict[str, str | int] = {"from": cursor}
        if conversation is not None:
            query |= {"conversation": conversation, "position": position}
        headers = {} if after is None else {"Last-Event-ID": after}
        async with self.http.get(f"{API}/events", params=query, headers=headers) as response:
            assert response.status == 200, await response.text()
            assert response.content_type == "text/event-stream"
            yield Stream(response)


async def until(stream: Stream, kind: str, **wanted: Any) -> Event:
    """The next event of a kind whose data have these values; others before it are passed over."""
    while True:
        event = await stream.next()
        assert event is not None, f"the stream ended before {kind}"
        if event.name == kind and all(event.data.get(key) == value for key, value in wanted.items()):
            return event


async def session_of(store: ConversationStore, member: Member, stage: Stage = Stage.FULL) -> str:
    """The token of a session that a right sign-in would begin."""
    return await SessionStore(store.database).begin(member.id, stage, now())


def browser_with(url: str, token: str | None) -> aiohttp.ClientSession:
    """A browser with a session's cookie, on our own pages."""
    cookies = {} if token is None else {COOKIE: token}
    return aiohttp.ClientSession(
        url, headers=FROM_OUR_PAGES, cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True)
    )


class Office:
    """Hires staff and seats them at the desk of a server."""

    def __init__(self, store: ConversationStore, url: str, stack: AsyncExitStack) -> None:
        self.store = store
        self.url = url
        self._stack = stack

    async def staff(self, name: str, role: Role = Role.COACH) -> Staff:
        """Somebody new who is signed in."""
        return await self.seat(await hire(self.store, name, role))

    async def seat(self, member: Member, url: str = "") -> Staff:
        """Another browser of somebody."""
        browser = browser_with(url or self.url, await session_of(self.store, member))
        return Staff(await self._stack.enter_async_context(browser), member)

    async def visitor(self, text: str | None = None) -> Chat:
        """A visitor who has started a conversation, and perhaps written."""
        http = await self._stack.enter_async_context(aiohttp.ClientSession(self.url))
        chat = await Chat.start(http)
        if text is not None:
            await chat.say(text)
        return chat

    async def waiting(self) -> Chat:
        """A visitor who waits for a person."""
        return await self.visitor(WISH)

    async def audit(self, action: str = "") -> list[AuditEntry]:
        """The audit log, the oldest entry first."""
        return list(reversed(await AuditLog(self.store.database).read(action=action, limit=1000)))

    async def keep(self, conversation_id: str, *effects: Effect, text: str = "yes") -> None:
        """A turn of the visitor that keeps these."""
        message = await put(self.store, conversation_id, text)
        await self.store.finish(message, Outcome((reply("Thank you."),), effects=effects))


def referral(code: str, kind: str = "coach", **content: Any) -> Effect:
    """A wish that is passed on."""
    given = {"place": "Pune", "way": "phone", "contact": "+919800000001", "times": "evenings", **content}
    return Effect(Keeps.REFERRAL_OPENED, {"code": code, "kind": kind, "content": given})


@asynccontextmanager
async def office(store: ConversationStore, url: str) -> AsyncIterator[Office]:
    """An office at a server that runs."""
    async with AsyncExitStack() as stack:
        yield Office(store, url, stack)


@asynccontextmanager
async def two_servers(settings: Settings, assistant: Assistant) -> AsyncIterator[tuple[Office, str]]:
    """An office at one server, and the address of another that shares nothing with it but the database and the key."""
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(open_store(settings)) for _ in range(2)]
        urls = [await stack.enter_async_context(serve(settings, store, assistant)) for store in stores]
        yield Office(stores[0], urls[0], stack), urls[1]


def table_of(settings: Settings, store: ConversationStore, assistant: Assistant) -> list[Access]:
    """Every page and endpoint of the real application's desk."""
    return make_app(settings, store, assistant)[DESK_ROUTES].table
