"""Custom actions: what the assistant does and says.

They run in the process of the service (``bot.assistant.in_process``) and also behind ``rasa run actions``. They decide
which reviewed text of ``data/responses/`` is said; they never make up text.
"""
