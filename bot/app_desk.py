"""The part of the composition root that is about staff: handoffs, the desk's pages, and telling that somebody waits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from actions.knowledge import titles
from actions.services import Services
from bot.assistant.agent import Assistant
from bot.channels.rate_limit import RateLimiter
from bot.conversation.events import Listeners
from bot.conversation.handoff import HandoffService, Patience
from bot.conversation.presence import Presence
from bot.conversation.service import ConversationService
from bot.desk.access import Member
from bot.desk.account import AccountPage
from bot.desk.audit_page import AuditPage
from bot.desk.canned_page import CannedPage
from bot.desk.conversations import DeskConversations
from bot.desk.directory_page import DirectoryPage
from bot.desk.home import Home
from bot.desk.invitation import InvitationPage, first_administrator_link
from bot.desk.live import LiveDesk
from bot.desk.notifying import Notifier
from bot.desk.passwords import Passwords
from bot.desk.referrals_page import ReferralsPage
from bot.desk.rendering import Pages
from bot.desk.reports_page import ReportsPage
from bot.desk.routing import DeskRoutes
from bot.desk.search_page import SearchPage
from bot.desk.sessions import DeskSessions
from bot.desk.sign_in import SignIn
from bot.desk.staff_page import StaffPage
from bot.desk.stream import SESSIONS, DeskStream
from bot.desk.understanding_page import UnderstandingPage
from bot.nlu.encoder import shared_encoder
from bot.settings import Settings
from bot.storage.audit import AuditLog
from bot.storage.canned import CannedStore, fill
from bot.storage.cards import CardStore
from bot.storage.changes import send_signal
from bot.storage.conversations import ConversationStore
from bot.storage.credentials import CredentialStore
from bot.storage.database import DESK, StorageUnavailable
from bot.storage.invitations import InvitationStore
from bot.storage.misunderstood import MisunderstoodStore
from bot.storage.notifications import NotificationStore
from bot.storage.practitioners import PractitionerStore
from bot.storage.referrals import ReferralStore
from bot.storage.reports import ReportStore
from bot.storage.search import Search
from bot.storage.sessions import SessionStore
from bot.storage.staff import StaffStore
from bot.values import Rate

log = logging.getLogger(__name__)

_ATTEMPTS = Rate(per_minute=10, burst=10)
"""Sign-ins from one address."""


@dataclass(frozen=True)
class Desk:
    """What the application needs of the desk."""

    routes: DeskRoutes
    sessions: DeskSessions
    handoff: HandoffService


def make_notifier(settings: Settings, store: ConversationStore) -> Notifier:
    """Tells staff by e-mail and webhook."""
    return Notifier(
        NotificationStore(store.database),
        smtp_url=settings.smtp_url,
        sender=settings.mail_from,
        recipients=settings.notify_email,
        webhook=settings.notify_webhook,
        page_url=f"{settings.public_url}/desk" if settings.public_url else "",
    )


def make_signals(store: ConversationStore, listeners: Listeners) -> Callable[[str, dict[str, Any]], Any]:
    """Passes on what is true for a moment only, here and to other processes."""

    async def signal(conversation_id: str, data: dict[str, Any]) -> None:
        listeners.signal(conversation_id, data)
        try:
            await send_signal(store.database, conversation_id, data)
        except StorageUnavailable:
            log.debug("A signal did not reach the other processes.")

    return signal


def make_presence(store: ConversationStore) -> Presence:
    """Who is there."""
    return Presence(CardStore(store.database), StaffStore(store.database))


def make_desk(
    settings: Settings,
    store: ConversationStore,
    assistant: Assistant,
    service: ConversationService,
    services: Services,
    listeners: Listeners,
    presence: Presence,
    *,
    address: Callable[[web.Request], str],
    wake: Callable[[], None],
) -> Desk:
    """All pages and endpoints of the desk.

    Args:
        services: the directory and the clock, as the assistant's actions have them.
        address: tells the network address of a request.
        wake: called when somebody may wait, so that staff are told at once.
    """
    database, keyring = store.database, store.keyring
    patience = Patience(
        silent=settings.claim_silent_minutes * 60,
        offline=settings.claim_offline_minutes * 60,
        left=settings.visitor_left_seconds,
        every=min(5.0, settings.visitor_left_seconds / 3, settings.claim_offline_minutes * 20),
    )
    handoff = HandoffService(store, assistant, listeners, presence, patience=patience, waiting=wake)
    staff, audit = StaffStore(database), AuditLog(database)
    credentials, invitations, passwords = CredentialStore(database, keyring), InvitationStore(database), Passwords()
    sessions = DeskSessions(
        SessionStore(database), trust_proxy=settings.trust_proxy, idle_minutes=settings.desk_idle_minutes
    )
    pages = Pages(settings.time_zone)
    signals = make_signals(store, listeners)
    conversations = DeskConversations(store, staff, hours=settings.team_hours, time_zone=settings.time_zone)
    canned = CannedStore(database)

    async def sessions_ended() -> None:
        """Some sessions ended: their streams close, in all processes."""
        await signals(DESK, {"who": SESSIONS})

    async def ended(staff_id: str) -> None:
        """An account's sessions ended, and nobody waits for it in vain."""
        await sessions_ended()
        account = await staff.by_id(staff_id)
        if account is None or not account.is_active:
            await handoff.let_go(staff_id)

    async def filled(member: Member, conversation_id: str) -> list[dict[str, str]]:
        opens = settings.team_hours.next_opening(services.local_time())
        values = {
            "me": member.name,
            "opening": None if opens is None else f"{opens:%A at %H:%M}",
            "code": await conversations.open_code(conversation_id),
        }
        return [{"id": one.id, "title": one.title, "text": fill(one.text, values)} for one in await canned.all()]

    routes = DeskRoutes(sessions, pages.refused)
    for page in (
        Home(pages),
        SignIn(
            staff,
            credentials,
            sessions,
            passwords,
            audit,
            pages,
            limiter=RateLimiter(_ATTEMPTS),
            address=address,
            ended=sessions_ended,
        ),
        InvitationPage(invitations, passwords, pages, limiter=RateLimiter(_ATTEMPTS), address=address),
        AccountPage(staff, credentials, sessions, passwords, pages),
        StaffPage(staff, invitations, sessions, pages, ended),
        AuditPage(audit, staff, pages),
        LiveDesk(
            conversations,
            handoff,
            staff,
            audit,
            erase=service.erase,
            topics=assistant.best_topics,
            canned=filled,
            signals=signals,
        ),
        DeskStream(conversations, listeners, presence, sessions, audit, lasts=min(60.0, patience.offline / 3)),
        ReferralsPage(
            ReferralStore(database, keyring), PractitionerStore(database, keyring), audit, pages, names=staff.names
        ),
        DirectoryPage(PractitionerStore(database, keyring), services.directory, audit, pages, country=settings.country),
        ReportsPage(
            ReportStore(database),
            pages,
            titles=titles,
            time_zone=settings.time_zone,
            retention_days=settings.retention_days,
        ),
        UnderstandingPage(MisunderstoodStore(database, keyring), pages, audit, _vector),
        CannedPage(canned, pages, audit),
        SearchPage(Search(database, keyring), conversations.cards.cards, pages, audit),
    ):
        page.routes(routes)
    return Desk(routes, sessions, handoff)


def _vector(text: str) -> Any:
    """The vector of a text, made in another thread: not ``encode_one``, whose memory the turns use."""
    return shared_encoder().encode([text])[0]


async def first_link(store: ConversationStore) -> str | None:
    """The path of the one-time link for the first administrator; nothing once there is an account."""
    return await first_administrator_link(StaffStore(store.database), InvitationStore(store.database))
