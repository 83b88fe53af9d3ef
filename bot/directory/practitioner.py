"""A coach or a physiotherapist, and the checks that every entry passes, from a file or from the desk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache

from bot.hours import BadHours, Hours

COLUMNS = (
    "id",
    "role",
    "name",
    "city",
    "area",
    "postal_code",
    "country",
    "latitude",
    "longitude",
    "languages",
    "gender",
    "services",
    "accessibility",
    "hours",
    "taking_new",
    "contact",
)
"""The columns of the import file, in its order."""

ROLES = ("coach", "physiotherapist")
GENDERS = ("woman", "man", "non-binary")
SERVICES = {
    "vaginismus": "trained in vaginismus",
    "dilators": "helps with trainers",
    "trauma_informed": "trauma-informed",
    "postpartum": "care after birth",
    "cancer_care": "care after cancer",
    "trans_inclusive": "trans-inclusive",
    "home_visits": "home visits",
    "video": "video sessions",
}
"""Services by id, as they are told to people."""

ACCESSIBILITY = {
    "step_free": "step-free entrance",
    "lift": "lift",
    "parking": "parking",
    "sign_language": "sign language",
    "quiet_room": "quiet room",
}
_ID = re.compile(r"^[a-z0-9][a-z0-9-]{1,63}$")
_LONGEST = {"name": 120, "city": 80, "area": 80, "postal_code": 16, "hours": 200, "contact": 200}


class BadPractitioner(ValueError):
    """An entry cannot be used. ``problems`` says what is wrong, each with its column."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Practitioner:
    """A coach (online) or a physiotherapist (on site). ``contact`` is for staff only and never shown to visitors."""

    id: str
    role: str
    name: str
    city: str = ""
    area: str = ""
    postal_code: str = ""
    country: str = "IN"
    latitude: float | None = None
    longitude: float | None = None
    languages: tuple[str, ...] = ()
    gender: str = ""
    services: tuple[str, ...] = ()
    accessibility: tuple[str, ...] = ()
    hours: str = ""
    taking_new: bool = True
    contact: str = ""

    def as_row(self) -> dict[str, str]:
        """The entry as the import file has it."""
        row = asdict(self)
        for column in ("languages", "services", "accessibility"):
            row[column] = ";".join(row[column])
        row["taking_new"] = "yes" if self.taking_new else "no"
        for column in ("latitude", "longitude"):
            row[column] = "" if row[column] is None else f"{row[column]:g}"
        return {column: str(row[column]) for column in COLUMNS}


@lru_cache(maxsize=1)
def known_languages() -> dict[str, str]:
    """Names of languages in English, by their lower case."""
    from babel import Locale

    names = {name.lower(): name for name in Locale("en").languages.values()}
    return names | {
        "bengali": "Bengali",
        "bangla": "Bengali",
        "oriya": "Odia",
        "mandarin": "Chinese",
        "farsi": "Persian",
    }


def read_practitioner(row: Mapping[str, str | None]) -> Practitioner:
    """Check one entry and make it a practitioner.

    Args:
        row: the values by column, as text. Missing columns count as empty.

    Raises:
        BadPractitioner: with everything that is wrong, not only the first.
    """
    values = {column: " ".join((row.get(column) or "").split()) for column in COLUMNS}
    problems = [
        f"{column}: longer than {most} characters" for column, most in _LONGEST.items() if len(values[column]) > most
    ]
    if not _ID.match(values["id"]):
        problems.append("id: 2 to 64 small letters, digits and - are needed, as in asha-pune")
    if values["role"] not in ROLES:
        problems.append(f"role: {values['role'] or 'empty'!r} is not one of {', '.join(ROLES)}")
    if not values["name"]:
        problems.append("name: empty")
    if values["gender"] and values["gender"] not in GENDERS:
        problems.append(f"gender: {values['gender']!r} is not empty or one of {', '.join(GENDERS)}")
    if not re.fullmatch(r"[A-Z]{2}", values["country"]):
        problems.append(f"country: two letters are needed, as in IN, not {values['country']!r}")
    if values["country"] == "IN" and values["postal_code"] and not re.fullmatch(r"[1-9]\d{5}", values["postal_code"]):
        problems.append(f"postal_code: {values['postal_code']!r} is no Indian pin code")
    if values["role"] == "physiotherapist" and not values["city"]:
        problems.append("city: a physiotherapist on site needs one")
    if not values["contact"]:
        problems.append("contact: empty; staff must be able to reach them")
    try:
        Hours.parse(values["hours"])
    except BadHours as error:
        problems.append(f"hours: {error}")
    latitude, longitude = _coordinates(values, problems)
    languages = _languages(values["languages"], problems)
    services = _ids("services", values["services"], SERVICES, problems)
    accessibility = _ids("accessibility", values["accessibility"], ACCESSIBILITY, problems)
    if values["taking_new"].lower() not in ("yes", "no"):
        problems.append(f"taking_new: yes or no is needed, not {values['taking_new'] or 'empty'!r}")
    if problems:
        raise BadPractitioner(problems)
    return Practitioner(
        values["id"],
        values["role"],
        values["name"],
        values["city"],
        values["area"],
        values["postal_code"],
        values["country"],
        latitude,
        longitude,
        languages,
        values["gender"],
        services,
        accessibility,
        values["hours"],
        values["taking_new"].lower() == "yes",
        values["contact"],
    )


def _coordinates(values: Mapping[str, str], problems: list[str]) -> tuple[float | None, float | None]:
    """Both coordinates, or neither."""
    found: list[float | None] = []
    for column, most in (("latitude", 90.0), ("longitude", 180.0)):
        try:
            number = float(values[column]) if values[column] else None
        except ValueError:
            number = float("nan")
        if number is not None and not -most <= number <= most:
            problems.append(f"{column}: {values[column]!r} is not a number of degrees from {-most:g} to {most:g}")
        found.append(number)
    if (found[0] is None) != (found[1] is None):
        problems.append("latitude, longitude: give both or neither")
    return found[0], found[1]


def _languages(text: str, problems: list[str]) -> tuple[str, ...]:
    names = [part.strip() for part in text.split(";") if part.strip()]
    if not names:
        problems.append("languages: empty; at least one is needed, several are joined by ;")
    for name in names:
        if name.lower() not in known_languages():
            problems.append(f"languages: {name!r} is not the English name of a language")
    return tuple(known_languages().get(name.lower(), name) for name in names)


def _ids(column: str, text: str, known: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    names = [part.strip() for part in text.split(";") if part.strip()]
    for name in names:
        if name not in known:
            problems.append(f"{column}: {name!r} is not one of {', '.join(known)}")
    return tuple(dict.fromkeys(names))
