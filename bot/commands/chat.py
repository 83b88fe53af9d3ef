"""``bot chat``: talk to the assistant in the terminal. Nothing is kept."""

from __future__ import annotations

import asyncio
import sys

from bot.commands.throwaway import throwaway_service, visitor
from bot.model import Button
from bot.settings import Settings


def chat(settings: Settings) -> int:
    """Read lines, print replies; a number chooses a button, an empty line or Ctrl-D ends."""
    asyncio.run(_chat(settings))
    return 0


async def _chat(settings: Settings) -> None:
    async with throwaway_service(settings) as service:
        person = await visitor(service)
        print("Write something. A number chooses one of the choices; Ctrl-D ends.\n")
        buttons: tuple[Button, ...] = ()
        while True:
            print("> ", end="", flush=True)
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line:
                print()
                return
            text = line.strip()
            if not text:
                continue
            chosen = buttons[int(text) - 1] if text.isdigit() and 0 < int(text) <= len(buttons) else None
            replies = await (person.say(payload=chosen.payload) if chosen else person.say(text))
            for reply in replies:
                print(f"\n{reply.text}")
            buttons = replies[-1].buttons if replies else ()
            for number, button in enumerate(buttons, start=1):
                print(f"  [{number}] {button.title}")
            print(f"  ({replies[-1].topic})\n")
