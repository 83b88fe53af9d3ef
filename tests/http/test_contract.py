"""The web chat contract over real HTTP, with the real assistant, on both databases."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import aiohttp
import pytest
from yarl import URL

from bot.storage.conversations import ConversationStore
from tests.http.chat import Chat
from tests.http.patience import eventually
from tests.http.stream import listen
from tests.integration.stored import all_rows, finish, inbound, put, raw_bytes, reply, rows_of

START = "/api/chat/conversations"


def message(text: str | None = None, **changes: Any) -> dict[str, Any]:
    """The body of a message with an id of its own."""
    return {"id": str(uuid4()), **({} if text is None else {"text": text}), **changes}


def ids(messages: list[dict[str, Any]]) -> list[str]:
    """The ids of messages, in order."""
    return [found["id"] for found in messages]


def texts(messages: list[dict[str, Any]], sender: str = "user") -> list[str]:
    """What one side said, in order."""
    return [found["text"] for found in messages if found["sender"] == sender]


async def refusal(response: aiohttp.ClientResponse) -> tuple[int, str, bytes]:
    """What a refused caller sees: status, content type and body."""
    return response.status, response.headers["Content-Type"], await response.read()


async def each_way_in(chat: Chat, path: str, headers: dict[str, str]) -> list[tuple[int, str, bytes]]:
    """What the four endpoints of a conversation say to somebody with these headers."""
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/messages", {"json": message("hello")}),
        ("GET", "/messages", {}),
        ("GET", "/events", {}),
        ("DELETE", "", {}),
    ]
    found = []
    for method, end, options in requests:
        async with chat.http.request(method, URL(path + end, encoded=True), headers=headers, **options) as response:
            found.append(await refusal(response))
    return found


# Starting


async def test_a_conversation_starts_with_an_id_a_token_and_no_messages(http: aiohttp.ClientSession) -> None:
    started = []
    for _ in range(2):
        async with http.post(START, json={}) as response:
            assert response.status == 201
            assert response.headers["Cache-Control"] == "no-store"
            assert "Set-Cookie" not in response.headers
            started.append(await response.json())
    for body in started:
        assert set(body) == {"id", "token", "messages"}
        assert str(UUID(body["id"])) == body["id"]
        assert len(body["token"]) >= 32
        assert body["messages"] == []
    assert started[0]["id"] != started[1]["id"]
    assert started[0]["token"] != started[1]["token"]


async def test_the_start_needs_no_body_and_refuses_what_is_not_an_object(http: aiohttp.ClientSession) -> None:
    expected = {b"": 201, b"{}": 201, b'{"anything": 1}': 201, b"[]": 400, b'"x"': 400, b"{": 400, b"null": 400}
    found = {}
    for body in expected:
        async with http.post(START, data=body) as response:
            found[body] = response.status
    assert found == expected


async def test_the_token_is_stored_as_a_hash_only(chat: Chat, store: ConversationStore) -> None:
    raw = await raw_bytes(store.database)
    assert chat.id.encode() in raw
    assert chat.token.encode() not in raw


# Who may read and write


async def test_without_a_bearer_token_nobody_gets_anywhere(chat: Chat) -> None:
    for authorization in (None, "", "Bearer", "Bearer ", f"Basic {chat.token}", chat.token, f"token={chat.token}"):
        headers = {} if authorization is None else {"Authorization": authorization}
        for status, content_type, body in await each_way_in(chat, chat.path, headers):
            assert (status, content_type) == (401, "application/problem+json; charset=utf-8"), authorization
            assert json.loads(body)["status"] == 401
        async with chat.http.get(f"{chat.path}/messages", headers=headers) as response:
            assert response.headers["WWW-Authenticate"] == "Bearer"
    assert await chat.history() == []


async def test_the_scheme_is_read_in_any_case(chat: Chat) -> None:
    for scheme in ("bearer", "BEARER"):
        async with chat.http.get(f"{chat.path}/messages", headers={"Authorization": f"{scheme} {chat.token}"}) as found:
            assert found.status == 200


async def test_an_unknown_conversation_and_a_foreign_token_look_the_same(chat: Chat) -> None:
    other = await Chat.start(chat.http)
    await other.say("something of hers")
    refused = {
        "unknown conversation": await each_way_in(chat, f"{START}/{uuid4()}", chat.headers),
        "her conversation, my token": await each_way_in(chat, other.path, chat.headers),
        "my conversation, no such token": await each_way_in(chat, chat.path, {"Authorization": "Bearer nonsense"}),
        "token cut short": await each_way_in(chat, chat.path, {"Authorization": f"Bearer {chat.token[:-1]}"}),
        "token of no alphabet": await each_way_in(chat, chat.path, {"Authorization": "Bearer \u00e9\u20ac\U0001f642"}),
    }
    looks = {answer for answers in refused.values() for answer in answers}
    assert len(looks) == 1, refused
    status, content_type, body = looks.pop()
    assert (status, content_type) == (404, "application/problem+json; charset=utf-8")
    assert set(json.loads(body)) == {"type", "title", "status", "detail"}
    assert texts(await other.history()) == ["something of hers"]


async def test_a_conversation_id_that_is_none_is_unknown(chat: Chat) -> None:
    odd = ["%00", "x", "x" * 300, "%ED%A0%80", "%F0%9F%99%82", "'%20OR%20'1'='1", "..%2F..", "%FF", chat.id.upper()]
    for conversation_id in odd:
        for status, content_type, _ in await each_way_in(chat, f"{START}/{conversation_id}", chat.headers):
            assert (status, content_type) == (404, "application/problem+json; charset=utf-8"), conversation_id


async def test_a_token_of_broken_bytes_is_refused_like_any_other(chat: Chat, base_url: str) -> None:
    address = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        f"GET {chat.path}/messages HTTP/1.0\r\nAuthorization: Bearer ".encode() + b"\xff\xfe\xed\xa0\x80\r\n\r\n"
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.0 404 ")


async def test_visitors_see_nothing_of_each_other(http: aiohttp.ClientSession) -> None:
    visitors = [await Chat.start(http) for _ in range(4)]
    questions = ["what is vaginismus", "thank you so much", "what helps against it", "hello there"]
    asked = [asyncio.create_task(chat.say(text)) for chat, text in zip(visitors, questions, strict=True)]
    answers = [await task for task in asked]
    seen = [await chat.history() for chat in visitors]
    for text, answer, history in zip(questions, answers, seen, strict=True):
        assert texts(history) == [text]
        assert history[1:] == answer
    every = [found for history in seen for found in ids(history)]
    assert len(set(every)) == len(every)


# What a message may be


async def test_what_is_not_a_message_is_refused_and_not_stored(chat: Chat) -> None:
    good = str(uuid4())
    bodies: dict[str, Any] = {
        "no id": {"text": "hello"},
        "id null": {"id": None, "text": "hello"},
        "id number": {"id": 7, "text": "hello"},
        "id list": {"id": [good], "text": "hello"},
        "id no UUID": {"id": "7", "text": "hello"},
        "id empty": {"id": "", "text": "hello"},
        "id in braces": {"id": "{" + good + "}", "text": "hello"},
        "id without dashes": {"id": good.replace("-", ""), "text": "hello"},
        "id as URN": {"id": f"urn:uuid:{good}", "text": "hello"},
        "id with more": {"id": good + "\n", "text": "hello"},
        "id with half a character": {"id": good[:-1] + "\ud800", "text": "hello"},
        "id in other digits": {"id": "\u0661" * 8 + good[8:], "text": "hello"},
        "neither": {"id": good},
        "both": {"id": good, "text": "hello", "payload": "/greet"},
        "both null": {"id": good, "text": None, "payload": None},
        "text number": {"id": good, "text": 5},
        "text true": {"id": good, "text": True},
        "text list": {"id": good, "text": ["hello"]},
        "text object": {"id": good, "text": {"text": "hello"}},
        "text empty": {"id": good, "text": ""},
        "text blank": {"id": good, "text": " \t\n\u00a0\u2003"},
        "text of NUL": {"id": good, "text": "\0 \0"},
        "payload number": {"id": good, "payload": 5},
        "payload list": {"id": good, "payload": ["/greet"]},
        "payload empty": {"id": good, "payload": ""},
        "payload text": {"id": good, "payload": "hello"},
        "payload /restart": {"id": good, "payload": "/restart"},
        "payload /session_start": {"id": good, "payload": "/session_start"},
        "payload /back": {"id": good, "payload": "/back"},
        "payload /restart{}": {"id": good, "payload": "/restart{}"},
        "payload reminder": {"id": good, "payload": "/EXTERNAL: x"},
        "payload broken JSON": {"id": good, "payload": '/ask{"topic":'},
        "payload nested": {"id": good, "payload": '/ask{"topic": {"a": 1}}'},
        "payload half a character": {"id": good, "payload": '/ask{"topic": "\ud800"}'},
        "payload half a character escaped": {"id": good, "payload": '/ask{"topic": "\\ud800"}'},
        "payload too long": {"id": good, "payload": '/ask{"topic": "' + "x" * 500 + '"}'},
        "array": [{"id": good, "text": "hello"}],
        "string": "hello",
        "number": 5,
        "null": None,
    }
    raw: dict[str, bytes] = {
        "nothing": b"",
        "no JSON": b"hello",
        "half of it": b'{"id": "',
        "no UTF-8": b'{"text": "\xff\xfe"}',
        "form": b"text=hello",
        "deep": b"[" * 60_000,
        "long number": b'{"id": ' + b"9" * 10_000 + b"}",
    }
    raw |= {name: json.dumps(body).encode() for name, body in bodies.items()}
    found = {}
    for name, body in raw.items():
        async with chat.http.post(f"{chat.path}/messages", data=body, headers=chat.headers) as response:
            found[name] = response.status
            assert (await response.json(content_type=None))["detail"]
    assert found == dict.fromkeys(raw, 400)
    assert await chat.history() == []


async def test_a_body_that_cannot_be_unpacked_is_refused(chat: Chat) -> None:
    headers = chat.headers | {"Content-Encoding": "gzip"}
    async with chat.http.post(f"{chat.path}/messages", data=b"this is not gzip", headers=headers) as response:
        assert response.status == 400


@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f642"], ids=["ascii", "accent", "emoji"])
async def test_5000_characters_are_answered_and_kept_and_5001_are_refused(chat: Chat, character: str) -> None:
    longest = character * 5000
    assert await chat.say(longest)
    status, body = await chat.send(message(longest + character))
    assert status == 413
    assert "5,001" in body["detail"]
    assert "5,000" in body["detail"]
    assert texts(await chat.history()) == [longest]


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(chat: Chat) -> None:
    for size in (200_000, 900_000):
        status, body = await chat.send(message("x" * size))
        assert (status, body["status"]) == (413, 413)
    assert await chat.history() == []


async def test_whatever_is_typed_is_answered_and_shown_as_typed(chat: Chat) -> None:
    kept = {
        "\U0001f62d\U0001f62d \U0001f469\u200d\u2764\ufe0f\u200d\U0001f469": None,
        "\u0926\u0930\u094d\u0926 \u0939\u094b\u0924\u093e \u0939\u0948": None,
        "half a character \ud83d here": "half a character ? here",
        "a NUL \0 here": "a NUL  here",
        "'; DROP TABLE messages; -- <script>alert(1)</script>": None,
        "line one\r\nline two\u2028line three": None,
        "  kept as it is  ": None,
        '{"topic": "types"}': None,
        "?": None,
    }
    for typed in kept:
        assert await chat.say(typed), typed
    assert texts(await chat.history()) == [typed if shown is None else shown for typed, shown in kept.items()]


async def test_typed_commands_are_words_and_the_conversation_keeps_its_context(chat: Chat) -> None:
    first = await chat.say("what is vaginismus")
    commands = ["/restart", "  /restart", "//session_start", '/ask{"topic": "types"}', "/"]
    for command in commands:
        assert await chat.say(command)
    again = await chat.say("what is vaginismus")
    assert first[0]["topic"] == again[0]["topic"] == "what_is_vaginismus"
    assert texts(first, "assistant") != texts(again, "assistant"), "it still knows what it said before"
    assert texts(await chat.history())[1:-1] == commands
    forgetful = await (await Chat.start(chat.http)).say("what is vaginismus")
    assert texts(forgetful, "assistant") == texts(first, "assistant"), "without context it would have said the same"


# The same id again


async def test_a_repeated_id_returns_the_same_replies_and_adds_nothing(chat: Chat) -> None:
    question = message("what is vaginismus")
    first = await chat.send(question)
    await chat.say("thanks")
    before = await chat.history()
    assert await chat.send(question) == first
    assert await chat.send({**question, "id": question["id"].upper()}) == first
    assert first[0] == 200
    assert first[1]["messages"]
    assert await chat.history() == before


async def test_a_repeated_payload_returns_the_same_replies(chat: Chat) -> None:
    chosen = message(payload='/ask{"topic": "types"}')
    first = await chat.send(chosen)
    assert first[0] == 200
    assert await chat.send(chosen) == first
    assert len(await chat.history()) == 1 + len(first[1]["messages"])


async def test_a_repeat_while_the_first_is_under_way_gets_the_same_replies(
    chat: Chat, store: ConversationStore
) -> None:
    question = message("what is vaginismus")
    async with store.database.conversation_lock(chat.id):  # no turn can begin
        first = asyncio.create_task(chat.send(question))
        while not await chat.history():
            assert not first.done()
        repeats = [asyncio.create_task(chat.send(question)) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in (first, *repeats))
    answers = [await task for task in (first, *repeats)]
    assert answers[0][0] == 200
    assert answers[0][1]["messages"]
    assert answers == [answers[0]] * 4
    assert ids(await chat.history()) == [question["id"], *ids(answers[0][1]["messages"])]


async def test_repeats_sent_at_the_very_same_moment_are_one_message(chat: Chat) -> None:
    question = message("what is vaginismus")
    answers = await asyncio.gather(*(chat.send(question) for _ in range(6)))
    assert answers == [answers[0]] * 6
    assert ids(await chat.history()) == [question["id"], *ids(answers[0][1]["messages"])]


async def test_an_id_used_for_something_else_is_a_conflict(chat: Chat) -> None:
    text, chosen = message("hello"), message(payload="/talk_to_human")
    await chat.send(text)
    await chat.send(chosen)
    before = await chat.history()
    for other in (
        message("goodbye", id=text["id"]),
        message(payload="/talk_to_human", id=text["id"]),
        message(payload="/find_coach", id=chosen["id"]),
        message(texts(before)[1], id=chosen["id"]),
    ):
        status, body = await chat.send(other)
        assert (status, body["title"]) == (409, "Conflict")
    assert await chat.history() == before


async def test_of_two_texts_with_one_id_at_the_same_moment_one_is_a_conflict(chat: Chat) -> None:
    one_id = str(uuid4())
    answers = await asyncio.gather(*(chat.send(message(text, id=one_id)) for text in ("hello", "thanks", "goodbye")))
    assert sorted(status for status, _ in answers) == [200, 409, 409]
    assert len(texts(await chat.history())) == 1


async def test_the_same_id_in_two_conversations_is_two_messages(chat: Chat) -> None:
    other = await Chat.start(chat.http)
    one_id = str(uuid4())
    mine, hers = await asyncio.gather(
        chat.send(message("what is vaginismus", id=one_id)), other.send(message("thank you", id=one_id))
    )
    assert (mine[0], hers[0]) == (200, 200)
    assert set(ids(mine[1]["messages"])).isdisjoint(ids(hers[1]["messages"]))
    assert texts(await chat.history()) == ["what is vaginismus"]
    assert texts(await other.history()) == ["thank you"]


async def test_two_messages_at_once_are_both_answered_in_their_order(chat: Chat, store: ConversationStore) -> None:
    questions = [message("what is vaginismus"), message("thank you"), message("what helps")]
    waiting = []
    async with store.database.conversation_lock(chat.id):  # all are there before the first turn begins
        for number, question in enumerate(questions, start=1):
            waiting.append(asyncio.create_task(chat.send(question)))
            while len(await chat.history()) < number:
                assert not waiting[-1].done()
    answers = [await task for task in waiting]
    assert [status for status, _ in answers] == [200] * 3
    replies = [ids(body["messages"]) for _, body in answers]
    assert all(replies)
    assert ids(await chat.history()) == [question["id"] for question in questions] + [
        found for reply_ids in replies for found in reply_ids
    ]


# Reading


async def test_messages_behind_one_are_given_in_order(chat: Chat) -> None:
    await chat.say("what is vaginismus")
    await chat.say("thank you")
    everything = await chat.history()
    for number, found in enumerate(everything, start=1):
        assert await chat.history(after=found["id"]) == everything[number:]
    assert await chat.history(after=everything[0]["id"].upper()) == everything[1:]
    assert await chat.history(after="") == everything


async def test_a_message_looks_as_the_contract_says(chat: Chat) -> None:
    question = message("what is vaginismus")
    await chat.send(question)
    own, *replies = await chat.history()
    assert (own["id"], own["sender"], own["text"]) == (question["id"], "user", "what is vaginismus")
    assert (own["topic"], own["buttons"]) == (None, [])
    for found in replies:
        assert set(found) == {"id", "sender", "text", "buttons", "topic", "sent_at"}
        assert (found["sender"], found["topic"]) == ("assistant", "what_is_vaginismus")
        assert found["sent_at"].endswith("Z")
    assert replies[-1]["buttons"]


async def test_reading_behind_an_unknown_message_is_refused(chat: Chat) -> None:
    other = await Chat.start(chat.http)
    hers = await other.say("hello")
    for after in (str(uuid4()), hers[0]["id"], "7", "\0", "\ud7ff", "%FF", "x" * 5000):
        path = f"{chat.path}/messages"
        async with chat.http.get(path, params={"after": after}, headers=chat.headers) as response:
            assert response.status == 400, after
    async with chat.http.get(URL(f"{chat.path}/messages?after=%ED%A0%80", encoded=True), headers=chat.headers) as found:
        assert found.status == 400


# Buttons


async def test_a_chosen_button_is_answered_and_shown_with_its_title(chat: Chat) -> None:
    offered = (await chat.say("what is vaginismus"))[-1]["buttons"]
    chosen = next(button for button in offered if "types" in button["payload"])
    replies = await chat.say(payload=chosen["payload"])
    assert replies[0]["topic"] == "types"
    assert texts(await chat.history()) == ["what is vaginismus", chosen["title"]]


async def test_a_payload_that_means_nothing_is_still_answered(chat: Chat) -> None:
    for payload in ("/no_such_intent", '/ask{"topic": "no_such_topic"}', "/ask", '/ask{"mood": 5}'):
        replies = await chat.say(payload=payload)
        assert replies[-1]["text"], payload
        assert replies[-1]["buttons"], "there is a way on"
    assert await chat.say("thank you"), "and the conversation goes on"


# Erasing


async def test_an_erased_conversation_is_gone_everywhere(chat: Chat, store: ConversationStore) -> None:
    other = await Chat.start(chat.http)
    await other.say("hello")
    await chat.say("what is vaginismus")
    assert (await rows_of(store.database, chat.id))["trackers"] == 1
    async with chat.http.delete(chat.path, headers=chat.headers) as response:
        assert response.status == 204
        assert await response.read() == b""
    assert {status for status, _, _ in await each_way_in(chat, chat.path, chat.headers)} == {404}
    assert set((await rows_of(store.database, chat.id)).values()) == {0}
    assert texts(await other.history()) == ["hello"]


async def test_erasing_while_a_message_is_under_way_leaves_nothing(chat: Chat, store: ConversationStore) -> None:
    async with store.database.conversation_lock(chat.id):
        under_way = asyncio.create_task(chat.send(message("what is vaginismus")))
        while not await chat.history():
            assert not under_way.done()
        deleting = asyncio.create_task(_delete(chat))
        await asyncio.sleep(0.05)
    assert await deleting == 204
    status, _ = await under_way
    assert status in {200, 404}, "answered just before, or gone"
    assert set((await rows_of(store.database, chat.id)).values()) == {0}


async def _delete(chat: Chat) -> int:
    async with chat.http.delete(chat.path, headers=chat.headers) as response:
        return response.status


# Delivery marks


async def _undelivered(chat: Chat, store: ConversationStore) -> None:
    """A message that was answered while nobody waited for the reply."""
    question = await put(store, chat.id, "is anybody there")
    await finish(store, question, [reply("yes"), reply("I am")], None)
    assert [found.delivered_at for found in await store.after(chat.id, 0)] == [None] * 3


async def _post(chat: Chat, store: ConversationStore) -> None:
    await chat.say("hello")


async def _repeated_post(chat: Chat, store: ConversationStore) -> None:
    await _undelivered(chat, store)
    asked = (await store.after(chat.id, 0))[0]
    assert (await chat.send({"id": asked.id, "text": asked.text}))[0] == 200


async def _get(chat: Chat, store: ConversationStore) -> None:
    await _undelivered(chat, store)
    await chat.history()


async def _stream(chat: Chat, store: ConversationStore) -> None:
    await _undelivered(chat, store)
    async with listen(chat) as stream:
        await stream.take(3)


@pytest.mark.parametrize("receive", [_post, _repeated_post, _get, _stream], ids=lambda receive: receive.__name__[1:])
async def test_what_the_visitor_received_is_marked_delivered_a_moment_later(
    receive: Callable[[Chat, ConversationStore], Any], chat: Chat, store: ConversationStore
) -> None:
    await receive(chat, store)
    await eventually(lambda: _all_delivered(chat, store))
    own, *replies = await store.after(chat.id, 0)
    assert own.delivered_at is None
    assert all(found.delivered_at and found.delivered_at >= found.sent_at for found in replies)


async def _all_delivered(chat: Chat, store: ConversationStore) -> bool:
    return all(found.delivered_at for found in (await store.after(chat.id, 0))[1:])


async def test_what_nobody_received_is_not_marked(chat: Chat, store: ConversationStore) -> None:
    await _undelivered(chat, store)
    await (await Chat.start(chat.http)).say("hello")
    await asyncio.sleep(0.7)
    assert [found.delivered_at for found in await store.after(chat.id, 0)] == [None] * 3


# Around it


async def test_unknown_addresses_and_methods_are_problems(chat: Chat) -> None:
    expected = {
        ("GET", "/nowhere"): 404,
        ("GET", "/api/chat"): 404,
        ("POST", "/api/chat/conversations/"): 404,
        ("GET", "/web/no-such.js"): 404,
        ("GET", "/web/..%2Fapp.py"): 404,
        ("GET", "/web/"): 404,
        ("GET", START): 405,
        ("PUT", START): 405,
        ("PATCH", f"{chat.path}/messages"): 405,
        ("POST", f"{chat.path}/events"): 405,
        ("GET", chat.path): 405,
        ("POST", "/"): 405,
    }
    found = {}
    for method, path in expected:
        async with chat.http.request(method, URL(path, encoded=True), headers=chat.headers) as response:
            found[method, path] = response.status
            assert response.content_type == "application/problem+json"
            assert (await response.json(content_type=None))["status"] == response.status
            assert ("Allow" in response.headers) == (response.status == 405)
    assert found == expected


async def test_every_response_carries_the_protecting_headers(chat: Chat) -> None:
    async def headers(method: str, path: str, **options: Any) -> dict[str, str]:
        async with chat.http.request(method, path, **options) as response:
            return {name: response.headers.get(name, "") for name in wanted}

    wanted = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    own = {"headers": chat.headers}
    for asked in (
        headers("GET", "/"),
        headers("POST", START, json={}),
        headers("POST", f"{chat.path}/messages", json=message("hello"), **own),
        headers("GET", f"{chat.path}/messages", **own),
        headers("GET", f"{chat.path}/messages"),
        headers("GET", f"{chat.path}/events", **own),
        headers("GET", "/nowhere"),
        headers("PUT", START),
        headers("GET", "/metrics"),
        headers("GET", "/api/openapi.json"),
        headers("DELETE", chat.path, **own),
    ):
        assert await asked == wanted


async def test_the_page_lets_nothing_from_elsewhere_in(http: aiohttp.ClientSession) -> None:
    async with http.get("/") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert "Set-Cookie" not in response.headers
        policy = dict(
            part.strip().partition(" ")[::2] for part in response.headers["Content-Security-Policy"].split(";")
        )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in "".join(policy.values())
    assert policy["frame-ancestors"] == "'self'"


async def test_what_visitors_write_is_neither_in_logs_nor_in_metrics_nor_readable_in_the_database(
    chat: Chat, store: ConversationStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await chat.say("what is vaginismus, asks Quagga of Zanzibar")
        await chat.say(payload='/ask{"topic": "quagga_types"}')
        status, _ = await chat.send(message(payload="/Quagga"))
        assert status == 400
        async with chat.http.get("/metrics") as response:
            metrics = (await response.text()).lower()
    assert "bot_messages_received" in metrics
    raw = (await raw_bytes(store.database)).lower()
    assert chat.id.encode() in raw
    said = [found["text"].encode().lower() for found in await chat.history()]
    for secret in ("quagga", "zanzibar"):
        assert secret not in metrics
        assert secret not in caplog.text.lower()
        assert secret.encode() not in raw
    assert [text for text in said if text[:30] in raw] == []
    assert sum(len(rows) for rows in (await all_rows(store.database)).values()) > 4


async def test_an_answer_is_found_by_a_visitor_who_went_away_while_it_was_made(
    chat: Chat, store: ConversationStore
) -> None:
    question = inbound(chat.id, "what is vaginismus")
    async with store.database.conversation_lock(chat.id):
        leaving = asyncio.create_task(chat.send({"id": question.id, "text": question.text}))
        while not await chat.history():
            assert not leaving.done()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await asyncio.sleep(0.1)

    async def answered() -> bool:
        return len(await chat.history()) > 1

    await eventually(answered)
    assert (await chat.history())[1]["topic"] == "what_is_vaginismus"


async def test_everything_that_is_kept_can_be_taken_away(http: aiohttp.ClientSession) -> None:
    chat = await Chat.start(http)
    await chat.say("what is vaginismus?")
    async with http.get(f"{chat.path}/export", headers=chat.headers) as response:
        assert response.status == 200
        assert response.headers["Content-Disposition"].startswith("attachment")
        content = await response.json()
    assert content["messages"][0]["text"] == "what is vaginismus?"
    assert content["onset_history"] == content["referrals"] == []
