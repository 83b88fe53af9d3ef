"""Where somebody is: a place out of what she writes. "near Koramangala", "somewhere near 110001", "aurangabad bihar".

Nothing is sent anywhere: names come from the :mod:`gazetteer <bot.directory.gazetteer>`. Of several places with one
name the person is asked, unless one is plainly meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import yaml
from rapidfuzz import fuzz, process

from bot.directory.gazetteer import HOME, Gazetteer, Place, key_of
from bot.directory.geometry import distance_km
from bot.directory.regions import regions_named, without_regions


class Kind(StrEnum):
    """What came of looking for a place."""

    PLACE = "place"
    AMBIGUOUS = "ambiguous"
    DECLINED = "declined"
    ONLINE = "online"
    UNKNOWN_PIN = "unknown_pin"
    NONE = "none"


@dataclass(frozen=True)
class Found:
    """What was found: one place, or the several that it may be."""

    kind: Kind
    places: tuple[Place, ...] = ()

    @property
    def place(self) -> Place:
        """The place; only for ``PLACE``."""
        return self.places[0]


NOTHING = Found(Kind.NONE)

WORDS = Path(__file__).resolve().parent.parent.parent / "data" / "directory" / "words.yml"

SAME_PLACE_KM = 60
"""Places of one name nearer than this are one for us; a locality this near a named city belongs to it."""

CLEARLY_BIGGER = 13
"""Of two towns with one name the one with so many times the people is meant. Asking back costs little."""

CLEARLY_BIGGER_THAN_ALIAS = 3
"""The same for a town that has the name only besides its own."""

SMALL_TOWN = 100_000
"""A locality of a big city may be meant as well as a town that has fewer people than this."""

_PIN = re.compile(r"(?<![\d+])(?P<pin>[1-9]\d{2}[\s-]?\d{3})(?!\d)")
_DECLINED = re.compile(
    r"\b((would |'?d |i )?rather not|prefer not|not (telling|comfortable|going to|gonna|saying|want)|"
    r"(don'?t|dont|do not) (want|wanna|wish|like|feel)\b"
    r".*\b(say|tell|share|give|saying|telling|sharing|reveal|disclose)|no(t)? (thanks|thank you)|"
    r"won'?t (say|tell)|skip|pass|private|"
    r"^no( way)?\b|(nahi|nhi) (bat|bol)\w*|(wont|won't|will not|cannot|can'?t|cant) (give|say|tell|"
    r"share)|nhi (bata|bol)\w*|batana nahi|bata nahi sakti|none of your|secret|why do you (need|want)|"
    r"do i have to|can'?t (say|tell|share)|"
    r"keep (it|that|this|my (location|city|place|town)) (private|to myself))"
)
_ONLINE = re.compile(
    r"\b(on ?line|video( ?call)?|virtual(ly)?|remote(ly)?|zoom|tele ?(health|consult\w*|medicine)|"
    r"over (the )?(phone|video|call)|anywhere|from home|any (city|place|town)|ghar (se|baithe))\b"
)
_DISTRICT = re.compile(r"\b(district|dist|distt|zilla|zila|jila)\b")
_CUE_BEFORE = frozenset(
    [
        "in",
        "near",
        "at",
        "from",
        "around",
        "to",
        "nearby",
        "by",
        "visit",
        "close",
        "based",
        "live",
        "living",
        "stay",
        "staying",
        "reside",
        "within",
        "outside",
        "beside",
    ]
)
_CUE_AFTER = frozenset(
    [
        "mein",
        "me",
        "main",
        "mai",
        "ke",
        "m",
        "se",
        "city",
        "area",
        "side",
        "pin",
        "district",
        "dist",
        "town",
        "mei",
        "wala",
        "wale",
        "based",
    ]
)


@lru_cache(maxsize=1)
def _words() -> dict[str, frozenset[str]]:
    rows = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return {name: frozenset(text.split()) for name, text in rows.items()}


class Places:
    """Finds places in what people write."""

    def __init__(self, gazetteer: Gazetteer, *, country: str = HOME) -> None:
        """``country`` (two letters): whose places come first where a name is there and elsewhere."""
        self._gazetteer = gazetteer
        self._country = country

    def find(self, text: str, *, asked: bool) -> Found:
        """The place in a text.

        Args:
            asked: the text answers the question for a place; otherwise a place is taken only where it is plain.
        """
        pin = self._pin_code(text)
        if pin is not None:
            return pin
        plain = " ".join(text.casefold().split())
        found = self._named(text, asked)
        if asked and _DECLINED.search(plain) and (found.kind is not Kind.PLACE or found.place.kind != "city"):
            return Found(Kind.DECLINED)
        if found.kind is not Kind.NONE:
            return found
        if _ONLINE.search(plain):
            return Found(Kind.ONLINE)
        return self._misspelt(text, asked)

    def _pin_code(self, text: str) -> Found | None:
        for match in _PIN.finditer(text):
            code = re.sub(r"\D", "", match["pin"])
            place = self._gazetteer.pin_code(code)
            return Found(Kind.PLACE, (place,)) if place else Found(Kind.UNKNOWN_PIN)
        return None

    def _named(self, text: str, asked: bool) -> Found:
        regions = regions_named(key_of(text))
        words = key_of(without_regions(key_of(text))).split()
        spans: list[list[Place]] = []
        named: list[str] = []
        taken: set[int] = set()
        for start, end in _spans(len(words)):
            if taken & set(range(start, end)):
                continue
            places = self._in_span(words, start, end, asked, text)
            if places:
                spans.append(places)
                named.append(" ".join(words[start:end]))
                taken |= set(range(start, end))
        towns = [places for places, name in zip(spans, named, strict=True) if name not in regions]
        if not spans:
            return self._only_a_region(text, asked)
        if asked and _DISTRICT.search(key_of(text)):
            for places in spans:
                districts = [place for place in _in_regions(places, regions) if place.kind == "district"]
                if districts:
                    others = _apart_from_each_other(districts[1:], districts[0])
                    return Found(Kind.AMBIGUOUS if others else Kind.PLACE, (districts[0], *others))
        return self._choose(towns or spans, regions)

    def _in_span(self, words: Sequence[str], start: int, end: int, asked: bool, text: str) -> list[Place]:
        span = words[start:end]
        if (
            all(word in _words()["not_places"] or word in _words()["filler"] or word.isdigit() for word in span)
            or len("".join(span)) < 2
        ):
            return []
        if span[0] in _words()["filler"] and span[0] not in ("new", "old", "the"):
            return []
        places = self._gazetteer.named(" ".join(span))
        if not places:
            return []
        cued = bool(set(words[max(0, start - 3) : start]) & _CUE_BEFORE) or (
            end < len(words) and words[end] in _CUE_AFTER
        )
        if asked:
            return places
        big = 150_000 if cued else 200_000
        return [
            place
            for place in places
            if (cued and place.country == HOME and (place.kind != "area" or len(span[0]) >= 5))
            or (place.kind == "city" and place.population >= big and (cued or place.country == HOME))
        ]

    def _only_a_region(self, text: str, asked: bool) -> Found:
        """Nothing but "Goa" or "Singapore": a place too, if it is small enough to be one."""
        for name in regions_named(key_of(text)):
            places = [place for place in self._gazetteer.named(name) if place.kind in ("city", "district")]
            if places and (asked or places[0].population > 200_000):
                return self._choose([places], ())
        return NOTHING

    def _choose(self, spans: list[list[Place]], regions: Sequence[str]) -> Found:
        spans = [_in_regions(places, regions) for places in spans]
        if len(spans) > 1:
            # An area and its city: the area, where it lies near the city.
            for places in spans:
                for place in places:
                    if place.kind != "city" and any(
                        other.kind == "city" and _apart(place, other) <= SAME_PLACE_KM
                        for others in spans
                        if others is not places
                        for other in others
                    ):
                        return Found(Kind.PLACE, (place,))
        spans.sort(key=lambda places: -max(place.population for place in places))
        return self._of_one_name(spans[0], regions)

    def _of_one_name(self, places: list[Place], regions: Sequence[str]) -> Found:
        at_home = [place for place in places if place.country == self._country]
        if at_home and not regions:
            abroad = max((place.population for place in places if place.country != self._country), default=0)
            own = max(place.population for place in at_home)
            if own * 40 >= abroad or own > 50_000:
                places = at_home
        cities = [place for place in places if place.kind == "city"]
        if cities:
            first = cities[0]
            rivals = [place for place in places if place is not first and _rivals(first, place)]
            others = _apart_from_each_other(rivals, first)
            return Found(Kind.AMBIGUOUS if others else Kind.PLACE, (first, *others))
        districts = [place for place in places if place.kind == "district"]
        in_city = [place for place in places if place.population]
        if not districts and in_city:
            places = in_city
        candidates = _apart_from_each_other((districts or places)[1:], (districts or places)[0])
        first = (districts or places)[0]
        if not candidates:
            return Found(Kind.PLACE, (first,))
        return Found(Kind.AMBIGUOUS, (first, *candidates))

    def _misspelt(self, text: str, asked: bool) -> Found:
        regions = regions_named(key_of(text))
        words = key_of(without_regions(key_of(text))).split()
        kept = [
            (number, word)
            for number, word in enumerate(words)
            if word not in _words()["filler"] and word not in _words()["not_places"]
        ]
        if asked:
            if len(kept) > 6:
                return NOTHING
            tries = [" ".join(word for _, word in kept), *(word for _, word in kept)]
        else:
            tries = [
                word
                for number, word in kept
                if set(words[max(0, number - 1) : number]) & _CUE_BEFORE
                or (number + 1 < len(words) and words[number + 1] in ("mein", "city", "ke", "area", "me"))
            ]
        for name in tries:
            if len(name) < 5 or name.isdigit():
                continue
            found = self._nearest_spelling(name, asked)
            if found:
                return self._of_one_name(_in_regions(found, regions), regions)
        return NOTHING

    def _nearest_spelling(self, name: str, asked: bool) -> list[Place]:
        """The places of the most likely spelling: close to what is written, and of those the biggest."""
        close = process.extract(
            name, self._gazetteer.spellings(), scorer=fuzz.ratio, score_cutoff=82 if asked else 88, limit=25
        )
        best: tuple[float, list[Place]] = (0.0, [])
        for key, score, _ in close:
            if key[0] != name[0]:
                score -= 4
            places = self._gazetteer.named(key)
            size = max((place.population for place in places), default=0)
            worth = score + 2.2 * len(str(size))
            if worth > best[0]:
                best = (worth, places)
        return best[1]


def _rivals(first: Place, other: Place) -> bool:
    """Whether the bigger of two places with one name is not plainly the one that is meant."""
    if other.kind == "area":
        return other.population > 0 and first.population < SMALL_TOWN
    if other.kind == "district" or (first.country != HOME and first.population >= 500_000):
        return False
    same_name = key_of(first.name) == key_of(other.name)
    return other.population * (CLEARLY_BIGGER if same_name else CLEARLY_BIGGER_THAN_ALIAS) > first.population


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """Runs of words, the longest first."""
    for size in range(min(4, length), 0, -1):
        for start in range(length - size + 1):
            yield start, start + size


def _in_regions(places: list[Place], regions: Sequence[str]) -> list[Place]:
    """The places in the states or countries that are named too; all of them where none fits."""
    fitting = [
        place
        for place in places
        if any(region in key_of(place.region) or region == key_of(place.country) for region in regions)
        or (any(region == "india" for region in regions) and place.country == HOME)
    ]
    return fitting or places


def _apart(place: Place, other: Place) -> float:
    return distance_km(place.latitude, place.longitude, other.latitude, other.longitude)


def _apart_from_each_other(places: Sequence[Place], *others: Place) -> list[Place]:
    """At most three of the places, none near another or near the others."""
    kept: list[Place] = []
    for place in places:
        if all(_apart(place, other) > SAME_PLACE_KM for other in (*others, *kept)):
            kept.append(place)
    return kept[:3]
