"""What settings may look like: one function a kind of value, from text; each raises ``ValueError`` for another form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Rate:
    """At most ``burst`` messages at once, refilled at ``per_minute`` messages a minute; ``None`` fields mean off."""

    per_minute: float
    burst: int


_MAX_DAYS = 36500
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def text(value: str) -> str:
    """As it is."""
    return value


def port(value: str) -> int:
    """A TCP port."""
    port = int(value)
    if not 0 <= port <= 65535:
        raise ValueError
    return port


def days(value: str) -> float:
    """Days, fractions too."""
    days = float(value)
    if not 0 <= days <= _MAX_DAYS:  # what is not a number is not between them either
        raise ValueError
    return days


def count(value: str) -> int:
    """A whole number from 1."""
    count = int(value)
    if count < 1:
        raise ValueError
    return count


def seconds(value: str) -> float:
    """Seconds, more than 0."""
    seconds = float(value)
    if not 0 < seconds < math.inf:
        raise ValueError
    return seconds


def minutes(value: str) -> float:
    """Minutes, more than 0."""
    return seconds(value)


def address(value: str) -> str:
    """A web address without a slash at its end."""
    address = value.strip().rstrip("/")
    if address and not address.startswith(("http://", "https://")):
        raise ValueError
    return address


def mail_server(value: str) -> str:
    """The address of a mail server."""
    address = value.strip()
    if address and not address.startswith(("smtp://", "smtps://")):
        raise ValueError
    return address


def parts(value: str) -> tuple[str, ...]:
    """Parts joined by commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def rate(value: str) -> Rate | None:
    """A rate, or nothing for ``off``."""
    if value.strip().lower() == "off":
        return None
    per_minute, _, burst = value.partition("/")
    rate = Rate(per_minute=float(per_minute), burst=int(burst or per_minute))
    if not 0 < rate.per_minute < math.inf or rate.burst < 1:
        raise ValueError
    return rate


def flag(value: str) -> bool:
    """Yes or no in several words."""
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError


def country(value: str) -> str:
    """Two letters."""
    code = value.strip().upper()
    if len(code) != 2 or not code.isascii() or not code.isalpha():
        raise ValueError
    return code


def zone(value: str) -> ZoneInfo:
    """A time zone by its name."""
    try:
        return ZoneInfo(value.strip())
    except (KeyError, OSError) as error:  # unknown, or no name at all
        raise ValueError from error


def level(value: str) -> str:
    """A level of logging."""
    level = value.strip().upper()
    if level not in LEVELS:
        raise ValueError
    return level


def path(value: str) -> Path:
    """A file or folder."""
    return Path(value).expanduser()


def optional_path(value: str) -> Path | None:
    """A file or folder, or nothing."""
    return path(value) if value else None
