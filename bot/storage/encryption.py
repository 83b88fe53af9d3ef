"""Encryption at rest: AES-256-GCM with key ids, so that keys can be rotated.

A sealed value is ``1 byte version | 1 byte length of the key id | key id | 12 bytes nonce | ciphertext and tag``. The
place it is stored in (table, column, row) is authenticated with it: a value moved to another row does not open.

Errors::

    EncryptionError
    ├── UnusableKeys      the setting or the key file cannot be read
    └── CannotOpen        a value was sealed with a key we do not have, or was tampered with
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = 1
_NONCE_BYTES = 12
_KEY_BYTES = 32


class EncryptionError(Exception):
    """Something about keys or sealed values is wrong. Final: trying again does not help."""


class UnusableKeys(EncryptionError):
    """The setting ``BOT_ENCRYPTION_KEYS`` or the key file cannot be used; the message says why."""


class CannotOpen(EncryptionError):
    """A stored value cannot be opened: its key is missing, or it was changed or moved."""


class Keyring:
    """Seals with the active key, opens with whichever key a value names."""

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        """Make a keyring.

        Args:
            keys: 32 bytes each, by id (1 to 32 ASCII letters, digits, ``-`` or ``_``).
            active: the id that new values are sealed with.
        """
        for key_id, key in keys.items():
            if not (key_id.isascii() and key_id.replace("-", "").replace("_", "").isalnum() and len(key_id) <= 32):
                raise UnusableKeys(f"{key_id!r} cannot be a key id: take letters, digits, - and _, 32 at most.")
            if len(key) != _KEY_BYTES:
                raise UnusableKeys(f"The key {key_id} has {len(key)} bytes, {_KEY_BYTES} are needed.")
        if active not in keys:
            raise UnusableKeys("No key was given.")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._active = active

    @classmethod
    def of(cls, setting: str, data_dir: Path) -> Keyring:
        """The keys of the setting ``BOT_ENCRYPTION_KEYS``, or else of the key file in the data folder.

        Raises:
            UnusableKeys: they cannot be read.
        """
        return cls.parse(setting) if setting else cls.from_file(data_dir / "encryption.key")

    @classmethod
    def parse(cls, setting: str) -> Keyring:
        """Read ``ID:BASE64[,ID:BASE64...]``, the active key first.

        Raises:
            UnusableKeys: the text has another form.
        """
        keys: dict[str, bytes] = {}
        for part in setting.split(","):
            key_id, separator, encoded = part.strip().partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise UnusableKeys(f"The key {key_id or '?'} is not base64.") from None
            if not separator:
                raise UnusableKeys("BOT_ENCRYPTION_KEYS takes ID:BASE64[,ID:BASE64...].")
            if key_id in keys:
                raise UnusableKeys(f"Two keys have the id {key_id}; what was sealed with one of them would be lost.")
            keys[key_id] = key
        return cls(keys, next(iter(keys)))

    @classmethod
    def from_file(cls, file: Path) -> Keyring:
        """Read the key file, or generate one that only its owner can read.

        Raises:
            UnusableKeys: the file cannot be read or written.
        """
        try:
            if not file.exists():
                _write_new(file)
            return cls.parse(file.read_text(encoding="ascii").strip().replace("\n", ","))
        except (OSError, UnicodeDecodeError) as error:
            raise UnusableKeys(f"The key file {file} cannot be used: {error}.") from error

    def seal(self, text: str, place: str) -> bytes:
        """Encrypt a text for one place, such as ``messages.text/CONVERSATION/7``."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        key_id = self._active.encode("ascii")
        sealed = self._ciphers[self._active].encrypt(nonce, text.encode("utf-8"), place.encode("utf-8"))
        return bytes([_VERSION, len(key_id)]) + key_id + nonce + sealed

    def open(self, sealed: bytes, place: str) -> str:
        """Decrypt what :meth:`seal` made for the same place.

        Raises:
            CannotOpen: the key is missing, or the value was changed or moved.
        """
        key_id = self.key_of(sealed)
        body = sealed[2 + len(key_id) :]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CannotOpen(f"A value of {place.split('/')[0]} needs the key {key_id!r}, which is not configured.")
        try:
            return cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], place.encode("utf-8")).decode("utf-8")
        except (InvalidTag, ValueError) as error:
            raise CannotOpen(f"A value of {place.split('/')[0]} was changed or moved.") from error

    @staticmethod
    def key_of(sealed: bytes) -> str:
        """The id of the key a value was sealed with.

        Raises:
            CannotOpen: it is not a sealed value.
        """
        if len(sealed) < 2 + _NONCE_BYTES or sealed[0] != _VERSION or len(sealed) < 2 + sealed[1] + _NONCE_BYTES:
            raise CannotOpen("This is not a sealed value.")
        return sealed[2 : 2 + sealed[1]].decode("ascii", "replace")


def _write_new(file: Path) -> None:
    """Generate a key file unless another process that starts at the same time was faster."""
    file.parent.mkdir(parents=True, exist_ok=True)
    key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    descriptor, temporary = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(f"k1:{key}\n")
            stream.flush()
            os.fsync(descriptor)
        # A link never replaces: one process writes, the others read what it wrote.
        with contextlib.suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        Path(temporary).unlink()
    # What is sealed from now on survives a power cut; so must the key.
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
