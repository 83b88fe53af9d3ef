"""``python -m bench.turns``: what a turn of the real server costs over HTTP, on SQLite and on PostgreSQL.

Timings are noisy, above all on a busy machine. So an aiohttp server that only echoes is timed in the same run by the
same client: it is the floor that HTTP sets, and the ratios to it are what can be compared between machines.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import itertools
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import aiohttp
import psutil  # type: ignore[import-untyped]
from aiohttp import web
from packaging.requirements import Requirement

from bot.assistant.training import PROJECT, ensure_model
from tests.provide import Postgres, start_postgres

PROJECT_NAME = "vaginismus-support-bot"
VISITORS = (1, 8, 32)
LATE_TURN = 200
FOLLOW_UPS = ("tell me more", "and for secondary?", "how long would that take", "thanks, that helped", "is that safe")
ECHO = "An answer of the usual length. " * 20


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    warm_up: int
    turns: dict[int, int]
    """Turns of each visitor, by number of visitors."""
    old_conversations: int
    pairs: int
    """Early and late turns that are compared."""


FULL = Size(warm_up=50, turns={1: 300, 8: 60, 32: 25}, old_conversations=6, pairs=60)
QUICK = Size(warm_up=10, turns={1: 40, 8: 10, 32: 4}, old_conversations=2, pairs=16)


def questions() -> Iterator[str]:
    """Unseen questions of real length and, after every third, a follow-up; the same order in every run."""
    file = PROJECT / "tests" / "dev" / "topics.tsv"
    asked = [line.split("\t")[1] for line in file.read_text(encoding="utf-8").splitlines() if "\t" in line]
    order = random.Random(7)
    order.shuffle(asked)
    follow_ups = itertools.cycle(FOLLOW_UPS)
    for number, question in enumerate(itertools.cycle(asked), start=1):
        yield question
        if number % 3 == 0:
            yield next(follow_ups)


# Servers


class Server:
    """A server process, how fast it started, and what it uses."""

    def __init__(self, process: subprocess.Popen[str], url: str, started_in: float) -> None:
        self.url = url
        self.started_in = started_in
        self._process = psutil.Process(process.pid)
        self._peak = 0
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _tree(self) -> list[Any]:
        return [self._process, *self._process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Processor time used so far by the process and its children."""
        return sum(sum(member.cpu_times()[:2]) for member in self._tree())

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            with contextlib.suppress(psutil.Error):
                self._peak = max(self._peak, sum(member.memory_info().rss for member in self._tree()))

    def peak_memory(self) -> int:
        """The most memory that the process and its children held at once while serving, in bytes."""
        self._stop.set()
        self._watcher.join()
        return self._peak

    def peak_memory_ever(self) -> int | None:
        """The same of the process alone since it began, loading included; where the system tells."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                return int(found[1]) * 1024
        return None


@contextlib.contextmanager
def started(command: Sequence[str], environment: dict[str, str]) -> Iterator[Server]:
    """Start a server that prints its address when it is ready, and end it afterwards."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=PROJECT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://[\w.]+:\d+", line):
                break
        else:
            raise RuntimeError(f"{' '.join(command)} did not start; exit status {process.wait()}")
        address = found[0].replace("localhost", "127.0.0.1")
        yield Server(process, address, time.perf_counter() - begun)
    finally:
        process.terminate()
        process.wait(30)


def bot(folder: Path, model: Path, database_url: str) -> contextlib.AbstractContextManager[Server]:
    """The real server on a database of its own."""
    settings = {
        "BOT_DATA_DIR": str(folder),
        "BOT_MODEL": str(model),
        "BOT_PORT": "0",
        "BOT_RATE_LIMIT": "off",
        "BOT_DATABASE_URL": database_url,
        "BOT_LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
    }
    return started([sys.executable, "-m", "bot", "run"], settings)


def echo() -> contextlib.AbstractContextManager[Server]:
    """The rival: aiohttp that reads a message and answers at once."""
    return started([sys.executable, "-m", "bench.turns", "--serve-echo"], {"PYTHONUNBUFFERED": "1"})


