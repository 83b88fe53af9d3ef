"""Phrases that are alarming in themselves, written in ``data/safety/lexicon.yml`` and found by spaCy's Matcher.

A pattern is a line of words. ``kill|end`` takes either word, ``to?`` may be missing, ``suicid*`` takes every word that
begins so, ``~3`` passes over up to three words, ``#9-17`` takes a number between the two. Case, apostrophes and
drawn-out letters do not matter. A phrase inside a ``calm`` pattern ("I would never hurt myself") is no alarm.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import regex
import yaml
from spacy.matcher import Matcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from bot.safety.danger import CATEGORIES, Level

MAX_WORDS = 1500
"""Words of a message that are read: all of the longest message that anybody can send in words of three letters."""

_WORD = regex.compile(r"\w+|[^\w\s]")
_APOSTROPHES = regex.compile(r"['’‘`´]")
_REPEATS = regex.compile(r"(\p{L})\1{2,}")
_GAP = regex.compile(r"~(\d)\Z")
_NUMBERS = regex.compile(r"#(\d+)-(\d+)\Z")
_OTHER = "_"
_CALM = "calm"


class LexiconError(ValueError):
    """The lexicon file cannot be used; the message says where and why."""


@dataclass(frozen=True)
class Hit:
    """A phrase that was found: what it means, and where (indexes of words)."""

    category: str
    level: Level
    start: int
    end: int


def words(text: str) -> list[str]:
    """The words and signs of a text as the lexicon reads them."""
    folded = unicodedata.normalize("NFKC", text[: MAX_WORDS * 8]).lower()
    found: list[str] = _WORD.findall(_REPEATS.sub(r"\1\1", _APOSTROPHES.sub("", folded)))
    return found[:MAX_WORDS]


@dataclass(frozen=True)
class Slot:
    """One place of a pattern: the words, and beginnings of words, that fit it."""

    exact: frozenset[str]
    starts: tuple[str, ...]

    def fits_one_of(self, present: set[str]) -> bool:
        """Whether any word of a message fits."""
        return not self.exact.isdisjoint(present) or any(word.startswith(self.starts) for word in present)


class Pattern:
    """One line of the file: what spaCy's Matcher takes, and the words without which it cannot match."""

    def __init__(self, line: str) -> None:
        """Read a line.

        Raises:
            LexiconError: it cannot be read, or it could match nothing at all.
        """
        self.tokens: list[dict[str, Any]] = []
        self.needed: list[Slot] = []
        self.slots: list[Slot] = []
        for part in line.split():
            if gap := _GAP.match(part):
                self.tokens += [{"OP": "?"}] * int(gap[1])
                continue
            optional = part.endswith("?") and len(part) > 1
            slot = self._slot(part.removesuffix("?") if optional else part)
            self.slots.append(slot)
            if not optional:
                self.needed.append(slot)
            self.tokens.append(self._token(slot) | ({"OP": "?"} if optional else {}))
        if not self.needed:
            raise LexiconError(f"the pattern {line!r} could match nothing at all")

    @staticmethod
    def _slot(part: str) -> Slot:
        if numbers := _NUMBERS.match(part):
            return Slot(frozenset(map(str, range(int(numbers[1]), int(numbers[2]) + 1))), ())
        exact: list[str] = []
        starts: list[str] = []
        for choice in part.split("|"):
            folded = words(choice.removesuffix("*"))
            if len(folded) != 1:
                raise LexiconError(f"{choice!r} in a pattern is not one word")
            (starts if choice.endswith("*") else exact).append(folded[0])
        return Slot(frozenset(exact), tuple(starts))

    @staticmethod
    def _token(slot: Slot) -> dict[str, Any]:
        if not slot.starts:
            return {"ORTH": {"IN": sorted(slot.exact)}}
        endings = [rf"{regex.escape(start)}.*" for start in slot.starts] + sorted(map(regex.escape, slot.exact))
        return {"ORTH": {"REGEX": rf"^(?:{'|'.join(endings)})\Z"}}


