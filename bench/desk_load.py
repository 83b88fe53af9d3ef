"""``python -m bench.desk_load``: how fast live chats go over the staff desk while many people are there.

A real server, visitors and coaches with open event streams, live chats in both directions. A coach does what the live
page does: before she writes she changes over (loads the lists and the conversation, opens a new stream), and what she
sees is marked as read. Every message must arrive exactly once; otherwise the exit status is 1.

Timings are noisy on a busy machine, so a bare aiohttp server that passes messages on to event streams is timed by the
same client at the same rate: before, beside and after. The ratios to it are what can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from argon2 import PasswordHasher

from bench.turns import Server, questions, say, started
from bot.assistant.training import PROJECT, ensure_model
from bot.desk.access import Role
from bot.desk.passwords import Passwords
from bot.settings import Settings
from bot.storage.database import Database
from bot.storage.staff import StaffStore

PASSWORD = "example horse battery"
AIM_MS = 200.0
"""The 95th percentile from a visitor to the coach's screen that issue 6 asks for."""

_ALONE_SECONDS = 10.0
_PATIENCE = 20.0
"""Seconds that a late message is waited for at the end."""

_ANSWERS = ("I see. How long has that been so?", "Thank you for telling me.", "You can go as slowly as you like.")


@dataclass(frozen=True)
class Load:
    """Who is there and what they do. ``every`` is the seconds between a chat's messages, from either side in turn;
    ``questions`` are put to the assistant each second by those who do not chat."""

    visitors: int
    coaches: int
    chats: int
    seconds: float
    every: float
    questions: float


@dataclass
class Way:
    """Messages in one direction: when each was sent, and how long until it was read."""

    sent: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    seen_as: Counter[str] = field(default_factory=Counter)
    doubled: set[str] = field(default_factory=set)

    def arrived(self, message_id: str, seen_as: str) -> None:
        """The first time counts."""
        if message_id in self.sent and message_id not in self.took:
            self.took[message_id] = time.perf_counter() - self.sent[message_id]
            self.seen_as[seen_as] += 1

    def missing(self) -> set[str]:
        """What was sent and not read."""
        return self.sent.keys() - self.took.keys()

    def figures(self) -> dict[str, Any]:
        """For the report; times in milliseconds."""
        return {**percentiles(self.took.values()), "seen as": dict(self.seen_as)}


