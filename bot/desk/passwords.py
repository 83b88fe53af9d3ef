"""Passwords: argon2id, computed in threads because each takes some 50 ms and 64 MiB."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 512
_AT_ONCE = 2
_NAME_COUNTS_FROM = 3


@dataclass(frozen=True)
class Checked:
    """Whether a password was right; ``renewed`` is its hash with the present parameters when the stored one is old."""

    right: bool
    renewed: str | None = None


class Passwords:
    """Hashes and verifies."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """``hasher`` has the parameters; the defaults of argon2-cffi when left out."""
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(_AT_ONCE)  # bounds the memory that many sign-ins at once take

    async def hash(self, password: str) -> str:
        """What is stored of a password."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, _normal(password))

    async def verify(self, stored: str | None, password: str) -> Checked:
        """Whether a password fits a stored hash; takes as long when there is none (nothing or empty)."""
        async with self._slots:
            return await asyncio.to_thread(self._verify, stored, password)

    def _verify(self, stored: str | None, password: str) -> Checked:
        normal = _normal(password[: LONGEST + 1])
        nobodys = self._nobodys  # made at the first attempt of all, whoever makes it
        try:
            self._hasher.verify(stored or nobodys, normal)
        except (VerificationError, InvalidHashError):
            return Checked(False)
        if not stored:
            return Checked(False)
        renewed = self._hasher.hash(normal) if self._hasher.check_needs_rehash(stored) else None
        return Checked(True, renewed)

    @cached_property
    def _nobodys(self) -> str:
        """Verified against where there is no account: time must not tell who has one."""
        return self._hasher.hash("nobody has this password")


def _normal(password: str) -> str:
    """The same letters are the same bytes, whichever keyboard they come from."""
    return unicodedata.normalize("NFKC", password)


def what_is_wrong(password: str, again: str, email: str) -> str:
    """Why a new password cannot be taken, in plain words; empty when it can."""
    if len(password) < SHORTEST:
        return f"The password needs at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"The password can have at most {LONGEST} characters."
    name = email.partition("@")[0].casefold()
    if len(name) >= _NAME_COUNTS_FROM and name in password.casefold():
        return "The password must not contain the name of the e-mail address."
    if password != again:
        return "The two passwords are not the same."
    return ""
