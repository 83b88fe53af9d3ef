"""What was not understood: staff name the right topics, and a developer gets them as training examples."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import urlencode

import yaml
from aiohttp import hdrs, web

from actions.knowledge import PROJECT, titles
from bot.desk.access import May, Member
from bot.desk.likeness import Encode, Likeness
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes, redirect
from bot.storage.audit import AuditLog
from bot.storage.misunderstood import NONE, Misunderstood, MisunderstoodStore

PAGE = "/desk/understanding"
REVIEWED = f"{PAGE}/reviewed"
EXPORT = f"{PAGE}/export.yml"

_GROUPS = 20
"""On one page."""

_SECTIONS = {
    "answers": "Questions",
    "flows": "What the assistant does",
    "safety": "Danger",
    "out_of_scope": "Not for the assistant",
}
_WHY = {
    "clarify": "The assistant asked back",
    "complaint": "The person said that it did not fit",
    "corrected": "The person chose another topic",
}


@dataclass(frozen=True)
class Topics:
    """The topics that a message can be about: sections for a list of choices, and the intent of each."""

    sections: dict[str, dict[str, str]]
    intents: dict[str, str]

    def title(self, topic: str | None) -> str:
        """A topic in words; nothing for none."""
        if topic is None:
            return ""
        if topic == NONE:
            return "None of them"
        return next((topics[topic] for topics in self.sections.values() if topic in topics), topic)


@lru_cache(maxsize=1)
def topics() -> Topics:
    """The topics of ``data/knowledge/topics.yml``, read at first use."""
    content = yaml.safe_load((PROJECT / "data" / "knowledge" / "topics.yml").read_text(encoding="utf-8"))
    sections, intents = {}, {}
    for section, heading in _SECTIONS.items():
        sections[heading] = {topic: titles().get(topic) or _words(topic) for topic in content[section]}
        for topic in content[section]:
            intents[topic] = f"ask/{topic}" if section == "answers" else topic
    intents["smalltalk"] = "smalltalk/other"  # a retrieval intent: its examples belong to one of its answers
    return Topics(sections, intents)


def _words(topic: str) -> str:
    return topic.removeprefix("safety_").removeprefix("oos_").replace("_", " ").capitalize()


def training_data(rows: Iterable[Misunderstood]) -> str:
    """Reviewed messages in Rasa's training format; those that no topic was right for are left out."""
    examples: dict[str, list[str]] = {}
    for row in rows:
        intent = topics().intents.get(row.topic or "")
        example = example_of(row.text)
        if intent is not None and example and example not in examples.setdefault(intent, []):
            examples[intent].append(example)
    lines = ['version: "3.1"', "nlu:" if any(examples.values()) else "nlu: []"]
    for intent, texts in sorted(examples.items()):
        lines += [f"- intent: {intent}", "  examples: |", *(f"    - {text}" for text in texts)]
    return "\n".join(lines) + "\n"


_PLAIN = str.maketrans({"[": "(", "]": ")", "{": "(", "}": ")"})


