"""Keys and sealed values: what is stored opens only with the right key, in the place it was sealed for."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.storage.encryption import CannotOpen, Keyring, UnusableKeys

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
PLACE = "messages.content/abc/7"

# What one of several processes that start at once does: waits for the starting signal, then seals with the key file.
_START = """
import sys
from pathlib import Path
from bot.storage.encryption import Keyring
print("ready", flush=True)
sys.stdin.readline()
print(Keyring.from_file(Path(sys.argv[1])).seal("hello", "here").hex(), flush=True)
"""


def _setting(**keys: bytes) -> str:
    return ",".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in keys.items())


@pytest.fixture
def keyring() -> Keyring:
    return Keyring({"old": OLD}, "old")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=st.text(), place=st.text(max_size=60))
def test_what_was_sealed_opens_in_its_place_and_shows_nothing(text: str, place: str) -> None:
    keyring = Keyring({"k1": OLD}, "k1")
    sealed = keyring.seal(text, place)
    assert keyring.open(sealed, place) == text
    assert len(text) < 4 or text.encode() not in sealed
    assert keyring.seal(text, place) != sealed, "the same text never looks the same"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=st.text(max_size=40), data=st.data())
def test_a_value_with_any_changed_bit_does_not_open(text: str, data: st.DataObject) -> None:
    keyring = Keyring({"k1": OLD}, "k1")
    sealed = bytearray(keyring.seal(text, PLACE))
    position = data.draw(st.integers(min_value=0, max_value=len(sealed) - 1))
    sealed[position] ^= 1 << data.draw(st.integers(min_value=0, max_value=7))
    with pytest.raises(CannotOpen):
        keyring.open(bytes(sealed), PLACE)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_bytes_that_were_never_sealed_do_not_open(stored: bytes) -> None:
    with pytest.raises(CannotOpen):
        Keyring({"k1": OLD}, "k1").open(stored, PLACE)


def test_a_shortened_value_does_not_open(keyring: Keyring) -> None:
    sealed = keyring.seal("a longer text", PLACE)
    for length in range(len(sealed)):
        with pytest.raises(CannotOpen):
            keyring.open(sealed[:length], PLACE)


@pytest.mark.parametrize("elsewhere", ["messages.content/abc/8", "messages.content/abd/7", "trackers.state/abc", ""])
def test_a_value_moved_to_another_place_does_not_open(keyring: Keyring, elsewhere: str) -> None:
    sealed = keyring.seal("mine", PLACE)
    with pytest.raises(CannotOpen, match="changed or moved"):
        keyring.open(sealed, elsewhere)


def test_after_a_rotation_old_values_open_and_new_ones_are_sealed_with_the_new_key() -> None:
    before = Keyring.parse(_setting(old=OLD))
    after = Keyring.parse(_setting(new=NEW, old=OLD))
    sealed_before, sealed_after = before.seal("then", PLACE), after.seal("now", PLACE)
    assert after.open(sealed_before, PLACE) == "then"
    assert Keyring.key_of(sealed_before) == "old"
    assert Keyring.key_of(sealed_after) == "new"
    assert Keyring.parse(_setting(new=NEW)).open(sealed_after, PLACE) == "now"


def test_without_its_key_a_value_does_not_open_and_the_error_names_the_key(keyring: Keyring) -> None:
    sealed = keyring.seal("then", PLACE)
    with pytest.raises(CannotOpen, match="'old'"):
        Keyring({"new": NEW}, "new").open(sealed, PLACE)


def test_another_key_of_the_same_id_does_not_open(keyring: Keyring) -> None:
    with pytest.raises(CannotOpen):
        Keyring({"old": NEW}, "old").open(keyring.seal("then", PLACE), PLACE)


@pytest.mark.parametrize(
    "setting",
    [
        "nonsense",
        "k1:not base64!",
        "k1:" + base64.b64encode(b"short").decode(),
        "k1:" + base64.b64encode(bytes(33)).decode(),
        base64.b64encode(OLD).decode(),
        "k 1:" + base64.b64encode(OLD).decode(),
        "ä:" + base64.b64encode(OLD).decode(),
        "x" * 33 + ":" + base64.b64encode(OLD).decode(),
        ":" + base64.b64encode(OLD).decode(),
        _setting(k1=OLD) + ",",
        _setting(k1=OLD) + "," + _setting(k1=NEW),
    ],
)
def test_keys_that_cannot_be_used_are_refused_without_being_shown(setting: str) -> None:
    with pytest.raises(UnusableKeys) as refused:
        Keyring.parse(setting)
    assert base64.b64encode(OLD).decode() not in str(refused.value)


def test_the_key_file_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "data" / "encryption.key"
    previous = os.umask(0)
    try:
        sealed = Keyring.from_file(file).seal("then", PLACE)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [found.name for found in file.parent.iterdir()] == ["encryption.key"], "nothing is left lying about"
    assert Keyring.from_file(file).open(sealed, PLACE) == "then"


def test_two_data_folders_have_different_keys(tmp_path: Path) -> None:
    sealed = Keyring.from_file(tmp_path / "a.key").seal("mine", PLACE)
    with pytest.raises(CannotOpen):
        Keyring.from_file(tmp_path / "b.key").open(sealed, PLACE)


def test_a_key_added_on_top_of_the_file_becomes_the_active_one(tmp_path: Path) -> None:
    file = tmp_path / "encryption.key"
    sealed = Keyring.from_file(file).seal("then", PLACE)
    file.write_text(f"{_setting(k2=NEW)}\n{file.read_text()}")
    rotated = Keyring.from_file(file)
    assert rotated.open(sealed, PLACE) == "then"
    assert Keyring.key_of(rotated.seal("now", PLACE)) == "k2"


@pytest.mark.parametrize("content", [b"", b"\n", b"rubbish", b"\xff\xfe\x00"])
def test_a_damaged_key_file_is_reported_and_never_replaced(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "encryption.key"
    file.write_bytes(content)
    with pytest.raises(UnusableKeys):
        Keyring.from_file(file)
    assert file.read_bytes() == content


def test_what_a_killed_process_left_behind_does_not_hinder_the_next_start(tmp_path: Path) -> None:
    # In a container every start has the same process id.
    file = tmp_path / "encryption.key"
    (tmp_path / f"encryption.{os.getpid()}.tmp").write_text("k1:")
    assert Keyring.from_file(file).open(Keyring.from_file(file).seal("then", PLACE), PLACE) == "then"


def test_processes_that_start_at_the_same_time_share_one_key(tmp_path: Path) -> None:
    file = tmp_path / "encryption.key"
    processes = [
        subprocess.Popen([sys.executable, "-c", _START, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    sealed = [process.communicate(timeout=30)[0].strip() for process in processes]
    keyring = Keyring.from_file(file)
    assert [keyring.open(bytes.fromhex(value), "here") for value in sealed] == ["hello"] * 4
