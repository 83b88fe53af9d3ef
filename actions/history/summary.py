"""The history in the person's own terms: a line for each answer, her own words in quotes."""

from __future__ import annotations

from actions.history.record import QUESTIONS, Answer, Record

_LABELS = {
    "comfortable": "Was penetration ever comfortable",
    "began": "When it began",
    "trigger": "What happened around then",
    "where": "Where it shows",
    "feels": "What it is like",
    "tried": "What was tried",
    "partner": "Support by a partner",
}
WORDS: dict[str, dict[str, str]] = {
    "comfortable": {
        "never": "never",
        "before": "yes, before it began",
        "sometimes": "sometimes",
        "unsure": "not sure",
    },
    "trigger": {
        "childbirth_vaginal": "a vaginal birth",
        "childbirth_caesarean": "a caesarean",
        "childbirth": "a birth",
        "radiation": "radiation",
        "surgery": "surgery",
        "injury": "an injury",
        "hormones": "hormones or menopause",
        "infection": "an infection",
        "constipation": "constipation",
        "upsetting": "something upsetting",
        "stress": "stress or anxiety",
        "relationship": "the relationship",
        "first_attempt": "the first attempt",
        "nothing_known": "nothing that you know of",
        "other": "something else",
    },
    "where": {
        "sex": "sex",
        "tampon": "tampons",
        "cup": "a menstrual cup",
        "finger": "a finger",
        "exam": "exams",
        "dilator": "trainers",
    },
    "feels": {
        "burning": "burning",
        "wall": "like a wall",
        "tight": "tightening",
        "sharp": "sharp",
        "ache": "aching",
        "fear": "fear",
        "other": "something else",
    },
    "tried": {
        "nothing": "nothing yet",
        "dilators": "trainers",
        "physio": "physiotherapy",
        "therapy": "therapy",
        "exercises": "exercises",
        "lubricant": "lubricant",
        "medicine": "medicine",
        "botox": "botox",
        "surgery": "surgery",
        "doctor": "seeing a doctor",
        "other": "something else",
    },
    "partner": {"yes": "yes", "partly": "partly", "no": "not really", "none": "no partner at present"},
}
_OWN_WORDS = 160
"""Characters of the person's own words in a summary; all of them are stored."""


def say_answer(question: str, answer: Answer) -> str:
    """One answer in words."""
    if answer.when is not None:
        return _with_words(answer.when.say(), answer.words)
    chosen = ", ".join(WORDS[question][choice] for choice in answer.choices)
    return _with_words(chosen, answer.words)


def _with_words(understood: str, words: str) -> str:
    own = words if len(words) <= _OWN_WORDS else words[: _OWN_WORDS - 4].rsplit(" ", 1)[0] + " ..."
    if not own or own.lower().strip(" .!") == understood.lower():
        return understood
    return f'{understood} ("{own}")' if understood else f'"{own}"'


def summary(record: Record) -> str:
    """All answers, a line each. The same long message is quoted once, where it first answers something."""
    lines: list[str] = []
    quoted: set[str] = set()
    for question in QUESTIONS:
        answer = record.answers.get(question)
        if answer is None:
            if question in record.skipped:
                lines.append(f"- {_LABELS[question]}: not said")
            continue
        shown = answer
        if answer.words in quoted and (answer.choices or answer.when is not None):
            shown = Answer(answer.choices, "", answer.when)
        quoted.add(answer.words)
        lines.append(f"- {_LABELS[question]}: {say_answer(question, shown)}")
    return "\n".join(lines)


def short(record: Record, question: str | None = None) -> str:
    """What was understood, in one sentence without quotes: of one question, or of all."""
    names = [question] if question is not None else [name for name in QUESTIONS if name in record.answers]
    parts = []
    for name in names:
        answer = record.answers.get(name)
        if answer is not None:
            said = say_answer(
                name, Answer(answer.choices, "" if answer.choices or answer.when else answer.words, answer.when)
            )
            parts.append(f"{_LABELS[name]}: {said}.")
    return " ".join(parts)
