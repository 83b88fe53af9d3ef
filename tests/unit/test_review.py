"""``bot lint``: the project's texts and examples pass, and each check finds what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actions.knowledge import PROJECT, Knowledge, Variant
from bot.review import checks
from bot.review.material import Example, Material
from bot.review.page import knowledge_page
from bot.review.readability import grade

Check = Callable[[Material], Iterator[str]]


@pytest.fixture(scope="module")
def material() -> Material:
    return Material.load()


def with_answer(material: Material, variant: Variant) -> Material:
    """The material with one more wording of one answer."""
    responses = dict(material.knowledge)
    responses["utter_ask/physio"] = (*responses["utter_ask/physio"], variant)
    return replace(material, knowledge=Knowledge(responses))


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_the_project_passes(check: Check, material: Material) -> None:
    assert list(check(material)) == []


def test_the_knowledge_page_is_up_to_date(material: Material) -> None:
    assert Path(PROJECT / "docs" / "knowledge.md").read_text(encoding="utf-8") == knowledge_page(material)


GOOD = {"form": "full", "asker": "partner", "sources": ["seed"], "review": "not yet reviewed by a clinician"}
BUTTONS = ({"title": "What helps", "payload": '/ask{"topic": "treatment_options"}'},) * 2


@pytest.mark.parametrize(
    ("check", "broken", "says"),
    [
        (checks.wording, Variant("Just relax and it will pass."), "Just relax"),
        (checks.wording, Variant("Take 5 mg of it."), "5 mg"),
        (checks.wording, Variant("Yes.", ({"title": "Try harder", "payload": "/talk_to_human"},)), "Try harder"),
        (
            checks.reading_grade,
            Variant("Multidisciplinary rehabilitation facilitates neuromuscular desensitisation. " * 4),
            "reading grade",
        ),
        (checks.length, Variant("One.\n\nTwo.\n\nThree.\n\nFour."), "4 bubbles"),
        (checks.length, Variant("word " * 91), "91 words"),
        (checks.length, Variant("Yes.", ({"title": "x" * 25, "payload": "/talk_to_human"},)), "longer than"),
        (checks.sources, Variant("Yes.", BUTTONS, {**GOOD, "sources": []}), "no source"),
        (checks.sources, Variant("Yes.", BUTTONS, {**GOOD, "sources": ["nowhere"]}), "'nowhere'"),
        (checks.sources, Variant("Yes.", BUTTONS, {**GOOD, "review": ""}), "no review state"),
        (checks.completeness, Variant("Yes.", BUTTONS, {"form": "full"}), "2 answers of the form 'full'"),
        (checks.completeness, Variant("Yes.", (), GOOD), "0 choices"),
        (checks.buttons, Variant("Yes.", ({"title": "X", "payload": '/ask{"topic": "nothing"}'},)), "no answer"),
        (checks.buttons, Variant("Yes.", ({"title": "X", "payload": '/ask{"topic": "physio"}'},)), "the same topic"),
        (checks.buttons, Variant("Yes.", ({"title": "X", "payload": "/fly_away"},)), "no intent"),
    ],
)
def test_a_broken_answer_is_found(material: Material, check: Check, broken: Variant, says: str) -> None:
    assert any(says in line for line in check(with_answer(material, broken)))


def test_examples_twice_or_in_both_sets_are_found(material: Material) -> None:
    first = material.examples[0]
    twice = replace(material, examples=[*material.examples, Example("x.yml", "ask/botox", first.text.upper() + "!")])
    assert any(first.text in line for line in checks.duplicates(twice))
    long = next(example for example in material.examples if len(example.text.split()) > 4)
    both = replace(material, dev=[*material.dev, (("physio",), long.text)])
    assert any("also in the dev set" in line for line in checks.duplicates(both))


def test_missing_examples_are_found(material: Material) -> None:
    few = replace(material, examples=[example for example in material.examples if example.topic != "botox"])
    assert any(line.startswith("botox: 0 examples") for line in checks.completeness(few))


def test_the_name_of_the_condition_does_not_count_as_a_hard_word() -> None:
    sentence = "It hurts when you try. {} can be a cause. You can get help."
    assert grade(sentence.format("Vaginismus")) == grade(sentence.format("It"))
