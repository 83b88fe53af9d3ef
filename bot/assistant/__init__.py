"""Rasa embedded: loading, training, answering, and the bounded state of a conversation."""
