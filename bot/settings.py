"""The one table of settings: every ``BOT_*`` environment variable with its default and help.

Nothing is read at import time; :meth:`Settings.load` reads the environment once, at start. A test keeps
``docs/operations.md`` in step with :data:`TABLE`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from zoneinfo import ZoneInfo

from bot import values
from bot.hours import Hours
from bot.values import Rate


class SettingError(ValueError):
    """A setting has a value that cannot be used; the message names the variable and what it takes."""


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    ``name`` is the environment variable, ``takes`` says in words what it takes, ``help`` what it does.
    """

    name: str
    default: str
    parse: Callable[[str], object]
    takes: str
    help: str

    @property
    def attribute(self) -> str:
        """The attribute of :class:`Settings` that holds it: the name in lower case without ``BOT_``."""
        return self.name.removeprefix("BOT_").lower()


TABLE: tuple[Setting, ...] = (
    Setting("BOT_HOST", "127.0.0.1", values.text, "an address", "Address the server listens on."),
    Setting("BOT_PORT", "8080", values.port, "a port, 0 to 65535", "Port the server listens on; 0 takes a free one."),
    Setting(
        "BOT_DATA_DIR", "var", values.path, "a folder", "Where the database file, the key file and trained models live."
    ),
    Setting(
        "BOT_DATABASE_URL",
        "",
        values.text,
        "a database URL",
        "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME. Empty: a SQLite file in the data folder.",
    ),
    Setting(
        "BOT_ENCRYPTION_KEYS",
        "",
        values.text,
        "ID:BASE64[,ID:BASE64...]",
        "AES-256 keys for what is stored, the active one first. Empty: a key file generated in the data folder.",
    ),
    Setting(
        "BOT_RATE_LIMIT",
        "30/15",
        values.rate,
        "PER_MINUTE/BURST or off",
        "How fast one visitor may write: messages a minute, and how many at once.",
    ),
    Setting(
        "BOT_START_RATE_LIMIT",
        "20/20",
        values.rate,
        "PER_MINUTE/BURST or off",
        "How fast new conversations may be started from one address. Also off when BOT_RATE_LIMIT is off.",
    ),
    Setting(
        "BOT_TRUST_PROXY",
        "false",
        values.flag,
        "true or false",
        "Take the visitor's address from the last X-Forwarded-For entry; only behind a proxy of your own.",
    ),
    Setting(
        "BOT_RETENTION_DAYS",
        "30",
        values.days,
        "days, 0 to 36500",
        "Conversations are erased this many days after their last message.",
    ),
    Setting(
        "BOT_AUDIT_DAYS",
        "365",
        values.days,
        "days, 0 to 36500",
        "The audit trail of alarms, which holds no message text, is erased after this time.",
    ),
    Setting(
        "BOT_COUNTRY",
        "IN",
        values.country,
        "two letters, as in IN",
        "Whose helplines are given until a person names another country.",
    ),
    Setting(
        "BOT_TEAM_HOURS",
        "",
        Hours.parse,
        "hours, as in Mon-Fri 10:00-18:00; Sat 10:00-13:00",
        "When people of the team are there. Empty: not known, and visitors are told so.",
    ),
    Setting("BOT_TIME_ZONE", "Asia/Kolkata", values.zone, "a time zone, as in Asia/Kolkata", "Where the team works."),
    Setting(
        "BOT_EXAMPLE_DIRECTORY",
        "true",
        values.flag,
        "true or false",
        "Show the example coaches and physiotherapists, marked as such, while no real ones are imported.",
    ),
    Setting(
        "BOT_REFERRAL_DAYS",
        "90",
        values.days,
        "days, 0 to 36500",
        "A conversation with an open referral is kept until this long after the referral's last change.",
    ),
    Setting(
        "BOT_CACHE_DIR",
        "",
        values.optional_path,
        "a folder",
        "Where the gazetteer made of the data packages lies; nothing of anybody is in it. Empty: the data folder.",
    ),
    Setting(
        "BOT_PUBLIC_URL",
        "",
        values.address,
        "an address, as in https://chat.example.org",
        "Where people reach this service; for links in what staff are told. Empty: the links are left out.",
    ),
    Setting(
        "BOT_DESK_IDLE_MINUTES",
        "120",
        values.minutes,
        "minutes, more than 0",
        "A desk session ends when nothing was done for so long; after 12 hours in any case.",
    ),
    Setting(
        "BOT_CLAIM_SILENT_MINUTES",
        "10",
        values.minutes,
        "minutes, more than 0",
        "Who holds a conversation and leaves the visitor without an answer for so long loses it to the queue.",
    ),
    Setting(
        "BOT_CLAIM_OFFLINE_MINUTES",
        "3",
        values.minutes,
        "minutes, more than 0",
        "Who holds a conversation and has not had the desk open for so long loses it to the queue.",
    ),
    Setting(
        "BOT_VISITOR_LEFT_SECONDS",
        "45",
        values.seconds,
        "seconds",
        "A visitor whose page was not open for so long is marked as having left.",
    ),
    Setting(
        "BOT_NOTIFY_EMAIL",
        "",
        values.parts,
        "addresses, joined by commas",
        "Who is told by e-mail that somebody waits. Empty: nobody. Needs BOT_SMTP_URL.",
    ),
    Setting(
        "BOT_SMTP_URL",
        "",
        values.mail_server,
        "smtp://USER:PASSWORD@HOST:587 or smtps://...",
        "The mail server. Empty: no e-mail is sent.",
    ),
    Setting(
        "BOT_MAIL_FROM", "", values.text, "an address", "The sender of e-mails. Empty: desk@ the mail server's name."
    ),
    Setting(
        "BOT_NOTIFY_WEBHOOK",
        "",
        values.address,
        "an address",
        "Told that somebody waits, as JSON that Slack understands. It carries no content. Empty: nothing is told.",
    ),
    Setting(
        "BOT_PURGE_EVERY",
        "3600",
        values.seconds,
        "seconds",
        "How often the running server erases what is past retention.",
    ),
    Setting(
        "BOT_MODEL",
        "",
        values.text,
        "a file",
        "A trained model to use. Empty: the one that fits the data, trained if missing.",
    ),
    Setting("BOT_MAX_TURNS", "16", values.count, "a number", "How many conversations one process works on at once."),
    Setting(
        "BOT_TURN_TIMEOUT",
        "20",
        values.seconds,
        "seconds",
        "How long a turn may take before the visitor gets an apology instead.",
    ),
    Setting(
        "BOT_LOG_LEVEL", "INFO", values.level, ", ".join(values.LEVELS), "How much is logged. Never what people write."
    ),
    Setting(
        "BOT_SHUTDOWN_SECONDS",
        "5",
        values.seconds,
        "seconds",
        "How long open requests may finish when the server stops.",
    ),
)


