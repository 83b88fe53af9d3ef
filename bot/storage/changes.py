"""Hearing from other processes on the same PostgreSQL that a conversation changed (``LISTEN``/``NOTIFY``).

With SQLite there is one process, and nothing to hear.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import asyncpg

from bot.storage.conversations import CHANGED
from bot.storage.database import Database

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0


async def follow_changes(database: Database, changed: Callable[[str], None], missed: Callable[[], None]) -> None:
    """Call ``changed`` with a conversation's id whenever another process changed it; runs until cancelled.

    ``missed`` is called after every (re)connection: what happened before it is unknown.
    """
    if database.is_sqlite:
        return
    dsn = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            await _listen(dsn, changed, missed)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("Lost the line to the database (%s); trying again.", type(error).__name__)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen(dsn: str, changed: Callable[[str], None], missed: Callable[[], None]) -> None:
    closed = asyncio.Event()
    connection = await asyncpg.connect(dsn)
    try:

        def heard(_connection: Any, _pid: int, _channel: str, conversation_id: Any) -> None:
            changed(str(conversation_id))

        connection.add_termination_listener(lambda _connection: closed.set())
        await connection.add_listener(CHANGED, heard)
        missed()
        await closed.wait()
    finally:
        await connection.close(timeout=1)
