"""Editing the directory over HTTP."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bot.assistant.training import PROJECT
from bot.desk.access import Role
from bot.desk.directory_page import DirectoryPage
from bot.directory.files import read_file, write_file
from bot.directory.gazetteer import Gazetteer
from bot.directory.places import Places
from bot.directory.practitioner import COLUMNS, Practitioner
from bot.directory.service import Directory
from bot.storage.audit import AuditEntry, AuditLog
from bot.storage.conversations import ConversationStore
from bot.storage.practitioners import PractitionerStore
from tests.desk.one_page import PAGES, member, served

_ASHA = Practitioner(
    "asha-pune",
    "physiotherapist",
    "Asha Example",
    city="Pune",
    latitude=18.520434,
    longitude=73.856743,
    languages=("Hindi", "English"),
    gender="woman",
    services=("dilators", "video"),
    hours="Mon-Fri 10:00-18:00",
    contact="+919800000001",
)
_NEENA = Practitioner("neena", "coach", "Neena Example", languages=("Tamil",), contact="neena@example.org")


def _form(**changes: Any) -> list[tuple[str, str]]:
    """What the browser sends for a right entry, with changes."""
    values: dict[str, Any] = {
        "id": "rani-delhi",
        "role": "physiotherapist",
        "name": "Rani Example",
        "city": "Delhi",
        "area": "",
        "postal_code": "",
        "country": "IN",
        "latitude": "",
        "longitude": "",
        "languages": "hindi; English",
        "gender": "woman",
        "services": ["vaginismus", "video"],
        "accessibility": ["lift"],
        "hours": "",
        "taking_new": "yes",
        "contact": "rani@example.org",
        **changes,
    }
    return [
        (name, one)
        for name, value in values.items()
        if value is not None
        for one in (value if isinstance(value, list) else [value])
    ]


def _entries(store: ConversationStore) -> PractitionerStore:
    return PractitionerStore(store.database, store.keyring)


async def _log(store: ConversationStore) -> list[AuditEntry]:
    return list(reversed(await AuditLog(store.database).read()))


@asynccontextmanager
async def _desk(
    store: ConversationStore, role: Role = Role.COORDINATOR, *, show_examples: bool = True
) -> AsyncIterator[aiohttp.ClientSession]:
    places = Places(Gazetteer.open(PROJECT / "var"))
    directory = Directory(_entries(store), places, show_examples=show_examples)
    page = DirectoryPage(_entries(store), directory, AuditLog(store.database), PAGES, country="IN")
    async with served(page.routes, member(role)) as client:
        yield client


async def _text(client: aiohttp.ClientSession, path: str) -> str:
    async with client.get(path) as response:
        assert response.status == 200
        return await response.text()


async def _post(client: aiohttp.ClientSession, path: str, data: Any = None) -> tuple[int, str]:
    async with client.post(path, data=data, allow_redirects=False) as response:
        return response.status, await response.text()


async def _import(client: aiohttp.ClientSession, content: str | bytes, *, replace_all: bool = False) -> tuple[int, str]:
    form = aiohttp.FormData()
    sent = content.encode() if isinstance(content, str) else content
    form.add_field("file", io.BytesIO(sent), filename="directory.csv", content_type="text/csv")
    if replace_all:
        form.add_field("replace_all", "yes")
    return await _post(client, "/desk/directory/file", form)


async def test_an_entry_is_added_and_its_place_found(store: ConversationStore) -> None:
    async with _desk(store) as client:
        assert 'name="country" value="IN"' in await _text(client, "/desk/directory/new")
        status, _ = await _post(client, "/desk/directory/new", _form())
        assert status == 303
        text = await _text(client, "/desk/directory?done=added")
        assert "The entry was added." in text
        assert "Rani Example" in text
        assert "rani@example.org" not in text
    [entry] = await _entries(store).all()
    assert entry.languages == ("Hindi", "English")
    assert entry.services == ("vaginismus", "video")
    assert entry.accessibility == ("lift",)
    assert entry.contact == "rani@example.org"
    assert entry.latitude is not None
    assert entry.longitude is not None
    # Delhi lies at 28.6 N, 77.2 E.
    assert abs(entry.latitude - 28.6) < 0.3
    assert abs(entry.longitude - 77.2) < 0.3
    assert [(one.who, one.action, one.subject) for one in await _log(store)] == [
        ("coordinator@example.org", "practitioner_added", "rani-delhi")
    ]


async def test_every_problem_stands_at_its_field_and_what_was_typed_stays(store: ConversationStore) -> None:
    bad = _form(
        id="Rani!",
        name='"><script>alert(1)</script>',
        languages="Klingonese",
        latitude="north",
        hours="always",
        contact="",
        services=["video"],
        taking_new=None,
    )
    async with _desk(store) as client:
        status, text = await _post(client, "/desk/directory/new", bad)
    assert status == 400
    for field in ("id", "languages", "latitude", "hours", "contact"):
        assert f'id="{field}-problem"' in text
        [tag] = re.findall(rf'<input[^>]* id="{field}"[^>]*>', text)
        assert 'aria-invalid="true"' in tag
        assert f"{field}-problem" in tag
    assert 'id="name-problem"' not in text
    for typed in ('value="Rani!"', 'value="Klingonese"', 'value="north"', 'value="always"', 'value="Delhi"'):
        assert typed in text
    assert "<script>" not in text
    assert 'value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in text
    assert re.search(r'value="video" checked', text)
    assert not re.search(r'value="vaginismus" checked', text)
    assert not re.search(r'name="taking_new" value="yes" checked', text)
    assert await _entries(store).all() == []
    assert await _log(store) == []


async def test_a_physiotherapist_whose_place_is_not_known_is_not_stored(store: ConversationStore) -> None:
    async with _desk(store) as client:
        status, text = await _post(client, "/desk/directory/new", _form(city="Qqqqzzzz"))
    assert status == 400
    assert "'Qqqqzzzz' is not known; give latitude and longitude" in html.unescape(text)
    assert 'id="city-problem"' in text
    assert await _entries(store).all() == []


async def test_an_id_that_is_taken_changes_nobody(store: ConversationStore) -> None:
    await _entries(store).put([_ASHA])
    async with _desk(store) as client:
        status, text = await _post(client, "/desk/directory/new", _form(id="asha-pune"))
    assert status == 400
    assert "asha-pune is in the directory already" in text
    assert await _entries(store).all() == [_ASHA]


async def test_saving_an_unchanged_entry_leaves_it_exactly_as_it_was(store: ConversationStore) -> None:
    await _entries(store).put([_ASHA])
    row = _ASHA.as_row()
    sent = _form(**row | {"services": list(_ASHA.services), "accessibility": [], "id": "somebody-else"})
    async with _desk(store) as client:
        text = await _text(client, "/desk/directory/entry/asha-pune")
        assert 'value="+919800000001"' in text
        assert re.search(r'value="dilators" checked', text)
        status, _ = await _post(client, "/desk/directory/entry/asha-pune", sent)
    assert status == 303
    # The id in the form does not count, and coordinates keep the digits that the form does not show.
    assert await _entries(store).all() == [_ASHA]
    assert [(one.action, one.subject) for one in await _log(store)] == [("practitioner_changed", "asha-pune")]


async def test_who_moves_is_found_at_the_new_place(store: ConversationStore) -> None:
    await _entries(store).put([_ASHA])
    sent = _form(**_ASHA.as_row() | {"services": ["video"], "accessibility": [], "city": "Delhi"})
    async with _desk(store) as client:
        assert (await _post(client, "/desk/directory/entry/asha-pune", sent))[0] == 303
    [entry] = await _entries(store).all()
    assert entry.city == "Delhi"
    assert entry.services == ("video",)
    assert entry.latitude is not None
    assert abs(entry.latitude - 28.6) < 0.3


async def test_a_removal_is_asked_about_first(store: ConversationStore) -> None:
    await _entries(store).put([_ASHA, _NEENA])
    async with _desk(store) as client:
        text = await _text(client, "/desk/directory/entry/asha-pune/remove")
        assert "Remove Asha Example?" in text
        assert len(await _entries(store).all()) == 2
        assert (await _post(client, "/desk/directory/entry/asha-pune/remove"))[0] == 303
        assert (await _post(client, "/desk/directory/entry/asha-pune/remove"))[0] == 404
    assert await _entries(store).all() == [_NEENA]
    assert [(one.action, one.subject) for one in await _log(store)] == [("practitioner_removed", "asha-pune")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=pune", ["Asha"]),
        ("q=NEENA", ["Neena"]),
        ("role=coach", ["Neena"]),
        ("q=example", ["Asha", "Neena"]),
        ("q=pune&role=coach", []),
        ("q=%3Cscript%3E", []),
    ],
)
async def test_the_list_is_searched_by_name_city_and_role(
    store: ConversationStore, query: str, found: list[str]
) -> None:
    await _entries(store).put([_ASHA, _NEENA])
    async with _desk(store) as client:
        text = await _text(client, f"/desk/directory?{query}")
    assert [name for name in ("Asha", "Neena") if f">{name} Example<" in text] == found
    assert "<script>" not in text


async def test_while_nobody_is_there_the_page_says_what_visitors_see(store: ConversationStore) -> None:
    async with _desk(store) as client:
        text = await _text(client, "/desk/directory")
        assert "Visitors are shown example entries" in text
        assert "Example Physio Mumbai 1" not in text
        await _entries(store).put([_NEENA])
        assert "Visitors are shown example entries" not in await _text(client, "/desk/directory")
        await _entries(store).remove("neena")
    async with _desk(store, show_examples=False) as client:
        assert "visitors are told that nobody is found" in await _text(client, "/desk/directory")


async def test_a_file_goes_out_and_comes_in_again(store: ConversationStore) -> None:
    entries = [_ASHA, _NEENA]
    await _entries(store).put(read_file(write_file(entries)).practitioners)
    before = await _entries(store).all()
    async with _desk(store) as client:
        async with client.get("/desk/directory/export.csv") as response:
            assert response.status == 200
            assert response.headers["Content-Disposition"] == 'attachment; filename="directory.csv"'
            assert response.headers["Cache-Control"] == "no-store"
            content = await response.read()
        assert b"+919800000001" in content
        await _entries(store).remove("asha-pune")
        assert (await _import(client, content))[0] == 303
    assert await _entries(store).all() == before
    assert [(one.action, one.detail) for one in await _log(store)] == [
        ("directory_exported", "2 entries, with contacts"),
        ("directory_imported", "2 entries"),
    ]


async def test_replace_all_removes_the_others_and_only_then(store: ConversationStore) -> None:
    await _entries(store).put([_NEENA])
    async with _desk(store) as client:
        assert (await _import(client, write_file([_ASHA])))[0] == 303
        assert {one.id for one in await _entries(store).all()} == {"asha-pune", "neena"}
        assert (await _import(client, write_file([_ASHA]), replace_all=True))[0] == 303
    assert {one.id for one in await _entries(store).all()} == {"asha-pune"}


async def test_a_bad_line_is_told_and_nothing_is_imported(store: ConversationStore) -> None:
    rows = list(csv.reader(io.StringIO(write_file([_ASHA, _NEENA]))))
    rows[2][COLUMNS.index("role")] = "<script>alert(1)</script>"
    output = io.StringIO()
    csv.writer(output, lineterminator="\n").writerows(rows)
    async with _desk(store) as client:
        status, text = await _import(client, output.getvalue(), replace_all=True)
    assert status == 400
    assert '<th scope="row">3</th>' in text
    assert "<script>" not in text
    assert "role: '<script>alert(1)</script>' is not one of coach, physiotherapist" in html.unescape(text)
    assert 'name="replace_all" value="yes" checked' in text
    assert await _entries(store).all() == []
    assert await _log(store) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("é".encode("latin-1"), "not UTF-8"),
        (b"a,b\n", "the column id is missing"),
        (f"{','.join(COLUMNS)}\n".encode(), "the file has no entries"),
        (f"{','.join(COLUMNS)}\nx\ry\n".encode(), "not a CSV file"),
        (b"x" * (2 * 1024 * 1024 + 1), "larger than 2 MB"),
    ],
    ids=["latin", "columns", "empty", "no csv", "large"],
)
async def test_a_file_that_cannot_be_used_is_told(store: ConversationStore, content: bytes, said: str) -> None:
    async with _desk(store) as client:
        status, text = await _import(client, content)
    assert status == 400
    assert said in text


async def test_a_file_may_be_larger_than_what_the_server_takes_otherwise(store: ConversationStore) -> None:
    head, _, row = write_file([_NEENA]).partition("\n")
    async with _desk(store) as client:
        status, _ = await _import(client, head + "\n" * 1_300_000 + row)
    assert status == 303
    assert await _entries(store).all() == [_NEENA]


async def test_no_file_at_all_is_told(store: ConversationStore) -> None:
    async with _desk(store) as client:
        status, text = await _post(client, "/desk/directory/file", {"replace_all": "yes"})
    assert status == 400
    assert "Please choose a file." in text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/desk/directory"),
        ("GET", "/desk/directory/new"),
        ("POST", "/desk/directory/new"),
        ("POST", "/desk/directory/file"),
        ("GET", "/desk/directory/export.csv"),
        ("GET", "/desk/directory/entry/asha-pune"),
        ("POST", "/desk/directory/entry/asha-pune"),
        ("GET", "/desk/directory/entry/asha-pune/remove"),
        ("POST", "/desk/directory/entry/asha-pune/remove"),
    ],
)
async def test_a_coach_has_no_part_in_it(store: ConversationStore, method: str, path: str) -> None:
    await _entries(store).put([_ASHA])
    async with _desk(store, Role.COACH) as client:
        async with client.request(method, path) as response:
            assert response.status == 403
            assert "Asha" not in await response.text()
    assert await _entries(store).all() == [_ASHA]
