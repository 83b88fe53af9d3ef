"""The composition root: settings in, application out. Everything is wired here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from actions.handoff import when_somebody_is_there
from actions.services import Services, at_work, make_services
from bot.app_desk import make_desk, make_notifier, make_presence, make_signals
from bot.assistant.agent import Assistant
from bot.channels import pages, status
from bot.channels.problem import problems
from bot.channels.rate_limit import RateLimiter
from bot.channels.web import WebChat
from bot.conversation.events import Listeners
from bot.conversation.handoff import HandoffService
from bot.conversation.service import ConversationService
from bot.conversation.turn import Turns
from bot.desk.notifying import Notifier
from bot.desk.routing import DeskRoutes
from bot.model import now
from bot.nlu.encoder import shared_encoder
from bot.safety.first_help import first_help
from bot.safety.helplines import helplines
from bot.safety.policy import SafetyPolicy
from bot.settings import Settings
from bot.storage.audit import AuditLog
from bot.storage.cards import CardStore
from bot.storage.changes import follow_changes
from bot.storage.conversations import ConversationStore
from bot.storage.database import Database, StorageUnavailable
from bot.storage.encryption import Keyring
from bot.storage.handoffs import purge_handoffs
from bot.storage.migrate import migrate
from bot.storage.notifications import NotificationStore
from bot.storage.safety import SafetyStore
from bot.values import Rate

log = logging.getLogger(__name__)

# 5,000 characters as JSON escapes of surrogate pairs are 60,000 bytes. The desk's import of files has its own limit.
_MAX_BODY = 128 * 1024

_SIGNALS = Rate(per_minute=120, burst=30)
"""How fast one visitor may say that she is typing or has read something."""

_AUDIT_KEPT = timedelta(days=31)
"""The database itself refuses to erase younger entries of the audit log (30 days)."""

READY = web.AppKey("ready", asyncio.Event)
SERVICE = web.AppKey("service", ConversationService)
DESK_ROUTES = web.AppKey("desk_routes", DeskRoutes)


@contextlib.asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[ConversationStore]:
    """Storage, migrated and ready, closed at the end; what every command needs."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    keys = Keyring.of(settings.encryption_keys, settings.data_dir)
    database = Database(settings.sqlalchemy_url, max_turns=settings.max_turns)
    try:
        await migrate(database)
        yield ConversationStore(database, keys, told_by=settings.told_by)
    finally:
        await database.close()


def _address(settings: Settings, request: web.Request) -> str:
    if settings.trust_proxy:
        forwarded = request.headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
        if forwarded:
            return forwarded
    return request.remote or ""


def make_service(
    settings: Settings,
    store: ConversationStore,
    assistant: Assistant,
    listeners: Listeners,
    *,
    services: Services | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> ConversationService:
    """The service on storage and a loaded assistant: what every channel hands its messages to."""
    services = services or make_services(settings, store.database, store.keyring)
    policy = SafetyPolicy(
        first_help(), helplines(), country=settings.country, when=lambda: when_somebody_is_there(services)
    )
    turns = Turns(
        store,
        assistant,
        assistant.screen,
        policy,
        timeout=settings.turn_timeout,
        at_work=lambda: at_work(services),
    )
    return ConversationService(store, turns, listeners, turn_timeout=settings.turn_timeout, waiting=waiting)


def make_app(settings: Settings, store: ConversationStore, assistant: Assistant) -> web.Application:
    """The aiohttp application on storage and a loaded assistant, which the caller opens and closes."""
    listeners, presence = Listeners(), make_presence(store)
    notifier = make_notifier(settings, store)
    services = make_services(settings, store.database, store.keyring)
    service = make_service(settings, store, assistant, listeners, services=services, waiting=notifier.wake)

    def address(request: web.Request) -> str:
        return _address(settings, request)

    chat = WebChat(
        service,
        store,
        listeners,
        messages=RateLimiter(settings.rate_limit),
        starts=RateLimiter(settings.start_rate_limit),
        signalled=RateLimiter(_SIGNALS if settings.rate_limit else None),
        address=address,
        presence=presence,
        signals=make_signals(store, listeners),
    )
    desk = make_desk(
        settings, store, assistant, service, services, listeners, presence, address=address, wake=notifier.wake
    )

    async def ready() -> dict[str, bool]:
        return {"model": True, "database": await store.database.answers()}

    app = web.Application(middlewares=[problems], client_max_size=_MAX_BODY)
    app[SERVICE] = service
    app.add_routes([*chat.routes(), *pages.routes(), *status.routes(ready), *desk.routes.routes()])
    app[DESK_ROUTES] = desk.routes
    app.cleanup_ctx.append(lambda _: _running(settings, store, service, listeners, desk.handoff, notifier))

    async def end_streams(_: web.Application) -> None:
        listeners.close()

    app.on_response_prepare.append(pages.guard)
    app.on_response_prepare.append(desk.sessions.on_prepare)
    app.on_shutdown.append(end_streams)
    return app


async def _running(
    settings: Settings,
    store: ConversationStore,
    service: ConversationService,
    listeners: Listeners,
    handoff: HandoffService,
    notifier: Notifier,
) -> AsyncIterator[None]:
    """What runs beside the requests: recovery, purging, telling staff, hearing from other processes."""
    tasks = [
        asyncio.create_task(follow_changes(store.database, listeners.changed, listeners.wake_all, listeners.signal)),
        asyncio.create_task(_purge(settings, service)),
        asyncio.create_task(handoff.run()),
        asyncio.create_task(notifier.run()),
    ]
    async with service:
        recovered = await service.recover()
        if recovered:
            log.info("Answering %d conversations that were left unanswered.", recovered)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def purge_trails(settings: Settings, database: Database) -> None:
    """Erase what is past its time and belongs to no conversation: alarms, handoffs, the audit log, notifications."""
    before = now() - timedelta(days=settings.audit_days)
    await SafetyStore(database).purge(before)
    await purge_handoffs(database, before)
    await AuditLog(database).purge(min(before, now() - _AUDIT_KEPT))
    await NotificationStore(database).purge(before)
    await CardStore(database).purge_gone(now() - timedelta(hours=13))  # longer than any desk session


async def _purge(settings: Settings, service: ConversationService) -> None:
    while True:
        try:
            await service.purge(settings.retention_days, settings.referral_days)
            await purge_trails(settings, service.database)
        except StorageUnavailable:
            log.warning("The database does not answer; purging later.")
        await asyncio.sleep(settings.purge_every)


def load_assistant(settings: Settings) -> Assistant:
    """The assistant with the model of the settings, trained now if the data are new."""
    from bot.assistant.training import ensure_model

    assistant = Assistant.load(Path(settings.model) if settings.model else ensure_model(settings.data_dir))
    shared_encoder().encode_one("warm")  # loaded now, so that the first visitor does not wait for it
    _give_back_memory()
    return assistant


def _give_back_memory() -> None:
    """Return what loading needed and no longer needs (some 60 MB, mostly copies of the encoder's weights)."""
    gc.collect()
    gc.freeze()  # what is loaded now stays: the collector need not look at it again
    with contextlib.suppress(OSError, AttributeError):  # not glibc: nothing to do
        ctypes.CDLL("libc.so.6").malloc_trim(0)
