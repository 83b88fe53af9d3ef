"""Hearing from other processes on the same PostgreSQL that a conversation changed (``LISTEN``/``NOTIFY``).

With SQLite there is one process, and nothing to hear.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import asyncpg
from sqlalchemy import text

from bot.storage.database import CHANGED, Database

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0


SIGNAL = "conversation_signal"
"""The notification channel of what is true for a moment only, such as that somebody is typing."""

Signal = Callable[[str, dict[str, Any]], None]


async def send_signal(database: Database, conversation_id: str, data: dict[str, Any]) -> None:
    """Pass a signal on to the other processes. It is stored nowhere.

    Raises:
        StorageUnavailable: the database does not answer; the signal is lost, which does no harm.
    """
    if not database.is_sqlite:
        async with database.transaction() as connection:
            payload = json.dumps({"id": conversation_id, "from": database.token, "data": data})
            await connection.execute(text("SELECT pg_notify(:channel, :data)"), {"channel": SIGNAL, "data": payload})


async def follow_changes(
    database: Database, changed: Callable[[str], None], missed: Callable[[], None], signal: Signal
) -> None:
    """Call ``changed`` with a conversation's id whenever another process changed it; runs until cancelled.

    ``signal`` gets what other processes sent by :func:`send_signal`. ``missed`` is called after every (re)connection:
    what happened before it is unknown.
    """
    if database.is_sqlite:
        return
    dsn = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            await _listen(dsn, database.token, changed, missed, signal)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("Lost the line to the database (%s); trying again.", type(error).__name__)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen(
    dsn: str, token: str, changed: Callable[[str], None], missed: Callable[[], None], signal: Signal
) -> None:
    closed = asyncio.Event()
    connection = await asyncpg.connect(dsn)
    try:

        def heard(_connection: Any, _pid: int, _channel: str, conversation_id: Any) -> None:
            changed(str(conversation_id))

        def signalled(_connection: Any, _pid: int, _channel: str, payload: Any) -> None:
            row = json.loads(payload)
            if row["from"] != token:
                signal(row["id"], row["data"])

        connection.add_termination_listener(lambda _connection: closed.set())
        await connection.add_listener(CHANGED, heard)
        await connection.add_listener(SIGNAL, signalled)
        missed()
        await closed.wait()
    finally:
        await connection.close(timeout=1)
