"""Whether the service lives, is ready, and what it counts: ``/health/live``, ``/health/ready``, ``/metrics``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from prometheus_client import generate_latest

_OPENAPI = Path(__file__).with_name("openapi.json")


def routes(ready: Callable[[], Awaitable[dict[str, bool]]]) -> list[web.RouteDef]:
    """The routes; ``ready`` tells for each part whether it can work."""

    async def live(request: web.Request) -> web.Response:
        """``GET /health/live`` → 200 as long as the process answers."""
        return web.json_response({"status": "live"})

    async def readiness(request: web.Request) -> web.Response:
        """``GET /health/ready`` → 200 when the model is loaded and the database answers, else 503 with what is not."""
        parts = await ready()
        well = all(parts.values())
        return web.json_response({"status": "ready" if well else "not ready", **parts}, status=200 if well else 503)

    async def metrics(request: web.Request) -> web.Response:
        """``GET /metrics`` → Prometheus text format."""
        return web.Response(body=generate_latest(), content_type="text/plain", charset="utf-8")

    async def openapi(request: web.Request) -> web.Response:
        """``GET /api/openapi.json`` → the description of the HTTP interface."""
        return web.Response(body=_OPENAPI.read_bytes(), content_type="application/json")

    return [
        web.get("/health/live", live, name="live"),
        web.get("/health/ready", readiness, name="ready"),
        web.get("/metrics", metrics, name="metrics"),
        web.get("/api/openapi.json", openapi, name="openapi"),
    ]
