"""Effects: what actions want kept, stored in the transaction of the turn that they belong to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import Why
from bot.model import Effect, Keeps, Message
from bot.storage import cards, handoffs, histories, referrals
from bot.storage.encryption import Keyring
from bot.storage.misunderstood import note


async def apply_effects(
    connection: AsyncConnection,
    keyring: Keyring,
    message: Message,
    effects: Sequence[Effect],
    moment: datetime,
    told_by: Collection[str] = (),
) -> None:
    """Carry effects out as a part of the caller's transaction.

    Args:
        message: whose turn it is.
        told_by: the ways in which staff are told that somebody waits.
    """
    conversation_id = message.conversation_id
    for effect in effects:
        data = effect.data
        match effect.keeps:
            case Keeps.HISTORY_SAVED:
                await histories.save(connection, keyring, conversation_id, data["record"], moment)
            case Keeps.HISTORY_SHARED:
                await histories.share(connection, conversation_id, data["shared"], moment)
            case Keeps.HISTORY_DELETED:
                await histories.delete_all(connection, conversation_id)
            case Keeps.REFERRAL_OPENED:
                if await referrals.open_referral(connection, keyring, conversation_id, data, moment):
                    await _referral_to_staff(connection, conversation_id, data["content"], moment, told_by)
            case Keeps.REFERRAL_WITHDRAWN:
                await referrals.withdraw(connection, data["code"], moment)
            case Keeps.PERSON_WANTED:
                why, level = Why(data["why"]), int(data.get("level", 0))
                await handoffs.request(connection, conversation_id, why, level, moment, told_by=told_by)
            case Keeps.MISUNDERSTOOD:
                await note(
                    connection, keyring, conversation_id, data["position"], data["text"], data["why"],
                    data.get("guess"), moment,
                )  # fmt: skip
            case Keeps.FEEDBACK:
                await handoffs.give_feedback(connection, conversation_id, data["score"])


async def _referral_to_staff(
    connection: AsyncConnection,
    conversation_id: str,
    content: dict[str, str],
    moment: datetime,
    told_by: Collection[str],
) -> None:
    """Staff see a conversation with a referral; one who wants to be called waits for a person."""
    if content.get("way") == "phone":
        await handoffs.request(connection, conversation_id, Why.CALL_BACK, 0, moment, told_by=told_by)
    else:
        await cards.ensure(connection, conversation_id, Why.REFERRAL, 0, moment)
