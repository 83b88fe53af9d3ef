"""SQLite's driver with fewer handovers between threads.

aiosqlite runs everything in a thread of its own for each connection. One statement is some five calls, and each waits
for the interpreter twice: with a busy event loop that took most of the time of a message. The statements of this
service take microseconds, so they run where they are called. What may wait for a disk or for another writer still runs
in the thread: beginning and ending a transaction, opening, closing, and everything that is no plain statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

import aiosqlite

_PLAIN = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
_QUICK = frozenset({"cursor", "fetchall", "fetchone", "fetchmany", "rollback"})


class QuickConnection(aiosqlite.Connection):
    """A connection whose plain statements run in the event loop."""

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self._running or not self._connection:
            raise ValueError("Connection closed")
        if _is_quick(fn, args):
            return fn(*args, **kwargs)
        return await super()._execute(fn, *args, **kwargs)


def _is_quick(fn: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    name = getattr(fn, "__name__", "")
    if name in ("execute", "executemany"):
        return bool(args) and isinstance(args[0], str) and args[0].lstrip().startswith(_PLAIN)
    if name == "close":
        return isinstance(getattr(fn, "__self__", None), sqlite3.Cursor)
    return name in _QUICK


def connect(database: str, **options: Any) -> QuickConnection:
    """A connection as ``aiosqlite.connect`` makes it; for ``async_creator_fn`` of SQLAlchemy."""
    options["check_same_thread"] = False  # one thread at a time, but not always the same
    connection = QuickConnection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True
    return connection
