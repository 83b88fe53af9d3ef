"""How long understanding one message takes, on one thread: ``python -m bench.understanding``.

Prints medians over the dev sets: the encoder, the safety screen on top of it, with the opinion of the topics, and
Rasa's whole pipeline. Times on a busy machine are what they are; compare the lines with each other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bot.assistant.quiet import keep_quiet

keep_quiet()

from rasa.core.channels.channel import UserMessage  # noqa: E402

from bot.assistant.agent import Assistant  # noqa: E402
from bot.assistant.training import PROJECT, ensure_model  # noqa: E402
from bot.nlu.encoder import shared_encoder  # noqa: E402
from bot.review.material import Material  # noqa: E402
from bot.safety.screen import SafetyScreen  # noqa: E402


def milliseconds(work: Callable[[str], object], texts: list[str]) -> float:
    """The median time of a piece of work on each text."""
    times = []
    for text in texts:
        started = time.perf_counter()
        work(text)
        times.append(time.perf_counter() - started)
    return median(times) * 1000


def main() -> None:
    """Measure and print."""
    assistant = Assistant.load(ensure_model(PROJECT / "var"))
    texts = [utterance for _, utterance in Material.load(Path(PROJECT)).dev][::2]
    encoder, screen = shared_encoder(), assistant.screen
    alone = SafetyScreen(screen._lexicon, screen._classifier, shared_encoder, screen._thresholds)

    def pipeline(text: str) -> object:
        message = UserMessage(text, metadata={"screened": True})
        return loop.run_until_complete(assistant._processor.parse_message(message))

    loop = asyncio.new_event_loop()
    for text in texts[:50]:
        pipeline(text)
    rows = [("encoder", milliseconds(encoder._encode, texts))]
    # The encoder remembers its last vectors; what is measured here is encoder and screen, less the encoder.
    rows.append(("safety screen on top", milliseconds(alone.read, texts) - rows[0][1]))
    rows.append(("with the topics' opinion", milliseconds(screen.read, texts) - rows[0][1]))
    rows.append(("Rasa's pipeline, encoder included", milliseconds(pipeline, texts)))

    def both(text: str) -> None:
        screen.read(text)
        pipeline(text)

    rows.append(("screen and pipeline: a message", milliseconds(both, texts)))
    print("| part | median, ms |\n|---|---:|")
    for name, value in rows:
        print(f"| {name} | {value:.1f} |")


if __name__ == "__main__":
    main()
