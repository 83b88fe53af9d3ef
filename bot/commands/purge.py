"""``bot purge``: erase what is past retention, now."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.app import open_store, purge_trails
from bot.model import now
from bot.settings import Settings


def purge(settings: Settings) -> int:
    """Erase and say how much."""

    async def work() -> int:
        async with open_store(settings) as store:
            await purge_trails(settings, store.database)
            return await store.erase_before(
                now() - timedelta(days=settings.retention_days),
                referrals_before=now() - timedelta(days=settings.referral_days),
            )

    erased = asyncio.run(work())
    print(f"Erased {erased} conversations whose last message is older than {settings.retention_days:g} days.")
    return 0
