"""What tests stand on: a trained model, real databases, a real server, a real browser.

Nothing is faked that the service really uses. PostgreSQL and chromium are found or provided by ``tests.provide``; where
a machine can give neither, the tests concerned are reported in one closing line, which CI counts as failure.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import hypothesis
import pytest
from aiohttp import web

from bot.assistant.quiet import keep_quiet

keep_quiet()

from bot.app import make_app, open_store  # noqa: E402
from bot.assistant.agent import Assistant  # noqa: E402
from bot.assistant.training import PROJECT, ensure_model  # noqa: E402
from bot.settings import Settings  # noqa: E402
from bot.storage.conversations import ConversationStore  # noqa: E402
from tests.provide import Postgres, find_chromium, start_postgres  # noqa: E402

# Fewer examples than the default and no clock: the machines are small and busy.
hypothesis.settings.register_profile("small", max_examples=40, deadline=None)
hypothesis.settings.load_profile("small")

NOT_RUN = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Remember what could not be run."""
    config.stash[NOT_RUN] = set()


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Say in one closing line what this machine could not give."""
    missing = config.stash[NOT_RUN]
    if missing:
        terminalreporter.write_line(f"NOT RUN for lack of: {', '.join(sorted(missing))}", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI, tests that could not be run are a failure."""
    if session.config.stash[NOT_RUN] and os.environ.get("CI") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def lacking(request: pytest.FixtureRequest, what: str) -> None:
    """Report that ``what`` is not to be had here and leave the test out."""
    request.config.stash[NOT_RUN].add(what)
    pytest.skip(f"this machine has no {what}")


def settings_for(folder: Path, **changes: object) -> Settings:
    """The default settings with a data folder, no rate limit and a free port."""
    cache = str(PROJECT / "var")
    settings = Settings.load(
        {"BOT_DATA_DIR": str(folder), "BOT_RATE_LIMIT": "off", "BOT_PORT": "0", "BOT_CACHE_DIR": cache}
    )
    return settings.replace(**changes)


@pytest.fixture(scope="session")
def model() -> Path:
    """The model for the present data; trained first if there is none."""
    return ensure_model(PROJECT / "var")


@pytest.fixture(scope="session")
def assistant(model: Path) -> Assistant:
    """The assistant with the real model."""
    return Assistant.load(model)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres | None]:
    """A PostgreSQL server of our own, or nothing where none can be had."""
    # Not in pytest's folder: a second run that starts meanwhile locks that one to its user, which the server is not.
    folder = Path(tempfile.mkdtemp(prefix="test-postgres-"))
    server = start_postgres(folder)
    yield server
    if server is not None:
        server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres | None) -> AsyncIterator[str]:
    """An empty database; every test that uses it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    if postgres is None:
        lacking(request, "PostgreSQL")
        return
    await postgres.empty("test")
    yield postgres.url("test")


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings on an empty database."""
    return settings_for(tmp_path, database_url=database_url)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[ConversationStore]:
    """Storage on an empty, migrated database."""
    async with open_store(settings) as opened:
        yield opened


@asynccontextmanager
async def serve(settings: Settings, store: ConversationStore, assistant: Assistant) -> AsyncIterator[str]:
    """A real server on a free port; gives its address."""
    runner = web.AppRunner(make_app(settings, store, assistant), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def base_url(settings: Settings, store: ConversationStore, assistant: Assistant) -> AsyncIterator[str]:
    """The address of a real server with the real model on an empty database."""
    async with serve(settings, store, assistant) as url:
        yield url


@pytest.fixture
async def http(base_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client of the server at ``base_url``."""
    async with aiohttp.ClientSession(base_url) as session:
        yield session


@pytest.fixture(scope="session")
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A headless chromium driven by Playwright."""
    from playwright.async_api import async_playwright

    executable = find_chromium()
    if executable is None:
        lacking(request, "chromium")
        return
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        await browser.close()
