"""Onset histories, referrals and the directory in storage, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from actions.history.record import QUESTIONS
from actions.referral.record import STEPS
from bot.app import make_service
from bot.assistant.agent import Assistant
from bot.assistant.tracker import COMPACT_AT
from bot.codes import code_in
from bot.commands.throwaway import Visitor
from bot.conversation.events import Listeners
from bot.conversation.turn import APOLOGY
from bot.directory.files import examples
from bot.hours import DAYS, Hours
from bot.model import Effect, Keeps, Outcome, now
from bot.settings import Settings
from bot.storage.conversations import ConversationStore
from bot.storage.database import StorageUnavailable
from bot.storage.histories import HistoryStore
from bot.storage.practitioners import PractitionerStore
from bot.storage.referrals import TRANSITIONS, ForbiddenChange, ReferralNotFound, ReferralStore
from tests.integration.stored import on_sqlite, put, raw_bytes, reply, rows_of, tracker_of

RECORD = {"answers": {"began": {"choices": [], "words": "after my jasmine wedding"}}, "skipped": ["tried"]}
CONTENT = {"place": "Pune", "way": "phone", "contact": "+919845012345"}


def referral(code: str = "K7M2-QX9T", kind: str = "physiotherapist", **more: Any) -> Effect:
    """A wish that is passed on."""
    return Effect(Keeps.REFERRAL_OPENED, {"code": code, "kind": kind, "content": CONTENT, **more})


async def kept(store: ConversationStore, *effects: Effect, conversation: str | None = None) -> str:
    """A conversation with a turn that keeps these."""
    conversation = conversation or await store.create("web")
    message = await put(store, conversation, "hello")
    await store.finish(message, Outcome((reply("yes"),), effects=effects))
    return conversation


@pytest.fixture
def histories(store: ConversationStore) -> HistoryStore:
    """Histories in the same database."""
    return HistoryStore(store.database, store.keyring)


@pytest.fixture
def referrals(store: ConversationStore) -> ReferralStore:
    """Referrals in the same database."""
    return ReferralStore(store.database, store.keyring)


@pytest.fixture
def practitioners(store: ConversationStore) -> PractitionerStore:
    """The directory in the same database."""
    return PractitionerStore(store.database, store.keyring)


# Histories


async def test_each_confirmed_history_is_a_version_of_its_own(
    store: ConversationStore, histories: HistoryStore
) -> None:
    conversation = await kept(store, Effect(Keeps.HISTORY_SAVED, {"record": RECORD}))
    await kept(store, Effect(Keeps.HISTORY_SAVED, {"record": {"answers": {}}}), conversation=conversation)
    versions = await histories.versions(conversation)
    assert [row.version for row in versions] == [1, 2]
    assert versions[0].record == RECORD
    assert all(row.shared_at is None for row in versions)


async def test_staff_read_a_history_only_while_it_is_shared(store: ConversationStore, histories: HistoryStore) -> None:
    conversation = await kept(store, Effect(Keeps.HISTORY_SAVED, {"record": RECORD}))
    assert await histories.shared(conversation) is None
    await kept(store, Effect(Keeps.HISTORY_SHARED, {"shared": True}), conversation=conversation)
    shown = await histories.shared(conversation)
    assert shown is not None
    assert shown.record == RECORD
    await kept(store, Effect(Keeps.HISTORY_SAVED, {"record": {"answers": {}}}), conversation=conversation)
    assert await histories.shared(conversation) is not None  # a correction does not take the consent back
    await kept(store, Effect(Keeps.HISTORY_SHARED, {"shared": False}), conversation=conversation)
    assert await histories.shared(conversation) is None


async def test_a_deleted_history_is_gone_with_all_versions(store: ConversationStore, histories: HistoryStore) -> None:
    saved = Effect(Keeps.HISTORY_SAVED, {"record": RECORD})
    conversation = await kept(store, saved, saved, Effect(Keeps.HISTORY_DELETED))
    assert await histories.versions(conversation) == []


async def test_nothing_of_it_can_be_read_in_the_database(store: ConversationStore) -> None:
    await kept(store, Effect(Keeps.HISTORY_SAVED, {"record": RECORD}), referral())
    stored = await raw_bytes(store.database)
    for secret in ("jasmine", "wedding", "9845012345", "Pune"):
        assert secret.encode() not in stored


async def test_erasing_a_conversation_erases_its_history_and_referrals(store: ConversationStore) -> None:
    conversation = await kept(store, Effect(Keeps.HISTORY_SAVED, {"record": RECORD}), referral())
    assert (await rows_of(store.database, conversation))["onset_histories"] == 1
    await store.erase(conversation)
    left = {name: count for name, count in (await rows_of(store.database, conversation)).items() if count}
    assert left == {"desk_gone": 1}, "its number alone, for half a day, so that desks remove its card"
    async with store.database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM referral_changes"))).scalar_one() == 0


async def test_a_turn_that_is_stored_twice_keeps_once(store: ConversationStore, histories: HistoryStore) -> None:
    conversation = await store.create("web")
    message = await put(store, conversation, "hello")
    outcome = Outcome((reply("yes"),), effects=(Effect(Keeps.HISTORY_SAVED, {"record": RECORD}), referral()))
    await store.finish(message, outcome)
    assert await store.finish(message, outcome) is None
    assert len(await histories.versions(conversation)) == 1


# Referrals


async def test_a_referral_is_found_by_its_code_and_by_its_conversation(
    store: ConversationStore, referrals: ReferralStore
) -> None:
    conversation = await kept(store, referral())
    found = await referrals.by_code("K7M2-QX9T")
    assert (found.state, found.kind, found.content) == ("new", "physiotherapist", CONTENT)
    assert await referrals.of_conversation(conversation) == [found]
    assert [change.state for change in await referrals.changes(found.id)] == ["new"]
    with pytest.raises(ReferralNotFound):
        await referrals.by_code("QQQQ-QQQQ")


async def test_one_wish_of_a_kind_is_open_at_a_time(store: ConversationStore, referrals: ReferralStore) -> None:
    conversation = await kept(store, referral(), referral("BBBB-BBBB"), referral("CCCC-CCCC", "coach"))
    assert sorted(one.code for one in await referrals.of_conversation(conversation)) == ["CCCC-CCCC", "K7M2-QX9T"]
    await kept(
        store, Effect(Keeps.REFERRAL_WITHDRAWN, {"code": "K7M2-QX9T"}), referral("BBBB-BBBB"), conversation=conversation
    )
    states = {one.code: one.state for one in await referrals.of_conversation(conversation)}
    assert states == {"K7M2-QX9T": "withdrawn", "BBBB-BBBB": "new", "CCCC-CCCC": "new"}


async def test_taking_it_back_erases_the_contact_and_is_final(
    store: ConversationStore, referrals: ReferralStore
) -> None:
    await kept(store, referral())
    await kept(store, Effect(Keeps.REFERRAL_WITHDRAWN, {"code": "K7M2-QX9T"}))  # from another chat, by its code
    found = await referrals.by_code("K7M2-QX9T")
    assert (found.state, found.content) == ("withdrawn", {})
    assert [(change.state, change.who) for change in await referrals.changes(found.id)] == [
        ("new", "visitor"),
        ("withdrawn", "visitor"),
    ]
    with pytest.raises(ForbiddenChange):
        await referrals.change("K7M2-QX9T", "contacted", "coach")


@pytest.mark.parametrize("before", sorted(TRANSITIONS))
async def test_staff_change_states_only_along_the_allowed_ways(
    store: ConversationStore, referrals: ReferralStore, before: str
) -> None:
    for number, after in enumerate(sorted(TRANSITIONS)):
        code = f"BBB{number}-BBBB"
        conversation = await kept(store, referral(code))
        if before == "withdrawn":
            await kept(store, Effect(Keeps.REFERRAL_WITHDRAWN, {"code": code}), conversation=conversation)
        elif before != "new":
            await referrals.change(code, before, "coordinator")
        if after in TRANSITIONS[before]:
            await referrals.change(code, after, "coordinator")
            assert (await referrals.by_code(code)).state == after
        else:
            with pytest.raises(ForbiddenChange):
                await referrals.change(code, after, "coordinator")


async def test_a_removed_practitioner_leaves_the_wish_standing(
    store: ConversationStore, referrals: ReferralStore, practitioners: PractitionerStore
) -> None:
    one, other = examples()[:2]
    await practitioners.put([one, other])
    await kept(store, referral(practitioner_id=one.id), referral("CCCC-CCCC", "coach", practitioner_id="long-gone"))
    assert (await referrals.by_code("K7M2-QX9T")).practitioner_id == one.id
    assert (await referrals.by_code("CCCC-CCCC")).practitioner_id is None
    assert await practitioners.remove(one.id)
    assert (await referrals.by_code("K7M2-QX9T")).practitioner_id is None
    assert not await practitioners.remove(one.id)


async def test_a_conversation_with_an_open_referral_outlives_retention_for_a_while(
    store: ConversationStore, referrals: ReferralStore
) -> None:
    waiting, closed, plain = await kept(store, referral()), await kept(store, referral("BBBB-BBBB")), await kept(store)
    await referrals.change("BBBB-BBBB", "closed", "coordinator")
    later = now() + timedelta(days=1)
    assert await store.erase_before(later, referrals_before=now() - timedelta(days=1)) == 2
    assert await store.state(waiting) is not None
    assert await store.state(closed) is None
    assert await store.state(plain) is None
    assert await store.erase_before(later, referrals_before=later) == 1


# The directory


async def test_the_directory_is_kept_as_it_is_given(practitioners: PractitionerStore) -> None:
    await practitioners.put(examples())
    assert await practitioners.all() == sorted(examples(), key=lambda one: one.id)
    await practitioners.put(examples()[:3], replace_all=True)
    assert await practitioners.count() == 3


async def test_contacts_are_sealed(store: ConversationStore, practitioners: PractitionerStore) -> None:
    await practitioners.put(examples()[:1])
    assert examples()[0].contact.encode() not in await raw_bytes(store.database)


# In conversation


async def talk(settings: Settings, store: ConversationStore, assistant: Assistant, *lines: str) -> list[str]:
    """What is said in the last turn of a conversation; a line that begins with / presses a button."""
    said: list[str] = []
    async with make_service(settings, store, assistant, Listeners()) as service:
        person = Visitor(service, await service.start("terminal"))
        for line in lines:
            replies = await (person.say(payload=line) if line.startswith("/") else person.say(line))
            said = [message.text for message in replies]
    return said


SEARCH = ("i need a physio near pune", "no wish")


@on_sqlite
async def test_without_examples_an_empty_directory_is_admitted(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    said = " ".join(await talk(settings.replace(example_directory=False), store, assistant, *SEARCH))
    assert "I have nobody in my list" in said
    assert "Example" not in said


@on_sqlite
async def test_real_entries_take_the_place_of_the_examples(
    settings: Settings, store: ConversationStore, assistant: Assistant, practitioners: PractitionerStore
) -> None:
    pune = next(one for one in examples() if one.city == "Pune")
    await practitioners.put([pune])
    said = " ".join(await talk(settings, store, assistant, *SEARCH))
    assert pune.name in said
    assert "made-up examples" not in said
    assert pune.contact not in said


@on_sqlite
async def test_a_database_that_is_away_for_a_moment_loses_no_answer(
    settings: Settings, store: ConversationStore, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, away = PractitionerStore.all, [True]

    async def unsteady(self: PractitionerStore) -> list[Any]:
        if away:
            away.pop()
            raise StorageUnavailable("away")
        return await real(self)

    monkeypatch.setattr(PractitionerStore, "all", unsteady)
    again = '/answer_referral{"question": "again", "answer": "again"}'
    said = " ".join(await talk(settings, store, assistant, *SEARCH, again))
    assert "Pune" in said
    away.append(True)
    said = " ".join(await talk(settings, store, assistant, *SEARCH))
    assert "Your answers are kept" in said


@on_sqlite
async def test_someone_who_stops_taking_people_meanwhile_is_not_asked_for(
    settings: Settings, store: ConversationStore, assistant: Assistant, practitioners: PractitionerStore
) -> None:
    from dataclasses import replace

    one, other = [entry for entry in examples() if entry.city == "Pune" and entry.role == "physiotherapist"]
    await practitioners.put([one, other])
    async with make_service(settings, store, assistant, Listeners()) as service:
        person = Visitor(service, await service.start("terminal"))
        for line in (*SEARCH, "1", "yes", "chat", "any time"):
            replies = await person.say(line)
        chosen = one if one.name in " ".join(message.text for message in replies) else other
        await practitioners.put([replace(chosen, taking_new=False)])
        replies = await person.say("send it")
    said = " ".join(message.text for message in replies)
    assert "stopped taking new people" in said
    assert chosen.name not in said
    assert (one if chosen is other else other).name in said


@on_sqlite
async def test_a_crisis_in_the_history_puts_it_aside_and_keeps_the_answers(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    async with make_service(settings, store, assistant, Listeners()) as service:
        conversation = await service.start("terminal")
        person = Visitor(service, conversation)
        for line in ("i want to tell you how it began", "yes", "it was fine before", "since my caesarean in 2024"):
            await person.say(line)
        alarm = await person.say("i want to kill myself")
        assert {message.topic for message in alarm} == {"safety_suicide"}
        standing = await store.standing(conversation)
        assert standing is not None
        assert "kill myself" not in (standing.tracker or "")
        await person.say("yes i am safe")
        back = " ".join(message.text for message in await person.say("go on with my history"))
        assert "Nothing was lost" in back or "still here" in back
        for line in ("sex", "burning", "nothing", "skip"):
            replies = await person.say(line)
    summary = " ".join(message.text for message in replies)
    assert "a caesarean" in summary
    assert "2024" in summary
    assert "kill" not in summary


@on_sqlite
async def test_a_minor_is_not_asked_about_sex(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    lines = ("i am 14 and my uncle touches me", "yes i am safe now", "i want to tell you how it began")
    said = " ".join(await talk(settings, store, assistant, *lines))
    assert "Shall we start?" not in said
    said = " ".join(await talk(settings, store, assistant, *lines, "yes"))
    assert not any(word in said for word in ("Was it ever comfortable", "tampon, a finger"))


@on_sqlite
async def test_what_is_kept_can_be_taken_away_as_a_file(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    from bot.conversation.export import export

    async with make_service(settings, store, assistant, Listeners()) as service:
        conversation = await service.start("terminal")
        person = Visitor(service, conversation)
        for line in (
            "i want to tell you how it began",
            "yes",
            *["skip"] * (len(QUESTIONS) - 1),
            "he is supportive",
            "yes",
        ):
            await person.say(line)
    content = await export(store, conversation)
    json.dumps(content)
    assert content["onset_history"][0]["answers"]["partner"]["choices"] == ["yes"]
    assert len(content["onset_history"][0]["skipped"]) == len(QUESTIONS) - 1
    assert content["messages"][0]["text"] == "i want to tell you how it began"


SENDING = (*SEARCH, "1", "yes", "chat", "any time", "send it")


@on_sqlite
@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ("Mon-Sun 00:00-23:59", "The team is there at the moment"),
        ("", "I cannot say how soon that will be"),
    ],
)
async def test_it_is_told_honestly_when_somebody_will_look(
    settings: Settings, store: ConversationStore, assistant: Assistant, hours: str, said: str
) -> None:
    told = await talk(settings.replace(team_hours=Hours.parse(hours)), store, assistant, *SENDING)
    assert said in " ".join(told)


@on_sqlite
async def test_outside_of_hours_it_is_told_when_the_team_is_back(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    tomorrow = DAYS[(now().astimezone(settings.time_zone).weekday() + 1) % 7]
    closed = settings.replace(team_hours=Hours.parse(f"{tomorrow} 10:00-18:00"))
    told = " ".join(await talk(closed, store, assistant, *SENDING))
    assert "at 10:00. Your wish is safe until then." in told
    assert "emergency number" in told


@on_sqlite
async def test_a_wish_is_taken_back_with_its_code_from_another_chat(
    settings: Settings, store: ConversationStore, assistant: Assistant, referrals: ReferralStore
) -> None:
    said = " ".join(await talk(settings, store, assistant, *SENDING))
    code = code_in(said)
    assert code is not None
    state = " ".join(await talk(settings, store, assistant, f"my code is {code}"))
    assert "is with the team" in state
    assert "Pune" not in state  # a code tells how it stands and nothing of the person
    sure = await talk(settings, store, assistant, f"cancel {code}")
    assert "Shall I take back your wish" in " ".join(sure)
    assert (await referrals.by_code(code)).state == "new"
    await talk(settings, store, assistant, f"cancel {code}", "yes")
    found = await referrals.by_code(code)
    assert (found.state, found.content) == ("withdrawn", {})
    assert "was taken back" in " ".join(await talk(settings, store, assistant, code))


@on_sqlite
async def test_sending_twice_changes_nothing(
    settings: Settings, store: ConversationStore, assistant: Assistant, referrals: ReferralStore
) -> None:
    async with make_service(settings, store, assistant, Listeners()) as service:
        conversation = await service.start("terminal")
        person = Visitor(service, conversation)
        for line in SENDING:
            await person.say(line)
        again = await person.say(payload='/answer_referral{"question": "send", "answer": "yes"}')
        more = await person.say("find me a physio in pune")
    assert len(await referrals.of_conversation(conversation)) == 1
    assert "You have asked for a physio already" in " ".join(message.text for message in again)
    assert "You have asked for a physio already" in " ".join(message.text for message in more)


@on_sqlite
async def test_buttons_of_a_history_that_is_over_do_no_harm(
    settings: Settings, store: ConversationStore, assistant: Assistant, histories: HistoryStore
) -> None:
    async with make_service(settings, store, assistant, Listeners()) as service:
        conversation = await service.start("terminal")
        person = Visitor(service, conversation)
        for line in ("i want to tell you how it began", "yes", *["skip"] * len(QUESTIONS), "yes", "no"):
            await person.say(line)
        for question, answer in (
            ("confirm", "yes"),
            ("share", "yes"),
            ("tried", "physio"),
            ("delete", "yes"),
            ("x", "y"),
        ):
            payload = f'/answer_history{{"question": "{question}", "answer": "{answer}"}}'
            replies = await person.say(payload=payload)
            assert {message.topic for message in replies} == {"onset_history"}
            await person.say("stop")
    versions = await histories.versions(conversation)
    assert len(versions) == 1
    assert versions[0].shared_at is None


@on_sqlite
@pytest.mark.parametrize("form", ["history", "referral"])
async def test_no_button_that_is_pressed_at_a_wrong_moment_breaks_a_form(
    settings: Settings, store: ConversationStore, assistant: Assistant, form: str
) -> None:
    questions = {
        "history": (*QUESTIONS, "consent", "confirm", "change", "share", "delete", "control", "history", "nothing"),
        "referral": (*STEPS, "which_place", "contact", "withdraw", "status", "code", "again", "nothing"),
    }[form]
    answers = ("yes", "no", "skip", "0", "9", "again", "chat", "show", "")
    async with make_service(settings, store, assistant, Listeners()) as service:
        for question in questions:
            person = Visitor(service, await service.start("terminal"))
            for answer in answers:
                payload = f'/answer_{form}{{"question": "{question}", "answer": "{answer}"}}'
                for message in await person.say(payload=payload):
                    assert message.text != APOLOGY.text, (question, answer)


HISTORY = ("i want to tell you how it began", "yes")


@on_sqlite
async def test_a_typed_answer_belongs_to_the_open_question(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    said = " ".join(
        await talk(settings, store, assistant, *HISTORY, "never", "not sure", "skip", "skip", "skip", "skip", "skip")
    )
    assert "Was penetration ever comfortable: never" in said
    assert "When it began: not sure when" in said


@on_sqlite
async def test_a_no_to_sharing_takes_an_earlier_yes_back(
    settings: Settings, store: ConversationStore, assistant: Assistant, histories: HistoryStore
) -> None:
    async with make_service(settings, store, assistant, Listeners()) as service:
        conversation = await service.start("terminal")
        person = Visitor(service, conversation)
        for line in (*HISTORY, "never", *["skip"] * 6, "yes", "yes"):
            await person.say(line)
        assert await histories.shared(conversation) is not None
        for line in ("share my history", "no"):
            await person.say(line)
        assert await histories.shared(conversation) is None


@on_sqlite
async def test_a_history_is_not_shared_before_it_is_confirmed(
    settings: Settings, store: ConversationStore, assistant: Assistant, histories: HistoryStore
) -> None:
    async with make_service(settings, store, assistant, Listeners()) as service:
        conversation = await service.start("terminal")
        person = Visitor(service, conversation)
        for line in (*HISTORY, "never", "stop"):
            await person.say(line)
        said = " ".join(message.text for message in await person.say("share my history with a coach"))
        assert "can read it from now on" not in said
        assert "Is it right like this?" in said
    assert await histories.versions(conversation) == []


@on_sqlite
@pytest.mark.parametrize("doubt", ["ok wait, not yet", "start over", "ok no don't", "yes but email me instead"])
async def test_only_a_plain_yes_sends_a_wish(
    settings: Settings, store: ConversationStore, assistant: Assistant, doubt: str
) -> None:
    said = " ".join(await talk(settings, store, assistant, *SENDING[:-1], doubt))
    assert "Your code is" not in said


@on_sqlite
async def test_only_a_plain_yes_deletes_a_history(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    told = (*HISTORY, "never", *["skip"] * 6, "yes", "no", "delete my history")
    assert "It is deleted" not in " ".join(await talk(settings, store, assistant, *told, "ok keep it"))
    assert "It is deleted" in " ".join(await talk(settings, store, assistant, *told, "yes"))


@on_sqlite
async def test_the_team_gets_what_was_shown_and_no_word_more(
    settings: Settings, store: ConversationStore, assistant: Assistant, referrals: ReferralStore
) -> None:
    wish = "a lady who speaks marathi, because something bad was done to me years ago"
    lines = ("i need a physio near pune", wish, "1", "yes", "chat", "any time", "send it")
    said = await talk(settings, store, assistant, *lines)
    code = code_in(" ".join(said))
    assert code is not None
    content = (await referrals.by_code(code)).content
    assert "done to me" not in json.dumps(content)
    assert (content["gender"], content["languages"]) == ("woman", ["Marathi"])


@on_sqlite
@pytest.mark.parametrize("lines", [(*HISTORY, "never"), ("find a physio",), SEARCH, (*SEARCH, "1", "yes")])
async def test_a_person_can_be_asked_for_at_every_step(
    settings: Settings, store: ConversationStore, assistant: Assistant, lines: tuple[str, ...]
) -> None:
    for wish in ("/talk_to_human", "i want to talk to a real person please"):
        async with make_service(settings, store, assistant, Listeners()) as service:
            person = Visitor(service, await service.start("terminal"))
            for line in lines:
                await person.say(line)
            replies = await (person.say(payload=wish) if wish.startswith("/") else person.say(wish))
        said = " ".join(message.text for message in replies)
        assert {message.topic for message in replies} == {"talk_to_human"}
        assert "team" in said
        assert "Was it" not in said
        assert "Which town" not in said


@on_sqlite
async def test_a_number_that_is_typed_with_a_space_is_no_code(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    said = " ".join(await talk(settings, store, assistant, *SEARCH, "1", "yes", "phone", "022-2654 3287"))
    assert "When is a good time" in said


@on_sqlite
async def test_the_same_crisis_told_again_is_no_answer_of_the_form_either(
    settings: Settings, store: ConversationStore, assistant: Assistant
) -> None:
    again = ("i want to kill myself", "yes i am safe", "go on with my history")
    told = (*HISTORY, "never", *again, *again, *["skip"] * 6)
    said = " ".join(await talk(settings, store, assistant, *told))
    assert "Is it right like this?" in said
    assert "kill" not in said


@on_sqlite
@pytest.mark.parametrize("end", ["stop", "do not send it"])
async def test_a_contact_that_is_not_sent_is_not_kept_for_later(
    settings: Settings, store: ConversationStore, assistant: Assistant, end: str
) -> None:
    async with make_service(settings, store, assistant, Listeners()) as service:
        conversation = await service.start("terminal")
        person = Visitor(service, conversation)
        for line in (*SENDING[:-3], "me@example.org", "any time"):
            await person.say(line)
        before = await tracker_of(store, conversation)
        assert '"contact":"me@example.org"' in (before or "").replace(": ", ":")
        await person.say(end)
        for _ in range(COMPACT_AT):  # until the turns in which it was written are folded away
            await person.say("what is vaginismus?")
    assert '"contact":"me@example.org"' not in (await tracker_of(store, conversation) or "").replace(": ", ":")
