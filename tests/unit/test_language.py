"""Which language a message is in."""

from __future__ import annotations

import pytest

from bot.nlu.language import latin_language, script_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("मुझे बहुत दर्द होता है", "hi"),
        ("मला खूप दर्द होतो, काय करू", "mr"),
        ("எனக்கு மிகவும் வலிக்கிறது", "ta"),
        ("నాకు చాలా నొప్పిగా ఉంది", "te"),
        ("আমার খুব ব্যথা হয়", "bn"),
        ("عندي ألم شديد", "ar"),
        ("مجھے بہت درد ہوتا ہے", "ur"),
        ("мне очень больно", "ru"),
    ],
)
def test_a_script_tells_the_language(text: str, language: str) -> None:
    assert script_language(text) == language


@pytest.mark.parametrize("text", ["mujhe dard hota hai", "it hurts", "ok हाँ yes please tell me", "❤️❤️", "123 ?!", ""])
def test_latin_letters_and_signs_are_not_another_language_by_themselves(text: str) -> None:
    assert script_language(text) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("me duele mucho cuando lo intento", "es"),
        ("j'ai très mal pendant les rapports", "fr"),
        ("çok acıyor, ne yapmalıyım", "tr"),
        ("ich habe starke Schmerzen dabei", "de"),
    ],
)
def test_latin_languages_are_told_apart(text: str, language: str) -> None:
    assert latin_language(text) == language
