"""Marking replies as delivered, many at a time: one small transaction a moment instead of one a message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from bot.model import Message, Sender, now
from bot.storage.conversations import ConversationStore
from bot.storage.database import StorageUnavailable

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5


class DeliveryMarks:
    """Collects what channels delivered and stores it.

    A crash loses the marks of the last moment. That is harmless: a web chat asks by position what it has not seen, and
    a messenger may be sent the message again, as "at least once" allows.
    """

    def __init__(self, store: ConversationStore) -> None:
        self._store = store
        self._pending: dict[tuple[str, int], datetime] = {}

    def add(self, messages: Sequence[Message]) -> None:
        """These were delivered just now."""
        for message in messages:
            if message.sender is not Sender.USER and message.delivered_at is None:
                self._pending.setdefault((message.conversation_id, message.position), now())

    async def flush(self) -> None:
        """Store what was collected; what cannot be stored now is kept for the next time."""
        pending, self._pending = self._pending, {}
        if not pending:
            return
        try:
            await self._store.mark_delivered(pending)
        except StorageUnavailable:
            self._pending = pending | self._pending
            log.warning("Delivery marks could not be stored; trying again.")

    async def run(self) -> None:
        """Store every moment until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()