class Lexicon:
    """The compiled patterns.

    There are some two thousand. A message is held only against those of which it has a word at every needed place;
    spaCy would otherwise try each of them at each word (13 ms instead of half of one).
    """

    def __init__(self, rows: dict[str, Any]) -> None:
        """Compile what the file holds.

        Raises:
            LexiconError: an unknown category or level, or a pattern that cannot be read.
        """
        self._vocabulary = Vocab()
        self._patterns: list[tuple[str, Level | None, Pattern]] = []
        for number, row in enumerate(rows.get("alarms") or ()):
            category, level, patterns = row.get("category"), row.get("level"), row.get("patterns")
            if category not in CATEGORIES or not patterns:
                raise LexiconError(f"alarms, entry {number + 1}: a known category and patterns are needed")
            try:
                named = Level.named(str(level))
            except KeyError:
                raise LexiconError(f"alarms, entry {number + 1}: {level!r} is not a level") from None
            self._patterns += [(category, named, Pattern(str(line))) for line in patterns]
        self._patterns += [(_CALM, None, Pattern(str(line))) for line in rows.get("calm") or ()]
        self._matchers: dict[int, Matcher] = {}
        self._known = {word for _, _, pattern in self._patterns for slot in pattern.slots for word in slot.exact}
        self._starts = tuple(
            sorted({start for _, _, pattern in self._patterns for slot in pattern.slots for start in slot.starts})
        )
        self._index()

    def _index(self) -> None:
        """File each pattern under the words of its rarest needed place."""
        common = Counter(word for _, _, pattern in self._patterns for slot in pattern.slots for word in slot.exact)
        self._by_word: dict[str, list[int]] = defaultdict(list)
        self._by_start: dict[str, list[int]] = defaultdict(list)
        for number, (_, _, pattern) in enumerate(self._patterns):
            rarest = min(pattern.needed, key=lambda slot: sum(common[word] for word in slot.exact) + len(slot.starts))
            for word in rarest.exact:
                self._by_word[word].append(number)
            for start in rarest.starts:
                self._by_start[start].append(number)

    @classmethod
    def load(cls, file: Path) -> Lexicon:
        """Read and compile a lexicon file."""
        return cls(yaml.safe_load(file.read_text(encoding="utf-8")) or {})

    def _possible(self, present: set[str]) -> Iterator[int]:
        """The patterns that a message with these words may match."""
        found: set[int] = set()
        for word in present:
            found.update(self._by_word.get(word, ()))
            if word.startswith(self._starts):
                for start, numbers in self._by_start.items():
                    if word.startswith(start):
                        found.update(numbers)
        for number in sorted(found):
            if all(slot.fits_one_of(present) for slot in self._patterns[number][2].needed):
                yield number

    def _matcher(self, number: int) -> Matcher:
        if number not in self._matchers:
            matcher = Matcher(self._vocabulary)
            matcher.add(str(number), [self._patterns[number][2].tokens])
            self._matchers[number] = matcher
        return self._matchers[number]

    def read(self, text: str) -> list[Hit]:
        """The alarming phrases of a text that no calm phrase covers."""
        return self.look(text)[0]

    def look(self, text: str) -> tuple[list[Hit], bool]:
        """The alarming phrases that no calm phrase covers, and whether there is a calm phrase at all."""
        # Words that no pattern names become one word: spaCy keeps every word it has seen for ever, and what people
        # write must not stay in memory.
        kept = [word if word in self._known or word.startswith(self._starts) else _OTHER for word in words(text)]
        found: list[tuple[int, int, int]] = []
        doc: Doc | None = None
        for number in self._possible(set(kept)):
            doc = doc or Doc(self._vocabulary, words=kept)
            found += [(number, start, end) for _, start, end in self._matcher(number)(doc)]
        calm = [(start, end) for number, start, end in found if self._patterns[number][1] is None]
        hits = []
        for number, start, end in found:
            category, level, _ = self._patterns[number]
            if level is not None and not any(first <= start and end <= last for first, last in calm):
                hits.append(Hit(category, level, start, end))
        return hits, bool(calm)


LEXICON_FILE = Path(__file__).resolve().parent.parent.parent / "data" / "safety" / "lexicon.yml"


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The project's lexicon, compiled once."""
    return Lexicon.load(LEXICON_FILE)
