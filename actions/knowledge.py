"""The reviewed texts in ``data/responses/``: reading them and choosing the right variant.

A response has variants. Their metadata says for whom each is: ``form`` (``full`` the first time, ``repeat`` when asked
again, ``more`` on "tell me more"), ``asker: partner`` and ``type: lifelong|acquired`` where the answer differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # libyaml is missing: slower, the same result
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

PROJECT = Path(__file__).resolve().parent.parent
FORMS = ("full", "repeat", "more")


class UnknownResponse(KeyError):
    """There is no response of that name in ``data/responses/``."""


@dataclass(frozen=True)
class Variant:
    """One wording: bubbles of text, choices below the last one, and what the text rests on."""

    text: str
    buttons: tuple[dict[str, str], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bubbles(self) -> list[str]:
        """The text cut at its blank lines; each bubble is one message."""
        return [bubble.strip() for bubble in self.text.split("\n\n") if bubble.strip()]

    @property
    def form(self) -> str:
        """``full``, ``repeat`` or ``more``."""
        return str(self.metadata.get("form", "full"))


class Knowledge:
    """All responses by name, ``utter_ask/physio`` or ``utter_greet``."""

    def __init__(self, responses: Mapping[str, tuple[Variant, ...]]) -> None:
        self._responses = dict(responses)

    @classmethod
    def load(cls, folder: Path) -> Knowledge:
        """Read every ``*.yml`` in ``folder``.

        Raises:
            ValueError: a response is written in two files.
        """
        responses: dict[str, tuple[Variant, ...]] = {}
        for file in sorted(folder.glob("*.yml")):
            content = yaml.load(file.read_text(encoding="utf-8"), _Loader)
            for name, variants in (content.get("responses") or {}).items():
                if name in responses:
                    raise ValueError(f"{name} is in {file.name} and in another file")
                responses[name] = tuple(
                    Variant(row["text"], tuple(row.get("buttons") or ()), row.get("metadata") or {}) for row in variants
                )
        return cls(responses)

    def __contains__(self, name: object) -> bool:
        return name in self._responses

    def __iter__(self) -> Iterator[tuple[str, tuple[Variant, ...]]]:
        return iter(self._responses.items())

    def variants(self, name: str) -> tuple[Variant, ...]:
        """All wordings of a response, in the order of the file.

        Raises:
            UnknownResponse: there is none of that name.
        """
        try:
            return self._responses[name]
        except KeyError:
            raise UnknownResponse(name) from None

    def answer(self, topic: str, *, form: str = "full", asker: str | None = None, type_: str | None = None) -> Variant:
        """The best wording of an answer: the form asked for, and of those the one that fits who asks most closely."""
        variants = self.variants(f"utter_ask/{topic}")

        def fits(variant: Variant) -> bool:
            wanted = {"asker": asker, "type": type_}
            return all(key not in variant.metadata or variant.metadata[key] == value for key, value in wanted.items())

        def closeness(variant: Variant) -> tuple[bool, int]:
            return variant.form == form, sum(key in variant.metadata for key in ("asker", "type"))

        return max((variant for variant in variants if fits(variant)), key=closeness)

    def in_turn(self, name: str, times_said: int, *, language: str | None = None) -> Variant:
        """The wording whose turn it is, so that nobody hears the same sentence twice in a row."""
        variants = self.variants(name)
        spoken = [variant for variant in variants if variant.metadata.get("language") == language]
        spoken = (
            spoken
            or [variant for variant in variants if variant.metadata.get("language") in (None, "en")]
            or list(variants)
        )
        return spoken[times_said % len(spoken)]


@lru_cache(maxsize=1)
def knowledge() -> Knowledge:
    """The project's responses, read at first use."""
    return Knowledge.load(PROJECT / "data" / "responses")


@lru_cache(maxsize=1)
def titles() -> dict[str, str]:
    """``data/knowledge/titles.yml``: the short name of each topic, as a button shows it."""
    content = yaml.load((PROJECT / "data" / "knowledge" / "titles.yml").read_text(encoding="utf-8"), _Loader)
    names: dict[str, str] = content["titles"]
    return names


@lru_cache(maxsize=1)
def follow_up_table() -> dict[str, dict[str, str]]:
    """``data/knowledge/follow_ups.yml``: for each kind of follow-up, what it means after each topic."""
    content = yaml.load((PROJECT / "data" / "knowledge" / "follow_ups.yml").read_text(encoding="utf-8"), _Loader)
    table: dict[str, dict[str, str]] = content["follow_ups"]
    return table