@dataclass(frozen=True)
class Settings:
    """All settings, parsed. One attribute for each row of :data:`TABLE`."""

    host: str
    port: int
    data_dir: Path
    database_url: str
    encryption_keys: str
    rate_limit: Rate | None
    start_rate_limit: Rate | None
    trust_proxy: bool
    retention_days: float
    audit_days: float
    country: str
    team_hours: Hours
    time_zone: ZoneInfo
    example_directory: bool
    referral_days: float
    cache_dir: Path | None
    public_url: str
    desk_idle_minutes: float
    claim_silent_minutes: float
    claim_offline_minutes: float
    visitor_left_seconds: float
    notify_email: tuple[str, ...]
    smtp_url: str
    mail_from: str
    notify_webhook: str
    purge_every: float
    model: str
    max_turns: int
    turn_timeout: float
    log_level: str
    shutdown_seconds: float

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment (or ``environ``).

        Raises:
            SettingError: a value cannot be used, or a ``BOT_*`` variable is unknown (probably misspelt).
        """
        source = os.environ if environ is None else environ
        known = {row.name for row in TABLE}
        unknown = sorted(name for name in source if name.startswith("BOT_") and name not in known)
        if unknown:
            raise SettingError(f"Unknown setting {', '.join(unknown)}; see docs/operations.md for the list.")
        found: dict[str, object] = {}
        for row in TABLE:
            raw = source.get(row.name, row.default)
            try:
                found[row.attribute] = row.parse(raw)
            except ValueError as error:
                raise SettingError(f"{row.name} takes {row.takes}, not {raw!r}.") from error
        settings = cls(**found)  # type: ignore[arg-type]
        if settings.rate_limit is None:
            settings = settings.replace(start_rate_limit=None)
        return settings

    def replace(self, **changes: object) -> Settings:
        """A copy with some attributes changed, for tests and commands."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(**{**found, **changes})

    @property
    def told_by(self) -> frozenset[str]:
        """The ways in which staff are told that somebody waits: ``email``, ``webhook``, both or none."""
        ways = (("email", bool(self.notify_email and self.smtp_url)), ("webhook", bool(self.notify_webhook)))
        return frozenset(way for way, is_set in ways if is_set)

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL with its asynchronous driver.

        Raises:
            SettingError: the URL names a database other than SQLite or PostgreSQL.
        """
        url = self.database_url or f"sqlite:///{(self.data_dir / 'support.db').absolute()}"
        scheme, separator, rest = url.partition("://")
        if not separator:
            raise SettingError("BOT_DATABASE_URL takes sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.")
        kind = scheme.split("+")[0]
        if kind == "sqlite":
            return f"sqlite+aiosqlite://{rest}"
        if kind in {"postgresql", "postgres"}:
            return f"postgresql+asyncpg://{rest}"
        raise SettingError(f"BOT_DATABASE_URL: {kind} is not supported; take sqlite or postgresql.")