def percentiles(seconds: Any) -> dict[str, Any]:
    """Count, p50, p95, p99 and maximum, in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return {"count": 0}
    shown = {f"p{part}": ordered[min(len(ordered) - 1, len(ordered) * part // 100)] * 1000 for part in (50, 95, 99)}
    return {"count": len(ordered), **shown, "max": ordered[-1] * 1000}


async def events(http: aiohttp.ClientSession, path: str, **options: Any) -> AsyncIterator[tuple[str, str]]:
    """Server-sent events: the kind and the data as they came. The first has no kind: the stream is open."""
    async with http.get(path, timeout=aiohttp.ClientTimeout(total=None), **options) as response:
        response.raise_for_status()
        yield "", ""
        kind = ""
        async for line in response.content:
            if line.startswith(b"event: "):
                kind = line[7:-1].decode()
            elif line.startswith(b"data: "):
                yield kind, line[6:-1].decode()


async def call(http: aiohttp.ClientSession, method: str, path: str, **options: Any) -> Any:
    """A request that must succeed; its JSON, if there is any."""
    async with http.request(method, path, **options) as response:
        if response.status >= 400:
            raise RuntimeError(f"{method} {path.split('?')[0]}: status {response.status}: {await response.text()}")
        return await response.json() if response.content_type == "application/json" else await response.read()


class Visitor:
    """A visitor with her page open."""

    def __init__(self, http: aiohttp.ClientSession, begun: dict[str, Any], to_visitor: Way) -> None:
        self.id: str = begun["id"]
        self.sent: list[str] = []
        """The ids of what she wrote, in order."""
        self.seen: Counter[str] = Counter()
        """The ids of what her stream brought."""
        self.opened = asyncio.Event()
        self._http = http
        self._path = f"/api/chat/conversations/{self.id}"
        self._headers = {"Authorization": f"Bearer {begun['token']}"}
        self._to_visitor = to_visitor
        self._reading: set[asyncio.Task[Any]] = set()

    async def follow(self) -> None:
        """Read the stream until cancelled; say that what a person wrote was read, as the page does."""
        async for kind, data in events(self._http, f"{self._path}/events", headers=self._headers):
            self.opened.set()
            if kind != "message":
                continue
            message_id = json.loads(data)["id"]
            self.seen[message_id] += 1
            self._to_visitor.arrived(message_id, "message")
            if self.seen[message_id] == 1 and message_id in self._to_visitor.sent:
                read = call(
                    self._http, "POST", f"{self._path}/signals", headers=self._headers, json={"read": message_id}
                )
                task = asyncio.create_task(read)
                self._reading.add(task)
                task.add_done_callback(self._reading.discard)
        raise RuntimeError("A visitor's stream ended.")

    async def write(self, to_coach: Way | None = None, **message: str) -> None:
        """Send a message and wait until the server has finished with it."""
        message_id = str(uuid4())
        self.sent.append(message_id)
        if to_coach is not None:
            to_coach.sent[message_id] = time.perf_counter()
        body = {"id": message_id, **message}
        await call(self._http, "POST", f"{self._path}/messages", headers=self._headers, json=body)


@dataclass
class Shown:
    """A chat as its coach's page has it over time: where the visitor's messages stand."""

    visitor: Visitor
    positions: dict[int, str] = field(default_factory=dict)


class Coach:
    """A coach with the live page open: what she holds, and the one conversation that stands open."""

    def __init__(self, http: aiohttp.ClientSession, to_coach: Way, to_visitor: Way) -> None:
        self.chats: dict[str, Shown] = {}
        self.written: dict[str, list[str]] = {}
        self._http = http
        self._to_coach, self._to_visitor = to_coach, to_visitor
        self._open: str | None = None
        self._ids: set[str] = set()
        self._stream: asyncio.Task[None] | None = None
        self._reading: set[asyncio.Task[Any]] = set()

    async def claim(self, visitor: Visitor) -> None:
        """Take a chat over."""
        await self._call("POST", f"/conversations/{visitor.id}/claim", json={})
        self.chats[visitor.id] = Shown(visitor)
        self.written[visitor.id] = []

    async def change_over(self, conversation_id: str) -> None:
        """Open another conversation, as the page does."""
        await self.leave()
        queue, opened = await asyncio.gather(
            self._call("GET", "/queue"), self._call("GET", f"/conversations/{conversation_id}")
        )
        self._open, self._ids = conversation_id, set()
        for message in opened["messages"]:
            self._message(message, "load")
        for card in queue["cards"]:
            if card["id"] in self.chats:
                self._card(card)
        last = opened["messages"][-1]["position"]
        self._read(last)
        cursor = min(queue["cursor"], opened["cursor"])
        path = f"/desk/api/events?from={cursor}&conversation={conversation_id}&position={last}"
        is_open = asyncio.Event()
        self._stream = asyncio.create_task(self._follow(path, is_open))
        waiting = asyncio.create_task(is_open.wait())
        await asyncio.wait({waiting, self._stream}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def write(self, conversation_id: str, text: str) -> None:
        """Write in a chat; what stands open changes over first."""
        if conversation_id != self._open:
            await self.change_over(conversation_id)
        message_id = str(uuid4())
        self.written[conversation_id].append(message_id)
        self._to_visitor.sent[message_id] = time.perf_counter()
        body = {"id": message_id, "text": text}
        await self._call("POST", f"/conversations/{conversation_id}/messages", json=body)

    async def leave(self) -> None:
        """Close the stream; raises what went wrong in it."""
        if self._stream is not None:
            ended = self._stream.done()
            self._stream.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._stream
            self._stream = None
            if ended:
                raise RuntimeError("A coach's stream ended.")

    async def messages(self, conversation_id: str) -> list[str]:
        """The ids of a conversation's messages now."""
        opened = await self._call("GET", f"/conversations/{conversation_id}")
        return [message["id"] for message in opened["messages"]]

    async def _follow(self, path: str, is_open: asyncio.Event) -> None:
        async for kind, data in events(self._http, path):
            is_open.set()
            if kind == "message":
                message = json.loads(data)
                self._message(message, "message")
                if message["sender"] == "user":
                    self._read(message["position"])
            elif kind == "card" and data[8:44] in self.chats:  # {"id": "...: the others are not worth reading here
                self._card(json.loads(data))
            elif kind == "signed-out":
                raise RuntimeError("A coach was signed out.")

    def _message(self, message: dict[str, Any], seen_as: str) -> None:
        """A message of the open conversation came onto the page."""
        assert self._open is not None
        if message["id"] in self._ids:
            (self._to_coach if message["sender"] == "user" else self._to_visitor).doubled.add(message["id"])
        self._ids.add(message["id"])
        if message["sender"] == "user":
            self.chats[self._open].positions[message["position"]] = message["id"]
            self._to_coach.arrived(message["id"], seen_as)

    def _card(self, card: dict[str, Any]) -> None:
        """A card counts what is unread behind a position that this page has had open."""
        if card["id"] == self._open:
            return
        chat = self.chats[card["id"]]
        read = sum(position <= card["staff_read"] for position in chat.positions)
        for message_id in chat.visitor.sent[: read + card["unread"]]:
            self._to_coach.arrived(message_id, "card")

    def _read(self, position: int) -> None:
        task = asyncio.create_task(self._call("POST", f"/conversations/{self._open}/signals", json={"read": position}))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        return await call(self._http, method, f"/desk/api{path}", **options)


