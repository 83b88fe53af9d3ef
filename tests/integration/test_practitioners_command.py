"""``bot practitioners``: import and export by the command itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.assistant.training import PROJECT
from bot.cli import main
from bot.directory.files import EXAMPLES, examples, read_file


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings on an empty data folder."""
    monkeypatch.setenv("BOT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BOT_CACHE_DIR", str(PROJECT / "var"))
    return tmp_path


def test_a_file_comes_in_and_goes_out_unchanged(own_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["practitioners", "import", str(EXAMPLES)]) == 0
    assert f"Imported {len(examples())} entries" in capsys.readouterr().out
    out = own_data / "out.csv"
    assert main(["practitioners", "export", str(out)]) == 0
    assert set(read_file(out.read_text(encoding="utf-8")).practitioners) == set(examples())
    assert out.stat().st_mode & 0o077 == 0


def test_a_dry_run_only_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["practitioners", "import", "--dry-run", str(EXAMPLES)]) == 0
    assert "Nothing was imported" in capsys.readouterr().out
    assert main(["practitioners", "export"]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_one_bad_row_keeps_all_out_and_is_told_by_line(own_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = EXAMPLES.read_text(encoding="utf-8").splitlines()
    lines[4] = lines[4].replace("physiotherapist", "wizard")
    bad = own_data / "bad.csv"
    bad.write_text("\n".join(lines), encoding="utf-8")
    assert main(["practitioners", "import", str(bad)]) == 1
    assert "line 5: role: 'wizard' is not one of coach, physiotherapist" in capsys.readouterr().err
    assert main(["practitioners", "export"]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_replace_removes_who_is_not_in_the_file(own_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["practitioners", "import", str(EXAMPLES)]) == 0
    few = own_data / "few.csv"
    few.write_text("\n".join(EXAMPLES.read_text(encoding="utf-8").splitlines()[:4]), encoding="utf-8")
    assert main(["practitioners", "import", "--replace", str(few)]) == 0
    assert "the directory has 3" in capsys.readouterr().out


def test_a_file_that_is_not_there_or_not_text_is_told(own_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["practitioners", "import", str(own_data / "none.csv")]) == 1
    latin = own_data / "latin.csv"
    latin.write_bytes("é".encode("latin-1"))
    assert main(["practitioners", "import", str(latin)]) == 1
    assert "not UTF-8" in capsys.readouterr().err
