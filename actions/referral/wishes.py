"""What a person wishes of a coach or a physiotherapist, out of what she writes: "lady physio who speaks tamil"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from bot.directory.practitioner import known_languages

_INDIAN = """
Hindi Tamil Telugu Kannada Malayalam Marathi Bengali Gujarati Punjabi Urdu Odia Assamese Konkani Nepali Sindhi
Kashmiri Rajasthani Bhojpuri Haryanvi Tulu Dogri Manipuri Santali Maithili Sanskrit
""".split()
_ABROAD = """
English Spanish French German Arabic Portuguese Italian Dutch Russian Chinese Japanese Korean Persian Turkish
""".split()
_SPOKEN_AS = {"hindustani": "Hindi", "bangla": "Bengali", "oriya": "Odia", "malyalam": "Malayalam", "kanada": "Kannada"}
"""Languages that are looked for in a text. All that :func:`known_languages` knows would find "Even" and "Ga" in it."""

_WOMAN = re.compile(
    r"\b(female|lad(y|ies)|wom[ae]n|girls?|aurat|mahila|she|her)\b(?! partner)|\bnot? (a )?(man|male|"
    r"men|guy)s?\b|\bno (men|males?|man)\b"
)
_MAN = re.compile(r"\b(a man|male|gents?|guy)\b")
_ABOUT_HERSELF = re.compile(
    r"\b(i am|i'?m|im|as|being) (a |an )?(\d+ ?(year|yr)s? old )?(trans )?(woman|lady|girl|female|man|male)\b"
    r"(?! (physio|doctor|coach|therap|one|who))|\bbaby (girl|boy)\b|\b(my|our) (little |first |second )?(girl|boy)\b|"
    r"\b(not|no|don'?t want|dont want|never) (a |any )?(woman|women|lady|female)\b"
)
"""Who somebody is, is no wish."""

_ANY_GENDER = re.compile(
    r"\b(any|either|no preference|(doesn'?t|does not|dont|don'?t) (matter|care|mind)|koi bhi|(is|are) (ok|fine) too)\b"
)
_ABOUT_GENDER = re.compile(
    r"\b(gender|man or (a )?woman|male or female|either|(a )?(man|male|woman) (is|are) (ok|fine) too)\b"
)
_NON_BINARY = re.compile(r"\b(non[- ]?binary|enby|nb) (coach|physio\w*|therapist|person)\b")
_SERVICES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "trauma_informed",
        re.compile(
            r"\b(trauma\w*|gentle|abuse|assault|rape|survivor|patient with me|never force\w*|won'?t force|"
            r"goes? slow\w*|very kind|not rush\w*)\b"
        ),
    ),
    (
        "trans_inclusive",
        re.compile(
            r"\b(trans\w*|non[- ]?binary|enby|queer|lgbt\w*|lesbian|bi ?sexual|gay|"
            r"gender[- ](diverse|affirming|fluid|queer))\b"
        ),
    ),
    (
        "postpartum",
        re.compile(
            r"\b(post ?partum|after (the |my |a )?(birth|delivery|baby|c-?section|caesarean|cesarean)|"
            r"post ?natal|episiotomy|scar)\b"
        ),
    ),
    ("cancer_care", re.compile(r"\b(cancer|radiation|radiotherapy|chemo\w*|oncolog\w*)\b")),
    (
        "home_visits",
        re.compile(
            r"\b(home visits?|come(s)? (home|to (my|our) (home|house|place))|at (my )?home|ghar (pe|par|"
            r"aa\w*)|house ?calls?)\b"
        ),
    ),
    ("video", re.compile(r"\b(on ?line|video\w*|zoom|virtual\w*|remote\w*|over (the )?(phone|call))\b")),
    ("dilators", re.compile(r"\b(dilat\w*|trainers?)\b")),
)
_ACCESS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "step_free",
        re.compile(
            r"\b(wheel ?chair|step[- ]free|no (steps|stairs)|ramp|walker|crutch\w*|(can'?t|cannot) (do|climb|"
            r"walk) (the )?(stairs|steps|up)?|disab\w*)\b"
        ),
    ),
    ("lift", re.compile(r"\b(lift|elevator)\b")),
    ("parking", re.compile(r"\bparking\b")),
    ("sign_language", re.compile(r"\b(sign language|deaf|isl)\b")),
    ("quiet_room", re.compile(r"\b(quiet|autis\w*|sensory)\b")),
)
_NONE = re.compile(
    r"^\W*(no|none|nope|nothing|any(one|body|thing)?|whoever|no (wish|wishes|preference|preferences|"
    r"matter|special\w*)|not really|doesn'?t matter|don'?t mind|"
    r"i don'?t (mind|care)|does ?n[o']t matter|all (ok|fine)|kuch nahi|koi bhi|skip|all same|no one special)\b"
)
_NEGATED = re.compile(r"\b(no|not|without|never|don'?t (want|need)|except)\W+(\w+\W+){0,2}$")


@dataclass(frozen=True)
class Wishes:
    """What was heard. ``none``: nothing special is wished. ``any_gender``: a wish for a gender is taken back."""

    languages: tuple[str, ...] = ()
    gender: str = ""
    services: tuple[str, ...] = ()
    accessibility: tuple[str, ...] = ()
    none: bool = False
    any_gender: bool = False

    def __bool__(self) -> bool:
        wished = self.languages or self.gender or self.services or self.accessibility
        return bool(wished or self.none or self.any_gender)


@lru_cache(maxsize=1)
def _languages() -> tuple[re.Pattern[str], dict[str, str]]:
    names = {name.lower(): known_languages()[name.lower()] for name in (*_INDIAN, *_ABROAD)} | _SPOKEN_AS
    return re.compile(rf"\b({'|'.join(names)})\b"), names


def read_wishes(text: str, *, asked: bool) -> Wishes:
    """The wishes in a text.

    Args:
        asked: the text answers the question for wishes; then a bare "no" says that there are none.
    """
    plain = _ABOUT_HERSELF.sub(" ", " ".join(text.lower().replace("’", "'").split()))
    pattern, names = _languages()
    languages = tuple(dict.fromkeys(names[match[1]] for match in pattern.finditer(plain)))
    services = tuple(name for name, cue in _SERVICES if _wished(cue, plain))
    accessibility = tuple(name for name, cue in _ACCESS if cue.search(plain))
    gender = _gender(plain)
    any_gender = _ANY_GENDER.search(plain) is not None and _ABOUT_GENDER.search(plain) is not None
    heard = bool(languages or services or accessibility or gender or any_gender)
    none = asked and not heard and _NONE.search(plain) is not None
    return Wishes(languages, "" if any_gender else gender, services, accessibility, none, any_gender)


def _wished(cue: re.Pattern[str], plain: str) -> bool:
    match = cue.search(plain)
    return match is not None and _NEGATED.search(plain[: match.start()]) is None


def _gender(plain: str) -> str:
    if _NON_BINARY.search(plain):
        return "non-binary"
    if _WOMAN.search(re.sub(r"\b(she|her)\b(?! (must|should|to be))", " ", plain)):
        return "woman"
    return "man" if _MAN.search(plain) else ""