# The rival


async def serve_echo() -> None:
    """Pass messages on to event streams, without a thought in between."""
    streams: dict[str, asyncio.Queue[bytes]] = {}

    async def follow(request: web.Request) -> web.StreamResponse:
        queue = streams[request.match_info["key"]] = asyncio.Queue()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(await queue.get())

    async def post(request: web.Request) -> web.Response:
        message = await request.json()
        streams[request.match_info["key"]].put_nowait(f"event: message\ndata: {json.dumps(message)}\n\n".encode())
        return web.json_response({"messages": []})

    app = web.Application()
    app.add_routes([web.get("/{key}/events", follow), web.post("/{key}/messages", post)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


class Rival:
    """The echo's streams, as many as there are people, and messages at the rate of the chats."""

    def __init__(self, http: aiohttp.ClientSession, load: Load) -> None:
        self._http = http
        self._load = load
        self._way = Way()

    async def follow(self, number: int) -> None:
        """Read one stream until cancelled."""
        async for kind, data in events(self._http, f"/{number}/events"):
            if kind == "message":
                self._way.arrived(json.loads(data)["id"], "message")

    async def measure(self, seconds: float) -> Way:
        """Send for so long."""
        self._way = Way()
        pause, posts = self._load.every / self._load.chats, []
        begun = time.perf_counter()
        for number in itertools.count():
            due = begun + number * pause
            if due > begun + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            posts.append(asyncio.create_task(self._post(number % self._load.visitors)))
        await asyncio.gather(*posts)
        await asyncio.sleep(0.5)
        return self._way

    async def _post(self, number: int) -> None:
        message_id = str(uuid4())
        self._way.sent[message_id] = time.perf_counter()
        await call(self._http, "POST", f"/{number}/messages", json={"id": message_id, "text": _ANSWERS[0] * 2})


# The measurement


class Desk:
    """Everybody at once."""

    def __init__(self, server: Server, load: Load, stack: contextlib.AsyncExitStack) -> None:
        self.load = load
        self.to_coach, self.to_visitor = Way(), Way()
        self.visitors: list[Visitor] = []
        self.coaches: list[Coach] = []
        self.questions: list[float] = []
        self.followers: list[asyncio.Task[None]] = []
        self._server = server
        self._stack = stack
        self._words = questions()

    async def come(self, emails: Sequence[str]) -> None:
        """Open everybody's pages, and let coaches take the chats."""
        http = await self._stack.enter_async_context(session(self._server.url))
        for _ in range(self.load.visitors):
            begun = await call(http, "POST", "/api/chat/conversations", json={})
            self.visitors.append(Visitor(http, begun, self.to_visitor))
        self.followers = [asyncio.create_task(visitor.follow()) for visitor in self.visitors]
        await asyncio.gather(*(visitor.opened.wait() for visitor in self.visitors))
        for number, email in enumerate(emails):
            # Sign-ins are limited by address; in a team each comes from her own.
            headers = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": f"10.0.0.{number + 1}"}
            mine = await self._stack.enter_async_context(session(self._server.url, headers=headers))
            form = {"email": email, "password": PASSWORD}
            await call(mine, "POST", "/desk/sign-in", data=form, allow_redirects=False)
            self.coaches.append(Coach(mine, self.to_coach, self.to_visitor))
        for number, visitor in enumerate(self.visitors[: self.load.chats]):
            await visitor.write(payload="/talk_to_human")
            await self.coaches[number % len(self.coaches)].claim(visitor)
        await asyncio.gather(*(coach.change_over(next(iter(coach.chats))) for coach in self.coaches if coach.chats))

    async def run(self) -> None:
        """Chat for as long as the load says, then wait for what is late."""
        until = time.perf_counter() + self.load.seconds
        chats = [self._visitor_writes(visitor, until) for visitor in self.visitors[: self.load.chats]]
        coaches = [self._coach_writes(coach, until) for coach in self.coaches if coach.chats]
        await asyncio.gather(*chats, *coaches, self._ask(until))
        for _ in range(int(_PATIENCE / 0.05)):
            if not self.to_coach.missing() and not self.to_visitor.missing():
                break
            await asyncio.sleep(0.05)

    async def check(self) -> list[str]:
        """What was lost, doubled or otherwise wrong: nothing, if all is well."""
        wrong = [f"a visitor's stream: {task.exception()!r}" for task in self.followers if task.done()]
        for name, way in (("visitor to coach", self.to_coach), ("coach to visitor", self.to_visitor)):
            if way.missing():
                wrong.append(f"{name}: {len(way.missing())} lost")
            if way.doubled:
                wrong.append(f"{name}: {len(way.doubled)} doubled on the coach's page")
        for coach in self.coaches:
            await coach.leave()
            for conversation_id, chat in coach.chats.items():
                stored = Counter(await coach.messages(conversation_id))
                for message_id in (*chat.visitor.sent, *coach.written[conversation_id]):
                    on_stream = chat.visitor.seen[message_id]
                    if (stored[message_id], on_stream) != (1, 1):
                        wrong.append(f"a message is stored {stored[message_id]} times, streamed {on_stream} times")
        return wrong

    async def _visitor_writes(self, visitor: Visitor, until: float) -> None:
        async for _ in paced(2 * self.load.every, until):
            await visitor.write(self.to_coach, text=next(self._words))

    async def _coach_writes(self, coach: Coach, until: float) -> None:
        turns = itertools.cycle(coach.chats)
        async for _ in paced(2 * self.load.every / len(coach.chats), until):
            await coach.write(next(turns), random.choice(_ANSWERS))

    async def _ask(self, until: float) -> None:
        idle = self.visitors[self.load.chats :]
        if not idle or not self.load.questions:
            return
        asking: set[asyncio.Task[None]] = set()
        while time.perf_counter() < until:
            asking.add(asyncio.create_task(self._one_question(random.choice(idle))))
            await asyncio.sleep(random.uniform(0.5, 1.5) / self.load.questions)
        await asyncio.gather(*asking)

    async def _one_question(self, visitor: Visitor) -> None:
        begun = time.perf_counter()
        await visitor.write(text=next(self._words))
        self.questions.append(time.perf_counter() - begun)


async def paced(every: float, until: float) -> AsyncIterator[None]:
    """A step every so many seconds, beginning anywhere in the first of them; who is late does not hurry."""
    due = time.perf_counter() + random.uniform(0, every)
    while due < until:
        await asyncio.sleep(due - time.perf_counter())
        yield
        due = max(due + every, time.perf_counter())


def session(url: str, **options: Any) -> aiohttp.ClientSession:
    """A client with its own cookies and a connection for every stream."""
    return aiohttp.ClientSession(
        url,
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.CookieJar(unsafe=True),
        read_bufsize=2**20,
        **options,
    )


async def hire(settings: Settings, count: int) -> list[str]:
    """Accounts of coaches; their addresses."""
    hashed = await Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)).hash(PASSWORD)
    database = Database(settings.sqlalchemy_url)
    try:
        staff = StaffStore(database)
        made = [
            await staff.create(f"coach-{uuid4().hex[:8]}@example.org", f"Example Coach {number}", Role.COACH, hashed)
            for number in range(1, count + 1)
        ]
    finally:
        await database.close()
    return [account.email for account in made]


