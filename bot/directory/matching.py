"""Who fits a person's wishes: at most three, each with the reason in plain words, and honest when nobody is near."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.directory.gazetteer import Place
from bot.directory.geometry import distance_km
from bot.directory.practitioner import SERVICES, Practitioner

NEAR_KM = 40.0
"""As far as one travels for an appointment within a city and its surroundings."""

AT_MOST = 3


@dataclass(frozen=True)
class Wish:
    """What a person looks for. Only ``role`` must be met; the others decide who comes first and what is said.

    ``gender`` is kept strictly: somebody who wishes for a woman is never shown anybody else as if that were the same.
    """

    role: str
    place: Place | None = None
    languages: tuple[str, ...] = ()
    gender: str = ""
    services: tuple[str, ...] = ()
    accessibility: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """A practitioner, how far away (km, if both places are known), and which wishes are met and which are not."""

    practitioner: Practitioner
    km: float | None
    met: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matches:
    """What was found.

    ``near`` at most three, the best first. If empty: ``nearest`` is the closest one there is and ``online`` who works
    by video; either may be missing too.
    """

    near: tuple[Match, ...] = ()
    nearest: Match | None = None
    online: tuple[Match, ...] = field(default=())


def match(practitioners: Iterable[Practitioner], wish: Wish, *, near_km: float = NEAR_KM) -> Matches:
    """The practitioners who fit a wish. The order of the directory plays no part."""
    candidates = [
        _judged(practitioner, wish)
        for practitioner in practitioners
        if practitioner.role == wish.role and practitioner.taking_new and _right_gender(practitioner, wish)
    ]
    candidates.sort(key=lambda one: _order(one, wish.languages))
    if wish.role == "coach":  # coaches work online: no way is too far
        return Matches(near=tuple(candidates[:AT_MOST]))
    by_video = [one for one in candidates if "video" in one.practitioner.services]
    if wish.place is None:
        return Matches(online=tuple(by_video[:AT_MOST]))
    near = [one for one in candidates if one.km is not None and one.km <= near_km]
    if near:
        return Matches(near=tuple(near[:AT_MOST]))
    away = [one for one in candidates if one.km is not None]
    nearest = min(away, key=lambda one: (one.km or 0.0, one.practitioner.id), default=None)
    online = [one for one in by_video if nearest is None or one.practitioner.id != nearest.practitioner.id]
    return Matches(nearest=nearest, online=tuple(online[:2]))


def _right_gender(practitioner: Practitioner, wish: Wish) -> bool:
    return not wish.gender or practitioner.gender == wish.gender


def _order(one: Match, wished: tuple[str, ...]) -> tuple[int, float, int, int, str]:
    """Fewest wishes unmet first, then the shortest way, then whose own language it is, then who speaks more."""
    way = one.km if one.km is not None and one.practitioner.role != "coach" else float("inf")
    own = sum(one.practitioner.languages.index(name) for name in wished if name in one.practitioner.languages)
    return len(one.unmet), way, own, -len(one.practitioner.languages), one.practitioner.id


def _judged(practitioner: Practitioner, wish: Wish) -> Match:
    km = None
    if wish.place is not None and practitioner.latitude is not None and practitioner.longitude is not None:
        km = distance_km(wish.place.latitude, wish.place.longitude, practitioner.latitude, practitioner.longitude)
    met: list[str] = []
    unmet: list[str] = []
    if wish.gender:
        met.append(_gender(practitioner.gender))
    for language in wish.languages:
        (met if language in practitioner.languages else unmet).append(f"speaks {language}")
    # Who does not say that they know vaginismus comes behind those who do, asked for or not.
    for service in dict.fromkeys(("vaginismus", *wish.services)):
        (met if service in practitioner.services else unmet).append(SERVICES[service])
    for need in wish.accessibility:
        (met if need in practitioner.accessibility else unmet).append(need.replace("_", " "))
    return Match(practitioner, km, tuple(met), tuple(unmet))


def _gender(gender: str) -> str:
    return {"woman": "a woman", "man": "a man"}.get(gender, gender)
