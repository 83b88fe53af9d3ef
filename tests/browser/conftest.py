"""Browser tests run on SQLite only: what the page does cannot depend on the database, and they take minutes."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """An empty SQLite database."""
    return f"sqlite:///{tmp_path / 'test.db'}"
