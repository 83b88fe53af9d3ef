"""``/desk/reports``: the figures of a period as charts, each with its table, and as CSV files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from http import HTTPStatus
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web

from bot.desk.access import May, Member
from bot.desk.rendering import Pages
from bot.desk.report_tables import ReportMaker, minutes, share_said
from bot.desk.routing import DeskRoutes
from bot.model import now
from bot.storage.reports import Period, ReportStore

QUICK = (7, 30, 90)
"""Days of the periods that are one click away."""

_USUAL = 30
_LONGEST = 366


class BadPeriod(ValueError):
    """What was asked for is no period; the message says why."""


def period_of(query: Mapping[str, str], zone: ZoneInfo) -> Period:
    """The period that a query asks for: ``days``, or ``from`` and ``to``; by default the last 30 days.

    Raises:
        BadPeriod: it cannot be used.
    """
    today = now().astimezone(zone).date()
    first, last = query.get("from", "").strip(), query.get("to", "").strip()
    if not first and not last:
        days = query.get("days", str(_USUAL))
        if days not in map(str, QUICK):
            raise BadPeriod(f"Please choose {', '.join(map(str, QUICK))} days, or two dates.")
        return Period(today - timedelta(days=int(days) - 1), today, zone)
    try:
        period = Period(date.fromisoformat(first), date.fromisoformat(last), zone)
    except ValueError:
        raise BadPeriod("Please give both dates, each as in 2026-05-31.") from None
    if period.last < period.first:
        raise BadPeriod("The first day must not be after the last.")
    if (period.last - period.first).days >= _LONGEST:
        raise BadPeriod(f"A report covers at most {_LONGEST} days.")
    if not 2000 <= period.first.year <= period.last.year <= 9000:
        raise BadPeriod("Please give dates after the year 2000.")
    return period


class ReportsPage:
    """The page and the files."""

    def __init__(
        self,
        reports: ReportStore,
        pages: Pages,
        *,
        titles: Callable[[], Mapping[str, str]],
        time_zone: ZoneInfo,
        retention_days: float,
    ) -> None:
        """Wire the parts.

        Args:
            titles: the names of topics by id, as buttons show them.
            time_zone: in which a day is a day.
            retention_days: how long conversations are kept after their last message.
        """
        self._reports = reports
        self._pages = pages
        self._makers = ReportMaker(reports, titles).makers()
        self._zone = time_zone
        self._retention = retention_days

    def routes(self, routes: DeskRoutes) -> None:
        """Put the pages into the table."""
        routes.add("GET", "/desk/reports", self.page, May.REPORTS)
        routes.add("GET", "/desk/reports/{name}.csv", self.file, May.REPORTS)

    async def page(self, request: web.Request, member: Member) -> web.StreamResponse:
        """All reports of a period."""
        try:
            period = period_of(request.query, self._zone)
        except BadPeriod as error:
            return self._refused(request, member, str(error))
        waits = (await self._reports.waits(period))[None]
        kept_since = (now() - timedelta(days=self._retention)).astimezone(self._zone).date()
        return self._pages.render(
            request,
            "reports.html",
            member,
            period=period,
            asked={"from": period.first.isoformat(), "to": period.last.isoformat()},
            quick=QUICK,
            alone=await self._reports.alone(period),
            share=share_said,
            waits=waits,
            minutes=minutes,
            reports=[await make(period) for make in self._makers.values()],
            kept_since=kept_since if period.first < kept_since else None,
        )

    async def file(self, request: web.Request, member: Member) -> web.StreamResponse:
        """One report as a CSV file."""
        name = request.match_info["name"]
        make = self._makers.get(name)
        if make is None:
            raise web.HTTPNotFound
        try:
            period = period_of(request.query, self._zone)
        except BadPeriod as error:
            return self._refused(request, member, str(error))
        report = await make(period)
        file = f"{name}-{period.first}-{period.last}.csv"
        return web.Response(
            text=report.as_csv(),
            content_type="text/csv",
            charset="utf-8",
            headers={hdrs.CONTENT_DISPOSITION: f'attachment; filename="{file}"', "X-Content-Type-Options": "nosniff"},
        )

    def _refused(self, request: web.Request, member: Member, error: str) -> web.Response:
        asked = {"from": request.query.get("from", ""), "to": request.query.get("to", "")}
        return self._pages.render(
            request, "reports.html", member, status=HTTPStatus.BAD_REQUEST, error=error, period=None, asked=asked,
            quick=QUICK,
        )  # fmt: skip
