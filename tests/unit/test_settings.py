"""Settings come from the environment, once; what cannot be used is said in words and never guessed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from bot.cli import main
from bot.settings import TABLE, SettingError, Settings
from bot.values import Rate


def test_without_any_variable_the_defaults_hold() -> None:
    settings = Settings.load({})
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8080, Path("var"))
    assert settings.rate_limit == Rate(per_minute=30, burst=15)
    assert settings.retention_days == 30
    assert not settings.trust_proxy


def test_the_table_and_the_settings_have_the_same_rows() -> None:
    assert [row.attribute for row in TABLE] == [field.name for field in fields(Settings)]
    assert all(row.name.startswith("BOT_") and row.takes and row.help for row in TABLE)


def test_a_misspelt_variable_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match="BOT_RETENTION_DAY;"):
        Settings.load({"BOT_RETENTION_DAY": "3"})


def test_other_variables_of_the_machine_do_not_matter() -> None:
    assert Settings.load({"PATH": "/bin", "ROBOT_PORT": "7"}) == Settings.load({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOT_PORT", "eighty"),
        ("BOT_PORT", "-1"),
        ("BOT_PORT", "65536"),
        ("BOT_PORT", ""),
        ("BOT_RATE_LIMIT", "fast"),
        ("BOT_RATE_LIMIT", "0/5"),
        ("BOT_RATE_LIMIT", "30/0"),
        ("BOT_RATE_LIMIT", "-3/5"),
        ("BOT_RATE_LIMIT", "nan/5"),
        ("BOT_RATE_LIMIT", "inf/5"),
        ("BOT_START_RATE_LIMIT", "20/many"),
        ("BOT_TRUST_PROXY", "perhaps"),
        ("BOT_RETENTION_DAYS", "-1"),
        ("BOT_RETENTION_DAYS", "a month"),
        ("BOT_RETENTION_DAYS", "nan"),
        ("BOT_RETENTION_DAYS", "inf"),
        ("BOT_RETENTION_DAYS", "1e9"),
        ("BOT_PURGE_EVERY", "0"),
        ("BOT_PURGE_EVERY", "nan"),
        ("BOT_MAX_TURNS", "0"),
        ("BOT_MAX_TURNS", "1.5"),
        ("BOT_TURN_TIMEOUT", "0"),
        ("BOT_TURN_TIMEOUT", "nan"),
        ("BOT_SHUTDOWN_SECONDS", "-2"),
        ("BOT_LOG_LEVEL", "CHATTY"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_what_the_setting_takes(name: str, value: str) -> None:
    takes = next(row.takes for row in TABLE if row.name == name)
    with pytest.raises(SettingError) as refused:
        Settings.load({name: value})
    assert str(refused.value) == f"{name} takes {takes}, not {value!r}."


def test_a_rate_is_per_minute_and_burst() -> None:
    assert Settings.load({"BOT_RATE_LIMIT": "12/3"}).rate_limit == Rate(12, 3)
    assert Settings.load({"BOT_RATE_LIMIT": "7"}).rate_limit == Rate(7, 7)
    assert Settings.load({"BOT_START_RATE_LIMIT": "off"}).start_rate_limit is None
    assert Settings.load({"BOT_START_RATE_LIMIT": "off"}).rate_limit is not None


def test_switching_the_rate_limit_off_also_lets_conversations_start_freely() -> None:
    settings = Settings.load({"BOT_RATE_LIMIT": "Off", "BOT_START_RATE_LIMIT": "5/5"})
    assert settings.rate_limit is None
    assert settings.start_rate_limit is None


@pytest.mark.parametrize("level", ["DEBUG", "info", "Warning", "ERROR"])
def test_a_log_level_may_be_written_in_any_case(level: str) -> None:
    assert Settings.load({"BOT_LOG_LEVEL": level}).log_level.upper() == level.upper()


def test_the_database_is_a_file_in_the_data_folder_unless_a_url_says_otherwise(tmp_path: Path) -> None:
    assert Settings.load({"BOT_DATA_DIR": str(tmp_path)}).sqlalchemy_url == f"sqlite+aiosqlite:///{tmp_path}/support.db"
    given = {
        "sqlite:///chat.db": "sqlite+aiosqlite:///chat.db",
        "postgresql://u:p@h/n": "postgresql+asyncpg://u:p@h/n",
        "postgres://u:p@h:5/n": "postgresql+asyncpg://u:p@h:5/n",
        "postgresql+psycopg://u@h/n": "postgresql+asyncpg://u@h/n",
    }
    assert {url: Settings.load({"BOT_DATABASE_URL": url}).sqlalchemy_url for url in given} == given


@pytest.mark.parametrize("url", ["mysql://u:p@h/n", "chat.db", "redis://h"])
def test_another_kind_of_database_is_refused_instead_of_falling_back(url: str) -> None:
    with pytest.raises(SettingError, match="BOT_DATABASE_URL"):
        _ = Settings.load({"BOT_DATABASE_URL": url}).sqlalchemy_url


def test_a_home_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert Settings.load({"BOT_DATA_DIR": "~/chat"}).data_dir == Path("/somewhere/chat")


@pytest.mark.parametrize(("name", "value"), [("BOT_PORT", "eighty"), ("BOT_LOG_LEVEL", "CHATTY"), ("BOT_PROT", "80")])
def test_the_command_says_what_is_wrong_and_ends_with_2(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["purge"]) == 2
    said = capsys.readouterr()
    assert name in said.err
    assert "Traceback" not in said.err
