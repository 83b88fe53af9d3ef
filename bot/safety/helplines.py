"""Helplines by country, from ``data/safety/helplines.yml``, and which country a message names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from babel import Locale

HELPLINES_FILE = Path(__file__).resolve().parent.parent.parent / "data" / "safety" / "helplines.yml"

ELSEWHERE = "ZZ"
"""Any country the file has no numbers for: the local emergency number and an international directory."""

KINDS = ("crisis", "violence", "child")
"""What a line is for. The emergency number is every country's own."""


@dataclass(frozen=True)
class Line:
    """One helpline; ``note`` is what stands behind the number ("day and night")."""

    name: str
    number: str
    kinds: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class Country:
    """A country's emergency number and helplines."""

    code: str
    name: str
    emergency: str
    lines: tuple[Line, ...]

    def say(self, kinds: Iterable[str]) -> str:
        """The numbers for these kinds of need, one a line, the emergency number first."""
        wanted = set(kinds)
        rows = [f"- Emergency: {self.emergency}"] if self.emergency else []
        for line in self.lines:
            if wanted & set(line.kinds):
                rows.append(f"- {line.name}: {line.number}{f' ({line.note})' if line.note else ''}")
        return "\n".join(rows)


class Helplines:
    """All countries of the file."""

    def __init__(self, rows: dict[str, Any]) -> None:
        """Take what the file holds.

        Raises:
            ValueError: no entry for :data:`ELSEWHERE`, or a line of an unknown kind or without source and date.
        """
        self.countries: dict[str, Country] = {}
        names: dict[str, str] = {}
        for code, row in rows["countries"].items():
            for line in row["lines"]:
                if set(line["for"]) - set(KINDS) or not line.get("source") or not line.get("read"):
                    raise ValueError(f"helplines, {code}, {line.get('name')}: a known kind, source and date are needed")
            lines = tuple(
                Line(line["name"], str(line["number"]), tuple(line["for"]), line.get("note", ""))
                for line in row["lines"]
            )
            self.countries[code] = Country(code, row["name"], str(row.get("emergency") or ""), lines)
            names |= {name.lower(): code for name in (row["name"], *row.get("called", ()))}
        if ELSEWHERE not in self.countries:
            raise ValueError("helplines: an entry ZZ for all other countries is needed")
        elsewhere = {
            name.lower(): ELSEWHERE
            for code, name in Locale("en").territories.items()
            if code.isalpha() and code not in self.countries
        }
        self._codes = elsewhere | names
        # "Jordan" may be a person; "in Jordan" is a country.
        self._patterns = (
            re.compile(rf"\b(?:{_any(names)})\b", re.IGNORECASE),
            re.compile(rf"\b(?:in|from) (?:the )?(?P<name>{_any(elsewhere)})\b", re.IGNORECASE),
        )

    def of(self, code: str) -> Country:
        """The country of a code; the entry for all others if there is none."""
        return self.countries.get(code.upper(), self.countries[ELSEWHERE])

    def named_in(self, text: str) -> str | None:
        """The code of the country a message names, :data:`ELSEWHERE` for one without numbers of its own."""
        plain, after_in = self._patterns
        if found := plain.search(text):
            return self._codes[found.group().lower()]
        if found := after_in.search(text):
            return self._codes[found["name"].lower()]
        return None


def _any(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


@lru_cache(maxsize=1)
def helplines() -> Helplines:
    """The project's helplines, read once."""
    return Helplines(yaml.safe_load(HELPLINES_FILE.read_text(encoding="utf-8")))
