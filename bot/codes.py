"""Reference codes: short enough to note down, long enough not to be guessed, without letters that look alike."""

from __future__ import annotations

import re
import secrets

ALPHABET = "BCDFGHJKMNPQRSTVWXYZ23456789"
"""No vowels (no word comes out), no 0, 1, I, L, O."""

_CODE = re.compile(rf"(?<![A-Za-z0-9])([{ALPHABET}]{{4}})[\s-]?([{ALPHABET}]{{4}})(?![A-Za-z0-9])", re.IGNORECASE)


def new_code() -> str:
    """A code such as ``K7M2-QX9T``: 28 to the power of 8, some 378 thousand million possible ones."""
    while True:
        signs = "".join(secrets.choice(ALPHABET) for _ in range(8))
        if not signs.isdigit():  # it must not look like a telephone number
            return f"{signs[:4]}-{signs[4:]}"


def code_in(text: str) -> str | None:
    """The code in a text, however it is written; a word of eight letters is none."""
    for match in _CODE.finditer(text):
        if re.sub(r"\W", "", match[0]).isdigit():
            continue
        if re.search(r"\d", match[0]) or "-" in match[0] or match[0].isupper():
            return f"{match[1]}-{match[2]}".upper()
    return None
