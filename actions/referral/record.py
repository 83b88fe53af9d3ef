"""A referral while it is being put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.directory.gazetteer import Place
from bot.directory.matching import Wish

STEPS = ("place", "wishes", "pick", "consent", "reach", "times", "send")


@dataclass
class Record:
    """What is kept in the slot ``referral``.

    ``step`` is the question that is open: one of :data:`STEPS`, ``which_place``, ``contact``, ``withdraw`` or nothing.
    ``kind`` is ``coach`` or ``physiotherapist``.
    """

    step: str = ""
    kind: str = "physiotherapist"
    place: dict[str, Any] | None = None
    place_said: str = ""
    candidates: list[dict[str, Any]] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    gender: str = ""
    services: list[str] = field(default_factory=list)
    accessibility: list[str] = field(default_factory=list)
    wishes_asked: bool = False
    words: str = ""
    shown: list[str] = field(default_factory=list)
    shown_for: str = ""
    practitioner: str = ""
    practitioner_name: str = ""
    way: str = ""
    contact: str = ""
    times: str = ""
    code: str = ""
    asked: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, slot: dict[str, Any] | None) -> Record:
        """Read the slot; a new record from an empty one."""
        return cls(**slot) if slot else cls()

    def dump(self) -> dict[str, Any]:
        """For the slot."""
        return dict(vars(self))

    def for_kind(self, kind: str) -> Record:
        """A new record of another kind that knows what was said about place and wishes."""
        return Record(
            kind=kind,
            place=self.place,
            place_said=self.place_said,
            languages=self.languages,
            gender=self.gender,
            services=self.services,
            accessibility=self.accessibility,
            wishes_asked=self.wishes_asked and not self.code,
            words=self.words,
        )

    @property
    def topic(self) -> str:
        """The flow of topics.yml that this is about."""
        return "find_coach" if self.kind == "coach" else "find_physio"

    def set_place(self, place: Place) -> None:
        """Take a place."""
        self.place = dict(vars(place))
        self.candidates = []

    def wish(self) -> Wish:
        """What to look for in the directory."""
        place = Place(**self.place) if self.place else None
        return Wish(
            self.kind, place, tuple(self.languages), self.gender, tuple(self.services), tuple(self.accessibility)
        )

    def content(self) -> dict[str, Any]:
        """What staff will see: only what is needed to help."""
        wished = self.languages or self.gender or self.services or self.accessibility
        return {
            "place": "" if self.kind == "coach" else self.place_said,
            "languages": list(self.languages),
            "gender": self.gender,
            "services": self.services,
            "accessibility": self.accessibility,
            "words": "" if wished else self.words,
            "practitioner": self.practitioner_name,
            "way": self.way,
            "contact": self.contact,
            "times": self.times,
        }
