"""Leaving out of a text what would let somebody find or reach the person who wrote it.

For texts that are kept to learn from. Better a word too many than a telephone number too few; but ages, durations,
sizes, years and emergency numbers stay, for without them the text means nothing. Names are not looked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from phonenumbers import Leniency, PhoneNumberMatcher

from bot.codes import ALPHABET, code_in

_REGIONS = ("IN", "GB", "US", "AE", "AU")
"""Where a number without a country code may be from; those of other countries look alike."""

_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2060\ufe0e\ufe0f\u20e3\ufeff]")
_SURE_ENDINGS = (
    r"(?:com|org|net|edu|gov|info|biz|online|site|shop|store|app|dev|io|ai|xyz|link|club|life|health|care|co|in|uk|de"
    r"|fr|ie|nl|ca|au|ae|pk|bd|lk|np|sg|gg|ly)"
)
_PROVIDERS = (
    r"(?:g\s?mail|googlemail|yahoo|ymail|hotmail|outlook"
    r"|rediff(?:mail)?|icloud|proton(?:mail)?|live|aol|zoho)"
)
_DOT = r"(?:\s*[.·]\s*|\s*[(\[]\s*dot\s*[)\]]\s*|\s+dot\s+|\s+point\s+)"
_AT = r"(?:\s*@\s*|\s*[(\[]\s*at\s*[)\]]\s*|\s+at\s+the\s+rate(?:\s+of)?\s+|\s+at\s+)"
_LOCAL = (
    rf"(?:(?:\b\w\s+){{2,20}}\w|(?<![\w.+'-])[\w.+'-]{{1,64}}"
    rf"(?:(?:{_DOT}|\s+(?:underscore|dash|hyphen|plus)\s+)[\w+-]+){{0,6}})(?:\s+\d+)?"
)
_NETWORKS = (
    r"(?:insta(?:gram)?(?!\w)|ig|telegram|tele|tg|snap(?:chat)?|sc|fb|face\s?book|messenger|twitter|discord|skype|signal"
    r"|threads|reddit|linked\s?in|tik\s?tok|we\s?chat|kik|whats?\s?app|wapp|wa|zoom|upi|g\s?pay|phone\s?pe|paytm)"
)
_NO_NAME = (
    r"(?:a|an|the|is|are|was|were|be|it|its|i|im|my|me|we|you|u|he|she|they|not|no|on|in|at|to|of|or|and|but|so|as|if"
    r"|for|from|with|about|properly|really|actually|working|this|that|these|those|there|here|what|when|where|which|who|why"
    r"|how|full|very|just|also|only"
    r"|all|too|then|than|do|does|did|can|could|will|would|has|have|had|okay|ok|better|good|bad|fine|safe|private"
    r"|please|pls|sure|free|open|home|work|once|night|least|first|last|under|by|baat|call"
    r"|chat|group|channel|video|mera|meri|hai|nahi|ka|ki|ke|pe|par|se)"
)
_NAME = rf"@?\s?(?!{_NO_NAME}(?![.#-]?\w)|\[)\w[\w.#-]*\w(?:\s(?-i:[A-Z][a-z]+)){{0,2}}"
_UNITS = (
    r"(?:years?|yrs?|y/?o|months?|mths?|weeks?|wks?|days?|hours?|hrs?|minutes?|mins?|times?|sizes?|cm|mm|inch(?:es)?"
    r"|rupees?|rs|lakhs?|percent|%|people|kids|children|saal|mahine|din)"
)
_STREETS = (
    r"(?:street|str|road|rd|lane|ln|avenue|ave|nagar|marg|colony|layout|gali|chowk|drive|crescent|terrace|boulevard"
    r"|apartments?|residency|society|enclave|vihar)"
)
_NO_STREET = (
    rf"(?:{_UNITS}|of|on|the|a|an|in|to|at|for|from|and|or|is|was|my|his|her|our|this|that|with|down|along|long|by"
    r"|after|before|more|than|i|we|he|she|it)"
)

# What a digit is called; runs of six and more are numbers that somebody reads out. The longest of each group first.
_DIGIT_WORDS = (
    r"(?:double|triple|zero|oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fourty|fifty|sixty|seventy|eighty|ninety|hundred"
    r"|shunya|shoonya|ek|do|teen|tin|chaar|char|paanch|panch|chhah|chhe|chha|chah|che|saat|sat|aath|aat|ath|nau|nou|das"
    r"|शून्य|ज़ीरो|जीरो|एक|दो|तीन|चार|पांच|पाँच|छह|छः|छे|सात|आठ|नौ|दस)"
)
_READ_OUT = re.compile(rf"(?<!\w)(?:(?:{_DIGIT_WORDS}|\d)[\s,.\-/*_~&]*){{5,40}}(?:{_DIGIT_WORDS}|\d)(?!\w)", re.I)
_ONE_OF_THEM = re.compile(rf"{_DIGIT_WORDS}|\d", re.I)
_DIGITS = re.compile(r"(?<![\w₹$£€])\+?\(?\d(?:(?:[\s().\-/–—_*~•|]|,\s){0,4}\d){5,24}(?![\w%])")
_CODE = re.compile(rf"(?<![A-Za-z0-9])[{ALPHABET}]{{4}}[\s-]?[{ALPHABET}]{{4}}(?![A-Za-z0-9])", re.I)
_YEAR = re.compile(r"(?:19|20)\d\d")
_MONEY_BEFORE = re.compile(r"(?:\brs\.?|\binr|rupees|₹|\$|£|€)\s*$", re.I)
_MONEY_AFTER = re.compile(r"\s*(?:rs|inr|rupees|rupaye|lakhs?|crores?|dollars|pounds|/-)", re.I)
_HELPLINES = frozenset({"116123", "18008914416", "18006564673"})


def redact(text: str) -> str:
    """A text without ways to reach its writer; each is replaced by what it was, such as ``[phone]``.

    Letters and digits in unusual forms come back in their usual ones, and signs that nobody sees are gone.
    """
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    for step in _steps():
        text = step(text)
    return text


def _replace(pattern: str, label: str) -> Callable[[str], str]:
    """A step that replaces what a pattern finds, or its group ``it`` if it has one."""
    compiled = re.compile(pattern, re.I)
    named = "it" in compiled.groupindex

    def one(match: re.Match[str]) -> str:
        if not named:
            return label
        begin, end = match.start("it") - match.start(), match.end("it") - match.start()
        return match[0][:begin] + label + match[0][end:]

    return lambda text: compiled.sub(one, text)


def _code(text: str) -> str:
    return _CODE.sub(lambda match: "[code]" if code_in(match[0]) else match[0], text)


def _read_out(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        tokens = [token[0] for token in _ONE_OF_THEM.finditer(match[0])]
        if sum(not token.isdigit() for token in tokens) < 2:
            return match[0]
        return "[phone]" if len(tokens) >= 7 else "[number]"

    return _READ_OUT.sub(one, text)


def _phones(text: str) -> str:
    for region in _REGIONS:
        if sum(sign.isdigit() for sign in text) < 7:
            return text
        found = PhoneNumberMatcher(text, region, leniency=Leniency.POSSIBLE, max_tries=200)
        for match in reversed(list(found)):
            label = _number(text, match.start, match.end)
            text = text[: match.start] + label + text[match.end :]
    return text


def _digits(text: str) -> str:
    return _DIGITS.sub(lambda match: _number(text, match.start(), match.end()), text)


def _number(text: str, start: int, end: int) -> str:
    """What stands for the digits of a part of a text: a label, or they themselves where they reach nobody."""
    found = text[start:end]
    groups = re.findall(r"\d+", found)
    digits = "".join(groups)
    years = [group for group in groups if _YEAR.fullmatch(group)]
    if digits in _HELPLINES:
        return found
    if years and all(group in years or len(group) <= 2 for group in groups):
        return found  # a date, or years
    if "," in found and max(map(len, groups)) <= 2 and len(groups) < 8:
        return found  # an enumeration
    if _MONEY_BEFORE.search(text[max(0, start - 12) : start]) or _MONEY_AFTER.match(text[end : end + 12]):
        return found
    if len(digits) < 6 or re.match(rf"\s*{_UNITS}\b", text[end : end + 12], re.I):
        return found
    if len(digits) == 6:
        # Three and three, or all in one: an Indian PIN code. Otherwise ages or sizes in a row.
        return "[postcode]" if [len(group) for group in groups] in ([6], [3, 3]) else found
    return "[phone]" if len(digits) <= 15 else "[number]"


@lru_cache(maxsize=1)
def _steps() -> tuple[Callable[[str], str], ...]:
    """What is looked for, in this order: what contains a dot or an @ before what stands in it."""
    ending = rf"{_SURE_ENDINGS}(?:\.(?:in|uk|au|nz))?"
    return (
        _replace(r"\b(?:https?|ftp|tg|whatsapp)\s?:\s?//\s?\S+", "[link]"),
        _replace(r"(?<![\w@.])www\s?\.\s?\S+", "[link]"),
        _replace(
            rf"\b(?:mail|email|e-mail|gmail)(?:\s+(?:id|address|me))?\s*(?:is|:|-|=|to|at|on|hai)+\s*"
            rf"(?P<it>[^\n!?]{{1,60}}?{_AT}{_PROVIDERS}(?:{_DOT}\w{{2,6}}){{0,2}})",
            "[e-mail]",
        ),
        _replace(
            rf"{_LOCAL}{_AT}(?:{_PROVIDERS}\b(?:{_DOT}\w{{2,6}}\b){{0,2}}"
            rf"|[\w-]{{1,63}}(?:{_DOT}[\w-]+){{0,3}}{_DOT}{ending}\b)",
            "[e-mail]",
        ),
        _replace(r"(?<![\w.+'-])[\w.+'-]{0,64}\w\s?@\s?[\w-]{1,63}(?:\s?\.\s?[\w-]{1,63}){1,6}", "[e-mail]"),
        _replace(r"(?<![\w.+-])[\w.+-]{2,64}@[\w-]{2,63}", "[e-mail]"),  # also the addresses of payments
        _replace(
            r"\b(?:my|mera|meri)\s+(?:g|e-?)?mail(?:\s*(?:id|address))?\s*(?:is|:|-|=|hai)+\s*"
            rf"(?P<it>{_NAME})",
            "[e-mail]",
        ),
        _replace(
            r"\b(?:t|wa|m|fb)\.me\s?/?\s?\S*|\byoutu\.be/\S+|(?<![\w-])\w[\w-]{0,62}(?:\.[\w-]{1,63}){1,8}/\S+",
            "[link]",
        ),
        _replace(
            rf"(?<![\w-])[a-z0-9][\w-]{{0,62}}(?:\.[\w-]{{1,63}}){{0,6}}\.{ending}\b(?:\.\w{{1,30}}){{0,3}}(?:/\S*)?",
            "[link]",
        ),
        _replace(rf"(?<![\w-])[a-z0-9][\w-]{{0,62}}(?:\s*[(\[]dot[)\]]\s*|\s+dot\s+){ending}\b", "[link]"),
        _code,
        _replace(r"\b[a-z]{1,5}-?\d{4,}[a-z]?\b", "[number]"),
        _read_out,
        _phones,
        _digits,
        _replace(r"(?<![\w@])@[a-z_][\w.]+", "[handle]"),
        _replace(r"(?<!\w)u/[\w-]{3,}", "[handle]"),
        _replace(r"(?<![\w.])[\w.]{2,32}#\d{4}\b", "[handle]"),
        _replace(
            rf"\b{_NETWORKS}(?:\s*(?:id|handle|name|user\s?name|account|profile|number|no))?\s*"
            rf"(?:\s(?:is|hai|me\s+(?:on|at)|me|as|am|pe)\s|[:=@]|\s-\s)\s*(?:@\s*)?(?P<it>{_NAME})",
            "[handle]",
        ),
        _replace(rf"\b{_NETWORKS}(?:\s*(?:id|handle))?\s+(?P<it>(?=\S{{0,40}}[\d_.]\w)[a-z][\w.]{{3,40}})", "[handle]"),
        _replace(
            rf"(?<![\w.])(?P<it>(?=\S{{0,40}}[\d_.]\w)[a-z][\w.]{{3,40}})\s+(?:on|in|at|is my|hai)\s+(?:my\s+)?"
            rf"{_NETWORKS}\b",
            "[handle]",
        ),
        _replace(
            rf"\b(?:on|my)\s+{_NETWORKS}\s+(?:as|under|by|i'?m|i\s+am)\s+(?P<it>{_NAME}(?:\s(?!{_NO_NAME}\b)\w{{2,30}})?)",
            "[handle]",
        ),
        _replace(
            rf"\b(?:user\s?name|user\s?id|handle|screen\s?name|profile\s?name)\s*(?:is|:|=|hai)\s*(?P<it>{_NAME})",
            "[handle]",
        ),
        _replace(rf"\b{_NETWORKS}\s*(?:id|handle|user\s?name)\s+(?P<it>{_NAME})", "[handle]"),
        _replace(
            rf"\b(?:add|find|follow|dm|msg|message|search|reach|ping|contact|text)\s+(?:me|for me)\s+(?:on|at|in)\s+"
            rf"{_NETWORKS},?\s+(?P<it>{_NAME})",
            "[handle]",
        ),
        _replace(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", "[handle]"),
        _replace(
            r"\b(?:my|our|home|postal|full|ghar ka)\s+address\s*(?:is|:|-|hai)\s*(?P<it>[^\n!?]{4,200})", "[address]"
        ),
        _replace(
            rf"\b(?:flat|house|h\.?\s?no|door|plot|apt|apartment|room|villa|shop)\b\.?\s*"
            rf"(?:no|number|num|#)?[.:]?\s*[a-z]?-?\d+[\w/-]*(?!\s*{_UNITS}\b)"
            rf"(?:,?\s+(?!{_NO_STREET}\b)[\w']+){{0,4}}?(?:,?\s+{_STREETS}\b|(?=[\s,.!?]|$))",
            "[address]",
        ),
        _replace(rf"\b\d+[a-z]?(?:[/-]\d+)?,?\s+(?:(?!{_NO_STREET}\b)[\w'.]+,?\s+){{1,3}}{_STREETS}\b", "[address]"),
        _replace(r"\b\d+(?:st|nd|rd|th)\s+(?:main|cross|street|avenue|lane|road|sector)\b(?:\s+road)?", "[address]"),
        _replace(r"\bsector\s?-?\s?\d+[a-z]?\b", "[address]"),
        _replace(r"\b[a-z]{1,2}\d[a-z\d]?\s*\d(?!(?:st|rd|th|nd|hr|yr|wk)\b)[abd-hjlnp-uw-z]{2}\b", "[postcode]"),
        _replace(r"\b[ac-fhknprtv-y]\d[\dw]\s?(?=\w{0,3}\d)[0-9ac-fhknprtv-y]{4}\b", "[postcode]"),
        _replace(r"\b[a-z]\d[a-z]\s?\d[a-z]\d\b", "[postcode]"),
        _replace(
            r"\b(?:pin|zip|post|postal)\s?(?:code)?\s*(?:is|:|-|=|hai)*\s*(?P<it>(?=[\w-]{0,9}\d)[\w-]{3,10})",
            "[postcode]",
        ),
    )
