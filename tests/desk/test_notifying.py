"""Telling staff: a real mail server, a real webhook, and what happens when they fail."""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import email.policy
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from bot.desk.notifying import Notifier
from bot.model import now
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from bot.storage.database import Database
from bot.storage.desk_tables import notifications
from bot.storage.notifications import CLAIM, NotificationStore, enqueue

DESK = "https://chat.example.org/desk"
SECONDS = [10, 60, 300, 900, 3600, 3600]
"""The pauses that are wanted between attempts."""


class Mailbox:
    """Takes mail, or answers what it is told to."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.got: list[email.message.EmailMessage] = []
        self.to: list[list[str]] = []
        self.refused: dict[str, str] = {}
        self.logins: list[tuple[bytes, bytes]] = []
        self.encrypted: list[bool] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        """Refuse some recipients."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        """Take a message, or fail as told."""
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.got.append(email.message_from_bytes(content, policy=email.policy.default))
            self.to.append(list(envelope.rcpt_tos))
            self.encrypted.append(session.ssl is not None)
        return answer

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        """Know one password."""
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss:word", handled=False)


class Hook:
    """A webhook that answers with the wanted statuses, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.got: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        """Take a message, or fail as told."""
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.got.append(await request.json())
        return web.Response(status=status)


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.moment = now()

    def __call__(self) -> dt.datetime:
        """The moment."""
        return self.moment

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.moment += timedelta(**by)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def mail_server(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    """A real mail server; gives its port."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield int(controller.port)
    finally:
        controller.stop()


@pytest.fixture
def mailbox() -> Mailbox:
    """What arrives."""
    return Mailbox()


@pytest.fixture
def smtp(mailbox: Mailbox) -> Iterator[str]:
    """The address of a mail server without encryption."""
    with mail_server(mailbox) as port:
        yield f"smtp://127.0.0.1:{port}"


@pytest.fixture
def hook() -> Hook:
    """What arrives."""
    return Hook()


@pytest.fixture
async def hook_url(hook: Hook) -> AsyncIterator[str]:
    """The address of a webhook."""
    app = web.Application()
    app.router.add_post("/hook/secret", hook.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook/secret"
    await runner.cleanup()


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def notifier(store: ConversationStore, clock: Clock) -> Callable[..., Notifier]:
    """Makes a notifier."""

    def make(*, database: Database | None = None, **changes: Any) -> Notifier:
        values: dict[str, Any] = {
            "smtp_url": "",
            "sender": "desk@example.org",
            "recipients": ["coach@example.org", "lead@example.org"],
            "webhook": "",
            "page_url": DESK,
            "clock": clock,
            **changes,
        }
        return Notifier(NotificationStore(database or store.database), **values)

    return make


async def _add(
    store: ConversationStore, clock: Clock, *ways: str, level: int = 0, reason: str = "asked", count: int = 1
) -> None:
    async with store.database.transaction() as connection:
        for _ in range(count):
            await enqueue(
                connection, level=level, reason=reason, channel="web", moment=clock(), ways=ways or ("email",)
            )


async def _rows(store: ConversationStore) -> list[Any]:
    async with store.database.read() as connection:
        return list((await connection.execute(select(notifications))).all())


async def test_an_email_says_how_urgent_and_why_and_where(
    store: ConversationStore, clock: Clock, mailbox: Mailbox, smtp: str, notifier: Callable[..., Notifier]
) -> None:
    """To everybody in the team, once."""
    await _add(store, clock, level=3, reason="safety")
    sending = notifier(smtp_url=smtp)
    assert await sending.send_due() == 1
    assert await sending.send_due() == 0
    (message,) = mailbox.got
    assert message["Subject"] == "Somebody waits at the desk: in danger now"
    assert message["From"] == "desk@example.org"
    assert mailbox.to == [["coach@example.org", "lead@example.org"]]
    body = message.get_content()
    assert "in danger now: alarm" in body
    assert DESK in body
    (row,) = await _rows(store)
    assert row.done_at is not None


async def test_a_webhook_gets_what_slack_takes(
    store: ConversationStore, clock: Clock, hook: Hook, hook_url: str, notifier: Callable[..., Notifier]
) -> None:
    """A text, and nothing else."""
    await _add(store, clock, "webhook", level=0, reason="call_back")
    assert await notifier(webhook=hook_url).send_due() == 1
    (body,) = hook.got
    assert list(body) == ["text"]
    assert "wants to be contacted" in body["text"]
    assert DESK in body["text"]


async def test_several_at_once_come_in_one_email(
    store: ConversationStore, clock: Clock, mailbox: Mailbox, smtp: str, notifier: Callable[..., Notifier]
) -> None:
    """It says how many, and how urgent the most urgent is."""
    await _add(store, clock, level=0, reason="asked", count=3)
    await _add(store, clock, level=2, reason="safety")
    assert await notifier(smtp_url=smtp).send_due() == 4
    (message,) = mailbox.got
    assert message["Subject"] == "4 requests wait at the desk: serious"
    lines = [line for line in message.get_content().splitlines() if line.startswith("- ")]
    assert lines == ["- serious: alarm", "- no danger known: asked for a person (3 times)"]


async def test_both_ways_are_used_and_one_does_not_hold_up_the_other(
    store: ConversationStore, clock: Clock, hook: Hook, hook_url: str, notifier: Callable[..., Notifier]
) -> None:
    """The mail server is away."""
    sending = notifier(smtp_url=f"smtp://127.0.0.1:{free_port()}", webhook=hook_url)
    assert sending.ways == {"email", "webhook"}
    await _add(store, clock, *sending.ways)
    assert await sending.send_due() == 1
    assert len(hook.got) == 1
    assert {row.way: row.attempts for row in await _rows(store)} == {"email": 1, "webhook": 0}


async def test_a_failing_webhook_is_tried_again_ever_later(
    store: ConversationStore, clock: Clock, hook: Hook, hook_url: str, notifier: Callable[..., Notifier]
) -> None:
    """Not before each pause is over; the last attempt arrives."""
    hook.statuses = [500, 503, 429, 408, 502, 500]
    await _add(store, clock, "webhook")
    sending = notifier(webhook=hook_url)
    for pause in SECONDS:
        before = len(hook.statuses)
        assert await sending.send_due() == 0
        assert len(hook.statuses) == before - 1
        clock.forward(seconds=pause - 1)
        assert await sending.send_due() == 0
        assert len(hook.statuses) == before - 1  # too early: nothing was sent
        clock.forward(seconds=1)
    assert await sending.send_due() == 1
    assert len(hook.got) == 1


async def test_after_a_day_it_is_given_up(
    store: ConversationStore,
    clock: Clock,
    hook: Hook,
    hook_url: str,
    notifier: Callable[..., Notifier],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And logged, with the kind of error alone."""
    hook.statuses = [500] * 100
    await _add(store, clock, "webhook")
    began = clock()
    sending = notifier(webhook=hook_url)
    while not (await _rows(store))[0].given_up:
        await sending.send_due()
        clock.forward(minutes=5)
        assert clock() - began < timedelta(hours=26)
    assert clock() - began >= timedelta(hours=24)
    assert "given up" in caplog.text
    assert "secret" not in caplog.text
    left = len(hook.statuses)
    clock.forward(days=2)
    assert await sending.send_due() == 0
    assert len(hook.statuses) == left


@pytest.mark.parametrize("status", [400, 403, 404, 410])
async def test_a_webhook_that_refuses_is_not_asked_again(
    store: ConversationStore, clock: Clock, hook: Hook, hook_url: str, notifier: Callable[..., Notifier], status: int
) -> None:
    """It would say the same again."""
    hook.statuses = [status]
    await _add(store, clock, "webhook")
    assert await notifier(webhook=hook_url).send_due() == 0
    assert [row.given_up for row in await _rows(store)] == [True]


@pytest.mark.parametrize(("answer", "final"), [("451 try later", False), ("554 no", True), ("421 busy", False)])
async def test_a_mail_server_says_whether_to_try_again(
    store: ConversationStore,
    clock: Clock,
    mailbox: Mailbox,
    smtp: str,
    notifier: Callable[..., Notifier],
    answer: str,
    final: bool,
) -> None:
    """By its code."""
    mailbox.answers = [answer]
    await _add(store, clock)
    sending = notifier(smtp_url=smtp)
    assert await sending.send_due() == 0
    assert [row.given_up for row in await _rows(store)] == [final]
    clock.forward(seconds=10)
    assert await sending.send_due() == (0 if final else 1)


@pytest.mark.parametrize(
    ("refused", "sent", "final"),
    [
        ({"coach@example.org": "550 unknown"}, 1, False),
        ({"coach@example.org": "550 unknown", "lead@example.org": "550 unknown"}, 0, True),
        ({"coach@example.org": "550 unknown", "lead@example.org": "450 later"}, 0, False),
    ],
)
async def test_some_refused_recipients_are_no_failure(
    store: ConversationStore,
    clock: Clock,
    mailbox: Mailbox,
    smtp: str,
    notifier: Callable[..., Notifier],
    refused: dict[str, str],
    sent: int,
    final: bool,
) -> None:
    """All refused for good is; and who may be taken later is tried later."""
    mailbox.refused = refused
    await _add(store, clock)
    assert await notifier(smtp_url=smtp).send_due() == sent
    assert [row.given_up for row in await _rows(store)] == [final]


async def test_two_processes_send_one_thing_once(
    settings: Settings,
    store: ConversationStore,
    clock: Clock,
    mailbox: Mailbox,
    smtp: str,
    notifier: Callable[..., Notifier],
) -> None:
    """Each has its own connections; what one has taken, the other leaves alone."""
    await _add(store, clock, count=20)
    other = Database(settings.sqlalchemy_url)
    try:
        both = [notifier(smtp_url=smtp), notifier(smtp_url=smtp, database=other)]
        sent = await asyncio.gather(*(one.send_due() for one in both for _ in range(3)))
    finally:
        await other.close()
    assert sum(sent) == 20
    assert all(row.done_at is not None for row in await _rows(store))
    subjects = [message["Subject"] for message in mailbox.got]
    assert sum(int(line.split()[0]) if line[0].isdigit() else 1 for line in subjects) == 20


async def test_what_a_process_took_and_did_not_finish_is_sent_by_another(
    store: ConversationStore, clock: Clock, mailbox: Mailbox, smtp: str, notifier: Callable[..., Notifier]
) -> None:
    """When its claim is over."""
    await _add(store, clock)
    assert len(await NotificationStore(store.database).due(clock(), 10)) == 1  # and then it died
    sending = notifier(smtp_url=smtp)
    assert await sending.send_due() == 0
    clock.moment += CLAIM
    assert await sending.send_due() == 1


async def test_it_goes_out_soon_after_waking(
    store: ConversationStore, clock: Clock, mailbox: Mailbox, smtp: str, notifier: Callable[..., Notifier]
) -> None:
    """And every two seconds without."""
    sending = notifier(smtp_url=smtp)
    running = asyncio.create_task(sending.run())
    try:
        for woken in (True, False):
            await asyncio.sleep(0.3)
            before = len(mailbox.got)
            await _add(store, clock)
            if woken:
                sending.wake()
            async with asyncio.timeout(1.0 if woken else 4.0):
                while len(mailbox.got) == before:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)  # the mail server is in another thread
    finally:
        running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_way_that_is_no_longer_set_up_is_given_up(
    store: ConversationStore, clock: Clock, notifier: Callable[..., Notifier]
) -> None:
    """Nobody waits for it."""
    await _add(store, clock, "email", "webhook")
    sending = notifier()
    assert sending.ways == frozenset()
    assert await sending.send_due() == 0
    assert [row.given_up for row in await _rows(store)] == [True, True]


