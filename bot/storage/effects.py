"""Effects: what actions want kept, stored in the transaction of the turn that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Effect, Keeps
from bot.storage import histories, referrals
from bot.storage.encryption import Keyring


async def apply_effects(
    connection: AsyncConnection, keyring: Keyring, conversation_id: str, effects: Sequence[Effect], moment: datetime
) -> None:
    """Carry effects out as a part of the caller's transaction."""
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
                await referrals.open_referral(connection, keyring, conversation_id, data, moment)
            case Keeps.REFERRAL_WITHDRAWN:
                await referrals.withdraw(connection, data["code"], moment)
