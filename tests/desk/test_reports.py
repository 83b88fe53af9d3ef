"""Reports: figures against a small history worked out by hand, charts, files."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from sqlalchemy import insert

from bot.desk import charts
from bot.desk.access import Role
from bot.desk.report_tables import harmless
from bot.desk.reports_page import BadPeriod, ReportsPage, period_of
from bot.model import now
from bot.storage.conversations import ConversationStore
from bot.storage.desk_tables import handoffs
from bot.storage.reports import Alone, Period, ReportStore, Wait, Waits
from bot.storage.tables import conversations, messages, safety_flags
from tests.desk.one_page import PAGES, member, served

_ZONE = ZoneInfo("Asia/Kolkata")  # 5 h 30 min before UTC
_PERIOD = Period(date(2026, 5, 1), date(2026, 5, 3), _ZONE)
_QUERY = "from=2026-05-01&to=2026-05-03"


def _at(day: int, hour: int, minute: int = 0, *, month: int = 5) -> datetime:
    """A moment in 2026 where the team works."""
    return datetime(2026, month, day, hour, minute, tzinfo=_ZONE)


async def _insert(store: ConversationStore, table: Any, *rows: dict[str, Any]) -> None:
    async with store.database.transaction() as connection:
        await connection.execute(insert(table), list(rows))


def _conversation(name: str, at: datetime, channel: str = "web", messages: int = 2) -> dict[str, Any]:
    return {
        "id": name,
        "channel": channel,
        "state": "assistant",
        "last_position": messages,
        "created_at": at,
        "last_message_at": at,
    }


def _message(conversation: str, position: int, at: datetime, topic: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "conversation_id": conversation,
        "position": position,
        "id": str(uuid4()),
        "channel": "",
        "sender": "assistant",
        "in_reply_to": 1,
        "content": b"sealed, and never opened here",
        "topic": topic,
        "sent_at": at,
        **changes,
    }


def _handoff(conversation: str | None, reason: str, asked: datetime, **changes: Any) -> dict[str, Any]:
    claim, reply = changes.pop("claim", None), changes.pop("reply", None)
    return {
        "id": str(uuid4()),
        "conversation_id": conversation,
        "channel": "web",
        "reason": reason,
        "level": 0,
        "requested_at": asked,
        "claimed_at": None if claim is None else asked + timedelta(minutes=claim),
        "first_reply_at": None if reply is None else asked + timedelta(minutes=reply),
        "ended_at": None,
        "ended_how": None,
        "close_reason": None,
        "feedback": None,
        **changes,
    }


def _flag(category: str, level: int, at: datetime) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "conversation_id": None,
        "position": 1,
        "channel": "web",
        "category": category,
        "level": level,
        "source": "lexicon",
        "action": "answered",
        "raised_at": at,
    }


async def _history(store: ConversationStore) -> None:
    """Three days in May, with something just before and just after them."""
    await _insert(
        store,
        conversations,
        _conversation("before", _at(30, 23, 59, month=4)),
        _conversation("a", _at(1, 0)),  # still April in UTC
        _conversation("b", _at(1, 23, 59)),
        _conversation("c", _at(1, 12), channel="=cmd"),
        _conversation("d", _at(3, 23, 59)),
        _conversation("silent", _at(2, 12), messages=0),
        _conversation("after", _at(4, 0)),
    )
    await _insert(
        store,
        messages,
        # One answer of two bubbles, then another answer of the same topic.
        _message("a", 2, _at(1, 0), "causes"),
        _message("a", 3, _at(1, 0), "causes"),
        _message("a", 5, _at(1, 0), "causes", in_reply_to=4),
        _message("b", 2, _at(1, 23, 59), "<b>new</b>"),
        _message("b", 3, _at(1, 23, 59), None, sender="system"),
        _message("b", 4, _at(1, 23, 59), "types", sender="person"),
        _message("after", 2, _at(4, 0), "types"),
    )
    ended = {"ended_at": _at(3, 20), "ended_how": "closed"}
    await _insert(
        store,
        handoffs,
        _handoff("before", "asked", _at(30, 23, 59, month=4), claim=500, reply=500, **ended, feedback=1),
        _handoff("b", "asked", _at(1, 23, 59), claim=2, reply=4, **ended, close_reason="answered", feedback=3),
        _handoff(None, "asked", _at(1, 10), claim=4, reply=5, ended_at=_at(1, 11), ended_how="returned", feedback=3),
        _handoff(None, "safety", _at(1, 11), claim=9, reply=20, **ended, close_reason="emergency"),
        _handoff("c", "call_back", _at(3, 9)),
        _handoff("d", "stepped_in", _at(3, 23, 59), claim=0, reply=700, **ended, close_reason="answered", feedback=2),
    )
    await _insert(
        store,
        safety_flags,
        _flag("suicide", 3, _at(1, 0)),
        _flag("suicide", 2, _at(2, 9)),
        _flag("suicide", 3, _at(3, 23, 59)),
        _flag("abuse", 1, _at(3, 9)),
        _flag("abuse", 1, _at(4, 0)),
    )


@asynccontextmanager
async def _desk(store: ConversationStore, role: Role = Role.COORDINATOR) -> AsyncIterator[aiohttp.ClientSession]:
    page = ReportsPage(
        ReportStore(store.database),
        PAGES,
        titles=lambda: {"causes": "What can cause it"},
        time_zone=_ZONE,
        retention_days=30,
    )
    async with served(page.routes, member(role)) as client:
        yield client


async def _file(client: aiohttp.ClientSession, name: str) -> list[list[str]]:
    async with client.get(f"/desk/reports/{name}.csv?{_QUERY}") as response:
        assert response.status == 200
        assert response.content_type == "text/csv"
        assert f'filename="{name}-2026-05-01-2026-05-03.csv"' in response.headers["Content-Disposition"]
        return list(csv.reader(io.StringIO(await response.text())))


async def test_the_figures_are_those_of_the_history(store: ConversationStore) -> None:
    await _history(store)
    reports = ReportStore(store.database)
    first, last = date(2026, 5, 1), date(2026, 5, 3)
    assert await reports.conversations(_PERIOD) == {(first, "web"): 2, (first, "=cmd"): 1, (last, "web"): 1}
    assert await reports.reasons(_PERIOD) == {"asked": 2, "safety": 1, "call_back": 1, "stepped_in": 1}
    assert await reports.feedback(_PERIOD) == {3: 2, 2: 1, None: 1}
    assert await reports.endings(_PERIOD) == {
        ("closed", "answered"): 2,
        ("closed", "emergency"): 1,
        ("returned", None): 1,
        (None, None): 1,
    }
    assert await reports.topics(_PERIOD) == {"causes": 2, "<b>new</b>": 1}
    assert await reports.alarms(_PERIOD) == {("suicide", 3): 2, ("suicide", 2): 1, ("abuse", 1): 1}
    # a alone; b and d answered by people; c waits.
    assert await reports.alone(_PERIOD) == Alone(total=4, without=1, handed=3, answered=2)


async def test_waits_are_counted_from_asking_and_by_the_day_of_it(store: ConversationStore) -> None:
    await _history(store)
    waits = await ReportStore(store.database).waits(_PERIOD)
    assert set(waits) == {None, *_PERIOD.days}
    whole, first, second, third = waits[None], *(waits[day] for day in _PERIOD.days)
    # To claim 2, 4, 9 minutes; to reply 4, 5, 20. Who was stepped in on did not wait.
    assert (whole.asked, whole.claimed, whole.answered) == (4, 3, 3)
    assert whole.to_claim == Wait(240, 540)
    assert whole.to_reply == Wait(300, 1200)
    assert first == Waits(3, 3, 3, whole.to_claim, whole.to_reply)
    assert (second.asked, second.to_claim) == (0, Wait(None, None))
    assert (third.asked, third.claimed, third.to_claim) == (1, 0, Wait(None, None))


@pytest.mark.parametrize(
    ("seconds", "median", "ninetieth"),
    [([7], 7, 7), ([3, 1], 2, 3), (range(1, 11), 5.5, 9), (range(1, 12), 6, 10), (range(1, 101), 50.5, 90)],
)
def test_half_wait_no_longer_than_the_median_and_nine_in_ten_than_the_ninetieth(
    seconds: list[float], median: float, ninetieth: float
) -> None:
    assert Wait.of(list(seconds)) == Wait(median, ninetieth)


async def test_the_page_says_the_figures(store: ConversationStore) -> None:
    await _history(store)
    async with _desk(store) as client, client.get(f"/desk/reports?{_QUERY}") as response:
        assert response.status == 200
        text = await response.text()
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    assert facts == {
        "Conversations": "4",
        "Answered without a person": "25 %",
        "People who asked for a person": "4",
        "Median wait for the first reply": "5.0 minutes",
    }
    assert "What can cause it" in text
    assert "&lt;b&gt;new&lt;/b&gt;" in text
    assert "<b>" not in text
    # The strict policy forbids these, and each chart has its equal.
    assert not re.search(r"<[^>]* (style|on\w+)=|<style|<script", text)
    assert text.count('<svg class="chart" role="img"') == text.count("<details>") == 8


async def test_every_chart_is_a_picture_with_a_title_and_names_of_its_own(store: ConversationStore) -> None:
    await _history(store)
    async with _desk(store) as client, client.get(f"/desk/reports?{_QUERY}") as response:
        text = await response.text()
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    for picture in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        root = ElementTree.fromstring(picture)
        if root.get("aria-hidden") == "true":
            continue
        assert root.get("aria-labelledby") == root[0].get("id")
        assert root[0].tag == "title"
        assert root[0].text
        for used in re.findall(r"url\(#([^)]+)\)", picture):
            assert f'id="{used}"' in picture


async def test_each_report_is_a_file_with_the_same_period(store: ConversationStore) -> None:
    await _history(store)
    async with _desk(store) as client:
        assert await _file(client, "conversations") == [
            ["Day", "web", "'=cmd", "All"],
            ["2026-05-01", "2", "1", "3"],
            ["2026-05-02", "0", "0", "0"],
            ["2026-05-03", "1", "0", "1"],
        ]
        assert (await _file(client, "alone"))[1:] == [
            ["Never went to people", "1", "25.0"],
            ["Went to people, who answered", "2", "50.0"],
            ["Went to people, no reply of theirs", "1", "25.0"],
        ]
        assert (await _file(client, "handoffs"))[1:] == [
            ["Asked for a person", "2"],
            ["An alarm", "1"],
            ["Not understood", "0"],
            ["Asked to be called back", "1"],
            ["One of the team stepped in", "1"],
        ]
        assert (await _file(client, "waiting"))[1:] == [
            ["2026-05-01", "3", "3", "3", "4.0", "9.0", "5.0", "20.0"],
            ["2026-05-02", "0", "0", "0", "", "", "", ""],
            ["2026-05-03", "1", "0", "0", "", "", "", ""],
            ["All days", "4", "3", "3", "4.0", "9.0", "5.0", "20.0"],
        ]
        assert (await _file(client, "feedback"))[1:] == [
            ["It helped", "2"],
            ["It helped a little", "1"],
            ["It did not help", "0"],
            ["No answer", "1"],
        ]
        assert (await _file(client, "endings"))[1:] == [
            ["Closed: Answered", "2"],
            ["Back to the assistant", "1"],
            ["Closed: Handed to emergency help", "1"],
            ["Not ended yet", "1"],
        ]
        assert (await _file(client, "topics"))[1:] == [["What can cause it", "2"], ["<b>new</b>", "1"]]
        assert (await _file(client, "alarms"))[1:] == [["Suicide", "0", "1", "2", "3"], ["Abuse", "1", "0", "0", "1"]]
        async with client.get(f"/desk/reports/nonsense.csv?{_QUERY}") as response:
            assert response.status == 404


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


async def test_nothing_at_all_is_a_page_too(store: ConversationStore) -> None:
    async with _desk(store) as client, client.get("/desk/reports") as response:
        assert response.status == 200
        text = await response.text()
    assert "<dt>Conversations</dt><dd>0</dd>" in text
    assert "<dt>Answered without a person</dt><dd>no conversations</dd>" in text
    assert "Nothing in this time." in text


async def test_the_usual_period_is_30_days_until_today(store: ConversationStore) -> None:
    today = now().astimezone(_ZONE).date()
    period = period_of({}, _ZONE)
    assert (period.first, period.last) == (today - timedelta(days=29), today)
    assert len(period_of({"days": "7"}, _ZONE).days) == 7
    # Midnight in India is half past six in the evening before, in UTC.
    assert _PERIOD.start == datetime(2026, 4, 30, 18, 30, tzinfo=UTC)
    assert _PERIOD.end == datetime(2026, 5, 3, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "query",
    [
        {"days": "8"},
        {"days": "<script>"},
        {"from": "2026-05-03", "to": "2026-05-01"},
        {"from": "2026-05-03"},
        {"from": '"><script>', "to": "2026-05-01"},
        {"from": "2025-01-01", "to": "2026-05-01"},
        {"from": "9999-12-30", "to": "9999-12-31"},
        {"from": "0001-01-01", "to": "0001-01-02"},
    ],
)
async def test_what_is_no_period_is_told_and_what_was_typed_stays(
    store: ConversationStore, query: dict[str, str]
) -> None:
    with pytest.raises(BadPeriod):
        period_of(query, _ZONE)
    async with _desk(store) as client:
        for path in ("/desk/reports", "/desk/reports/topics.csv"):
            async with client.get(path, params=query) as response:
                assert response.status == 400
                text = await response.text()
            assert 'role="alert"' in text
            assert "<script>" not in text
            if query.get("to"):
                assert f'name="to" value="{query["to"]}"' in text


@pytest.mark.parametrize("path", ["/desk/reports", "/desk/reports/topics.csv"])
async def test_a_coach_sees_no_reports(store: ConversationStore, path: str) -> None:
    await _history(store)
    async with _desk(store, Role.COACH) as client, client.get(f"{path}?{_QUERY}") as response:
        assert response.status == 403
        assert "What can cause it" not in await response.text()


def test_bars_are_as_long_as_their_values() -> None:
    series = [charts.Series("one", (4, 1)), charts.Series("two", (4, 1))]
    root = ElementTree.fromstring(charts.bars("x", "A & B <i>", ["<b>first</b>", "second"], series))
    assert root[0].text == "A & B <i>"
    blocks = [group[0] for group in root if group.tag == "g"]
    widths = [float(block.get("width", "")) for block in blocks]
    assert widths[0] == widths[1] == 4 * widths[2] == 4 * widths[3]
    # They lie end to end, within the picture.
    assert float(blocks[1].get("x", "")) == widths[0]
    assert widths[0] + widths[1] == float(root.get("width", ""))
    assert [text.text for text in root if text.tag == "text"] == ["<b>first</b>: 8", "second: 2"]


def test_columns_and_lines_stay_within_their_frame_and_lines_break_where_nothing_is_known() -> None:
    labels = [str(number) for number in range(5)]
    root = ElementTree.fromstring(charts.columns("x", "t", labels, [charts.Series("", (0, 1, 2, 3, 100))]))
    rects = [group[0] for group in root if group.tag == "g"]
    assert len(rects) == 4
    assert float(rects[3].get("height", "")) == pytest.approx(100 * float(rects[0].get("height", "")), rel=0.05)
    assert all(float(rect.get("y", "")) >= 0 for rect in rects)
    root = ElementTree.fromstring(charts.lines("x", "t", labels, [charts.Series("", (1.0, 2.0, None, 3.0, 3.0))]))
    [group] = [one for one in root if one.tag == "g"]
    assert [one.tag for one in group].count("polyline") == 2
    assert [one.tag for one in group].count("path") == 4