async def serve_echo() -> None:
    """Serve the web chat contract without a thought in between."""

    async def start(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"id": str(uuid4()), "token": "none", "messages": []}, status=201)

    async def post(request: web.Request) -> web.Response:
        message = await request.json()
        return web.json_response({"messages": [{"id": message["id"], "text": ECHO}]})

    app = web.Application()
    app.add_routes(
        [web.post("/api/chat/conversations", start), web.post("/api/chat/conversations/{id}/messages", post)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


# Visitors


class Visitor:
    """One conversation over HTTP."""

    def __init__(self, http: aiohttp.ClientSession, started_as: dict[str, Any]) -> None:
        self._http = http
        self._path = f"/api/chat/conversations/{started_as['id']}/messages"
        self._headers = {"Authorization": f"Bearer {started_as['token']}"}

    @classmethod
    async def start(cls, http: aiohttp.ClientSession) -> Visitor:
        """Begin a conversation."""
        async with http.post("/api/chat/conversations", json={}) as response:
            response.raise_for_status()
            return cls(http, await response.json())

    async def say(self, text: str) -> float:
        """Send a message, read the replies to the end, and return the seconds it took."""
        begun = time.perf_counter()
        message = {"id": str(uuid4()), "text": text}
        async with self._http.post(self._path, json=message, headers=self._headers) as response:
            replies = await response.json()
        took = time.perf_counter() - begun
        if response.status != 200 or not replies["messages"]:
            raise RuntimeError(f"status {response.status}: {replies}")
        return took


@contextlib.asynccontextmanager
async def client(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client with a connection for every visitor."""
    async with aiohttp.ClientSession(server.url, connector=aiohttp.TCPConnector(limit=0)) as http:
        yield http


# Measurements


@dataclass
class Turns:
    """Turns of several visitors at once."""

    visitors: int
    seconds: list[float] = field(repr=False)
    wall_seconds: float
    cpu_seconds: float

    @property
    def p50(self) -> float:
        """Half of the turns are faster, in milliseconds."""
        return median(self.seconds) * 1000

    @property
    def p95(self) -> float:
        """Nineteen of twenty turns are faster, in milliseconds."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.95)] * 1000

    @property
    def per_second(self) -> float:
        """Turns a second of the whole server."""
        return len(self.seconds) / self.wall_seconds

    @property
    def per_core_second(self) -> float:
        """Turns a second of processor time: what one core can do."""
        return len(self.seconds) / self.cpu_seconds


async def measure_turns(server: Server, visitors: int, turns: int) -> Turns:
    """Let visitors write at once, each waiting for the reply before the next message."""
    asked = questions()

    async def visit(http: aiohttp.ClientSession) -> list[float]:
        visitor = await Visitor.start(http)
        await visitor.say("hello")  # opens the connection and the conversation
        ready.release()
        await go.wait()
        return [await visitor.say(next(asked)) for _ in range(turns)]

    async with client(server) as http:
        go, ready = asyncio.Event(), asyncio.Semaphore(0)
        tasks = [asyncio.create_task(visit(http)) for _ in range(visitors)]
        for _ in tasks:
            await ready.acquire()
        cpu, begun = server.cpu_seconds(), time.perf_counter()
        go.set()
        seconds = list(itertools.chain.from_iterable(await asyncio.gather(*tasks)))
        return Turns(visitors, seconds, time.perf_counter() - begun, server.cpu_seconds() - cpu)


@dataclass
class Late:
    """A turn late in a conversation beside the same question early in another."""

    early_ms: float
    late_ms: float
    turn: int

    @property
    def ratio(self) -> float:
        """How much slower the late turn is; 1 means that the length of a conversation costs nothing."""
        return self.late_ms / self.early_ms


async def measure_late(server: Server, size: Size) -> Late:
    """Ask the same question at turn 3 of a new conversation and at turn 200 of an old one, one after the other."""
    asked = questions()
    async with client(server) as http:

        async def grow() -> Visitor:
            visitor = await Visitor.start(http)
            for _ in range(LATE_TURN - 1):
                await visitor.say(next(asked))
            return visitor

        old = await asyncio.gather(*(grow() for _ in range(size.old_conversations)))
        early, late = [], []
        for pair, visitor in zip(range(size.pairs), itertools.cycle(old), strict=False):
            new = await Visitor.start(http)
            for _ in range(2):
                await new.say(next(asked))
            question = next(asked)
            # Which comes first changes, so that neither always finds the caches warm.
            for which in ("early", "late") if pair % 2 else ("late", "early"):
                if which == "early":
                    early.append(await new.say(question))
                else:
                    late.append(await visitor.say(question))
        return Late(median(early) * 1000, median(late) * 1000, LATE_TURN)


@dataclass
class Measured:
    """All that is measured of one server."""

    name: str
    started_in: float
    turns: list[Turns]
    peak_memory: int
    peak_memory_ever: int | None
    late: Late | None = None


async def measure(name: str, server: Server, size: Size, *, late: bool = True) -> Measured:
    """Warm up, then measure."""
    say(f"{name}: started in {server.started_in:.1f} s")
    await measure_turns(server, 1, size.warm_up)
    turns = []
    for visitors in VISITORS:
        turns.append(await measure_turns(server, visitors, size.turns[visitors]))
        say(f"{name}: {visitors} visitors: p50 {turns[-1].p50:.1f} ms")
    compared = await measure_late(server, size) if late else None
    return Measured(name, server.started_in, turns, server.peak_memory(), server.peak_memory_ever(), compared)


def environment_bytes() -> tuple[int, int]:
    """Size of the installed packages that running needs, and of all of them, tools for development included."""
    installed = {_plain(found.name): found for found in importlib.metadata.distributions()}
    needed: set[tuple[str, str]] = set()
    waiting = [(_plain(PROJECT_NAME), "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in needed or name not in installed:
            continue
        needed.add((name, extra))
        for line in installed[name].requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(_plain(requirement.name), wanted) for wanted in ("", *requirement.extras)]
    sizes = {name: _bytes(found) for name, found in installed.items()}
    return sum(sizes[name] for name in {name for name, _ in needed}), sum(sizes.values())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _bytes(distribution: importlib.metadata.Distribution) -> int:
    total = 0
    for file in distribution.files or []:
        with contextlib.suppress(OSError):
            total += Path(str(distribution.locate_file(file))).stat().st_size
    return total


def measure_training() -> float:
    """Seconds of ``bot train``; sentence vectors of known examples come from the cache, as when data are edited."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        begun = time.perf_counter()
        environment = {**os.environ, "BOT_DATA_DIR": folder}
        subprocess.run(
            [sys.executable, "-m", "bot", "train"], cwd=PROJECT, env=environment, check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - begun


@dataclass
class Report:
    """One run."""

    machine: dict[str, Any]
    servers: list[Measured]
    floor: Measured
    environment: tuple[int, int]
    training: float | None

    def markdown(self) -> str:
        """The run as tables."""
        lines = [
            f"{self.machine['cpus']} cores, {self.machine['system']}, Python {self.machine['python']}; "
            f"load {self.machine['load before']:.1f} before and {self.machine['load after']:.1f} after",
            "",
            "| | " + " | ".join(server.name for server in self.servers) + f" | {self.floor.name} |",
            "|---|" + "---:|" * (len(self.servers) + 1),
        ]
        for row in range(len(VISITORS)):
            floor = self.floor.turns[row]
            label = f"{VISITORS[row]} visitor" + "s" * (VISITORS[row] > 1)
            for name in ("p50", "p95"):
                least: float = getattr(floor, name)
                cells = [
                    f"{getattr(server.turns[row], name):.1f} ms ({getattr(server.turns[row], name) / least:.1f} ×)"
                    for server in self.servers
                ]
                lines.append(self._row(f"a turn, {label}, {name}", [*cells, f"{least:.1f} ms"]))
            rates = [f"{server.turns[row].per_second:.0f}" for server in (*self.servers, self.floor)]
            lines.append(self._row(f"turns a second, {label}", rates))
        everyone = (*self.servers, self.floor)
        lines += [
            self._row("turns a second a core", [f"{server.turns[-1].per_core_second:.0f}" for server in everyone]),
            self._row("a turn, turn 3", [f"{late.early_ms:.1f} ms" if (late := s.late) else "" for s in everyone]),
            self._row(
                f"a turn, turn {LATE_TURN}",
                [f"{late.late_ms:.1f} ms ({late.ratio:.2f} ×)" if (late := s.late) else "" for s in everyone],
            ),
            self._row("from start to ready", [f"{server.started_in:.1f} s" for server in everyone]),
            self._row("peak memory while serving", [_megabytes(server.peak_memory) for server in everyone]),
            self._row("peak memory, loading included", [_megabytes(server.peak_memory_ever) for server in everyone]),
            "",
            f"Environment: {_megabytes(self.environment[0])} to run, {_megabytes(self.environment[1])} with the tools "
            "for development.",
        ]
        if self.training is not None:
            lines.append(f"Training: {self.training:.0f} s.")
        return "\n".join(lines)

    @staticmethod
    def _row(label: str, cells: Sequence[str]) -> str:
        return f"| {label} | " + " | ".join(cells) + " |"

    def as_json(self) -> dict[str, Any]:
        """The run as plain values, single timings left out."""
        return {
            "machine": self.machine,
            "servers": [self._server(server) for server in (*self.servers, self.floor)],
            "environment_bytes": {"to_run": self.environment[0], "with_tools": self.environment[1]},
            "training_seconds": self.training,
        }

    @staticmethod
    def _server(server: Measured) -> dict[str, Any]:
        turns = [
            {
                "visitors": part.visitors,
                "turns": len(part.seconds),
                "p50_ms": part.p50,
                "p95_ms": part.p95,
                "per_second": part.per_second,
                "per_core_second": part.per_core_second,
            }
            for part in server.turns
        ]
        late = server.late and {**asdict(server.late), "ratio": server.late.ratio}
        return {**asdict(server), "turns": turns, "late": late}


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.0f} MB"


def say(words: str) -> None:
    """Tell on standard error how far it is; standard output holds the result only."""
    print(words, file=sys.stderr, flush=True)


async def bench(size: Size, model: Path, *, train: bool) -> Report:
    """Measure everything, one server after the other."""
    machine: dict[str, Any] = {
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load before": os.getloadavg()[0],
    }
    servers = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with echo() as server:
            floor = await measure("aiohttp echo", server, size, late=False)
        with bot(folder / "sqlite", model, "") as server:
            servers.append(await measure("SQLite", server, size))
        postgres = await asyncio.to_thread(_postgres, folder / "postgres")
        if postgres is None:
            say("PostgreSQL is not to be had here and is left out.")
        else:
            try:
                await postgres.create("bench")
                with bot(folder / "on-postgres", model, postgres.url("bench")) as server:
                    servers.append(await measure("PostgreSQL", server, size))
            finally:
                postgres.stop()
    training = measure_training() if train else None
    machine["load after"] = os.getloadavg()[0]
    return Report(machine, servers, floor, environment_bytes(), training)


def _postgres(folder: Path) -> Postgres | None:
    folder.mkdir()
    return start_postgres(folder)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.turns", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer turns: does it work, and roughly how fast")
    parser.add_argument("--train", action="store_true", help="also time the training")
    parser.add_argument("--model", type=Path, help="a trained model; left out: the one that fits the data")
    parser.add_argument("--output", type=Path, help="write the result as JSON here")
    parser.add_argument("--serve-echo", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_echo:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve_echo())
        return
    model = (options.model or ensure_model(PROJECT / "var")).absolute()
    report = asyncio.run(bench(QUICK if options.quick else FULL, model, train=options.train))
    print(report.markdown())
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
