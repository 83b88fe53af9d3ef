"""Understanding: the Rasa components that ``config.yml`` names.

``spacy_tokens`` tokens · ``encoder`` the int8 sentence encoder · ``features`` n-grams and the
encoder's vector side by side · ``linear`` the calibrated linear model on top · ``topic_classifier`` the Rasa component
that recognises the topic.
"""
