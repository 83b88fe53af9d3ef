"""The live view is exact: a fresh load equals the old state plus the events received since, whatever happened."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from bot.desk.access import Member, Role
from bot.desk.conversations import DeskConversations, MayNotRead
from bot.desk.following import Follower
from bot.handoff import HandoffError, NotOnDesk, Why
from bot.hours import Hours
from bot.model import Effect, Keeps, Outcome, now
from bot.storage.conversations import ConversationStore
from bot.storage.handoff_store import HandoffStore
from bot.storage.referrals import ForbiddenChange, ReferralStore
from bot.storage.staff import StaffStore
from tests.desk.screen import Screen
from tests.desk.team import asks, hire, says
from tests.integration.stored import on_sqlite, put, reply

ROLES = (Role.COACH, Role.COACH, Role.COORDINATOR)
KINDS = (
    "claim", "release", "write", "ask", "alarm", "claim", "answer", "transfer", "release", "lose", "hand_back", "close",
    "note", "read", "visitor_reads", "erase", "leave", "goes", "comes_back", "refer", "contacted", "withdraw", "share",
    "unshare",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from([0, 0, 0, 1, 2]),  # which conversation; the watchers have the first one open
        st.integers(0, 2),  # who does it
        st.sampled_from([None, 0, 1, 3, 99]),  # how many events the watchers get now before their line breaks
    ),
    min_size=10,
    max_size=40,
)


@dataclass
class World:
    """A team, and up to three conversations at a time."""

    store: ConversationStore
    team: list[Member]
    conversations: list[str | None] = field(default_factory=lambda: [None] * 3)

    async def do(self, kind: str, which: int, who: int) -> None:
        """One thing that happens; what is not possible just now is refused, and that is fine."""
        desk, me = HandoffStore(self.store.database, self.store.keyring), self.team[who].colleague
        other = self.team[(who + 1) % 3].colleague
        conversation = self.conversations[which]
        if conversation is None:
            self.conversations[which] = await asks(self.store)
            return
        with contextlib.suppress(HandoffError, ForbiddenChange, IntegrityError):
            match kind:
                case "write":
                    await says(self.store, conversation, f"words {uuid4()}", reply("an answer", topic="physio"))
                case "ask":
                    await asks(self.store, conversation=conversation)
                case "alarm":
                    await asks(self.store, "he hits me", why=Why.SAFETY, level=who + 1, conversation=conversation)
                case "claim":
                    await desk.claim(conversation, me, [reply("here")])
                case "answer":
                    await desk.write(conversation, me, str(uuid4()), "an answer", "talk_to_human")
                case "transfer":
                    await desk.transfer(conversation, me, other, [reply("over")], any_holder=who == 2)
                case "release":
                    await desk.release(conversation, me, Why.RELEASED, [], holder_id=me.id)
                case "lose":
                    await desk.release(conversation, None, Why.SILENT, [reply("lost")], holder_id=me.id)
                case "hand_back":
                    await desk.hand_back(conversation, me, [reply("back")], None)
                case "close":
                    await desk.close(conversation, me, "answered", [reply("closed")])
                case "note":
                    await self.shown().notes.add(conversation, me, str(uuid4()), "a note")
                case "read":
                    await self.shown().cards.read_by_staff(conversation, who + 1)
                case "visitor_reads":
                    await self.shown().cards.read_by_visitor(conversation, who + 2)
                case "erase":
                    await self.store.erase(conversation)
                    self.conversations[which] = None
                case "leave":
                    await put(self.store, conversation, "bye")
                case "goes":
                    await self.shown().cards.mark_left("web", now() + timedelta(seconds=1))
                case "comes_back":
                    await self.shown().cards.present([conversation])
                case "refer":
                    content = {"way": ("phone", "email", "chat")[who], "contact": "example"}
                    data = {"code": f"K7M2-QX{which}{who}", "kind": "coach", "content": content}
                    await self.keeps(conversation, Keeps.REFERRAL_OPENED, **data)
                case "contacted":
                    for one in await self.referrals().of_conversation(conversation):
                        await self.referrals().change(one.code, "contacted", me.id)
                case "withdraw":
                    for one in await self.referrals().of_conversation(conversation):
                        await self.keeps(conversation, Keeps.REFERRAL_WITHDRAWN, code=one.code)
                case "share" | "unshare":
                    await self.keeps(conversation, Keeps.HISTORY_SAVED, record={"answers": {}, "skipped": []})
                    await self.keeps(conversation, Keeps.HISTORY_SHARED, shared=kind == "share")

    async def keeps(self, conversation: str, what: Keeps, **data: Any) -> None:
        """A turn that keeps something."""
        message = await put(self.store, conversation, "yes")
        await self.store.finish(message, Outcome((reply("All right"),), effects=(Effect(what, data),)))

    def referrals(self) -> ReferralStore:
        """Referrals in the same database."""
        return ReferralStore(self.store.database, self.store.keyring)

    def shown(self) -> DeskConversations:
        """What the desk reads."""
        hours = Hours.parse("Mon-Fri 10:00-18:00")
        staff = StaffStore(self.store.database)
        return DeskConversations(self.store, staff, hours=hours, time_zone=ZoneInfo("Asia/Kolkata"))


class Watcher(Screen):
    """A desk in a browser."""

    def __init__(self, world: World, member: Member, conversation: str) -> None:
        super().__init__(conversation)
        self.world = world
        self.member = member
        self.follower: Follower | None = None

    async def load(self) -> None:
        """As a reload of the page does."""
        desk = self.world.shown()
        shown = await desk.queue(self.member)
        self.cards = {card["id"]: card for card in shown.cards}
        self.messages, self.detail = [], None
        with contextlib.suppress(NotOnDesk, MayNotRead):
            card = await desk.readable(self.member, self.open)
            self.messages = await desk.messages(self.open, 0)
            self.detail = await desk.detail(self.member, card)
        self.last_id = f"{shown.cursor}-{self.messages[-1]['position'] if self.messages else 0}"
        self.connect()

    def connect(self) -> None:
        """As a browser does, with the id of the last event that it has."""
        cursor, _, position = self.last_id.partition("-")
        self.follower = Follower(self.world.shown(), self.open, int(cursor), int(position))

    async def catch_up(self, *, at_most: int | None = None) -> None:
        """Take events, all or some of them before the line breaks, and apply them as the page does."""
        assert self.follower is not None
        taken = 0
        async for event in self.follower.events(self.member):
            if taken == at_most:
                self.connect()
                return
            taken += 1
            self.apply(*event)


@pytest.fixture
async def team(store: ConversationStore) -> list[Member]:
    """Two coaches and a coordinator."""
    return [await hire(store, name, role) for name, role in zip(("Asha", "Bela", "Chitra"), ROLES, strict=True)]


@on_sqlite
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(steps=STEPS)
async def test_a_fresh_load_equals_the_old_state_plus_the_events_since(
    store: ConversationStore, team: list[Member], steps: list[tuple[str, int, int, int | None]]
) -> None:
    world = World(store, team)
    await world.do("ask", 0, 0)
    assert world.conversations[0] is not None
    watchers = [Watcher(world, member, world.conversations[0]) for member in team]
    for watcher in watchers:
        await watcher.load()
    for kind, which, who, look in steps:
        await world.do(kind, which, who)
        if look is not None:
            for watcher in watchers:
                await watcher.catch_up(at_most=look)
    for watcher in watchers:
        await watcher.catch_up()
        fresh = Watcher(world, watcher.member, watcher.open)
        await fresh.load()
        assert watcher.shown() == fresh.shown()
    for conversation in filter(None, world.conversations):
        await store.erase(conversation)


@on_sqlite
async def test_whoever_may_read_a_conversation_again_gets_all_of_it_again(
    store: ConversationStore, team: list[Member]
) -> None:
    world = World(store, team)
    await world.do("ask", 0, 0)
    conversation = world.conversations[0]
    assert conversation is not None
    watcher = Watcher(world, team[0], conversation)
    await watcher.load()
    assert len(watcher.messages) == 2
    await world.do("claim", 0, 1)
    await watcher.catch_up()
    assert watcher.messages == [], "another has it, and a coach does not read along"
    await world.do("release", 0, 1)
    await watcher.catch_up()
    assert [message["sender"] for message in watcher.messages] == ["user", "assistant", "system"]
