"""``bot run``: serve until told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from ipaddress import ip_address

from aiohttp import web

from bot.settings import Settings

_SWITCH_SECONDS = 0.0005


def run(settings: Settings) -> int:
    """Serve; prints the address of the page when it is ready. Ctrl-C and SIGTERM stop it cleanly."""
    print("Loading the assistant ...", flush=True)
    from bot.app import load_assistant

    assistant = load_assistant(settings)
    # SQLite's driver works in threads of its own. By default a thread waits 5 ms for a busy event loop, at each of the
    # five or so handovers of one statement: under load that was most of the time a message took.
    sys.setswitchinterval(_SWITCH_SECONDS)
    return asyncio.run(_serve(settings, assistant))


async def _serve(settings: Settings, assistant: object) -> int:
    from bot.app import make_app, open_store
    from bot.app_desk import first_link
    from bot.assistant.agent import Assistant

    assert isinstance(assistant, Assistant)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, stop)
    async with open_store(settings) as store:
        runner = web.AppRunner(
            make_app(settings, store, assistant), access_log=None, shutdown_timeout=settings.shutdown_seconds
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.port)
            try:
                await site.start()
            except OSError as error:
                print(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}.", file=sys.stderr)
                return 1
            host, port = runner.addresses[0][:2]
            shown = "localhost" if ip_address(host).is_loopback or ip_address(host).is_unspecified else host
            link = await first_link(store)
            if link is not None:
                print(
                    f"Nobody can sign in to the desk yet. Make the first account, once, at\n  http://{shown}:{port}{link}"
                )
            print(f"Ready. Open http://{shown}:{port}/ in a browser. Ctrl-C stops.", flush=True)
            await stop.wait()
            print("Stopping ...", flush=True)
        finally:
            await runner.cleanup()
    return 0


def _stop(stop: asyncio.Event) -> None:
    """The first signal stops cleanly, a second one at once: everything acknowledged is stored anyway."""
    if stop.is_set():
        os._exit(130)
    stop.set()
