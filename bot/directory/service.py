"""The directory as a conversation uses it: places, and who fits a wish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.directory.files import examples
from bot.directory.matching import Matches, Wish, match
from bot.directory.places import Places
from bot.directory.practitioner import Practitioner


class Entries(Protocol):
    """Where the entries are kept."""

    async def all(self) -> list[Practitioner]:
        """Everybody."""


class Directory:
    """Finds coaches and physiotherapists."""

    def __init__(self, entries: Entries, places: Places, *, show_examples: bool) -> None:
        """``show_examples``: whether the project's example entries stand in while there are no real ones."""
        self._entries = entries
        self._show_examples = show_examples
        self.places = places

    async def entries(self) -> tuple[Sequence[Practitioner], bool]:
        """Everybody, and whether these are example entries.

        Raises:
            StorageUnavailable: the database does not answer just now.
        """
        real = await self._entries.all()
        if real or not self._show_examples:
            return real, False
        return examples(), True

    async def matches(self, wish: Wish) -> tuple[Matches, bool]:
        """Who fits a wish, and whether these are example entries.

        Raises:
            StorageUnavailable: the database does not answer just now.
        """
        entries, are_examples = await self.entries()
        return match(entries, wish), are_examples
