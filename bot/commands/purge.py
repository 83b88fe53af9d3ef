"""``bot purge``: erase what is past retention, now."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.app import open_store
from bot.model import now
from bot.settings import Settings
from bot.storage.safety import SafetyStore


def purge(settings: Settings) -> int:
    """Erase and say how much."""

    async def work() -> int:
        async with open_store(settings) as store:
            await SafetyStore(store.database).purge(now() - timedelta(days=settings.audit_days))
            return await store.erase_before(
                now() - timedelta(days=settings.retention_days),
                referrals_before=now() - timedelta(days=settings.referral_days),
            )

    erased = asyncio.run(work())
    print(f"Erased {erased} conversations whose last message is older than {settings.retention_days:g} days.")
    return 0