def example_of(text: str) -> str:
    """A text as one example: in one line, without what Rasa or YAML would read as markup.

    Rasa's format knows no way to quote: ``[physio](topic)`` is always an entity. Brackets become round ones, which mean
    nothing by themselves.
    """
    seen = (" " if unicodedata.category(sign) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") else sign for sign in text)
    return " ".join("".join(seen).translate(_PLAIN).split())


@dataclass(frozen=True)
class _Group:
    rows: list[Misunderstood]
    guesses: str
    ticked: frozenset[str]
    topic: str

    @property
    def key(self) -> str:
        return self.rows[0].id


class UnderstandingPage:
    """The pages of review."""

    def __init__(self, store: MisunderstoodStore, pages: Pages, audit: AuditLog, encode: Encode) -> None:
        """``encode`` gives a text's vector; it is called in another thread and must allow that."""
        self._store = store
        self._pages = pages
        self._audit = audit
        self._likeness = Likeness(encode)

    def routes(self, routes: DeskRoutes) -> None:
        """Add the pages."""
        routes.add("GET", PAGE, self.show, May.REVIEW)
        routes.add("POST", PAGE, self.review, May.REVIEW)
        routes.add("GET", REVIEWED, self.show_reviewed, May.REVIEW)
        routes.add("POST", REVIEWED, self.take_back, May.REVIEW)
        routes.add("GET", EXPORT, self.export, May.REVIEW)

    async def show(self, request: web.Request, member: Member) -> web.StreamResponse:
        """What nobody has reviewed, in groups."""
        return await self._open_page(request, member, done=_said(request))

    async def review(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Name the topic of the ticked messages of a group, say that there is none, or throw them away."""
        form = await request.post()
        ids = [str(id_) for id_ in form.getall("id", [])]
        topic, do = str(form.get("topic", "")), str(form.get("do", ""))
        error = ""
        if not ids:
            error = "Please tick the messages that you mean."
        elif do == "name" and topic not in topics().intents:
            error = "Please choose a topic."
        if error or do not in ("name", "none", "discard"):
            typed = (str(form.get("group", "")), frozenset(ids), topic)
            return await self._open_page(request, member, error=error or "Please choose what to do.", typed=typed)
        if do == "discard":
            count = await self._store.discard(ids)
            await self._audit.record(member, "understanding_discarded", None, f"messages: {count}")
        else:
            chosen = topic if do == "name" else NONE
            count = await self._store.name(ids, chosen, member.id)
            await self._audit.record(member, "understanding_named", None, f"messages: {count}, topic: {chosen}")
        return redirect(f"{PAGE}?{urlencode({'done': 'discarded' if do == 'discard' else 'named', 'count': count})}")

    async def show_reviewed(self, request: web.Request, member: Member) -> web.StreamResponse:
        """What staff have named."""
        rows = await self._store.reviewed(500)
        _, count = await self._store.counts()
        return self._pages.render(
            request, "understanding.html", member, view="reviewed", rows=rows, count=count, topics=topics(),
            done=_said(request),
        )  # fmt: skip

    async def take_back(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Put reviewed messages back among those that nobody has reviewed."""
        count = await self._store.reopen([str(id_) for id_ in (await request.post()).getall("id", [])])
        if not count:
            raise web.HTTPNotFound
        await self._audit.record(member, "understanding_reopened", None, f"messages: {count}")
        return redirect(f"{REVIEWED}?{urlencode({'done': 'reopened', 'count': count})}")

    async def export(self, request: web.Request, member: Member) -> web.StreamResponse:
        """The reviewed messages as a file of training examples."""
        rows = await self._store.reviewed()
        await self._audit.record(member, "understanding_exported", None, f"messages: {len(rows)}")
        return web.Response(
            text=training_data(rows),
            content_type="application/yaml",
            headers={hdrs.CONTENT_DISPOSITION: 'attachment; filename="reviewed.yml"'},
        )

    async def _open_page(
        self,
        request: web.Request,
        member: Member,
        *,
        error: str = "",
        done: str = "",
        typed: tuple[str, frozenset[str], str] | None = None,
    ) -> web.Response:
        rows = {row.id: row for row in await self._store.open()}
        count, reviewed = await self._store.counts()
        groups = [
            _group([rows[id_] for id_ in ids], typed)
            for ids in await self._likeness.groups({row.id: row.text for row in rows.values()})
        ]
        asked = request.query.get("page", "")
        last = max(1, -(-len(groups) // _GROUPS))
        page = min(int(asked), last) if asked.isascii() and asked.isdigit() and 0 < len(asked) < 6 else 1
        page = max(page, 1)
        if typed is not None:  # what was typed is shown first, wherever its group stands
            groups.sort(key=lambda group: group.key != typed[0])
        return self._pages.render(
            request, "understanding.html", member, view="open", groups=groups[(page - 1) * _GROUPS : page * _GROUPS],
            count=count, shown=len(rows), reviewed=reviewed, page=page, last=last, topics=topics(), why=_WHY,
            error=error, done=done, status=HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK,
        )  # fmt: skip


def _group(rows: list[Misunderstood], typed: tuple[str, frozenset[str], str] | None) -> _Group:
    guesses = Counter(topics().title(row.guess) for row in rows if row.guess)
    taken_for = ", ".join(title for title, _ in guesses.most_common(3))
    if typed is not None and typed[0] == rows[0].id:
        return _Group(rows, taken_for, typed[1], typed[2])
    return _Group(rows, taken_for, frozenset(row.id for row in rows), "")


def _said(request: web.Request) -> str:
    count = request.query.get("count", "")
    if not (count.isascii() and count.isdigit() and len(count) < 6):
        return ""
    messages = "1 message" if count == "1" else f"{count} messages"
    words = {"named": "Saved for", "discarded": "Thrown away:", "reopened": "Taken back:"}
    said = words.get(request.query.get("done", ""))
    return f"{said} {messages}." if said else ""
