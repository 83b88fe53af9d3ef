"""What of a conversation staff read: all but what the person was promised to keep to herself.

How it began is told in the chat, but only she sees it until she shares it; then its summary stands beside the
conversation. A contact is typed in the chat before she agrees to pass it on. So both are left out of the messages that
staff see, whoever they are. What led to an alarm is always shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from bot.model import Message, Sender
from bot.redaction import redact

HISTORY = "onset_history"
REFERRALS = frozenset({"find_physio", "find_coach"})

TOLD = "(Told about how it began. Only they can share it; then it stands beside the conversation.)"
ASKED = "(The assistant asked how it began.)"


def for_staff(messages: Sequence[Message]) -> list[Message]:
    """Messages as staff see them: a part of a conversation from some position to its end, in order.

    It ends before the first message of the visitor that is not answered yet: until then nobody knows what it is.
    """
    topics: dict[int, set[str]] = defaultdict(set)
    for message in messages:
        if message.in_reply_to is not None:
            topics[message.in_reply_to].add(message.topic or "")
    shown = []
    for message in messages:
        if message.sender is Sender.USER:
            if message.answered_at is None:
                break
            shown.append(_asked(message, topics[message.position]))
        elif message.sender is Sender.ASSISTANT and message.topic == HISTORY:
            shown.append(replace(message, text=ASKED, buttons=()))
        elif message.sender is Sender.ASSISTANT and message.topic in REFERRALS:
            shown.append(replace(message, text=redact(message.text)))
        else:
            shown.append(message)
    return shown


def _asked(message: Message, topics: set[str]) -> Message:
    if topics == {HISTORY}:
        return replace(message, text=TOLD, payload=None)
    if topics and topics <= REFERRALS | {HISTORY}:
        return replace(message, text=redact(message.text))
    return message
