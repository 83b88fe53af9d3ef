"""``/desk/referrals``: who wishes for a coach or a physiotherapist, and what has become of it.

How to reach a person, and what she wrote in her own words, stands on the page of one referral only; every look at it
is in the audit log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from aiohttp import web

from bot.desk.access import May, Member
from bot.desk.rendering import Pages
from bot.desk.routing import DeskRoutes, redirect
from bot.directory.practitioner import ACCESSIBILITY, SERVICES
from bot.model import now
from bot.storage.audit import AuditLog
from bot.storage.practitioners import PractitionerStore
from bot.storage.referrals import (
    TRANSITIONS,
    VISITOR,
    ForbiddenChange,
    Referral,
    ReferralNotFound,
    ReferralStore,
)

STATES = {
    "new": "New",
    "contacted": "Contacted",
    "booked": "Booked",
    "closed": "Closed",
    "withdrawn": "Taken back",
}
"""The states by id, as the desk shows them, in the order in which a referral goes through them."""

_OPEN = ("new", "contacted", "booked")
_FILTERS = {"open": _OPEN, "closed": ("closed",), "withdrawn": ("withdrawn",), "all": tuple(STATES)}
_FILTER_NAMES = {"open": "Open", "closed": "Closed", "withdrawn": "Taken back", "all": "All"}
_BUTTONS = {"contacted": "Set to contacted", "booked": "Set to booked", "closed": "Close"}
_KINDS = {"coach": "Coach", "physiotherapist": "Physiotherapist"}
_WAYS = {"chat": "In the chat", "phone": "By phone", "email": "By e-mail"}
_TOLD = ("place", "words", "practitioner", "way", "contact", "times")


@dataclass(frozen=True)
class Line:
    """A referral as the board shows it: nothing in it by which the person could be reached."""

    code: str
    kind: str
    wishes: tuple[str, ...]
    has_words: bool
    practitioner: str
    created_at: datetime
    unchanged_for: str


class ReferralsPage:
    """The board, and the page of one referral."""

    def __init__(
        self,
        referrals: ReferralStore,
        practitioners: PractitionerStore,
        audit: AuditLog,
        pages: Pages,
        *,
        names: Callable[[], Awaitable[dict[str, str]]],
    ) -> None:
        """``names`` gives the names of the staff by id."""
        self._referrals = referrals
        self._practitioners = practitioners
        self._audit = audit
        self._pages = pages
        self._names = names

    def routes(self, routes: DeskRoutes) -> None:
        """Put the pages into the table."""
        routes.add("GET", "/desk/referrals", self.board, May.REFERRALS)
        routes.add("GET", "/desk/referrals/{code}", self.page, May.REFERRALS)
        routes.add("POST", "/desk/referrals/{code}/state", self.change, May.REFERRALS)

    async def board(self, request: web.Request, member: Member) -> web.StreamResponse:
        """All referrals by state; those closed or taken back only when asked for."""
        wanted = request.query.get("show", "open")
        if wanted not in _FILTERS:
            wanted = "open"
        names = {one.id: one.name for one in await self._practitioners.all()}
        moment = now()
        lines: dict[str, list[Line]] = {state: [] for state in _FILTERS[wanted]}
        for referral in await self._referrals.all(states=_FILTERS[wanted]):
            lines[referral.state].append(
                Line(
                    referral.code,
                    _KINDS[referral.kind],
                    tuple(_wishes(referral.content)),
                    bool(referral.content.get("words")),
                    names.get(referral.practitioner_id or "") or referral.content.get("practitioner", ""),
                    referral.created_at,
                    how_long(moment - referral.changed_at),
                )
            )
        return self._pages.render(
            request, "referrals.html", member, lines=lines, states=STATES, show=wanted, filters=_FILTER_NAMES
        )

    async def page(self, request: web.Request, member: Member) -> web.StreamResponse:
        """One referral with all that the person gave."""
        return await self._show(request, member, await self._of(request))

    async def change(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Set another state."""
        referral = await self._of(request)
        state = str((await request.post()).get("state", ""))
        if state not in STATES:
            refused = "That is no state of a referral."
            return await self._show(request, member, referral, refused=refused, status=HTTPStatus.BAD_REQUEST)
        try:
            await self._referrals.change_by_staff(referral.code, state, member.id)
        except ReferralNotFound:
            raise web.HTTPNotFound from None
        except ForbiddenChange as error:
            refused = f"{error} Nothing was changed; somebody else may have been faster."
            return await self._show(
                request, member, await self._of(request), refused=refused, status=HTTPStatus.CONFLICT
            )
        await self._audit.record(member, "referral_changed", referral.conversation_id, f"{referral.code} {state}")
        return redirect(f"/desk/referrals/{referral.code}?done=changed")

    async def _of(self, request: web.Request) -> Referral:
        try:
            return await self._referrals.by_code(request.match_info["code"].upper())
        except ReferralNotFound:
            raise web.HTTPNotFound from None

    async def _show(
        self,
        request: web.Request,
        member: Member,
        referral: Referral,
        *,
        refused: str = "",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> web.StreamResponse:
        # First the entry, then the look: nobody reads this unrecorded.
        await self._audit.record(
            member, "referral_opened", referral.conversation_id, f"{referral.code} {referral.state}"
        )
        names = await self._names()
        chosen = None
        if referral.practitioner_id is not None:
            chosen = await self._practitioners.get(referral.practitioner_id)
        changes = [
            (STATES[change.state], _who(change.who, names), change.changed_at)
            for change in await self._referrals.changes(referral.id)
        ]
        content = {name: referral.content.get(name, "") for name in _TOLD}
        return self._pages.render(
            request,
            "referral.html",
            member,
            status=status,
            error=refused,
            done="The state was changed." if request.query.get("done") == "changed" and not refused else "",
            referral=referral,
            kind=_KINDS[referral.kind],
            state=STATES[referral.state],
            unchanged_for=how_long(now() - referral.changed_at),
            erased=not referral.content,
            content=content,
            wishes=_wishes(referral.content),
            way=_WAYS.get(content["way"], content["way"]),
            chosen=chosen,
            changes=changes,
            # The order of the states, not of the set. Taking back is the person's own word.
            buttons=[(to, _BUTTONS[to]) for to in _BUTTONS if to in TRANSITIONS[referral.state]],
        )


def _wishes(content: dict[str, Any]) -> list[str]:
    """What was chosen, in words of ours (languages by their names); not the person's own words."""
    services = [SERVICES.get(one, one) for one in content.get("services", [])]
    accessibility = [ACCESSIBILITY.get(one, one) for one in content.get("accessibility", [])]
    gender = [f"a {content['gender']}"] if content.get("gender") else []
    languages = [f"speaks {one}" for one in content.get("languages", [])]
    return [*languages, *gender, *services, *accessibility]


def _who(who: str, names: dict[str, str]) -> str:
    return "Visitor" if who == VISITOR else names.get(who, "Somebody whose account is no more")


def how_long(span: timedelta) -> str:
    """A time that has passed, roughly: ``3 days``, ``5 hours``, ``less than an hour``."""
    hours = int(span.total_seconds() // 3600)
    if hours < 1:
        return "less than an hour"
    number, unit = (hours, "hour") if hours < 48 else (hours // 24, "day")
    return f"{number} {unit}{'' if number == 1 else 's'}"
