"""``bot evaluate``: how well topics are recognised, each utterance as the first message of a new conversation."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bot.commands.throwaway import throwaway_service, visitor
from bot.settings import Settings


class BadLine(OSError):
    """A line of the file cannot be read; the message names it."""


@dataclass(frozen=True)
class Row:
    """One utterance, the topics that count as right, and the topic that was answered."""

    accepted: tuple[str, ...]
    utterance: str
    answered: str = ""

    @property
    def right(self) -> bool:
        """Whether the topic answered is among the accepted."""
        return self.answered in self.accepted


def read(file: Path) -> list[Row]:
    """The rows of a file of ``accepted<TAB>utterance``; empty lines and lines that begin with # are left out.

    Raises:
        BadLine: a line has another form.
    """
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        accepted, separator, utterance = line.partition("\t")
        if not separator or not accepted.strip() or not utterance.strip():
            raise BadLine(f"{file}, line {number}: expected ACCEPTED<TAB>UTTERANCE.")
        rows.append(Row(tuple(topic.strip() for topic in accepted.split("|")), utterance.strip()))
    return rows


def evaluate(settings: Settings, file: Path, output: Path | None) -> int:
    """Measure, print the report, and write the rows if asked to."""
    rows = asyncio.run(_answer(settings, read(file)))
    if output is not None:
        with output.open("w", encoding="utf-8") as stream:
            for row in rows:
                content = {
                    "accepted": row.accepted,
                    "utterance": row.utterance,
                    "topic": row.answered,
                    "right": row.right,
                }
                stream.write(json.dumps(content, ensure_ascii=False) + "\n")
    print(report(rows))
    return 0


async def _answer(settings: Settings, rows: list[Row]) -> list[Row]:
    async with throwaway_service(settings) as service:
        answered = []
        for row in rows:
            replies = await (await visitor(service)).say(row.utterance)
            answered.append(Row(row.accepted, row.utterance, replies[0].topic or ""))
        return answered


def report(rows: list[Row]) -> str:
    """Accuracy, recall and precision of each topic, and the most frequent confusions, as text."""
    if not rows:
        return "No utterances."
    right = sum(row.right for row in rows)
    lines = [f"accuracy  {right / len(rows):6.1%}  {right} of {len(rows)}"]
    for name, chosen in (("in scope", False), ("out of scope", True)):
        part = [
            row
            for row in rows
            if row.accepted[0].startswith("oos_") == chosen and not row.accepted[0].startswith("safety_")
        ]
        if part:
            lines.append(f"{name:12}  {sum(row.right for row in part) / len(part):6.1%}  of {len(part)}")
    out = [row for row in rows if row.accepted[0].startswith("oos_")]
    if out:
        seen = sum(row.answered.startswith("oos_") for row in out)
        lines.append(f"out of scope recognised as such  {seen / len(out):6.1%}")
    lines += ["", f"{'topic':28} {'recall':>7} {'precision':>9} {'n':>4}"]
    answered = Counter(row.answered for row in rows)
    rightly = Counter(row.answered for row in rows if row.right)
    for topic in sorted({row.accepted[0] for row in rows}):
        own = [row for row in rows if row.accepted[0] == topic]
        recall = sum(row.right for row in own) / len(own)
        precision = f"{rightly[topic] / answered[topic]:9.0%}" if answered[topic] else "        -"
        lines.append(f"{topic:28} {recall:7.0%} {precision} {len(own):4}")
    confusions = Counter((row.accepted[0], row.answered) for row in rows if not row.right)
    lines += ["", "confusions (meant → answered)"]
    lines += [f"{count:4}  {meant} → {got}" for (meant, got), count in confusions.most_common(30)]
    return "\n".join(lines)
