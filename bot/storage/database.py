"""Connections and transactions, and what differs between SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

from bot.storage import sqlite as driver


class StorageUnavailable(Exception):
    """The database does not answer just now. Retryable: the same call may succeed later."""


# Classes of PostgreSQL's error codes: connection, rolled back (deadlock), out of resources (connections), and
# intervention (stopping, starting). The driver reports all of them as plain errors.
_TRANSIENT = frozenset({"08", "40", "53", "57"})

CHANGED = "conversation_changed"
"""The PostgreSQL notification channel on which processes tell each other what changed."""

DESK = "desk"
"""The key of changes that the desk's lists show; those of a conversation have its id."""


async def notify(connection: AsyncConnection, *keys: str) -> None:
    """Tell the other processes on this PostgreSQL, when the transaction is stored, that something changed."""
    if connection.dialect.name == "postgresql":
        for key in keys:
            await connection.execute(text("SELECT pg_notify(:channel, :key)"), {"channel": CHANGED, "key": key})


def is_transient(error: BaseException) -> bool:
    """Whether a database error is worth another try: lost connection, locked file, deadlock, server starting."""
    if isinstance(error, (OperationalError, InterfaceError, ConnectionError, TimeoutError)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or str(getattr(error.orig, "sqlstate", None))[:2] in _TRANSIENT


class Database:
    """One engine; hands out transactions and the lock that lets one worker at a time work on a conversation."""

    def __init__(self, url: str, *, max_turns: int = 16) -> None:
        """Prepare an engine; nothing is connected yet.

        Args:
            url: names an asynchronous driver, see ``Settings.sqlalchemy_url``.
            max_turns: conversations that may be locked at once; the others wait for one of them to finish.
        """
        options: dict[str, Any] = {"pool_pre_ping": True}
        if "sqlite" in url:
            options = {"connect_args": {"async_creator_fn": driver.connect}}
        self.engine: AsyncEngine = create_async_engine(url, pool_size=max_turns, max_overflow=max_turns, **options)
        self._turns = asyncio.Semaphore(max_turns)
        self.token = secrets.token_hex(8)
        """Tells what this process sent from what others did."""
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # The same connections, without a transaction around every query.
        self._reading = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        # SQLite has one writer; waiting here in order is fairer and faster than SQLite's own retries.
        self._writer = asyncio.Lock()
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        try:
            async with self._reading.connect() as connection:
                yield connection
        except (DBAPIError, OSError) as error:
            if is_transient(error):
                raise StorageUnavailable("The database does not answer.") from error
            raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection inside a transaction: all of it is stored at the end, or nothing.

        Raises:
            StorageUnavailable: the database does not answer; nothing was stored.
        """
        try:
            if self.is_sqlite:
                async with self._writer, self.engine.connect() as connection:
                    connection.info["write"] = True
                    async with connection.begin():
                        yield connection
            else:
                async with self.engine.begin() as connection:
                    yield connection
        except (DBAPIError, OSError) as error:
            if is_transient(error):
                raise StorageUnavailable("The database does not answer.") from error
            raise

    @asynccontextmanager
    async def conversation_lock(self, conversation_id: str) -> AsyncIterator[None]:
        """Hold the right to work on one conversation; others wait their turn without polling.

        Within the process by a lock of asyncio; between processes that share a PostgreSQL by an advisory lock, which
        the server frees by itself when a process dies.
        """
        lock, users = self._locks.get(conversation_id, (asyncio.Lock(), 0))
        self._locks[conversation_id] = (lock, users + 1)
        try:
            async with lock, self._turns:
                if self.is_sqlite:
                    yield
                else:
                    async with self._advisory_lock(conversation_id):
                        yield
        finally:
            lock, users = self._locks[conversation_id]
            if users == 1:
                del self._locks[conversation_id]
            else:
                self._locks[conversation_id] = (lock, users - 1)

    @asynccontextmanager
    async def _advisory_lock(self, conversation_id: str) -> AsyncIterator[None]:
        key = zlib.crc32(conversation_id.encode()) - 2**31
        space = 0x7661  # keeps these locks apart from others in the same database
        try:
            async with self.engine.connect() as connection:
                # One transaction that only holds the lock: it ends with the connection, whatever happens.
                async with connection.begin():
                    await connection.execute(
                        text("SELECT pg_advisory_xact_lock(:space, :key)"), {"space": space, "key": key}
                    )
                    yield
        except (DBAPIError, OSError) as error:
            if is_transient(error):
                raise StorageUnavailable("The database does not answer.") from error
            raise

    async def answers(self) -> bool:
        """Whether the database answers a query right now."""
        try:
            async with asyncio.timeout(3), self.read() as connection:
                await connection.execute(text("SELECT 1"))
            return True
        except (StorageUnavailable, TimeoutError, DBAPIError, OSError):
            return False

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


_WAL_PAUSES = (0.05,) * 100
"""Seconds between tries to set the journal of a new file."""


def _prepare_sqlite(connection: Any, record: ConnectionPoolEntry) -> None:
    # The driver's own transaction handling begins transactions late; we begin them ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=10000", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    for pause in (*_WAL_PAUSES, None):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:  # another first start has the file: for this SQLite does not wait by itself
            if pause is None:
                raise
            await_only(asyncio.sleep(pause))
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    # A reading statement is consistent by itself; a transaction around each would cost as much again.
    if connection.info.pop("write", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
