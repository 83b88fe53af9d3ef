"""The directory as a CSV file: every bad row is told, nothing is half imported, what is written can be read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.directory.files import EXAMPLES, examples, read_file, write_file
from bot.directory.gazetteer import Place
from bot.directory.practitioner import ACCESSIBILITY, COLUMNS, GENDERS, SERVICES, Practitioner

GOOD = {
    "id": "example-a",
    "role": "physiotherapist",
    "name": "Example A",
    "city": "Pune",
    "area": "",
    "postal_code": "411001",
    "country": "IN",
    "latitude": "18.5",
    "longitude": "73.9",
    "languages": "English;Hindi",
    "gender": "woman",
    "services": "vaginismus;dilators",
    "accessibility": "lift",
    "hours": "Mon-Fri 10:00-18:00; Sat 10:00-13:00",
    "taking_new": "yes",
    "contact": "a@example.org",
}


def file_of(*rows: dict[str, str]) -> str:
    """A CSV file of rows, each the good one with changes."""
    lines = [",".join(COLUMNS)]
    lines += [",".join({**GOOD, **row}[column] for column in COLUMNS) for row in rows]
    return "\n".join(lines) + "\n"


def test_the_examples_are_plainly_examples_and_over_many_cities() -> None:
    found = examples()
    assert len(found) >= 40
    assert len({one.city for one in found if one.role == "physiotherapist"}) >= 15
    assert all(one.name.startswith("Example ") for one in found)
    assert all(one.contact.endswith("@example.org") for one in found)


def test_the_examples_are_read_back_as_they_are_written() -> None:
    read = read_file(EXAMPLES.read_text(encoding="utf-8"))
    assert read.bad == ()
    assert read_file(write_file(read.practitioners)) == read


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": "A B"}, "id: 2 to 64 small letters"),
        ({"role": "doctor"}, "role: 'doctor' is not one of coach, physiotherapist"),
        ({"name": ""}, "name: empty"),
        ({"gender": "female"}, "gender: 'female'"),
        ({"country": "India"}, "country: two letters"),
        ({"postal_code": "41100"}, "postal_code: '41100' is no Indian pin code"),
        ({"city": ""}, "city: a physiotherapist on site needs one"),
        ({"latitude": "118"}, "latitude: '118' is not a number of degrees"),
        ({"latitude": "north"}, "latitude: 'north'"),
        ({"latitude": "", "longitude": "73"}, "give both or neither"),
        ({"languages": ""}, "languages: empty"),
        ({"languages": "Klingonish"}, "languages: 'Klingonish'"),
        ({"services": "magic"}, "services: 'magic' is not one of vaginismus"),
        ({"accessibility": "stairs"}, "accessibility: 'stairs'"),
        ({"hours": "always"}, "hours: 'always' is not hours such as"),
        ({"hours": "Mon-Fri 18:00-10:00"}, "ends before it begins"),
        ({"hours": "Mon-Fry 10:00-18:00"}, "'Fry' is no day"),
        ({"hours": "Mon 10:00-25:00"}, "a time that does not exist"),
        ({"taking_new": "maybe"}, "taking_new: yes or no"),
        ({"contact": ""}, "contact: empty"),
        ({"name": "x" * 121}, "name: longer than 120"),
    ],
)
def test_a_bad_value_is_told_with_its_line_and_column(change: dict[str, str], problem: str) -> None:
    read = read_file(file_of({}, {"id": "example-b", **change}))
    assert read.practitioners == ()
    (bad,) = read.bad
    assert bad.line == 3
    assert any(problem in line for line in bad.problems), bad.problems


def test_all_bad_rows_are_told_at_once_and_all_that_is_wrong_in_each() -> None:
    read = read_file(file_of({"role": "x", "name": ""}, {"id": "example-b"}, {"id": "example-c", "contact": ""}))
    assert [bad.line for bad in read.bad] == [2, 4]
    assert len(read.bad[0].problems) == 2


def test_an_id_that_is_there_twice_is_told_with_the_first_line() -> None:
    (bad,) = read_file(file_of({}, {})).bad
    assert bad.problems == ("id: example-a is in line 2 already",)


def test_wrong_columns_are_told() -> None:
    (bad,) = read_file("id,role,nme\na,b,c\n").bad
    assert "the column name is missing" in bad.problems
    assert "the column 'nme' is unknown" in bad.problems


@pytest.mark.parametrize("content", ["", "\n", "\ufeff", "just text", '"'])
def test_no_file_breaks_it(content: str) -> None:
    assert read_file(content).practitioners == ()


def test_a_spreadsheet_that_writes_semicolons_and_a_byte_order_mark_is_read() -> None:
    content = file_of({"languages": "English", "services": "vaginismus", "hours": ""}).replace(",", ";")
    assert len(read_file(f"\ufeff{content}").practitioners) == 1


def test_missing_coordinates_come_from_the_place_or_are_told() -> None:
    content = file_of({"latitude": "", "longitude": ""})
    pune = Place("city", "Pune", "", "IN", 18.52, 73.86)
    assert read_file(content, locate=lambda _: pune).practitioners[0].latitude == 18.52
    (bad,) = read_file(content, locate=lambda _: None).bad
    assert bad.problems == ("city: '411001 Pune' is not known; give latitude and longitude",)


WORD = st.text(alphabet=st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=20)


@given(
    name=WORD,
    area=WORD,
    contact=WORD,
    gender=st.sampled_from(["", *GENDERS]),
    services=st.lists(st.sampled_from(sorted(SERVICES)), unique=True),
    access=st.lists(st.sampled_from(sorted(ACCESSIBILITY)), unique=True),
    latitude=st.integers(-90, 90),
    longitude=st.integers(-180, 180),
)
def test_whatever_is_written_is_read_back(
    name: str,
    area: str,
    contact: str,
    gender: str,
    services: list[str],
    access: list[str],
    latitude: int,
    longitude: int,
) -> None:
    one = Practitioner(
        "example-a", "coach", name, "", area, "", "IN", float(latitude), float(longitude), ("Hindi", "Bengali"), gender,
        tuple(services), tuple(access), "Mon 10:00-11:00", False, contact,
    )  # fmt: skip
    assert read_file(write_file([one])).practitioners == (one,)
