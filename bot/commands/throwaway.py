"""The production path on storage that is thrown away: for trying and for measuring."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

from bot.app import load_assistant, make_service, open_store
from bot.conversation.events import Listeners
from bot.conversation.service import ConversationService
from bot.model import Inbound, Message
from bot.settings import Settings

CHANNEL = "terminal"


class Visitor:
    """One conversation with the service, without HTTP in between."""

    def __init__(self, service: ConversationService, conversation_id: str) -> None:
        self._service = service
        self._id = conversation_id

    async def say(self, text: str | None = None, *, payload: str | None = None) -> list[Message]:
        """Send a message and return the replies."""
        message_id = str(uuid4())
        inbound = Inbound(message_id, f"{self._id}/{message_id}", text=text, payload=payload)
        return await self._service.replies(await self._service.receive(self._id, CHANNEL, inbound))


@contextlib.asynccontextmanager
async def throwaway_service(settings: Settings) -> AsyncIterator[ConversationService]:
    """A service whose database disappears at the end; the model is the real one."""
    assistant = load_assistant(settings)
    with tempfile.TemporaryDirectory(prefix="bot-") as folder:
        temporary = settings.replace(data_dir=Path(folder), database_url="", encryption_keys="")
        async with (
            open_store(temporary) as store,
            make_service(settings, store, assistant, Listeners()) as service,
        ):
            yield service


async def visitor(service: ConversationService) -> Visitor:
    """A new visitor."""
    return Visitor(service, await service.start(CHANNEL))
