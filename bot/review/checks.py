"""The checks of ``bot lint``. Each yields what is wrong as one line that says where and what."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from actions.knowledge import FORMS, Variant
from bot.review.material import Example, Material
from bot.review.readability import MAX_GRADE, grade

MAX_BUBBLES = 3
MAX_WORDS = 90
MAX_TITLE = 24
MIN_EXAMPLES = 200
MIN_DEV = 10

Check = Callable[[Material], Iterator[str]]


def _texts(material: Material) -> Iterator[tuple[str, Variant]]:
    for name, variants in material.knowledge:
        for number, variant in enumerate(variants, start=1):
            yield f"{name} #{number}", variant


def wording(material: Material) -> Iterator[str]:
    """No banned wording in texts or buttons."""
    patterns = [(re.compile(row["pattern"], re.IGNORECASE), row["why"]) for row in material.banned]
    for place, variant in _texts(material):
        read = " ".join([variant.text, *(button["title"] for button in variant.buttons)])
        for pattern, why in patterns:
            if match := pattern.search(read):
                yield f"{place}: says {match.group(0)!r} ({why})"


def reading_grade(material: Material) -> Iterator[str]:
    """No text in English is harder than SMOG grade 9."""
    for place, variant in _texts(material):
        found = None if variant.metadata.get("language") not in (None, "en") else grade(variant.text)
        if found is not None and found > MAX_GRADE:
            yield f"{place}: reading grade {found:.1f}, at most {MAX_GRADE:g}"


def length(material: Material) -> Iterator[str]:
    """At most three bubbles of at most 90 words; titles that fit on a button."""
    for place, variant in _texts(material):
        if not 1 <= len(variant.bubbles) <= MAX_BUBBLES:
            yield f"{place}: {len(variant.bubbles)} bubbles, at most {MAX_BUBBLES}"
        for bubble in variant.bubbles:
            if len(bubble.split()) > MAX_WORDS:
                yield f"{place}: a bubble of {len(bubble.split())} words, at most {MAX_WORDS}"
        for button in variant.buttons:
            if len(button["title"]) > MAX_TITLE:
                yield f"{place}: the button {button['title']!r} is longer than {MAX_TITLE}"


def sources(material: Material) -> Iterator[str]:
    """Every answer names sources that exist and its review state."""
    for topic in material.answers():
        for number, variant in enumerate(material.variants(topic), start=1):
            place = f"utter_ask/{topic} #{number}"
            named = variant.metadata.get("sources") or []
            if not named:
                yield f"{place}: no source"
            for source in named:
                if source not in material.sources:
                    yield f"{place}: the source {source!r} is not in sources.yml"
            if not variant.metadata.get("review"):
                yield f"{place}: no review state"


def completeness(material: Material) -> Iterator[str]:
    """Every topic has an answer in all forms, 2 to 4 choices after it, a title, examples and dev examples."""
    examples = Counter(example.topic for example in material.examples)
    dev = Counter(accepted[0] for accepted, _ in material.dev)
    for section in ("answers", "flows", "out_of_scope"):
        for topic in material.topics[section]:
            if examples[topic] < MIN_EXAMPLES:
                yield f"{topic}: {examples[topic]} examples, {MIN_EXAMPLES} are needed"
            if dev[topic] < MIN_DEV:
                yield f"{topic}: {dev[topic]} dev examples, {MIN_DEV} are needed"
    for topic in material.answers():
        variants = material.variants(topic)
        plain = Counter(v.form for v in variants if not {"asker", "type"} & set(v.metadata))
        for form in FORMS:
            if plain[form] != 1:
                yield f"{topic}: {plain[form]} answers of the form {form!r}, 1 is needed"
        for number, variant in enumerate(variants, start=1):
            if not 2 <= len(variant.buttons) <= 4:
                yield f"utter_ask/{topic} #{number}: {len(variant.buttons)} choices, 2 to 4 are needed"
        if topic not in material.titles:
            yield f"{topic}: no title in titles.yml"


def buttons(material: Material) -> Iterator[str]:
    """Every button leads somewhere, and not back to where it stands."""
    for place, variant in _texts(material):
        for button in variant.buttons:
            intent, brace, entities = button["payload"].removeprefix("/").partition("{")
            topic = json.loads(brace + entities).get("topic") if brace else None
            if intent == "ask":
                if f"utter_ask/{topic}" not in material.knowledge:
                    yield f"{place}: the button {button['title']!r} leads to {topic!r}, which has no answer"
                elif place.startswith(f"utter_ask/{topic} "):
                    yield f"{place}: the button {button['title']!r} leads back to the same topic"
            elif intent not in material.intents:
                yield f"{place}: the button {button['title']!r} leads to {intent!r}, which is no intent"


def duplicates(material: Material) -> Iterator[str]:
    """No example twice, none under two labels, none both in training and dev set."""
    seen: dict[str, list[Example]] = defaultdict(list)
    for example in material.examples:
        seen[_key(example.text)].append(example)
    for examples in seen.values():
        if len(examples) > 1:
            labels = " and ".join(sorted({example.label for example in examples}))
            yield f"{examples[0].file}: {examples[0].text!r} is there {len(examples)} times ({labels})"
    for accepted, utterance in material.dev:
        if (found := seen.get(_key(utterance))) and len(utterance.split()) > 1:
            yield f"{found[0].file}: {utterance!r} is also in the dev set ({accepted[0]})"


def _key(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower())) or text.strip()


CHECKS: tuple[Check, ...] = (wording, reading_grade, length, sources, completeness, buttons, duplicates)


def problems(material: Material) -> list[str]:
    """What all checks found."""
    return [f"{check.__name__}: {line}" for check in CHECKS for line in check(material)]
