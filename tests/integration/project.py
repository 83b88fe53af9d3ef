"""A small copy of the project that trains in seconds: the same components and rules, a few intents, a few examples."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from bot.assistant.training import PROJECT

EXAMPLES = 8
INTENTS = ("ask/types", "ask/physio", "ask/botox", "follow_up/more", "smalltalk/thanks", "talk_to_human", "oos_general")


def small_project(folder: Path) -> Path:
    """Write the copy into ``folder`` and return it."""
    folder.mkdir(parents=True)
    bases = {intent.split("/")[0] for intent in INTENTS}
    for name in ("config.yml", "endpoints.yml", "credentials.yml"):
        shutil.copy(PROJECT / name, folder / name)
    domain = _read(PROJECT / "domain.yml")
    domain["intents"] = [intent for intent in domain["intents"] if set(intent) & bases]
    _write(folder / "domain.yml", domain)

    examples = {
        row["intent"]: [line for line in row["examples"].splitlines() if line.startswith("- ")][:EXAMPLES]
        for row in _rows("data/nlu", "nlu")
        if row.get("intent") in INTENTS
    }
    assert set(examples) == set(INTENTS)
    rows = [{"intent": intent, "examples": "\n".join(lines) + "\n"} for intent, lines in examples.items()]
    _write(folder / "data/nlu.yml", {"version": "3.1", "nlu": rows})
    rules = [
        rule for rule in _rows("data/stories", "rules") if rule["steps"][0].get("intent") in {*bases, "nlu_fallback"}
    ]
    _write(folder / "data/rules.yml", {"version": "3.1", "rules": rules})
    lines = (PROJECT / "data/safety/train.tsv").read_text(encoding="utf-8").splitlines()
    (folder / "data/safety").mkdir()
    (folder / "data/safety/train.tsv").write_text("\n".join(lines[::40]) + "\n", encoding="utf-8")
    responses = {
        name: variants
        for file in sorted((PROJECT / "data/responses").glob("*.yml"))
        for name, variants in _read(file)["responses"].items()
        if "/" not in name or name.removeprefix("utter_") in INTENTS
    }
    _write(folder / "data/responses.yml", {"version": "3.1", "responses": responses})
    return folder


def _rows(folder: str, key: str) -> list[dict[str, Any]]:
    return [row for file in sorted((PROJECT / folder).glob("*.yml")) for row in _read(file).get(key) or []]


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return content


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
