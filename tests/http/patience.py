"""Waiting for what happens a moment later, without sleeping longer than needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    """Wait until something is true; a failure when it does not become so in time."""
    async with asyncio.timeout(seconds):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.03)
