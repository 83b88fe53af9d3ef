"""The safety screen: is anyone in danger, what is said then, and what happens afterwards.

It runs before and apart from everything else, for every message and in every state of a conversation; see
docs/safety-case.md.

``danger``      the words of the field: categories, levels, findings
``lexicon``     phrases that are alarming in themselves, with spaCy's Matcher
``classifier``  what was learned from examples, on the sentence encoder and n-grams
``screen``      both together: a text in, findings out
``component``   the same screen inside Rasa's pipeline, where it is also trained
``helplines``   numbers by country
``first_help``  the words that are said, by category and level
``policy``      what happens in a conversation: alarm, repeat, check-in, going on
"""
