"""Reviewing what visitors read and what the assistant learns from: the checks of ``bot lint`` and docs/knowledge.md."""
