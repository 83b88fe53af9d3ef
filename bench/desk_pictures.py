"""``python -m bench.desk_pictures``: pictures of every page of the desk for ``docs/pictures``, with example data.

The real server on a database that is thrown away; everybody and everything on the pictures is an example.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

from aiohttp import web
from PIL import Image
from playwright.async_api import Page, async_playwright

from bot.assistant.quiet import keep_quiet

keep_quiet()

from bot.app import load_assistant, make_app, open_store  # noqa: E402
from bot.assistant.training import PROJECT, ensure_model  # noqa: E402
from bot.settings import Settings  # noqa: E402
from tests.browser.desk import People  # noqa: E402
from tests.browser.desk_data import furnish, tour  # noqa: E402
from tests.provide import find_chromium  # noqa: E402

FOLDER = PROJECT / "docs" / "pictures"
WIDTHS = {"wide": (1280, 800), "narrow": (360, 740)}
TALLEST = 1200
"""Pixels; what is longer is cut off."""
OF_WINDOW = {"live", "queue"}
"""Pages that fill the window and scroll in their parts."""
LARGEST = 150_000
"""Bytes of one picture."""


async def _picture(page: Page, name: str) -> None:
    for kind, (width, height) in WIDTHS.items():
        await page.set_viewport_size({"width": width, "height": height})
        await page.evaluate("() => { scrollTo(0, 0); document.activeElement?.blur(); }")
        full = await page.evaluate("() => document.documentElement.scrollHeight")
        # Not "full page": that moves what keeps to the edges of the window.
        tall = height if name in OF_WINDOW else max(height, min(full, TALLEST))
        await page.set_viewport_size({"width": width, "height": tall})
        await page.wait_for_timeout(300)
        file = FOLDER / f"desk-{name}-{kind}.png"
        taken = await page.screenshot(animations="disabled")
        # 128 colours are enough, and make the file half as large.
        Image.open(io.BytesIO(taken)).convert("RGB").quantize(128).save(file, optimize=True)
        if file.stat().st_size > LARGEST:
            print(f"{file.name} has {file.stat().st_size:,} bytes", file=sys.stderr)
    width, height = WIDTHS["wide"]
    await page.set_viewport_size({"width": width, "height": height})


async def _take(folder: Path, executable: str) -> None:
    environment = {"BOT_DATA_DIR": str(folder), "BOT_PORT": "0", "BOT_CACHE_DIR": str(PROJECT / "var")}
    settings = Settings.load({**environment, "BOT_MODEL": str(ensure_model(PROJECT / "var"))})
    assistant = load_assistant(settings)
    async with open_store(settings) as store:
        runner = web.AppRunner(make_app(settings, store, assistant), access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            there = await furnish(store)
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
                people = People(browser, store)
                async for name, page in tour(people, url, there, color_scheme="light"):
                    await _picture(page, name)
                await people.close()
                await browser.close()
        finally:
            await runner.cleanup()


def main() -> int:
    """Take them all."""
    executable = find_chromium()
    if executable is None:
        print("There is no chromium.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="desk-") as folder:
        asyncio.run(_take(Path(folder), str(executable)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
