"""``/desk/directory``: coaches and physiotherapists, one by one or as a file, with the checks of the import."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web
from multidict import MultiDictProxy

from bot.desk.access import May, Member
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes, redirect
from bot.directory.files import BadRow, Read, read_file, write_file
from bot.directory.gazetteer import key_of
from bot.directory.practitioner import (
    ACCESSIBILITY,
    COLUMNS,
    GENDERS,
    ROLES,
    SERVICES,
    BadPractitioner,
    Practitioner,
    read_practitioner,
)
from bot.directory.service import Directory, locate, located
from bot.storage.audit import AuditLog
from bot.storage.practitioners import PractitionerStore

_HOME = "/desk/directory"
_MAX_FILE = 2 * 1024 * 1024
_LISTS = ("services", "accessibility")
_ADDRESS = ("city", "area", "postal_code", "country")
_DONE = {
    "added": "The entry was added.",
    "changed": "The entry was changed.",
    "removed": "The entry was removed.",
    "imported": "The file was imported.",
}


class DirectoryPage:
    """The list, the form of one entry, import and export."""

    def __init__(
        self,
        practitioners: PractitionerStore,
        directory: Directory,
        audit: AuditLog,
        pages: Pages,
        *,
        country: str,
    ) -> None:
        """Wire the parts.

        Args:
            directory: knows places, and whether visitors see example entries.
            country: two letters, what the form of a new entry begins with.
        """
        self._practitioners = practitioners
        self._directory = directory
        self._audit = audit
        self._pages = pages
        self._country = country

    def routes(self, routes: DeskRoutes) -> None:
        """Put the pages into the table."""
        routes.add("GET", _HOME, self.overview, May.DIRECTORY)
        routes.add("GET", f"{_HOME}/new", self.new, May.DIRECTORY)
        routes.add("POST", f"{_HOME}/new", self.add, May.DIRECTORY)
        routes.add("POST", f"{_HOME}/file", self.bring_in, May.DIRECTORY)
        routes.add("GET", f"{_HOME}/export.csv", self.bring_out, May.DIRECTORY)
        routes.add("GET", f"{_HOME}/entry/{{id}}", self.entry, May.DIRECTORY)
        routes.add("POST", f"{_HOME}/entry/{{id}}", self.change, May.DIRECTORY)
        routes.add("GET", f"{_HOME}/entry/{{id}}/remove", self.ask_removal, May.DIRECTORY)
        routes.add("POST", f"{_HOME}/entry/{{id}}/remove", self.remove, May.DIRECTORY)

    # The list

    async def overview(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Everybody, or who fits a search."""
        return await self._list(request, member, done=_DONE.get(request.query.get("done", ""), ""))

    async def _list(
        self,
        request: web.Request,
        member: Member,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        error: str = "",
        done: str = "",
        bad: tuple[BadRow, ...] = (),
        replace_all: bool = False,
    ) -> web.Response:
        entries, are_examples = await self._directory.entries()
        real = [] if are_examples else entries
        wanted, role = request.query.get("q", "").strip(), request.query.get("role", "")
        found = [one for one in real if _fits(one, wanted, role)]
        return self._pages.render(
            request,
            "directory.html",
            member,
            status=status,
            error=error,
            done=done,
            entries=sorted(found, key=lambda one: (one.name.casefold(), one.id)),
            total=len(real),
            are_examples=are_examples,
            query=wanted,
            role=role,
            roles=ROLES,
            bad=bad,
            replace_all=replace_all,
        )

    # One entry

    async def new(self, request: web.Request, member: Member) -> web.StreamResponse:
        """The empty form."""
        values = dict.fromkeys(COLUMNS, "") | {"country": self._country, "taking_new": "yes", "role": ROLES[1]}
        return self._form(request, member, values)

    async def add(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Store a new entry."""
        values = _values(await request.post())
        try:
            entry = self._checked(values, None)
        except BadPractitioner as error:
            return self._form(request, member, values, problems=error.problems)
        if not await self._practitioners.add(entry):
            problems = [f"id: {entry.id} is in the directory already"]
            return self._form(request, member, values, problems=problems)
        await self._audit.record(member, "practitioner_added", entry.id)
        return redirect(f"{_HOME}?done=added")

    async def entry(self, request: web.Request, member: Member) -> web.StreamResponse:
        """The form of an entry."""
        entry = await self._of(request)
        return self._form(request, member, entry.as_row(), entry=entry)

    async def change(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Store a changed entry. Its id stays: referrals name it."""
        before = await self._of(request)
        values = _values(await request.post()) | {"id": before.id}
        try:
            entry = self._checked(values, before)
        except BadPractitioner as error:
            return self._form(request, member, values, entry=before, problems=error.problems)
        if not await self._practitioners.change(entry):
            raise web.HTTPNotFound
        await self._audit.record(member, "practitioner_changed", entry.id)
        return redirect(f"{_HOME}?done=changed")

    async def ask_removal(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Ask whether it is meant."""
        return self._form(request, member, {}, entry=await self._of(request), removing=True)

    async def remove(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Remove an entry."""
        entry_id = request.match_info["id"]
        if not await self._practitioners.remove(entry_id):
            raise web.HTTPNotFound
        await self._audit.record(member, "practitioner_removed", entry_id)
        return redirect(f"{_HOME}?done=removed")

    async def _of(self, request: web.Request) -> Practitioner:
        entry = await self._practitioners.get(request.match_info["id"])
        if entry is None:
            raise web.HTTPNotFound
        return entry

    def _checked(self, values: Mapping[str, str], before: Practitioner | None) -> Practitioner:
        """The entry of a form.

        Raises:
            BadPractitioner: with everything that is wrong.
        """
        entry = read_practitioner(values)
        if before is not None and entry.latitude is not None:
            old, new = before.as_row(), entry.as_row()
            same_point = (old["latitude"], old["longitude"]) == (new["latitude"], new["longitude"])
            if same_point and any(old[column] != new[column] for column in _ADDRESS):
                entry = replace(entry, latitude=None, longitude=None)  # these belong to the old address
            elif same_point:
                entry = replace(entry, latitude=before.latitude, longitude=before.longitude)  # the form rounds them
        return located(self._directory.places, entry)

    def _form(
        self,
        request: web.Request,
        member: Member,
        values: Mapping[str, str],
        *,
        entry: Practitioner | None = None,
        problems: list[str] | None = None,
        removing: bool = False,
    ) -> web.Response:
        by_field = _by_field(problems or [])
        return self._pages.render(
            request,
            "practitioner.html",
            member,
            status=HTTPStatus.BAD_REQUEST if problems else HTTPStatus.OK,
            error="The entry was not stored; please look at what is marked." if problems else "",
            values=values,
            chosen={column: values.get(column, "").split(";") for column in _LISTS},
            entry=entry,
            problems=by_field,
            removing=removing,
            roles=ROLES,
            genders=GENDERS,
            lists={"services": SERVICES, "accessibility": ACCESSIBILITY},
        )

    # Files

    async def bring_in(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Import a file if every row of it is right."""
        try:
            # A directory is bigger than what visitors may send.
            form = await request.clone(client_max_size=_MAX_FILE).post()
        except web.HTTPRequestEntityTooLarge:
            return await self._not_imported(request, member, f"The file is larger than {_MAX_FILE // 2**20} MB.")
        replace_all = form.get("replace_all") == "yes"
        upload = form.get("file")
        if not isinstance(upload, web.FileField) or not upload.filename:
            return await self._not_imported(request, member, "Please choose a file.", replace_all=replace_all)
        with upload.file as file:
            content = file.read()
        try:
            read = await asyncio.to_thread(self._read, content)
        except UnicodeDecodeError:
            error = "The file is not UTF-8; save it as 'CSV UTF-8'."
            return await self._not_imported(request, member, error, replace_all=replace_all)
        except csv.Error:
            error = "The file is not a CSV file; save it as 'CSV UTF-8'."
            return await self._not_imported(request, member, error, replace_all=replace_all)
        if read.bad:
            error = f"Nothing was imported: {len(read.bad)} of the file's lines cannot be used."
            return await self._not_imported(request, member, error, bad=read.bad, replace_all=replace_all)
        if not read.practitioners:
            error = "Nothing was imported: the file has no entries."
            return await self._not_imported(request, member, error, replace_all=replace_all)
        await self._practitioners.put(read.practitioners, replace_all=replace_all)
        detail = f"{len(read.practitioners)} entries{', all others removed' if replace_all else ''}"
        await self._audit.record(member, "directory_imported", None, detail)
        return redirect(f"{_HOME}?done=imported")

    def _read(self, content: bytes) -> Read:
        return read_file(content.decode("utf-8-sig"), locate=lambda one: locate(self._directory.places, one))

    async def _not_imported(
        self,
        request: web.Request,
        member: Member,
        error: str,
        *,
        bad: tuple[BadRow, ...] = (),
        replace_all: bool = False,
    ) -> web.Response:
        return await self._list(
            request, member, status=HTTPStatus.BAD_REQUEST, error=error, bad=bad, replace_all=replace_all
        )

    async def bring_out(self, request: web.Request, member: Member) -> web.StreamResponse:
        """The directory as a file, contacts included; it can be imported again as it is."""
        entries = await self._practitioners.all()
        await self._audit.record(member, "directory_exported", None, f"{len(entries)} entries, with contacts")
        return web.Response(
            text=f"\ufeff{write_file(entries)}",  # the mark tells spreadsheets that it is UTF-8
            content_type="text/csv",
            charset="utf-8",
            headers={
                hdrs.CONTENT_DISPOSITION: 'attachment; filename="directory.csv"',
                "X-Content-Type-Options": "nosniff",
            },
        )


def _values(form: MultiDictProxy[Any]) -> dict[str, str]:
    """What a form holds, as the import file has it."""
    values = {column: str(form.get(column, "")) for column in COLUMNS}
    for column in _LISTS:
        values[column] = ";".join(str(value) for value in form.getall(column, []))
    values["taking_new"] = "yes" if form.get("taking_new") == "yes" else "no"
    return values


def _by_field(problems: list[str]) -> dict[str, list[str]]:
    """Problems by the field that they are shown at; one of two fields stands at the first."""
    found: dict[str, list[str]] = {}
    for problem in problems:
        columns, _, text = problem.partition(": ")
        found.setdefault(columns.split(",")[0], []).append(text)
    return found


def _fits(one: Practitioner, wanted: str, role: str) -> bool:
    key = key_of(wanted)
    names = (key_of(name) for name in (one.name, one.city, one.area))
    return (not role or one.role == role) and (not key or any(key in name for name in names))
