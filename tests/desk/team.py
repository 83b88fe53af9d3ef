"""A team of example staff, and conversations that come to them."""

from __future__ import annotations

from uuid import uuid4

from bot.desk.access import Member, Role
from bot.handoff import Why
from bot.model import Effect, Flag, Keeps, Outcome, Reply
from bot.storage.conversations import ConversationStore
from bot.storage.staff import StaffStore
from tests.integration.stored import put, reply


async def hire(store: ConversationStore, name: str, role: Role = Role.COACH) -> Member:
    """An account whose password nobody knows."""
    email = f"{name.lower()}-{uuid4().hex[:8]}@example.org"
    account = await StaffStore(store.database).create(email, name, role, "no password")
    return Member(account.id, account.email, account.name, role)


async def asks(
    store: ConversationStore,
    text: str = "i want a person",
    *,
    why: Why = Why.ASKED,
    level: int = 0,
    conversation: str | None = None,
) -> str:
    """A conversation whose turn puts it to people."""
    conversation = conversation or await store.create("web")
    message = await put(store, conversation, text)
    wanted = Effect(Keeps.PERSON_WANTED, {"why": why.value, "level": level})
    flags = (Flag("safety_violence", level, "both", "answered"),) if level else ()
    await store.finish(message, Outcome((reply("I asked our team."),), effects=(wanted,), flags=flags))
    return conversation


async def says(store: ConversationStore, conversation: str, text: str, *replies: Reply) -> None:
    """A visitor's message and what the assistant makes of it."""
    message = await put(store, conversation, text)
    await store.finish(message, Outcome(replies))
