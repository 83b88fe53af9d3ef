"""Grouping texts of like meaning, so that staff name many messages at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
Encode = Callable[[str], Vector]
"""Gives a text's unit vector; see ``bot.nlu.encoder``."""

ALIKE = 0.6
"""The least cosine between a message and the first of its group.

Chosen on 600 messages each of two labelled sets (of one, the encoder had seen no example). At 0.6 some 38 % of the
messages are in groups of two and more, and 91 to 93 % of those belong to the main topic of their group; at 0.5 it is
65 % and 83 to 84 %, at 0.7 it is 15 % and 96 to 100 %. Staff can leave single messages out of a group.
"""


def grouped(vectors: Sequence[Vector], alike: float = ALIKE) -> list[list[int]]:
    """Groups of positions in ``vectors``, the biggest first, those as big in the order of their first.

    Each vector joins the group whose first vector is nearest, if that is near enough, or else begins a group.

    Args:
        vectors: of length 1.
        alike: the least cosine.
    """
    if not vectors:
        return []
    groups: list[list[int]] = []
    leaders = np.empty((len(vectors), len(vectors[0])), dtype=np.float32)
    for position, vector in enumerate(vectors):
        nearness = leaders[: len(groups)] @ vector
        best = int(nearness.argmax()) if groups else -1
        if best >= 0 and nearness[best] >= alike:
            groups[best].append(position)
        else:
            leaders[len(groups)] = vector
            groups.append([position])
    return sorted(groups, key=lambda group: (-len(group), group[0]))


class Likeness:
    """Groups texts that have ids; remembers the vectors of those that it was last asked about."""

    def __init__(self, encode: Encode) -> None:
        """``encode`` takes some milliseconds a text; it is called in other threads, one at a time."""
        self._encode = encode
        self._known: dict[str, Vector] = {}
        self._turn = asyncio.Lock()

    async def groups(self, texts: Mapping[str, str]) -> list[list[str]]:
        """The ids of texts that mean the like, the biggest group first."""
        async with self._turn:  # two pages at once would encode everything twice
            return await asyncio.to_thread(self._grouped, texts)

    def _grouped(self, texts: Mapping[str, str]) -> list[list[str]]:
        self._known = {id_: self._vector(id_, text) for id_, text in texts.items()}
        ids = list(texts)
        return [[ids[position] for position in group] for group in grouped(list(self._known.values()))]

    def _vector(self, id_: str, text: str) -> Vector:
        known = self._known.get(id_)
        return self._encode(text) if known is None else known
