"""Pages from templates. Everything is escaped unless a template says otherwise, which none may: a test looks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.desk.access import May, Member

TEMPLATES = Path(__file__).with_name("templates")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class Pages:
    """Renders templates with what all of them show: who is signed in, what she may do, times where the team works."""

    def __init__(self, time_zone: ZoneInfo) -> None:
        self._zone = time_zone

    def render(
        self,
        request: web.Request,
        template: str,
        member: Member | None = None,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        **values: Any,
    ) -> web.Response:
        """A page.

        Args:
            template: the name of a file in ``templates``.
            member: who is signed in; nothing on the pages before that.
            values: for the template.
        """
        shown: Mapping[str, Any] = {
            "member": member,
            "May": May,
            "path": request.path,
            "moment": self.moment,
            "error": "",
            "done": "",
            **values,
        }
        text = _environment().get_template(template).render(shown)
        headers = {"Content-Security-Policy": _POLICY, hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    def moment(self, value: datetime | None) -> str:
        """A moment as the team reads it: ``3 May 2026, 14:05``; nothing for none."""
        return "" if value is None else f"{value.astimezone(self._zone):%-d %B %Y, %H:%M}"

    def refused(self, request: web.Request, detail: str) -> web.Response:
        """The page that says why something is refused."""
        return self.render(request, "refused.html", status=HTTPStatus.FORBIDDEN, error=detail)
