"""``docs/operations.md`` lists every setting as ``bot/settings.py`` has it."""

from __future__ import annotations

import re

import pytest

from bot.assistant.training import PROJECT
from bot.settings import TABLE, Setting

_ROW = re.compile(r"^\|\s*`?(BOT_[A-Z_]+)`?\s*\|([^|]*)\|(.*)\|\s*$", re.M)


def documented() -> dict[str, tuple[str, str]]:
    """Default and help of each setting in the documentation."""
    text = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = {}
    for name, default, help_ in _ROW.findall(text):
        assert name not in rows, f"{name} is in the documentation twice"
        rows[name] = (default.strip().strip("`"), help_.strip())
    return rows


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_the_setting_is_documented_with_its_default_and_what_it_does(setting: Setting) -> None:
    default, help_ = documented()[setting.name]
    assert default in ([setting.default] if setting.default else ["", "empty", "(empty)", "none", "–", "-"])
    assert plain(setting.help) in plain(help_)


def plain(words: str) -> str:
    """Words without Markdown's code marks and escapes."""
    return re.sub(r"[`\\]", "", " ".join(words.split()))


def test_nothing_is_documented_that_is_not_a_setting() -> None:
    assert set(documented()) == {setting.name for setting in TABLE}
