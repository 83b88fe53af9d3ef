"""What was not understood: noted, grouped, named, exported."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import yaml
from rasa.shared.nlu.training_data.formats import RasaYAMLReader
from sqlalchemy import select

from bot.desk.access import Role
from bot.desk.likeness import Likeness, grouped
from bot.desk.understanding_page import EXPORT, PAGE, REVIEWED, UnderstandingPage, topics, training_data
from bot.model import now
from bot.nlu.encoder import Vectors, shared_encoder
from bot.storage.audit import AuditLog
from bot.storage.conversations import ConversationStore
from bot.storage.desk_tables import audit_log, misunderstood
from bot.storage.misunderstood import Misunderstood, MisunderstoodStore, note
from tests.desk.one_page import PAGES, add_account, member, read, served
from tests.integration.stored import raw_bytes

PHYSIO = (
    "does a physio use her fingers",
    "will the physio put fingers in",
    "does the physiotherapist use fingers inside",
)


def encode(text: str) -> Vectors:
    """A vector, without touching what the assistant remembers."""
    vector: Vectors = shared_encoder().encode([text])[0]
    return vector


async def _note(store: ConversationStore, *texts: str, why: str = "clarify", guess: str | None = None) -> str:
    conversation_id = await store.create("web")
    async with store.database.transaction() as connection:
        for position, text in enumerate(texts, start=1):
            await note(connection, store.keyring, conversation_id, position, text, why, guess, now())
    return conversation_id


@pytest.fixture
def rows(store: ConversationStore) -> MisunderstoodStore:
    """What is reviewed."""
    return MisunderstoodStore(store.database, store.keyring)


@pytest.fixture
async def client(store: ConversationStore, rows: MisunderstoodStore) -> AsyncIterator[aiohttp.ClientSession]:
    """A coordinator's browser."""
    who = member(Role.COORDINATOR)
    await add_account(store.database, who)
    page = UnderstandingPage(rows, PAGES, AuditLog(store.database), encode)
    async with served(page.routes, who) as session:
        yield session


async def _audited(store: ConversationStore) -> list[tuple[str, str]]:
    async with store.database.read() as connection:
        found = await connection.execute(select(audit_log.c.action, audit_log.c.detail).order_by(audit_log.c.id))
        return [(row.action, row.detail) for row in found]


async def test_a_message_is_noted_once_and_without_contact_details(
    store: ConversationStore, rows: MisunderstoodStore
) -> None:
    """The first note stands, sealed."""
    conversation_id = await _note(store, "call me on 98450 12345 about the blue thing", guess="physio")
    async with store.database.transaction() as connection:
        await note(connection, store.keyring, conversation_id, 1, "another", "complaint", None, now())
    (row,) = await rows.open()
    assert (row.text, row.why, row.guess) == ("call me on [phone] about the blue thing", "clarify", "physio")
    stored = await raw_bytes(store.database)
    assert b"blue thing" not in stored
    assert b"98450" not in stored


async def test_it_goes_with_its_conversation(store: ConversationStore, rows: MisunderstoodStore) -> None:
    """Erasing erases it too."""
    conversation_id = await _note(store, "something")
    await _note(store, "of another one")
    assert await store.erase(conversation_id)
    assert [row.text for row in await rows.open()] == ["of another one"]


async def test_messages_alike_stand_in_one_group_before_single_ones(
    store: ConversationStore, client: aiohttp.ClientSession
) -> None:
    """With the real encoder."""
    await _note(store, "can i use coconut oil", *PHYSIO, "mera invoice kab aayega")
    text = await read(await client.get(PAGE))
    first = text.split("<form class", 2)[1]
    assert "3 messages like this" in first
    for message in PHYSIO:
        assert message in first
    assert "coconut" not in first
    assert "5 to review" in text


