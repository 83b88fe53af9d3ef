"""The directory as a CSV file: read with every bad row reported, written so that it can be read again."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bot.directory.gazetteer import Place
from bot.directory.practitioner import COLUMNS, BadPractitioner, Practitioner, read_practitioner

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "data" / "directory" / "example.csv"

Locate = Callable[[Practitioner], Place | None]


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used: its line in the file and everything that is wrong with it."""

    line: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Read:
    """What came of reading a file: the entries, or what is wrong. If anything is wrong, nothing is imported."""

    practitioners: tuple[Practitioner, ...]
    bad: tuple[BadRow, ...] = ()


def read_file(content: str, *, locate: Locate | None = None) -> Read:
    """Read a CSV file with the columns of :data:`COLUMNS`, in any order; a byte order mark and ``;`` do no harm.

    Args:
        locate: gives the place of an entry without coordinates, by its pin code or its city.
    """
    content = content.lstrip("\ufeff")
    first = content.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(content), delimiter=";" if first.count(";") > first.count(",") else ",")
    columns = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    missing = [column for column in COLUMNS if column not in columns]
    unknown = [name or "(empty)" for name in columns if name not in COLUMNS]
    if missing or unknown:
        problems = [f"the column {name} is missing" for name in missing]
        problems += [f"the column {name!r} is unknown" for name in unknown]
        return Read((), (BadRow(1, tuple(problems)),))
    reader.fieldnames = columns
    found: list[Practitioner] = []
    bad: list[BadRow] = []
    lines: dict[str, int] = {}
    for row in reader:
        line = reader.line_num
        if None in row:
            bad.append(BadRow(line, ("there are more values than columns",)))
            continue
        try:
            practitioner = read_practitioner(row)
        except BadPractitioner as error:
            bad.append(BadRow(line, tuple(error.problems)))
            continue
        if practitioner.id in lines:
            bad.append(BadRow(line, (f"id: {practitioner.id} is in line {lines[practitioner.id]} already",)))
            continue
        lines[practitioner.id] = line
        if practitioner.latitude is None and locate is not None and practitioner.role == "physiotherapist":
            place = locate(practitioner)
            if place is None:
                where = f"{practitioner.postal_code} {practitioner.city}".strip()
                bad.append(BadRow(line, (f"city: {where!r} is not known; give latitude and longitude",)))
                continue
            practitioner = replace(practitioner, latitude=place.latitude, longitude=place.longitude)
        found.append(practitioner)
    return Read(tuple(found) if not bad else (), tuple(bad))


def write_file(practitioners: Iterable[Practitioner]) -> str:
    """The CSV file of entries; :func:`read_file` reads it back unchanged."""
    output = io.StringIO()
    writer = csv.DictWriter(output, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for practitioner in practitioners:
        writer.writerow(practitioner.as_row())
    return output.getvalue()


def examples() -> tuple[Practitioner, ...]:
    """The example entries that the project ships, to try the matching with."""
    return read_file(EXAMPLES.read_text(encoding="utf-8")).practitioners
