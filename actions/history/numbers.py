"""Numbers as words, in English and Hinglish, with people's typos: "tow yrs", "dedh saal", "a couple of months"."""

from __future__ import annotations

import re

_UNITS = (
    r"(?:years?|yea?rs?|yrs?|yesrs?|yeras?|yaers?|yars?|saalo?n?|sal|varsh|months?|mon?ths?|monts?|"
    r"mnths?|motnhs?|mths?|mos|mahin[aeo]+n?|maheen[aeo]+|"
    r"weeks?|wks?|haft[aeo]+n?|days?|din|decades?)\b"
)

_ENGLISH = {
    name: number
    for number, names in {
        1: "one wan",
        2: "two tow",
        3: "three thre",
        4: "four for4",
        5: "five fiv",
        6: "six",
        7: "seven",
        8: "eight eigth",
        9: "nine",
        10: "ten",
        11: "eleven",
        12: "twelve",
        13: "thirteen",
        14: "fourteen",
        15: "fifteen",
        16: "sixteen",
        17: "seventeen",
        18: "eighteen",
        19: "nineteen",
        20: "twenty",
        30: "thirty",
        40: "forty fourty",
        50: "fifty",
    }.items()
    for name in names.split()
}
_HINDI = {
    name: number
    for number, names in {
        1.0: "ek",
        1.5: "dedh dedhh derh",
        2.0: "do",
        2.5: "dhai dhaai adhai",
        3.0: "teen tin",
        4.0: "char chaar",
        5.0: "paanch panch",
        6.0: "che chhe chah cheh chha",
        7.0: "saat sat",
        8.0: "aath ath",
        9.0: "nau no",
        10.0: "das dus",
        12.0: "barah bara",
        15.0: "pandrah",
        20.0: "bees",
    }.items()
    for name in names.split()
}
_TENS = {name: number for name, number in _ENGLISH.items() if number >= 20}
_ONES = {name: number for name, number in _ENGLISH.items() if number < 10}

_COMPOUND = re.compile(rf"\b({'|'.join(_TENS)})[\s-]+({'|'.join(_ONES)})\b")
_WORD = re.compile(rf"\b({'|'.join(_ENGLISH)})\b")
_HINDI_WORD = re.compile(rf"\b({'|'.join(_HINDI)})\s+(?={_UNITS})")
_YEARS_AND_MONTHS = re.compile(r"\b(\d+) ?(?:years?|yrs?|saal)(?: and|,| aur| n)? (\d+) ?(?:months?|mnths?|mahine)\b")
_STANDING_FOR = (
    (
        re.compile(r"\ban? year and (?:an? )?half\b|\bone and (?:an? )?half years?\b|\b1 ?(?:1/2|½) (?:years?|yrs?)\b"),
        "1.5 years",
    ),
    (re.compile(r"\b(\d+) (years?|yrs?) and (?:an? )?half\b"), r"\1.5 \2"),
    (re.compile(r"\b(\d+)(?: and| n| &)? (?:an? )?(?:half|1/2) (years?|yrs?|saal)\b"), r"\1.5 \2"),
    (re.compile(r"\b(\d+)½ ?(years?|yrs?|saal)\b"), r"\1.5 \2"),
    (re.compile(r"\bs[aá]+dh?e (\d+)\b"), r"\1.5"),
    (re.compile(r"\b(half an?|half) (year|yr)s?\b|\baadh[ae] saal\b|\bhalf saal\b"), "6 months"),
    (
        re.compile(
            rf"\b(?:an?|the) (?:couple|cuople|coupel) (?:of )?(?={_UNITS})|\b(?:couple|cuople|"
            rf"coupel) (?:of )?(?={_UNITS})"
        ),
        "2 ",
    ),
    (re.compile(r"\b(?:an?|the|past|last) decade\b"), "10 years"),
    (re.compile(r"\b(\d+) decades?\b"), r"\g<1>0 years"),
    (
        re.compile(
            rf"\b(?:(?:an?|the|some|quite a|past|last) few|few|several|many|kuch|kai)\s+(?={_UNITS})|"
            rf"\bsome\s+(?={_UNITS})"
        ),
        "3 ",
    ),
    (re.compile(rf"\ban?\s+(?={_UNITS})"), "1 "),
)


_TEENS = {name: number for name, number in _ENGLISH.items() if 10 <= number <= 20}
_YEAR_IN_WORDS = re.compile(
    rf"\b(?:two thousand(?: and)?|twenty)[\s-]+({'|'.join(_TEENS)})(?:[\s-]+({'|'.join(_ONES)}))?\b"
)
"""Two thousand nineteen, twenty nineteen, twenty twenty two; "twenty two" is a number."""


def _year(match: re.Match[str]) -> str:
    tens = _TEENS[match[1]]
    ones = _ONES[match[2]] if match[2] and tens == 20 else 0
    rest = f" {match[2]}" if match[2] and tens != 20 else ""
    return f"{2000 + tens + ones}{rest}"


def with_digits(text: str) -> str:
    """A text in lower case with number words as digits, where they count years, months, weeks or days."""
    text = _YEAR_IN_WORDS.sub(_year, text)
    text = _HINDI_WORD.sub(lambda match: f"{_HINDI[match[1]]:g} ", text)
    text = _COMPOUND.sub(lambda match: str(_TENS[match[1]] + _ONES[match[2]]), text)
    text = _WORD.sub(lambda match: str(_ENGLISH[match[1]]), text)
    text = _YEARS_AND_MONTHS.sub(lambda match: f"{int(match[1]) * 12 + int(match[2])} months", text)
    for pattern, stands_for in _STANDING_FOR:
        text = pattern.sub(stands_for, text)
    return text