async def test_a_group_gets_its_topic_and_leaves_the_list(
    store: ConversationStore, rows: MisunderstoodStore, client: aiohttp.ClientSession
) -> None:
    """All ticked messages at once; it is audited without a word of them."""
    await _note(store, *PHYSIO, "can i use coconut oil")
    ids = {row.text: row.id for row in await rows.open()}
    form = [("id", ids[text]) for text in PHYSIO[:2]] + [("topic", "physio"), ("do", "name"), ("group", ids[PHYSIO[0]])]
    response = await client.post(PAGE, data=aiohttp.FormData(form))
    assert response.status == 200
    assert "Saved for 2 messages." in await read(response)
    assert {row.text: row.topic for row in await rows.reviewed()} == dict.fromkeys(PHYSIO[:2], "physio")
    assert {row.text for row in await rows.open()} == {PHYSIO[2], "can i use coconut oil"}
    assert await _audited(store) == [("understanding_named", "messages: 2, topic: physio")]
    async with store.database.read() as connection:
        who = (await connection.execute(select(misunderstood.c.reviewed_by).distinct())).scalars().all()
    assert set(who) == {None, member().id}


async def test_without_a_topic_the_page_comes_back_as_it_was(
    store: ConversationStore, rows: MisunderstoodStore, client: aiohttp.ClientSession
) -> None:
    """What was ticked stays ticked, what was not stays so."""
    await _note(store, *PHYSIO)
    ids = [row.id for row in await rows.open()]
    group = re.search(r'name="group" value="([^"]+)"', await read(await client.get(PAGE)))
    assert group is not None
    form = [("id", ids[0]), ("topic", ""), ("do", "name"), ("group", group[1])]
    response = await client.post(PAGE, data=aiohttp.FormData(form))
    assert response.status == 400
    text = await read(response)
    assert "Please choose a topic." in text
    ticked = {id_ for id_ in ids if re.search(rf'id="m-{id_}" checked', text)}
    assert ticked == {ids[0]}


@pytest.mark.parametrize(
    "form", [{"do": "name", "topic": "physio"}, {"do": "name", "topic": "unheard", "id": "x"}, {"do": "x", "id": "x"}]
)
async def test_a_form_that_says_nothing_is_refused(client: aiohttp.ClientSession, form: dict[str, str]) -> None:
    """No message, an unknown topic, an unknown button."""
    assert (await client.post(PAGE, data=form)).status == 400


async def test_none_of_them_and_throwing_away(
    store: ConversationStore, rows: MisunderstoodStore, client: aiohttp.ClientSession
) -> None:
    """One is kept as reviewed, the other is gone; a review can be taken back."""
    await _note(store, "about the moon", "about the sun")
    ids = {row.text: row.id for row in await rows.open()}
    await client.post(PAGE, data={"id": ids["about the moon"], "do": "none"})
    await client.post(PAGE, data={"id": ids["about the sun"], "do": "discard"})
    assert await rows.counts() == (0, 1)
    text = await read(await client.get(REVIEWED))
    assert "about the moon" in text
    assert "None of them" in text
    assert "about the moon" not in await (await client.get(EXPORT)).text()
    await client.post(REVIEWED, data={"id": ids["about the moon"]})
    assert await rows.counts() == (1, 0)
    assert (await client.post(REVIEWED, data={"id": "unknown"})).status == 404


async def test_the_list_goes_over_pages(store: ConversationStore, client: aiohttp.ClientSession) -> None:
    """Twenty groups each; a page that is not there is the last one."""
    words = (
        "ant bee cow dog elk fox gnu hen ibex jay kite lion mole newt owl pig quail rat seal toad urchin vole".split()
    )
    await _note(store, *(f"{word} {number}" for number, word in enumerate(words)))
    seen: set[str] = set()
    for page in range(1, 5):
        text = await read(await client.get(f"{PAGE}?page={page}"))
        seen |= {word for word in words if f">{word} " in text}
        assert text.count('class="card stack"') <= 20
    assert seen == set(words)
    for odd in ("0", "-1", "x", "999999999", "²"):
        assert (await client.get(PAGE, params={"page": odd})).status == 200


