"""Canned replies: the reviewed standard ones of ``data/desk/canned.yml``, and the team's own in the database.

Errors::

    CannedError
    ├── CannedNotFound    the team has none of that id. Final.
    └── CannedRefused     title or text cannot be kept; the message says why. Final.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import yaml
from sqlalchemy import delete, func, insert, select, update

from bot.model import now
from bot.storage.database import Database
from bot.storage.desk_tables import canned_replies

STANDARD = Path(__file__).resolve().parents[2] / "data" / "desk" / "canned.yml"
PLACEHOLDERS = {
    "me": "your first name",
    "opening": "when the team is there next",
    "code": "the code of the open referral",
}
"""What a text may have in braces, and what that stands for."""

MAX_TITLE = 80
MAX_TEXT = 2000

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class CannedError(Exception):
    """A canned reply is not as the caller thinks."""


class CannedNotFound(CannedError):
    """The team has no such reply."""


class CannedRefused(CannedError):
    """The reply cannot be kept."""


@dataclass(frozen=True)
class Canned:
    """A reply to choose. ``own`` are the team's; the others are the project's and cannot be changed at the desk."""

    id: str
    title: str
    text: str
    own: bool


def fill(text: str, values: Mapping[str, str | None]) -> str:
    """The text with what its placeholders stand for; one without a value stays to be seen, as ``[opening?]``."""

    def one(match: re.Match[str]) -> str:
        if match[1] not in PLACEHOLDERS:
            return match[0]
        return values.get(match[1]) or f"[{match[1]}?]"

    return _PLACEHOLDER.sub(one, text)


class CannedStore:
    """All canned replies; changes the team's own."""

    def __init__(self, database: Database, standard: Path = STANDARD) -> None:
        """``standard`` is the file of the reviewed replies; it is read once, at first use."""
        self._database = database
        self._file = standard
        self._standard: list[Canned] | None = None

    async def all(self) -> list[Canned]:
        """The team's own by title, then the standard ones in the order of the file."""
        query = select(canned_replies).order_by(func.lower(canned_replies.c.title), canned_replies.c.id)
        async with self._database.read() as connection:
            own = [Canned(row.id, row.title, row.content, own=True) for row in await connection.execute(query)]
        if self._standard is None:
            rows = yaml.safe_load(self._file.read_text(encoding="utf-8"))["replies"]
            self._standard = [Canned(row["id"], row["title"], " ".join(row["text"].split()), own=False) for row in rows]
        return own + self._standard

    async def own(self, id_: str) -> Canned:
        """One of the team's own.

        Raises:
            CannedNotFound: there is none of that id.
        """
        async with self._database.read() as connection:
            row = (await connection.execute(select(canned_replies).where(canned_replies.c.id == id_))).first()
        if row is None:
            raise CannedNotFound(id_)
        return Canned(row.id, row.title, row.content, own=True)

    async def put(self, title: str, text: str, id_: str | None = None) -> str:
        """Add a reply of the team's own, or change the one of an id; its id.

        Raises:
            CannedRefused: it has no title or text, is too long, or has an unknown placeholder.
            CannedNotFound: there is none of that id.
        """
        values = {"title": " ".join(title.split()), "content": _checked(title, text), "updated_at": now()}
        async with self._database.transaction() as connection:
            if id_ is None:
                id_ = str(uuid4())
                await connection.execute(insert(canned_replies).values(id=id_, **values))
            else:
                changed = update(canned_replies).where(canned_replies.c.id == id_).values(**values)
                if (await connection.execute(changed)).rowcount == 0:
                    raise CannedNotFound(id_)
        return id_

    async def delete(self, id_: str) -> None:
        """Delete one of the team's own.

        Raises:
            CannedNotFound: there is none of that id.
        """
        async with self._database.transaction() as connection:
            gone = await connection.execute(delete(canned_replies).where(canned_replies.c.id == id_))
            if gone.rowcount == 0:
                raise CannedNotFound(id_)


def _checked(title: str, text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not title.strip():
        raise CannedRefused("Please give the reply a title.")
    if len(" ".join(title.split())) > MAX_TITLE:
        raise CannedRefused(f"The title is too long: {MAX_TITLE} characters at most.")
    if not text:
        raise CannedRefused("Please write the text of the reply.")
    if len(text) > MAX_TEXT:
        raise CannedRefused(f"The text is too long: {MAX_TEXT} characters at most.")
    if "\0" in title + text:
        raise CannedRefused("The reply has a character that cannot be stored.")
    unknown = sorted({name for name in _PLACEHOLDER.findall(text) if name not in PLACEHOLDERS})
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise CannedRefused(f"{{{unknown[0]}}} is not known here. You can use {known}.")
    return text
