"""Sign-in attempts in vain for addresses that have no account: slowed like the others, so that none can be told apart.

In memory, by hash, the oldest forgotten first. A restart forgets them.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import datetime, timedelta

from bot.storage.credentials import wait_after
from bot.storage.staff import normal_email

_AT_MOST = 10_000


class UnknownAddresses:
    """Counts as ``CredentialStore.attempt`` does."""

    def __init__(self) -> None:
        self._tried: OrderedDict[bytes, tuple[int, datetime]] = OrderedDict()

    def attempt(self, email: str, moment: datetime) -> timedelta:
        """How long to wait, or nothing when the attempt may be made; then it counts as failed."""
        key = hashlib.sha256(normal_email(email).encode("utf-8", "replace")).digest()
        failures, not_before = self._tried.pop(key, (0, moment))
        if not_before > moment:
            self._tried[key] = (failures, not_before)
            return not_before - moment
        self._tried[key] = (failures + 1, moment + wait_after(failures + 1))
        if len(self._tried) > _AT_MOST:
            self._tried.popitem(last=False)
        return timedelta()
