"""What a desk page shows, changed by events alone, as ``bot/web/desk/state.js`` does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Screen:
    """The lists, and the conversation that is open: its messages, and what stands beside it."""

    open: str
    cards: dict[str, Any] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)
    detail: Any = None
    last_id: str = ""

    @property
    def position(self) -> int:
        """Of the last message that it shows."""
        return int(self.messages[-1]["position"]) if self.messages else 0

    def apply(self, kind: str, data: dict[str, Any], event_id: str | None) -> None:
        """One event of the stream."""
        self.last_id = event_id or self.last_id
        match kind:
            case "gone":
                self.cards.pop(data["id"], None)
                if data["id"] == self.open:
                    self.messages, self.detail = [], None
            case "card":
                self.cards[data["id"]] = data
                if data["id"] == self.open and not data["readable"]:
                    self.messages, self.detail = [], None
                elif data["id"] == self.open and self.detail:
                    self.detail = {**self.detail, "card": data}
            case "message":
                assert data["position"] > self.position, "in order, and none twice"
                self.messages.append(data)
            case "conversation":
                self.detail = data
            case _:
                raise AssertionError(kind)

    def shown(self) -> tuple[object, ...]:
        """Everything on it."""
        return self.cards, self.messages, self.detail
