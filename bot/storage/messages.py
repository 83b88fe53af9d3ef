"""Writing and reading message rows: positions, sealing, and back. Parts of their callers' transactions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Button, Message, Reply, Sender, now
from bot.storage.encryption import Keyring
from bot.storage.tables import conversations, messages


async def next_positions(
    connection: AsyncConnection, conversation_id: str, count: int, **values: object
) -> Row[Any] | None:
    """Take the next ``count`` positions; the row has the last of them, the state and whether staff see it.

    The row stays locked until the transaction ends, so positions become visible in their order: a reader that has
    seen position 8 will never find a new message at position 7.

    Args:
        values: other columns of the conversation to set.
    """
    statement = (
        update(conversations)
        .where(conversations.c.id == conversation_id)
        .values(last_position=conversations.c.last_position + count, last_message_at=now(), **values)
        .returning(conversations.c.last_position, conversations.c.state, conversations.c.on_desk)
    )
    return (await connection.execute(statement)).first()


async def by_id(connection: AsyncConnection, keyring: Keyring, conversation_id: str, message_id: str) -> Message | None:
    """One message by its id."""
    query = select(messages).where(messages.c.conversation_id == conversation_id, messages.c.id == message_id)
    row = (await connection.execute(query)).first()
    return None if row is None else opened(keyring, row._asdict())


async def write(
    connection: AsyncConnection,
    keyring: Keyring,
    conversation_id: str,
    last: int,
    replies: Sequence[Reply],
    *,
    sender: Sender,
    moment: datetime,
    in_reply_to: int | None = None,
    author: str | None = None,
    message_id: str | None = None,
) -> list[Message]:
    """Write what goes out to the visitor.

    Args:
        last: the position of the last of them, from :func:`next_positions`.
        author: who of the staff wrote it.
        message_id: of a single message whose writer chose its id.
    """
    rows = [
        {
            "conversation_id": conversation_id,
            "position": position,
            "id": message_id or str(uuid4()),
            "channel": "",
            "external_id": None,
            "sender": sender.value,
            "in_reply_to": in_reply_to,
            "content": seal(
                keyring,
                conversation_id,
                position,
                {
                    "text": reply.text,
                    "buttons": [[button.title, button.payload] for button in reply.buttons],
                    "author": author,
                },
            ),
            "topic": reply.topic,
            "sent_at": moment,
        }
        for position, reply in enumerate(replies, start=last - len(replies) + 1)
    ]
    if rows:
        await connection.execute(insert(messages), rows)
    return [opened(keyring, row) for row in rows]


def seal(keyring: Keyring, conversation_id: str, position: int, content: dict[str, Any]) -> bytes:
    """The content of a message, sealed for its place."""
    kept = {key: value for key, value in content.items() if value}
    return keyring.seal(json.dumps(kept, ensure_ascii=False), _place(conversation_id, position))


def opened(keyring: Keyring, row: dict[str, Any]) -> Message:
    """The message of a row."""
    content = json.loads(keyring.open(row["content"], _place(row["conversation_id"], row["position"])))
    return Message(
        conversation_id=row["conversation_id"],
        position=row["position"],
        id=row["id"],
        sender=Sender(row["sender"]),
        text=content.get("text", ""),
        payload=content.get("payload"),
        buttons=tuple(Button(title, payload) for title, payload in content.get("buttons", [])),
        topic=row.get("topic"),
        in_reply_to=row.get("in_reply_to"),
        sent_at=row["sent_at"],
        answered_at=row.get("answered_at"),
        delivered_at=row.get("delivered_at"),
        attempts=row.get("attempts") or 0,
        author=content.get("author"),
    )


def _place(conversation_id: str, position: int) -> str:
    return f"messages.content/{conversation_id}/{position}"
