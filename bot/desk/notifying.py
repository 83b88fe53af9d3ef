"""Telling staff by e-mail and webhook that somebody needs them.

What goes out says that somebody waits, how urgent it is, why, and where the desk is. It has nothing of the
conversation, not even which one it is: it passes through other people's servers.

Errors::

    DeliveryError
    ├── NotDeliveredYet    the other side did not answer, or asks to try later. Retryable.
    └── CannotDeliver      the other side refuses for good, or the way is not set up. Final.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from http import HTTPStatus
from urllib.parse import SplitResult, unquote, urlsplit

import aiohttp
import aiosmtplib

from bot.handoff import Why
from bot.model import now
from bot.storage.database import StorageUnavailable
from bot.storage.notifications import EMAIL, WEBHOOK, Notification, NotificationStore

log = logging.getLogger(__name__)

RETRIES = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
"""After each attempt in vain; then :data:`LATER`, until :data:`GIVE_UP` after the beginning."""
LATER = timedelta(hours=1)
GIVE_UP = timedelta(hours=24)

LEVELS = ("no danger known", "a concern", "serious", "in danger now")
"""How urgent, by level of safety."""

REASONS: dict[str, str] = {
    Why.ASKED: "asked for a person",
    Why.SAFETY: "alarm",
    Why.NOT_UNDERSTOOD: "was not understood",
    Why.CALL_BACK: "wants to be contacted",
    Why.REFERRAL: "wants a coach or a physiotherapist",
    Why.TRANSFERRED: "was passed on",
    Why.RELEASED: "was given back to the queue",
    Why.SILENT: "a colleague has not answered",
    Why.OFFLINE: "a colleague went offline",
    Why.ACCOUNT_ENDED: "a colleague's account ended",
    Why.WROTE_AGAIN: "wrote again",
}

_EVERY = 2.0
_BATCH = 100
_TIMEOUT = 45.0
"""Seconds for one delivery; less than a claim lasts, see ``bot.storage.notifications``."""


class DeliveryError(Exception):
    """Something was not delivered."""


class NotDeliveredYet(DeliveryError):
    """It may be later."""


class CannotDeliver(DeliveryError):
    """It will not be."""


def subject(waiting: Sequence[Notification]) -> str:
    """One line: how many wait, and how urgent the most urgent is."""
    urgency = LEVELS[max(one.level for one in waiting)]
    if len(waiting) == 1:
        return f"Somebody waits at the desk: {urgency}"
    return f"{len(waiting)} requests wait at the desk: {urgency}"


def text(waiting: Sequence[Notification], page_url: str) -> str:
    """All of it, in plain text: the most urgent first."""
    kinds = Counter((-one.level, REASONS.get(one.reason, "needs somebody")) for one in waiting)
    lines = [
        f"- {LEVELS[-minus_level]}: {reason}" + (f" ({count} times)" if count > 1 else "")
        for (minus_level, reason), count in sorted(kinds.items())
    ]
    where = f"Open the desk: {page_url}" if page_url else "Please open the desk."
    return "\n".join([f"{subject(waiting)}.", "", *lines, "", where, ""])


class Notifier:
    """Delivers what is in the queue, again and again until it is delivered or a day has passed."""

    def __init__(
        self,
        store: NotificationStore,
        *,
        smtp_url: str,
        sender: str,
        recipients: Sequence[str],
        webhook: str,
        page_url: str,
        clock: Callable[[], datetime] = now,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            smtp_url: ``smtp://USER:PASSWORD@HOST:PORT`` (STARTTLS when offered) or ``smtps://``; empty for no e-mail.
            sender: the address that e-mails come from.
            recipients: the addresses of the team.
            webhook: an address that takes ``{"text": ...}`` as Slack does; empty for none.
            page_url: the address of the desk; empty where it is not known.
            tls: how servers are checked; the system's certificates by default.

        Raises:
            ValueError: ``smtp_url`` is none.
        """
        self._store = store
        self._server = _server(smtp_url) if smtp_url and recipients else None
        self._sender = sender
        self._recipients = tuple(recipients)
        self._webhook = webhook
        self._page_url = page_url
        self._clock = clock
        self._tls = tls
        self._woken = asyncio.Event()

    @property
    def ways(self) -> frozenset[str]:
        """The ways that are set up, for ``bot.storage.notifications.enqueue``."""
        return frozenset(way for way, usable in ((EMAIL, self._server), (WEBHOOK, self._webhook)) if usable)

    def wake(self) -> None:
        """Look at the queue now."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self.send_due()
            except StorageUnavailable:
                pass  # it is tried again all the time; the rest of the service says so
            except Exception as error:  # whatever it is, the next one is to be told
                log.error("Telling staff failed: %s", type(error).__name__)
            try:
                async with asyncio.timeout(_EVERY):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def send_due(self) -> int:
        """Deliver what is due, in one message for each way; how many notifications were delivered.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        due = await self._store.due(self._clock(), _BATCH)
        by_way = [[one for one in due if one.way == way] for way in (EMAIL, WEBHOOK)]
        sent = await asyncio.gather(*(self._send(waiting) for waiting in by_way if waiting))
        return sum(sent)

    async def _send(self, waiting: Sequence[Notification]) -> int:
        way = waiting[0].way
        try:
            async with asyncio.timeout(_TIMEOUT):
                await (self._send_email(waiting) if way == EMAIL else self._send_webhook(waiting))
        except CannotDeliver as error:
            log.error("Staff cannot be told by %s: %s", way, error)
            await self._store.given_up([one.id for one in waiting])
            return 0
        except (NotDeliveredYet, TimeoutError) as error:
            log.warning("Staff could not be told by %s yet: %s", way, str(error) or "no answer in time")
            await self._later(waiting)
            return 0
        await self._store.done([one.id for one in waiting])
        return len(waiting)

    async def _later(self, waiting: Sequence[Notification]) -> None:
        moment = self._clock()
        for one in waiting:
            if moment - one.created_at >= GIVE_UP:
                log.error("Staff were not told by %s; given up after %d attempts.", one.way, one.attempts + 1)
                await self._store.given_up(one.id)
            else:
                pause = RETRIES[one.attempts] if one.attempts < len(RETRIES) else LATER
                await self._store.failed(one.id, moment + pause)

    async def _send_email(self, waiting: Sequence[Notification]) -> None:
        if self._server is None:
            raise CannotDeliver("no mail server is set")
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Subject"] = subject(waiting)
        message["Date"] = format_datetime(self._clock())
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2].strip("> ") or "localhost")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text(waiting, self._page_url))
        server, secure = self._server, self._server.scheme == "smtps"
        client = aiosmtplib.SMTP(
            hostname=server.hostname, port=server.port or (465 if secure else 25), use_tls=secure, tls_context=self._tls
        )
        try:
            async with client:
                if server.username:
                    if client.get_transport_info("sslcontext") is None and server.hostname not in _HERE:
                        raise NotDeliveredYet("the mail server offers no encryption for the password")
                    await client.login(unquote(server.username), unquote(server.password or ""))
                refused, _ = await client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _kind([one.code for one in error.recipients]) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _kind([error.code]) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotDeliveredYet(type(error).__name__) from error
        if refused:
            log.error("The mail server refused %d of %d recipients.", len(refused), len(self._recipients))

    async def _send_webhook(self, waiting: Sequence[Notification]) -> None:
        if not self._webhook:
            raise CannotDeliver("no webhook is set")
        body = {"text": text(waiting, self._page_url).strip()}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
                session.post(self._webhook, json=body, allow_redirects=False, ssl=self._tls or True) as response,
            ):
                status = response.status
        except (aiohttp.ClientError, OSError) as error:
            raise NotDeliveredYet(type(error).__name__) from error
        except ValueError as error:  # the address is none
            raise CannotDeliver(type(error).__name__) from error
        if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS) or status >= 500 or 300 <= status < 400:
            raise NotDeliveredYet(f"HTTP {status}")
        if status >= 400:
            raise CannotDeliver(f"HTTP {status}")


_HERE = ("localhost", "127.0.0.1", "::1")


def _kind(codes: Sequence[int]) -> DeliveryError:
    """What a mail server's refusal means: final when all of it is."""
    said = ", ".join(f"SMTP {code}" for code in sorted(set(codes)))
    return CannotDeliver(said) if codes and all(500 <= code < 600 for code in codes) else NotDeliveredYet(said)


def _server(url: str) -> SplitResult:
    parts = urlsplit(url)
    try:
        usable = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # the port is none
        usable = False
    if not usable:  # without the address: it may have a password
        raise ValueError("A mail server is smtp://USER:PASSWORD@HOST:PORT, or smtps://.")
    return parts
