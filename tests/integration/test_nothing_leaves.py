"""Nothing leaves the machine, and nothing that people write reaches a log or the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import psutil  # type: ignore[import-untyped]
import pytest

from tests.http.chat import Chat
from tests.integration.processes import Running, environment, run, running
from tests.integration.project import small_project
from tests.provide import free_port

pytestmark = pytest.mark.timeout(400)

GUARD = Path(__file__).with_name("guard")
# Documentation addresses (RFC 5737, RFC 3849) and a name that cannot exist (RFC 2606).
ELSEWHERE = {
    "connect": "socket.create_connection(('192.0.2.7', 80), timeout=1)",
    "connect_ex": "socket.socket().connect_ex(('192.0.2.7', 80))",
    "IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::7', 80))",
    "look up": "socket.getaddrinfo('report.invalid', 443)",
    "old look up": "socket.gethostbyname('report.invalid')",
    "datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.7', 53))",
    "asyncio": "asyncio.run(asyncio.open_connection('192.0.2.7', 80))",
    "asyncio by name": "asyncio.run(asyncio.open_connection('report.invalid', 80))",
    "requests": "requests.post('http://192.0.2.7/', timeout=1)",
}
# Rasa's own usage report, as it is sent for an installation with a licence.
REPORT = """
from rasa import telemetry
telemetry.initialize_telemetry()
telemetry.with_default_context_fields = lambda context: {"license_hash": "a licence"}
telemetry.track_project_init("somewhere")
"""
SWITCHED_ON = """
import os
os.environ["RASA_TELEMETRY_ENABLED"] = "true"
"""


class Guarded:
    """A clean environment in which leaving the machine is refused and recorded."""

    def __init__(self, folder: Path) -> None:
        self._record = folder / "record"
        self.env = environment(folder / "home", PYTHONPATH=str(GUARD), NETWORK_RECORD=str(self._record))

    @property
    def tried(self) -> list[str]:
        """What was refused."""
        return self._record.read_text(encoding="utf-8").splitlines() if self._record.exists() else []


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    """A guarded environment with an empty home."""
    return Guarded(tmp_path)


# The guard itself


@pytest.mark.parametrize("way", ELSEWHERE)
def test_every_way_out_is_refused_and_recorded(guarded: Guarded, way: str) -> None:
    result = run("python", "-c", f"import asyncio, socket, requests; {ELSEWHERE[way]}", env=guarded.env)
    assert result.returncode != 0
    assert "is refused in this test" in result.stderr
    assert any("192.0.2.7" in line or "2001:db8::7" in line or "report.invalid" in line for line in guarded.tried)


def test_this_machine_may_be_reached(guarded: Guarded) -> None:
    code = (
        "import asyncio, socket; s = socket.create_server(('127.0.0.1', 0)); "
        "socket.create_connection(('localhost', s.getsockname()[1])).close(); "
        "asyncio.run(asyncio.open_connection('127.0.0.1', s.getsockname()[1]))"
    )
    result = run("python", "-c", code, env=guarded.env)
    assert result.returncode == 0, result.stderr
    assert guarded.tried == []


def test_a_child_of_a_process_is_guarded_too(guarded: Guarded) -> None:
    child = "import socket; socket.getaddrinfo('report.invalid', 443)"
    run("python", "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])", env=guarded.env)
    assert guarded.tried == ["socket.getaddrinfo 'report.invalid'"]


def test_rasas_usage_report_would_be_seen_if_it_were_on(guarded: Guarded) -> None:
    run("python", "-c", SWITCHED_ON + REPORT, env=guarded.env)
    assert any("segment.io" in line for line in guarded.tried)


# What must not leave


def test_reports_are_off_in_every_python_of_the_environment(guarded: Guarded) -> None:
    result = run("python", "-c", REPORT, env=guarded.env)
    assert result.returncode == 0, result.stderr
    assert guarded.tried == []


def test_rasas_help_reaches_nobody(guarded: Guarded) -> None:
    result = run("rasa", "--help", env=guarded.env)
    assert result.returncode == 0, result.stderr
    assert "Rasa command line interface" in result.stdout
    assert guarded.tried == []


def test_validating_and_training_reach_nobody(guarded: Guarded, tmp_path: Path) -> None:
    folder = small_project(tmp_path / "project")
    for arguments in (("data", "validate"), ("train",)):
        result = run("rasa", *arguments, env=guarded.env, cwd=folder)
        assert result.returncode == 0, result.stderr[-3000:]
    assert list((folder / "models").glob("*.tar.gz"))
    assert guarded.tried == []


def test_the_action_server_reaches_nobody(guarded: Guarded, tmp_path: Path) -> None:
    port = free_port()
    arguments = ("run", "actions", "--actions", "actions", "--port", str(port))
    with running("rasa", *arguments, env=guarded.env, log=tmp_path / "log") as actions:
        actions.wait_for_http(f"http://127.0.0.1:{port}/health")
        assert connections_elsewhere(actions) == []
    assert guarded.tried == []


def test_evaluating_reaches_nobody(guarded: Guarded, model: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines.tsv"
    lines.write_text("types\twhich types are there\nphysio\twhat does a physio do\n", encoding="utf-8")
    env = {**guarded.env, "BOT_MODEL": str(model), "BOT_DATA_DIR": str(tmp_path / "var")}
    result = run("bot", "evaluate", str(lines), env=env)
    assert result.returncode == 0, result.stderr
    assert "of 2" in result.stdout
    assert guarded.tried == []


# The server


@pytest.fixture
def server(guarded: Guarded, model: Path, tmp_path: Path) -> Iterator[Running]:
    """A running ``bot run`` that logs as much as it can."""
    env = {
        **guarded.env,
        "BOT_MODEL": str(model),
        "BOT_DATA_DIR": str(tmp_path / "var"),
        "BOT_PORT": "0",
        "BOT_LOG_LEVEL": "DEBUG",
        "PYTHONASYNCIODEBUG": "1",
    }
    with running("bot", "run", env=env, log=tmp_path / "log") as process:
        process.wait_for("Ready. Open http://")
        yield process


def address(server: Running) -> str:
    """Where a running server listens."""
    return "http://127.0.0.1:" + server.output.split("Ready. Open http://localhost:")[1].split("/")[0]


def connections_elsewhere(process: Running) -> list[object]:
    """Connections that the system knows of and that lead off this machine, however they were made."""
    tree = [psutil.Process(process.process.pid)]
    tree += tree[0].children(recursive=True)
    found = [connection for member in tree for connection in member.net_connections("inet")]
    return [connection for connection in found if connection.raddr and connection.raddr.ip not in ("127.0.0.1", "::1")]


async def test_the_server_reaches_nobody_from_start_to_stop(guarded: Guarded, server: Running) -> None:
    async with aiohttp.ClientSession(address(server)) as http:
        chat = await Chat.start(http)
        assert (await chat.say("what is vaginismus"))[0]["topic"] == "what_is_vaginismus"
        assert connections_elsewhere(server) == []
    assert server.stop() == 0
    assert guarded.tried == []


SECRET = "the purple walrus of Nashik"


async def test_neither_log_nor_metrics_hold_what_was_written_or_replied(server: Running) -> None:
    said: list[str] = []
    async with aiohttp.ClientSession(address(server)) as http:
        chat = await Chat.start(http)
        for text in (
            f"what is vaginismus, asks {SECRET}",
            "tell me more",
            f"{SECRET} " * 20,
            f"/restart {SECRET}",
            f'ask{{"topic": "{SECRET}"}}',
            f"\N{RIGHT-TO-LEFT OVERRIDE}{SECRET}\N{PILE OF POO}",
        ):
            said += [reply["text"] for reply in await chat.say(text)]
        said += [reply["text"] for reply in await chat.say(payload='/ask{"topic": "physio"}')]
        said += [reply["text"] for reply in await chat.say(payload=f'/ask{{"topic": "{SECRET}"}}')]
        said += [reply["text"] for reply in await chat.say(payload=f'/no_such_intent{{"topic": "{SECRET}"}}')]

        # And on every way that is refused.
        identifier = str(uuid4())
        assert (await chat.send({"id": identifier, "text": SECRET}))[0] == 200
        assert (await chat.send({"id": identifier, "text": f"not {SECRET}"}))[0] == 409
        assert (await chat.send({"id": str(uuid4()), "text": SECRET * 1000}))[0] == 413
        assert (await chat.send({"id": SECRET, "text": SECRET}))[0] == 400
        assert (await chat.send({"id": str(uuid4()), "payload": f"/ask{{{SECRET}}}"}))[0] == 400
        async with http.post(f"{chat.path}/messages", data=f'{{"text": "{SECRET}', headers=chat.headers) as response:
            assert response.status == 400
        async with http.get(f"/api/chat/conversations/{SECRET}/messages?after={SECRET}") as response:
            assert response.status == 401
        async with http.get(f"{chat.path}/messages", params={"after": SECRET}, headers=chat.headers) as response:
            assert response.status == 400
        await chat.history()
        async with http.delete(chat.path, headers=chat.headers) as response:
            assert response.status == 204
        async with http.get("/metrics") as response:
            metrics = await response.text()
    assert server.stop() == 0

    assert "bot_replies_total" in metrics
    assert "DEBUG asyncio" in server.output, "everything was logged that could be"
    assert len(said) > 10
    for place in (server.output, metrics):
        for secret in (SECRET, "walrus", chat.token, chat.id, *(text[:40] for text in said)):
            assert secret not in place
