"""How fast one visitor may write: a token bucket each, in memory, forgotten when full again."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.values import Rate

_SWEEP_ABOVE = 10_000


class RateLimiter:
    """Token buckets by key. A key is a conversation's id or an address; neither is written anywhere."""

    def __init__(self, rate: Rate | None, clock: Callable[[], float] = time.monotonic) -> None:
        """``rate`` of nothing lets everything pass."""
        self._rate = rate
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, key: str) -> float:
        """Take one token; the seconds to wait if there is none, and 0 when the request may pass."""
        if self._rate is None:
            return 0.0
        now = self._clock()
        tokens, seen = self._buckets.get(key, (float(self._rate.burst), now))
        tokens = min(self._rate.burst, tokens + (now - seen) * self._rate.per_minute / 60)
        if tokens < 1:
            self._buckets[key] = (tokens, now)
            return (1 - tokens) * 60 / self._rate.per_minute
        self._buckets[key] = (tokens - 1, now)
        if len(self._buckets) > _SWEEP_ABOVE:
            self._forget_full(now)
        return 0.0

    def _forget_full(self, now: float) -> None:
        assert self._rate is not None
        refill = self._rate.burst * 60 / self._rate.per_minute
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if now - bucket[1] < refill}
