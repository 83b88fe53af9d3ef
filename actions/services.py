"""What actions find around them: the directory, stored referrals, handoffs, and the clock.

The service sets them for each turn (:func:`at_work`). Behind ``rasa run actions`` nobody does: there they are made from
the settings at first use.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from bot.directory.gazetteer import Gazetteer
from bot.directory.places import Places
from bot.directory.service import Directory
from bot.hours import Hours
from bot.model import now
from bot.settings import Settings
from bot.storage.cards import CardStore
from bot.storage.database import Database
from bot.storage.encryption import Keyring
from bot.storage.handoff_log import HandoffLog
from bot.storage.practitioners import PractitionerStore
from bot.storage.referrals import ReferralStore


@dataclass(frozen=True)
class Services:
    """Everything that actions may look at besides the conversation itself."""

    directory: Directory
    referrals: ReferralStore
    handoffs: HandoffLog
    cards: CardStore
    country: str
    time_zone: ZoneInfo
    team_hours: Hours

    def local_time(self) -> datetime:
        """The present moment where the team works."""
        return now().astimezone(self.time_zone)


def make_services(settings: Settings, database: Database, keyring: Keyring) -> Services:
    """The services on a database; makes the gazetteer's file if it is missing (some 10 s, once)."""
    places = Places(_gazetteer(settings), country=settings.country)
    directory = Directory(PractitionerStore(database, keyring), places, show_examples=settings.example_directory)
    return Services(
        directory,
        ReferralStore(database, keyring),
        HandoffLog(database),
        CardStore(database),
        settings.country,
        settings.time_zone,
        settings.team_hours,
    )


@lru_cache(maxsize=1)
def _gazetteer_in(folder: str) -> Gazetteer:
    from pathlib import Path

    return Gazetteer.open(Path(folder))


def _gazetteer(settings: Settings) -> Gazetteer:
    return _gazetteer_in(str(settings.cache_dir or settings.data_dir))


_current: ContextVar[Services] = ContextVar("services")


@contextmanager
def at_work(services: Services) -> Iterator[None]:
    """Make these the services of the actions that run inside."""
    token = _current.set(services)
    try:
        yield
    finally:
        _current.reset(token)


def services() -> Services:
    """The services of this turn."""
    try:
        return _current.get()
    except LookupError:
        return _from_settings()


@lru_cache(maxsize=1)
def _from_settings() -> Services:
    settings = Settings.load()
    database = Database(settings.sqlalchemy_url)
    return make_services(settings, database, Keyring.of(settings.encryption_keys, settings.data_dir))