async def test_what_is_finished_is_purged(store: ConversationStore, clock: Clock) -> None:
    """What is still to be told stays."""
    queue = NotificationStore(store.database)
    await _add(store, clock, count=3)
    rows = await queue.due(clock(), 10)
    await queue.done(rows[0].id)
    await queue.given_up(rows[1].id)
    assert await queue.purge(clock() - timedelta(days=1)) == 0
    assert await queue.purge(clock() + timedelta(days=1)) == 2
    assert [row.id for row in await _rows(store)] == [rows[2].id]


async def test_the_most_urgent_comes_first(store: ConversationStore, clock: Clock) -> None:
    """Also when not all are taken."""
    for level in (0, 3, 1):
        await _add(store, clock, level=level)
        clock.forward(seconds=1)
    queue = NotificationStore(store.database)
    assert [one.level for one in await queue.due(clock(), 2)] == [3, 1]


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:25", "smtp://", "smtp://host:port", "smtp://u:pw@h:x"])
def test_an_address_that_is_no_mail_server_is_refused(notifier: Callable[..., Notifier], url: str) -> None:
    """At once, without repeating the password."""
    with pytest.raises(ValueError) as caught:
        notifier(smtp_url=url)
    assert "pw" not in str(caught.value)


# Encryption


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of our own for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@asynccontextmanager
async def encrypted(mailbox: Mailbox, certificate: Path, scheme: str) -> AsyncIterator[int]:
    """A mail server with STARTTLS, or with TLS from the start, that wants a password."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if scheme == "smtp":
        options: dict[str, Any] = {"tls_context": context, "require_starttls": True, "auth_required": True}
    else:
        options = {"ssl_context": context, "auth_require_tls": False}  # it does not see that TLS is there already
    with mail_server(mailbox, authenticator=mailbox.authenticate, **options) as port:
        yield port


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_mail_is_encrypted_and_signed_in(
    store: ConversationStore,
    clock: Clock,
    mailbox: Mailbox,
    certificate: Path,
    notifier: Callable[..., Notifier],
    scheme: str,
) -> None:
    """With what the address says; a certificate that nobody knows is not trusted."""
    trusting = ssl.create_default_context(cafile=certificate)
    async with encrypted(mailbox, certificate, scheme) as port:
        await _add(store, clock)
        url = f"{scheme}://desk%40example.org:p%40ss%3Aword@127.0.0.1:{port}"
        assert await notifier(smtp_url=url).send_due() == 0
        assert mailbox.logins == []
        clock.forward(seconds=10)
        assert await notifier(smtp_url=url, tls=trusting).send_due() == 1
        assert mailbox.logins == [(b"desk@example.org", b"p@ss:word")]
        assert len(mailbox.got) == 1
        await _add(store, clock)
        wrong = f"{scheme}://desk:wrong@127.0.0.1:{port}"
        assert await notifier(smtp_url=wrong, tls=trusting).send_due() == 0
    assert sorted(row.given_up for row in await _rows(store)) == [False, True]


def test_no_notification_has_room_for_a_conversation() -> None:
    """The table has no column for one, nor for anything that anybody wrote."""
    columns: Sequence[str] = [column.name for column in notifications.columns]
    assert not {"conversation_id", "content", "text"} & set(columns)