async def watch_lag(samples: list[float]) -> None:
    """How late this client itself is, until cancelled."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.02)
        samples.append(time.perf_counter() - begun - 0.02)


async def measure(load: Load, model: Path, postgres: str, command: Sequence[str]) -> dict[str, Any]:
    """Start everything, measure, end everything."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as servers:
        environment = {
            "BOT_DATA_DIR": folder,
            "BOT_MODEL": str(model),
            "BOT_PORT": "0",
            "BOT_RATE_LIMIT": "off",
            "BOT_TRUST_PROXY": "true",
            "BOT_DATABASE_URL": postgres,
            "BOT_LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
        }
        load_before = os.getloadavg()[0]
        echo = servers.enter_context(started([sys.executable, "-m", "bench.desk_load", "--serve-echo"], environment))
        server = servers.enter_context(started([sys.executable, *command, "run"], environment))
        emails = await hire(Settings.load(environment), load.coaches)
        async with contextlib.AsyncExitStack() as stack:
            rival = Rival(await stack.enter_async_context(session(echo.url)), load)
            passing = [asyncio.create_task(rival.follow(number)) for number in range(load.visitors + load.coaches)]
            desk = Desk(server, load, stack)
            say(f"{load.visitors} visitors and {load.coaches} coaches come ...")
            await desk.come(emails)
            before = await rival.measure(_ALONE_SECONDS)
            say(f"{load.chats} chats for {load.seconds:.0f} s ...")
            lag: list[float] = []
            watching = asyncio.create_task(watch_lag(lag))
            cpu, client_cpu, begun = server.cpu_seconds(), time.process_time(), time.perf_counter()
            beside_task = asyncio.create_task(rival.measure(load.seconds))
            await desk.run()
            wall = time.perf_counter() - begun
            used = (server.cpu_seconds() - cpu) / wall, (time.process_time() - client_cpu) / wall
            beside = await beside_task
            watching.cancel()
            wrong = await desk.check()
            after = await rival.measure(_ALONE_SECONDS)
            for task in (*passing, *desk.followers):
                task.cancel()
            await asyncio.gather(*passing, *desk.followers, return_exceptions=True)
        alone = [*before.took.values(), *after.took.values()]
        return {
            "machine": {
                "cpus": os.cpu_count(),
                "system": f"{platform.system()} {platform.machine()}",
                "python": platform.python_version(),
                "load before": load_before,
                "load after": os.getloadavg()[0],
            },
            "database": "PostgreSQL" if postgres else "SQLite",
            "load": asdict(load),
            "visitor to coach": desk.to_coach.figures(),
            "coach to visitor": desk.to_visitor.figures(),
            "questions to the assistant": percentiles(desk.questions),
            "echo, alone": percentiles(alone),
            "echo, beside": percentiles(beside.took.values()),
            "client late": percentiles(lag),
            "server cores": used[0],
            "client cores": used[1],
            "server memory": server.peak_memory(),
            "wrong": wrong,
        }


