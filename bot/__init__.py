"""The service: Rasa embedded in an aiohttp application, with durable, encrypted conversations.

Layers, each of which knows only those behind it: ``channels`` (and later ``desk``) → ``conversation`` → ``assistant`` →
``storage``; ``model`` and ``settings`` are known to all, ``app`` wires them together.
"""
