"""Who fits a wish: what must hold for any directory and any wish."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.directory.files import examples
from bot.directory.gazetteer import Place
from bot.directory.matching import AT_MOST, NEAR_KM, Matches, Wish, match
from bot.directory.practitioner import GENDERS, SERVICES, Practitioner

PUNE = Place("city", "Pune", "Maharashtra", "IN", 18.52, 73.86)
LEH = Place("city", "Leh", "Ladakh", "IN", 34.16, 77.58)

PRACTITIONERS = st.builds(
    Practitioner,
    id=st.uuids().map(str),
    role=st.sampled_from(["coach", "physiotherapist"]),
    name=st.just("Example"),
    latitude=st.floats(18, 20),
    longitude=st.floats(72.5, 75),
    languages=st.lists(st.sampled_from(["English", "Hindi", "Marathi"]), min_size=1, unique=True).map(tuple),
    gender=st.sampled_from(["", *GENDERS]),
    services=st.lists(st.sampled_from(sorted(SERVICES)), unique=True).map(tuple),
    taking_new=st.booleans(),
)
DIRECTORIES = st.lists(PRACTITIONERS, max_size=12, unique_by=lambda one: one.id)
WISHES = st.builds(
    Wish,
    role=st.sampled_from(["coach", "physiotherapist"]),
    place=st.sampled_from([None, PUNE, LEH]),
    languages=st.lists(st.sampled_from(["English", "Hindi"]), unique=True).map(tuple),
    gender=st.sampled_from(["", "woman", "man"]),
    services=st.lists(st.sampled_from(["dilators", "video"]), unique=True).map(tuple),
)


def everybody(matches: Matches) -> list[Practitioner]:
    """All who are named."""
    nearest = [matches.nearest] if matches.nearest else []
    return [one.practitioner for one in (*matches.near, *nearest, *matches.online)]


@given(DIRECTORIES, WISHES)
def test_only_those_are_named_who_are_there_take_people_and_are_of_the_wished_gender(
    directory: list[Practitioner], wish: Wish
) -> None:
    for one in everybody(match(directory, wish)):
        assert one in directory
        assert one.taking_new
        assert one.role == wish.role
        assert not wish.gender or one.gender == wish.gender


@given(DIRECTORIES, WISHES)
def test_at_most_three_are_near_and_each_of_them_is(directory: list[Practitioner], wish: Wish) -> None:
    found = match(directory, wish)
    assert len(found.near) <= AT_MOST
    if wish.role == "physiotherapist":
        assert all(one.km is not None and one.km <= NEAR_KM for one in found.near)


@given(DIRECTORIES, WISHES, st.randoms())
def test_the_order_of_the_directory_plays_no_part(directory: list[Practitioner], wish: Wish, random: object) -> None:
    shuffled = list(directory)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert match(shuffled, wish) == match(directory, wish)


@given(DIRECTORIES, WISHES)
def test_whoever_meets_more_wishes_comes_first_and_of_equals_the_nearer(
    directory: list[Practitioner], wish: Wish
) -> None:
    near = match(directory, wish).near
    for first, second in pairwise(near):
        assert len(first.unmet) <= len(second.unmet)
        if wish.role == "physiotherapist" and len(first.unmet) == len(second.unmet):
            assert (first.km or 0) <= (second.km or 0)


@given(DIRECTORIES, WISHES)
def test_someone_who_meets_all_next_door_is_always_named_first(directory: list[Practitioner], wish: Wish) -> None:
    ideal = Practitioner(
        "0-ideal", wish.role, "Example", latitude=PUNE.latitude, longitude=PUNE.longitude,
        languages=(*wish.languages, "English", "Hindi", "Tamil", "Urdu"), gender=wish.gender or "woman",
        services=tuple(SERVICES), taking_new=True,
    )  # fmt: skip
    found = match([*directory, ideal], replace(wish, place=PUNE))
    assert found.near[0].unmet == ()
    if wish.role == "physiotherapist":
        assert found.near[0].practitioner is ideal


@given(DIRECTORIES, WISHES)
def test_every_wish_is_accounted_for(directory: list[Practitioner], wish: Wish) -> None:
    found = match(directory, wish)
    for one in (*found.near, *found.online):
        assert len(one.met) + len(one.unmet) == len(wish.languages) + bool(wish.gender) + len(
            {"vaginismus", *wish.services}
        )


def test_when_nobody_is_near_the_nearest_is_told_with_the_distance() -> None:
    found = match(examples(), Wish("physiotherapist", LEH))
    assert found.near == ()
    assert found.nearest is not None
    assert found.nearest.practitioner.city == "Chandigarh"
    assert found.nearest.km == pytest.approx(389, abs=15)
    assert all("video" in one.practitioner.services for one in found.online)


def test_an_empty_directory_has_nobody() -> None:
    assert match([], Wish("physiotherapist", PUNE)) == Matches()
