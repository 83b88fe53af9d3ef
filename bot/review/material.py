"""Everything that is reviewed, read from the project's files once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from actions.knowledge import PROJECT, Knowledge, Variant

DEV_SETS = (Path("tests/dev/topics.tsv"), Path("tests/dev/hard.tsv"))
"""Written by two authors who saw no training example; see docs/model-card.md."""


@dataclass(frozen=True)
class Example:
    """A training example: where it is, its label (``ask/physio``) and its text."""

    file: str
    label: str
    text: str

    @property
    def topic(self) -> str:
        """The topic of topics.yml that the label belongs to."""
        family, _, key = self.label.partition("/")
        if family == "ask":
            return key
        return "clarify" if family == "follow_up" else family


@dataclass(frozen=True)
class Material:
    """The knowledge, the examples and the lists they are checked against."""

    topics: dict[str, dict[str, Any]]
    knowledge: Knowledge
    sources: dict[str, dict[str, Any]]
    banned: list[dict[str, str]]
    titles: dict[str, str]
    examples: list[Example]
    dev: list[tuple[tuple[str, ...], str]]
    intents: set[str]

    @classmethod
    def load(cls, project: Path = PROJECT) -> Material:
        """Read all files of the project."""
        notes = project / "data" / "knowledge"
        domain = _yaml(project / "domain.yml")
        return cls(
            topics=_yaml(notes / "topics.yml"),
            knowledge=Knowledge.load(project / "data" / "responses"),
            sources=_yaml(notes / "sources.yml")["sources"],
            banned=_yaml(notes / "wording.yml")["banned"],
            titles=_yaml(notes / "titles.yml")["titles"],
            examples=_examples(project),
            dev=[row for file in DEV_SETS for row in _dev(project / file)],
            intents={next(iter(row)) if isinstance(row, dict) else row for row in domain["intents"]},
        )

    def answers(self) -> list[str]:
        """The topics that have an answer of their own."""
        return list(self.topics["answers"])

    def variants(self, topic: str) -> tuple[Variant, ...]:
        """The wordings of a topic's answer."""
        return self.knowledge.variants(f"utter_ask/{topic}") if f"utter_ask/{topic}" in self.knowledge else ()


def _yaml(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), yaml.SafeLoader)


def _examples(project: Path) -> list[Example]:
    found = []
    for file in sorted((project / "data" / "nlu").glob("*.yml")):
        for row in _yaml(file)["nlu"]:
            for line in row["examples"].splitlines():
                if line.startswith("- "):
                    found.append(Example(file.name, row["intent"], line[2:].strip()))
    return found


def _dev(file: Path) -> list[tuple[tuple[str, ...], str]]:
    rows = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            accepted, _, utterance = line.partition("\t")
            rows.append((tuple(accepted.split("|")), utterance))
    return rows
