"""The directory as a conversation uses it: places, and who fits a wish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.directory.files import examples, read_file, write_file
from bot.directory.gazetteer import Place
from bot.directory.matching import Matches, Wish, match
from bot.directory.places import Kind, Places
from bot.directory.practitioner import BadPractitioner, Practitioner


def locate(places: Places, one: Practitioner) -> Place | None:
    """Where somebody works: by the pin code, else by area and city, else by the city; nothing if none is known."""
    for text in (one.postal_code, f"{one.area} {one.city}".strip(), one.city):
        if text:
            found = places.find(text, asked=True)
            if found.kind is Kind.PLACE:
                return found.place
    return None


def located(places: Places, one: Practitioner) -> Practitioner:
    """An entry with the coordinates that an import of it would give it.

    Raises:
        BadPractitioner: the place of a physiotherapist is not known.
    """
    if one.latitude is not None:
        return one
    read = read_file(write_file([one]), locate=lambda entry: locate(places, entry))
    if read.bad:
        raise BadPractitioner([problem for bad in read.bad for problem in bad.problems])
    return read.practitioners[0]


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
