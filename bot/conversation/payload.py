"""Buttons' payloads and typed text: what may reach Rasa as a command and what may not.

Rasa reads a text that begins with a slash as a command (``/restart`` wipes the conversation's state). Typed text must
never be one, and a payload only one that a button of ours can carry.
"""

from __future__ import annotations

import json
import re

from bot.codes import code_in

_PAYLOAD = re.compile(r"^/(?P<intent>[a-z][a-z0-9_]{0,63})(?P<entities>\{.*\})?\Z", re.S)
_RESERVED = frozenset({"restart", "back", "session_start", "nlu_fallback", "out_of_scope"})
MAX_PAYLOAD = 500
_WORDS_WITH_A_CODE = 5
_TAKES_BACK = re.compile(r"\b(withdraw|cancel|take back|delete|remove|stop|not need|hata)\w*", re.IGNORECASE)


def is_payload(text: str) -> bool:
    """Whether this is a payload that a button may carry: ``/intent`` or ``/intent{"entity": "value"}``."""
    match = _PAYLOAD.match(text) if len(text) <= MAX_PAYLOAD else None
    if match is None or match["intent"] in _RESERVED:
        return False
    if match["entities"] is None:
        return True
    try:
        entities = json.loads(match["entities"], parse_constant=_refuse)
        json.dumps(entities, ensure_ascii=False).encode()  # half a surrogate pair could not be stored
    except (ValueError, RecursionError):
        return False
    return isinstance(entities, dict) and all(isinstance(value, (str, int, float)) for value in entities.values())


def _refuse(constant: str) -> float:
    raise ValueError(f"JSON has no {constant}")


def typed_text(text: str) -> str:
    """Typed text as the assistant may read it: never a command."""
    return re.sub(r"^[\s/]+", "", text) or "?"


def typed_code(text: str) -> str | None:
    """The payload for a reference code that is typed alone ("k7m2 qx9t", "my code is K7M2-QX9T"); nothing otherwise."""
    code = code_in(text) if len(text.split()) <= _WORDS_WITH_A_CODE else None
    if code is None:
        return None
    question = "withdraw" if _TAKES_BACK.search(text) else "code"
    return f'/answer_referral{{"question": "{question}", "answer": "{code}"}}'
