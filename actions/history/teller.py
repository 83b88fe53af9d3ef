"""Who tells the history: the person herself, or a partner for her."""

from __future__ import annotations

import re

_SHE = r"\b(?:my|our) (?:wife|girlfriend|gf|fianc\w*|spouse|partner)"
_FOR_HER = re.compile(
    rf"{_SHE}'?s (vaginismus|pain|body|story|history)\b|"
    rf"{_SHE} (suffers|can'?t|cannot|could ?n[o']t|never (could|had|managed)|"
    r"(has|had|gets|feels) (vaginismus|pain|this|trouble|difficult\w*|it))\b|"
    r"\bfor her\b|\bmeri (wife|patni|biwi|gf) (ko|ki|ke)\b"
)
_OF_HERSELF = re.compile(
    r"\b(i (have|had|can'?t|cannot|could ?n[o']t|never|tighten|burn)|"
    r"my (own )?(body|muscles|pain|vagina\w*|first|birth|delivery|c-?section|exams?)|"
    r"(hurts|burns|happened to) me|(it|sex) (hurts|burns))\b"
)


def told_for_her(plain: str) -> bool:
    """Whether a partner tells it (a text in lower case); a woman who speaks of her wife tells her own story."""
    return _FOR_HER.search(plain) is not None and _OF_HERSELF.search(plain) is None
