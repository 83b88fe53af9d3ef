"""Conversations that go to a person, along the production path with the real model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from bot.app import make_service
from bot.app_desk import make_presence
from bot.assistant.agent import Assistant
from bot.commands.throwaway import Visitor
from bot.conversation.events import Listeners
from bot.conversation.handoff import HandoffService, Patience
from bot.conversation.service import ConversationService
from bot.handoff import Colleague, Why
from bot.hours import DAYS, Hours
from bot.model import Effect, Keeps, Message, Outcome, Sender, State, now
from bot.settings import Settings
from bot.storage.cards import CardStore
from bot.storage.conversations import ConversationStore
from bot.storage.desk_tables import desk_cards, handoffs
from bot.storage.handoff_store import HandoffStore
from bot.storage.misunderstood import MisunderstoodStore
from bot.storage.notifications import NotificationStore
from tests.desk.team import asks, hire
from tests.integration.stored import on_sqlite, put, reply, tracker_of

pytestmark = on_sqlite

ALWAYS = Hours.parse("; ".join(f"{day} 00:00-23:59" for day in DAYS))


class Talk:
    """One visitor, and the team."""

    def __init__(self, store: ConversationStore, service: ConversationService, desk: HandoffService, id_: str) -> None:
        self.store = store
        self.desk = desk
        self.id = id_
        self._visitor = Visitor(service, id_)

    async def say(self, text: str | None = None, *, payload: str | None = None) -> list[Message]:
        """The replies to a message."""
        return await self._visitor.say(text, payload=payload)

    async def words(self, text: str) -> str:
        """The replies to a message as one text."""
        return "\n".join(message.text for message in await self.say(text))

    async def last_note(self) -> str:
        """What the chat itself said last."""
        messages = await self.store.after(self.id, 0)
        return [message.text for message in messages if message.sender is Sender.SYSTEM][-1]


@pytest.fixture
def hours() -> Hours:
    """When the team is there; not known unless a test says so."""
    return Hours()


@pytest.fixture
async def talk(settings: Settings, store: ConversationStore, assistant: Assistant, hours: Hours) -> AsyncIterator[Talk]:
    """A conversation with the assistant and, later, with people."""
    listeners = Listeners()
    service = make_service(settings.replace(team_hours=hours), store, assistant, listeners)
    patience = Patience(silent=600, offline=180, left=45)
    desk = HandoffService(store, assistant, listeners, make_presence(store), patience=patience)
    async with service:
        yield Talk(store, service, desk, await service.start("web"))


@pytest.fixture
async def asha(store: ConversationStore) -> Colleague:
    """One of the team."""
    return (await hire(store, "Asha")).colleague


async def test_who_asks_for_a_person_hears_that_it_is_not_known_when(talk: Talk) -> None:
    said = await talk.words("can i talk to a real person please")
    assert "I cannot say when" in said
    assert "112" in said
    assert await talk.store.state(talk.id) is State.WAITING


@pytest.mark.parametrize("hours", [ALWAYS])
async def test_in_hours_she_hears_how_long_it_usually_takes_once_that_is_known(
    talk: Talk, store: ConversationStore, asha: Colleague, hours: Hours
) -> None:
    assert "I cannot say yet how long" in await talk.words("can i talk to a real person please")
    for _ in range(5):
        other = await asks(store)
        await talk.desk.claim(other, asha)
        async with store.database.transaction() as connection:
            this = handoffs.c.conversation_id == other
            early = now() - timedelta(minutes=12)
            await connection.execute(update(handoffs).where(this).values(requested_at=early))
    again = await talk.words("is someone there? i want a human")
    assert "Most people wait about 15 minutes" in again
    assert "not been forgotten" in again


@pytest.mark.parametrize("hours", [Hours.parse(f"{DAYS[(now().weekday() + 3) % 7]} 10:00-18:00")])
async def test_out_of_hours_she_hears_when_somebody_will_be_there_and_that_she_may_leave_a_message(
    talk: Talk, hours: Hours
) -> None:
    said = await talk.words("i want to talk to a person")
    assert hours.text.split()[0] in said, "the day"
    assert "10:00" in said
    assert "leave them a message" in said


async def test_a_wish_in_the_middle_of_a_form_reaches_the_team(talk: Talk) -> None:
    await talk.say("i want to tell how it began")
    assert {message.topic for message in await talk.say(payload="/talk_to_human")} == {"talk_to_human"}
    assert await talk.store.state(talk.id) is State.WAITING


async def test_two_complaints_in_the_middle_of_a_form_go_to_a_person(talk: Talk) -> None:
    await talk.say("i want to tell how it began")
    await talk.say("yes")
    assert {message.topic for message in await talk.say("that is not what i asked")} >= {"feedback_complaint"}
    assert await talk.store.state(talk.id) is State.ASSISTANT
    assert {message.topic for message in await talk.say("you misunderstood me again")} == {"talk_to_human"}
    assert await talk.store.state(talk.id) is State.WAITING


async def test_while_she_waits_the_assistant_goes_on_answering(talk: Talk) -> None:
    await talk.say("i want to talk to a person")
    assert {message.topic for message in await talk.say("what is vaginismus")} == {"what_is_vaginismus"}
    assert await talk.store.state(talk.id) is State.WAITING


async def test_danger_is_answered_and_makes_the_conversation_wait_with_its_level(talk: Talk) -> None:
    replies = await talk.say("i want to kill myself tonight")
    assert replies[0].topic == "safety_suicide"
    card = await CardStore(talk.store.database).get(talk.id)
    assert card is not None
    assert (card.state, card.reason, card.level, card.alarms) == ("waiting", "safety", 3, ("safety_suicide",))


async def test_while_a_person_answers_the_assistant_is_silent_and_keeps_nothing(talk: Talk, asha: Colleague) -> None:
    await talk.say("what is vaginismus")
    await talk.say("i want to talk to a person")
    await talk.desk.claim(talk.id, asha)
    assert "Asha from our team is here" in await talk.last_note()
    before = await tracker_of(talk.store, talk.id)
    assert await talk.say("it began after my wedding, and i live in pune") == []
    assert await tracker_of(talk.store, talk.id) == before


async def test_danger_told_to_a_person_shows_numbers_and_warns_her(talk: Talk, asha: Colleague) -> None:
    await talk.say("i want to talk to a person")
    await talk.desk.claim(talk.id, asha)
    (shown,) = await talk.say("i want to kill myself tonight")
    assert "112" in shown.text
    card = await CardStore(talk.store.database).get(talk.id)
    assert card is not None
    assert (card.state, card.level, card.alarms) == ("person", 3, ("safety_suicide",))
    assert card.holder == asha


async def test_handed_back_the_assistant_does_not_repeat_what_a_person_has_answered(
    talk: Talk, asha: Colleague
) -> None:
    full = (await talk.say("does physiotherapy help with this"))[0].text
    await talk.say("i want to talk to a person")
    await talk.desk.claim(talk.id, asha)
    await talk.desk.write(talk.id, asha, str(uuid4()), "About trainers: ...", "dilators_how")
    await talk.desk.hand_back(talk.id, asha)
    assert await talk.store.state(talk.id) is State.ASSISTANT
    again = await talk.say("does physiotherapy help with this")
    assert {message.topic for message in again} == {"physio"}
    assert again[0].text != full
    from actions.knowledge import knowledge

    told = await talk.say("how do i use dilators")
    assert {message.topic for message in told} == {"dilators_how"}
    assert told[0].text != knowledge().answer("dilators_how").bubbles[0]


async def test_a_form_that_was_open_does_not_take_the_next_words_for_its_answer(talk: Talk, asha: Colleague) -> None:
    await talk.say("i want to tell how it began")
    await talk.say("yes")
    async with talk.store.database.read() as connection:
        assert (await connection.execute(select(desk_cards))).first() is None
    await talk.say(payload="/talk_to_human")
    await talk.desk.claim(talk.id, asha)
    await talk.desk.hand_back(talk.id, asha)
    replies = await talk.say("what is vaginismus")
    assert replies[0].topic == "what_is_vaginismus"


async def test_a_form_begun_while_she_waited_is_put_aside_by_handing_back(talk: Talk, asha: Colleague) -> None:
    await talk.say("i want to talk to a person")
    await talk.say("i want to tell how it began")
    assert {message.topic for message in await talk.say("yes")} == {"onset_history"}
    await talk.desk.claim(talk.id, asha)
    await talk.desk.hand_back(talk.id, asha)
    assert "onset_history" not in {message.topic for message in await talk.say("never")}


async def test_what_was_missed_while_she_waited_is_no_reason_for_another_handoff(talk: Talk, asha: Colleague) -> None:
    for unclear in ("hmm", "asdf", "???", "hmm", "asdf"):
        await talk.say(unclear)
    await talk.desk.claim(talk.id, asha)
    await talk.desk.hand_back(talk.id, asha)
    assert {message.topic for message in await talk.say("hmm")} == {"clarify"}
    assert await talk.store.state(talk.id) is State.ASSISTANT


async def test_whether_the_talk_helped_is_asked_and_counted(talk: Talk, asha: Colleague) -> None:
    await talk.say("i want to talk to a person")
    await talk.desk.claim(talk.id, asha)
    await talk.desk.close(talk.id, asha, "answered")
    asked = (await talk.store.after(talk.id, 0))[-1]
    assert [button.title for button in asked.buttons] == ["It did not help", "It helped a little", "It helped"]
    (thanks,) = await talk.say(payload=asked.buttons[1].payload)
    assert "Thank you" in thanks.text
    async with talk.store.database.read() as connection:
        assert (await connection.execute(select(handoffs.c.feedback))).scalar_one() == 2
    assert await talk.store.state(talk.id) is State.CLOSED
    assert (await talk.say("what is vaginismus"))[0].topic == "what_is_vaginismus"
    assert await talk.store.state(talk.id) is State.ASSISTANT


async def test_typed_below_the_question_whether_it_helped_counts_too(talk: Talk, asha: Colleague) -> None:
    await talk.say("i want to talk to a person")
    await talk.desk.claim(talk.id, asha)
    await talk.desk.close(talk.id, asha, "answered")
    assert "Thank you" in await talk.words("it helped!")
    async with talk.store.database.read() as connection:
        assert (await connection.execute(select(handoffs.c.feedback))).scalar_one() == 3
    assert await talk.store.state(talk.id) is State.CLOSED
    (again,) = await talk.say("it helped!")
    assert again.topic != "oos_prompt_injection"


@pytest.mark.parametrize("hours", [Hours.parse(f"{DAYS[(now().weekday() + 3) % 7]} 10:00-18:00")])
async def test_out_of_hours_a_second_wish_and_an_alarm_also_say_when_somebody_is_there(
    talk: Talk, hours: Hours
) -> None:
    await talk.say("i want to talk to a person")
    assert "10:00" in await talk.words("is someone there? i want a human")
    assert "10:00" in await talk.words("i want to kill myself tonight")


async def test_a_wish_that_is_taken_back_takes_the_conversation_off_the_desk(talk: Talk) -> None:
    store = talk.store
    message = await put(store, talk.id, "yes send it")
    opened = Effect(Keeps.REFERRAL_OPENED, {"code": "K7M2-QX9T", "kind": "coach", "content": {"way": "chat"}})
    await store.finish(message, Outcome((reply("Sent"),), effects=(opened,)))
    cards = CardStore(store.database)
    assert [card.reason for card in await cards.cards()] == ["referral"]
    message = await put(store, talk.id, "take it back")
    withdrawn = Effect(Keeps.REFERRAL_WITHDRAWN, {"code": "K7M2-QX9T"})
    await store.finish(message, Outcome((reply("Taken back"),), effects=(withdrawn,)))
    assert await cards.cards() == []
    await talk.say("i want to talk to a person")
    assert [card.state for card in await cards.cards()] == ["waiting"], "and it can come again"


async def test_danger_beside_a_person_is_told_to_everybody(store: ConversationStore, asha: Colleague) -> None:
    telling = ConversationStore(store.database, store.keyring, told_by={"email"})
    conversation = await asks(telling)
    await HandoffStore(store.database, store.keyring).claim(conversation, asha, [])
    await asks(telling, why=Why.SAFETY, level=3, conversation=conversation)
    told = await NotificationStore(store.database).due(now() + timedelta(minutes=1), 10)
    assert sorted(one.level for one in told) == [0, 3]


async def test_a_holder_who_is_away_loses_the_conversation_and_the_visitor_is_told(talk: Talk, asha: Colleague) -> None:
    await talk.say("i want to talk to a person")
    await talk.desk.claim(talk.id, asha)
    await talk.desk.look_after()
    assert await talk.store.state(talk.id) is State.PERSON, "she has just come"
    async with talk.store.database.transaction() as connection:
        await connection.execute(update(desk_cards).values(held_since=now() - timedelta(minutes=4)))
    await talk.desk.look_after()
    assert await talk.store.state(talk.id) is State.PERSON, "the server has just started: no desk could be open yet"
    talk.desk.up_since = now() - timedelta(minutes=5)
    await talk.desk.look_after()
    assert await talk.store.state(talk.id) is State.WAITING
    assert "on our list again" in await talk.last_note()


async def test_what_was_not_understood_is_noted_without_contact_details(talk: Talk) -> None:
    await talk.say("hmm asdf call +91 98450 12345")
    await talk.say("what is vaginismus")
    await talk.say("that is not what i asked")
    noted = await MisunderstoodStore(talk.store.database, talk.store.keyring).open()
    assert {(one.why, one.guess) for one in noted} >= {("complaint", "what_is_vaginismus")}
    assert "98450" not in " ".join(one.text for one in noted)
