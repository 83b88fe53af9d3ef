"""The words of the safety screen: categories, levels, findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

CATEGORIES = (
    "safety_suicide",
    "safety_self_harm",
    "safety_sexual_assault",
    "safety_coercion",
    "safety_violence",
    "safety_minor",
    "safety_bleeding",
    "safety_severe_pain",
    "safety_pregnancy",
    "safety_forced_medical",
    "safety_harm_to_others",
    "safety_third_party",
)
"""The ids of topics.yml."""


class Level(IntEnum):
    """How urgent: ``CONCERN`` (a hint), ``SERIOUS`` (real or recent), ``IMMEDIATE`` (now)."""

    CONCERN = 1
    SERIOUS = 2
    IMMEDIATE = 3

    @classmethod
    def named(cls, name: str) -> Level:
        """The level of a name in the data files: ``concern``, ``serious`` or ``immediate``."""
        return cls[name.upper()]

    @property
    def word(self) -> str:
        """Its name in data files and tables."""
        return self.name.lower()


UNSCREENED = "unscreened"
"""Stands in place of a category when the screen itself failed: the message counts as needing a person."""

# Of several findings of one level, the one whose answer comes first: what kills fastest, then who needs another voice.
_ORDER = (
    "safety_suicide",
    "safety_bleeding",
    "safety_pregnancy",
    "safety_severe_pain",
    "safety_violence",
    "safety_sexual_assault",
    "safety_forced_medical",
    "safety_coercion",
    "safety_self_harm",
    "safety_harm_to_others",
    "safety_third_party",
    "safety_minor",
    UNSCREENED,
)


@dataclass(frozen=True)
class Finding:
    """One danger that was read in a message.

    ``source`` says who raised it: ``lexicon``, ``classifier``, ``both``, ``topics`` (the topic classifier) or
    ``failure``.
    """

    category: str
    level: Level
    source: str
    confidence: float = 1.0


def foremost(findings: Iterable[Finding]) -> Finding | None:
    """The finding that is answered first: the most urgent; among equals the surest of what is in the message itself.

    "Somebody else" and "under age" only say who is in danger; what the danger is decides the answer.
    """
    ranked = sorted(
        findings,
        key=lambda finding: (
            -finding.level,
            finding.category in ("safety_minor", "safety_third_party", UNSCREENED),
            -round(finding.confidence, 1),
            _ORDER.index(finding.category),
        ),
    )
    return ranked[0] if ranked else None


def new_or_higher(findings: Iterable[Finding], raised: Mapping[str, Level]) -> list[Finding]:
    """The findings that were not raised before in this conversation, or are more urgent now."""
    return [finding for finding in findings if finding.level > raised.get(finding.category, 0)]
