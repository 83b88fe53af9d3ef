"""What browsers load: the page at ``/`` and the files in ``bot/web``, with headers that let nothing else in."""

from __future__ import annotations

from pathlib import Path

from aiohttp import hdrs, web

FOLDER = Path(__file__).resolve().parent.parent / "web"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    # The address of this page must not travel to wherever a visitor goes next.
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), interest-cohort=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


async def guard(request: web.Request, response: web.StreamResponse) -> None:
    """Put the protecting headers on every response; called just before it begins, so that streams have them too."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def _file(name: str, folder: Path = FOLDER) -> web.Response:
    path = folder / name
    if path.suffix not in _TYPES or path.parent != folder or not path.is_file():
        raise web.HTTPNotFound
    return web.Response(
        body=path.read_bytes(),
        content_type=_TYPES[path.suffix],
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "no-store" if name == "index.html" else "no-cache"},
    )


async def index(request: web.Request) -> web.Response:
    """``GET /``: the chat page."""
    return _file("index.html")


async def asset(request: web.Request) -> web.Response:
    """``GET /web/NAME``: a script, style or picture of the page."""
    return _file(request.match_info["name"])


async def desk_asset(request: web.Request) -> web.Response:
    """``GET /desk/web/NAME``: a script or style of the staff desk; it holds nothing of anybody."""
    return _file(request.match_info["name"], FOLDER / "desk")


def routes() -> list[web.RouteDef]:
    """The routes of the page."""
    return [
        web.get("/", index, name="index"),
        web.get("/web/{name}", asset, name="asset"),
        web.get("/desk/web/{name}", desk_asset, name="desk_asset"),
    ]