def markdown(found: dict[str, Any]) -> str:
    """A run as a table."""
    machine, alone, beside = found["machine"], found["echo, alone"]["p95"], found["echo, beside"]["p95"]
    lines = [
        f"{found['database']}; {machine['cpus']} cores, {machine['system']}, Python {machine['python']}; load "
        f"{machine['load before']:.1f} before and {machine['load after']:.1f} after; the server used "
        f"{found['server cores']:.2f} cores and {found['server memory'] / 1e6:.0f} MB, the client "
        f"{found['client cores']:.2f} cores.",
        "",
        "| ms | messages | p50 | p95 | p99 | max | p95 to echo alone | p95 to echo beside |",
        "|---|" + "---:|" * 7,
    ]
    for name in (
        "visitor to coach", "coach to visitor", "questions to the assistant", "echo, alone", "echo, beside",
        "client late",
    ):  # fmt: skip
        row = found[name]
        if row["count"]:
            shown = " | ".join(f"{row[part]:.1f}" for part in ("p50", "p95", "p99", "max"))
            ratios = f"{row['p95'] / alone:.1f} × | {row['p95'] / beside:.1f} ×"
            lines.append(f"| {name} | {row['count']} | {shown} | {ratios} |")
    seen_as = found["visitor to coach"]["seen as"]
    lines += ["", "Coaches saw visitors' messages first as: " + ", ".join(f"{k} {n}" for k, n in seen_as.items()) + "."]
    lines += [f"WRONG: {words}" for words in found["wrong"]] or ["Every message arrived exactly once."]
    if found["visitor to coach"]["count"]:
        verdict = "reached" if found["visitor to coach"]["p95"] < AIM_MS else "missed"
        lines.append(f"The aim, p95 from visitor to coach under {AIM_MS:.0f} ms, is {verdict}.")
    return "\n".join(lines)


def main() -> int:
    """Read the arguments, measure, print; 1 if a message was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m bench.desk_load", description=__doc__)
    parser.add_argument("--visitors", type=int, default=300, help="people with the chat open")
    parser.add_argument("--coaches", type=int, default=20, help="people with the desk open")
    parser.add_argument("--chats", type=int, default=50, help="visitors whom a coach answers")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they chat")
    parser.add_argument("--every", type=float, default=4.0, help="seconds between the messages of a chat")
    parser.add_argument("--questions", type=float, default=2.0, help="to the assistant, by the others, a second in all")
    parser.add_argument("--postgres", default="", metavar="URL", help="an empty database; left out: SQLite")
    parser.add_argument("--model", type=Path, help="a trained model; left out: the one that fits the data")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result here too")
    parser.add_argument("--command", default="bot", help="the server's module; for profiling")
    parser.add_argument("--serve-echo", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_echo:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve_echo())
        return 0
    load = Load(options.visitors, options.coaches, options.chats, options.seconds, options.every, options.questions)
    model = (options.model or ensure_model(PROJECT / "var")).absolute()
    found = asyncio.run(measure(load, model, options.postgres, ["-m", options.command]))
    print(markdown(found))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
