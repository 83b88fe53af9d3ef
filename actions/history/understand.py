"""What a message says about how it began: one message may answer several questions of the history at once.

The cues are data (``data/history/cues.yml``); here is what applies to all of them: a clause that says no ("no
infection or anything"), things that are fine ("tampons are ok"), and that a bare word counts only for the question that
was asked. What no cue knows is not lost: the form keeps the person's own words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from actions.history.when import Precision, When, read_when

CUES = Path(__file__).resolve().parent.parent.parent / "data" / "history" / "cues.yml"

CHOICES: dict[str, tuple[str, ...]] = {
    "comfortable": ("never", "before", "sometimes", "unsure"),
    "trigger": (
        "childbirth_vaginal",
        "childbirth_caesarean",
        "childbirth",
        "radiation",
        "surgery",
        "injury",
        "hormones",
        "infection",
        "constipation",
        "upsetting",
        "stress",
        "relationship",
        "first_attempt",
        "nothing_known",
        "other",
    ),
    "where": ("sex", "tampon", "cup", "finger", "exam", "dilator"),
    "feels": ("burning", "wall", "tight", "sharp", "ache", "fear", "other"),
    "tried": (
        "nothing",
        "dilators",
        "physio",
        "therapy",
        "exercises",
        "lubricant",
        "medicine",
        "botox",
        "surgery",
        "doctor",
        "other",
    ),
    "partner": ("yes", "partly", "no", "none"),
}
"""The ids of the answers to each question, besides ``began``, which is a :class:`When`."""

SEVERAL = frozenset(("trigger", "where", "feels", "tried"))
"""Questions that may have several answers."""

_CLAUSE = re.compile(r"[.;!?\n]+|,(?=\s)|\s-\s|\b(?:but|then|and then|although|though|however|lekin|par|magar|aur)\b")
_NEGATED = re.compile(
    r"\b(no|not|never|none|without|neither|nor|n't|nt|didn'?t|dont|don'?t|wasn'?t|isn'?t|haven'?t|hasn'?t|nahi|nhi|bina|instead of)\b(?:\W+\w+){0,4}\W*$"
)
_FINE = re.compile(
    r"\b(fine|ok|okay|okey|no (problem|issue|trouble|pain)s?|not a problem|never a problem|easy|easily|works?( well)?|"
    r"doable|manage(d|able)?|can (use|do|wear|insert)|comfortabl\w*|theek|thik|painless\w*|possible|went well|goes in|all good|good)\b"
)
_NOT_FINE = re.compile(
    r"\b(not|never|isn'?t|wasn'?t|no longer|aren'?t|nahi|nhi|barely|hardly|used to|was|were|until|till|before|pehle)\b"
)
_NEVER_DID = re.compile(
    r"\b(never|haven'?t|havent|have not|not|didn'?t|didnt|scared to|afraid to|want to|going to|should i|planning|thinking (of|about)|ordered|heard|nahi|nhi)\b(?:\W+\w+){0,4}\W*$"
)


@dataclass
class Heard:
    """What a message says: for each question the ids of its answers, and the time."""

    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    began: When | None = None

    def __bool__(self) -> bool:
        return bool(self.choices) or self.began is not None


def understand(text: str, today: date, *, asked: str | None = None) -> Heard:
    """What a message says.

    Args:
        asked: the question that the message answers; nothing for a story that is told unasked.
    """
    plain = " ".join(text.lower().replace("’", "'").split())
    clauses = [clause.strip() for clause in _CLAUSE.split(plain) if clause and clause.strip()]
    heard = Heard()
    for question, find in (
        ("comfortable", _comfortable),
        ("trigger", _trigger),
        ("where", _where),
        ("feels", _feels),
        ("tried", _tried),
        ("partner", _partner),
    ):
        if found := find(plain, clauses, asked == question):
            heard.choices[question] = tuple(choice for choice in CHOICES[question] if choice in found)
    began = read_when(text, today, asked=asked == "began")
    if began is not None and (asked == "began" or _tells_when(began, plain, asked)):
        heard.began = began
    return heard


def _tells_when(began: When, plain: str, asked: str | None) -> bool:
    """Whether a time that stands in a text says when it began; unasked, bare "not sure" or "first time" do not."""
    if began.precision is Precision.UNKNOWN:
        return asked is None and "when" in plain
    if began.precision is Precision.EVENT:
        return asked in (None, "comfortable", "trigger") and _SINCE.search(plain) is not None
    return asked in (None, "comfortable", "trigger", "where")


_SINCE = re.compile(
    r"\b(since|after|until|till|til|ever since|from (the|my|our|day)|began|started|start(s|ing)? (with|when|after)|always|hamesha|shuru se|baad|"
    r"first night se|pehli (baar|raat)|bachpan|went wrong|this began|when (i|we|my|our|the))\b"
)


@lru_cache(maxsize=1)
def _cues() -> dict[str, Any]:
    rows: dict[str, Any] = yaml.safe_load(CUES.read_text(encoding="utf-8"))

    def compiled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: compiled(row) for key, row in value.items()}
        return [re.compile(pattern if pattern.startswith("^") else rf"\b(?:{pattern})\b") for pattern in value]

    return {key: compiled(value) for key, value in rows.items()}


def _first(patterns: list[re.Pattern[str]], text: str) -> re.Match[str] | None:
    return next((match for pattern in patterns if (match := pattern.search(text))), None)


def _comfortable(plain: str, clauses: list[str], asked: bool) -> set[str]:
    cues = _cues()["comfortable"]
    if asked:
        for choice in ("sometimes", "before", "never", "unsure"):
            if (
                choice != "before"
                and _first(cues.get(f"{choice}_asked", []), plain)
                and not _first(cues["before"], plain)
            ):
                return {choice}
            if _first(cues[choice], plain):
                return {choice}
        return {"before"} if _first(cues["before_asked"], plain) else set()
    for choice in ("before", "never", "sometimes"):
        if choice == "sometimes" and not _first(cues["sometimes"][1:], plain):
            continue
        if _first(cues[choice], plain):
            return {choice}
    return set()


def _trigger(plain: str, clauses: list[str], asked: bool) -> set[str]:
    cues = _cues()["trigger"]
    found: set[str] = set()
    for clause in clauses:
        for choice, patterns in cues.items():
            if choice == "nothing_known" or choice in found:
                continue
            match = _first(patterns, clause)
            if match and not _NEGATED.search(clause[: match.start()]) and (asked or _caused(choice, clause, plain)):
                found.add(choice)
    if found & {"childbirth_vaginal", "childbirth_caesarean"}:
        found.discard("childbirth")
    if not found and _first(cues["nothing_known"] if asked else cues["nothing_known"][1:], plain):
        found.add("nothing_known")
    return found


_LINKED = re.compile(
    r"\b(after|since|until|till|til|when|because|due to|from|following|began|started|before|caused|did this|then|ago|had|got|during|time|in (19|20)\d\d|baad|bad|hua|hui|ke time|se|post)\b"
)


def _caused(choice: str, clause: str, plain: str) -> bool:
    """In a story a thing counts as what happened then where it is linked in time, not wherever it is named."""
    if choice in ("first_attempt", "stress", "relationship", "surgery", "injury", "childbirth", "hormones"):
        return _LINKED.search(clause) is not None or _LINKED.search(plain) is not None
    return True


def _where(plain: str, clauses: list[str], asked: bool) -> set[str]:
    cues = _cues()
    found: set[str] = set()
    for clause in clauses:
        fine = _FINE.search(clause) is not None and _NOT_FINE.search(clause) is None
        for choice, patterns in cues["where"].items():
            match = _first(patterns, clause)
            if match is None or fine:
                continue
            if (
                choice == "dilator"
                and not asked
                and not re.search(
                    r"\b(hurt|pain|fight|stuck|can'?t|cannot|won'?t|doesn'?t|burn|even|not go|nightmare|awful)\w*",
                    clause,
                )
            ):
                continue
            found.add(choice)
    if asked and _first(cues["everywhere"], plain):
        found |= set(CHOICES["where"])
    return found


def _feels(plain: str, clauses: list[str], asked: bool) -> set[str]:
    found: set[str] = set()
    for clause in clauses:
        for choice, patterns in _cues()["feels"].items():
            if choice == "other" and not asked:
                continue
            match = _first(patterns, clause)
            if match and not _NEGATED.search(clause[: match.start()]):
                found.add(choice)
    return found


def _tried(plain: str, clauses: list[str], asked: bool) -> set[str]:
    cues = _cues()
    found: set[str] = set()
    if not asked and not _TREATED.search(plain):
        return found
    for clause in clauses:
        for choice, patterns in cues["tried"].items():
            match = _first(patterns, clause)
            if match is None or _NEVER_DID.search(clause[: match.start()]):
                continue
            if asked or _TREATED.search(clause):
                found.add(choice)
    if (
        not found
        and (asked or re.search(r"\b(tried|treatment|help)\b", plain))
        and _first(cues["nothing_tried"], plain)
    ):
        if asked or re.search(r"\b(never tried (any|anything)|not tried|nothing|haven'?t tried|no treatment)\b", plain):
            found.add("nothing")
    return found


_TREATED = re.compile(
    r"\b(tried|try|use[ds]?|using|did|done|doing|gave|given|went (to|for)|going to|go to|took|taking|bought|own|had|have been|saw|seen|see|"
    r"prescri\w*|with a|for a year|sessions?|said use|even with|kiya|liya|li|told|started|been to|on and off)\b"
)


def _partner(plain: str, clauses: list[str], asked: bool) -> set[str]:
    cues = _cues()["partner"]
    if not asked and not _PARTNER.search(plain):
        return {"none"} if _first(cues["none"], plain) else set()
    for choice in ("none", "partly", "no", "yes"):
        match = _first(cues[choice], plain)
        if match is None:
            continue
        if choice == "yes" and _NEGATED.search(plain[: match.start()]):
            return {"no"}
        if (
            choice == "yes"
            and not asked
            and not any(_PARTNER.search(clause) and _first(cues["yes"], clause) for clause in clauses)
        ):
            continue
        if (
            choice == "no"
            and not asked
            and not any(_PARTNER.search(clause) and _first(cues["no"], clause) for clause in clauses)
        ):
            continue
        return {choice}
    if asked:
        for choice in ("no", "yes"):
            if _first(cues[f"asked_{choice}"], plain):
                return {choice}
    return set()


_PARTNER = re.compile(
    r"\b(husband|hubby|wife|partner|boyfriend|bf|girlfriend|gf|fianc\w*|pati|he|she|shes|hes|he's|she's|they|him|her|spouse|date|my man|in ?laws)\b"
)