async def test_a_coach_may_not_review(store: ConversationStore, rows: MisunderstoodStore) -> None:
    """It is for coordinators."""
    page = UnderstandingPage(rows, PAGES, AuditLog(store.database), encode)
    async with served(page.routes, member(Role.COACH)) as client:
        for address in (PAGE, REVIEWED, EXPORT):
            assert (await client.get(address)).status == 403
        assert (await client.post(PAGE, data={"do": "discard", "id": "x"})).status == 403


def _reviewed(text: str, topic: str) -> Misunderstood:
    return Misunderstood("1", text, "clarify", None, topic, now(), now())


AWKWARD = [
    ("plain words", "plain words"),
    ('[physio](topic) and [x]{"entity": "y"}', '(physio)(topic) and (x)("entity": "y")'),
    ("two\nlines\r\nand\u2028three\u0085four", "two lines and three four"),
    ("- intent: evil\n  examples: |\n    - x", "- intent: evil examples: | - x"),
    ("# no comment: 'really' \"so\" & *this* !that %", "# no comment: 'really' \"so\" & *this* !that %"),
    ("call [phone] ok", "call (phone) ok"),
    ("${HOME} {{x}}", "$(HOME) ((x))"),
    ("बहुत दर्द 😢 \x07 tab\there", "बहुत दर्द 😢 tab here"),
    ("back\\slash \\n", "back\\slash \\n"),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_rasa_reads_what_is_exported(tmp_path: Path) -> None:
    """As the same texts under the same intents, without any entity, whatever was written."""
    rows = [_reviewed(text, "physio") for text, _ in AWKWARD] + [_reviewed("hello hello", "smalltalk")]
    rows.append(_reviewed("of no topic", "none"))
    file = tmp_path / "reviewed.yml"
    file.write_text(training_data(rows), encoding="utf-8")
    assert RasaYAMLReader.is_yaml_nlu_file(str(file))
    read_back = RasaYAMLReader().read(str(file))
    found = [(example.get("intent"), example.get("text")) for example in read_back.intent_examples]
    assert not read_back.entity_examples
    expected = [("ask", plain) for _, plain in AWKWARD] + [("smalltalk", "hello hello")]
    assert sorted(found) == sorted(expected)
    assert {example.get("intent_response_key") for example in read_back.intent_examples} == {
        "ask/physio",
        "smalltalk/other",
    }


def test_nothing_reviewed_is_a_readable_file_too() -> None:
    """An empty list."""
    assert yaml.safe_load(training_data([])) == {"version": "3.1", "nlu": []}


def test_every_topic_has_an_intent_of_the_training_data() -> None:
    """So that no export adds an intent by accident."""
    known = set()
    for file in Path("data/nlu").glob("*.yml"):
        known |= {row["intent"] for row in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]}
    assert set(topics().intents.values()) <= known


def test_groups_are_by_their_first_and_the_biggest_comes_first() -> None:
    """Worked out by hand: unit vectors in the plane at 0, 80, 10, 85, 75 and 180 degrees; within 30 they are alike."""
    angles = np.radians([0, 80, 10, 85, 75, 180])
    vectors = [np.array([np.cos(angle), np.sin(angle)], dtype=np.float32) for angle in angles]
    assert grouped(vectors, float(np.cos(np.radians(30)))) == [[1, 3, 4], [0, 2], [5]]
    assert grouped([]) == []


async def test_a_text_is_encoded_once() -> None:
    """And forgotten when it is no longer asked about."""
    encoded: list[str] = []

    def counting(text: str) -> Vectors:
        encoded.append(text)
        return encode(text)

    likeness = Likeness(counting)
    await likeness.groups({"a": "one", "b": "two"})
    await likeness.groups({"a": "one"})
    await likeness.groups({"a": "one", "b": "two"})
    assert encoded == ["one", "two", "two"]
