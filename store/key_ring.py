"""Master keys: the operator's, from a file. They wrap data keys and never touch data themselves.

A key file has one key per line, `name base64` with 32 bytes each, the one in force first. `#`
begins a comment. Older keys stay until nothing is wrapped by them any more.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.errors import KeyFileError, KeyMissingError
from store.secret_files import read_secret, write_secret

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KEY_BYTES", "KeyRing", "MasterKey", "add_master_key", "new_data_key", "read_key_ring"]

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class MasterKey(msgspec.Struct, frozen=True):
    """A master key. Its `repr` shows the name, never the key."""

    name: str
    secret: bytes

    def __repr__(self) -> str:
        """The name alone."""
        return f"MasterKey({self.name})"


class KeyRing(msgspec.Struct, frozen=True):
    """The master keys, the one in force first."""

    keys: tuple[MasterKey, ...]

    @property
    def current(self) -> MasterKey:
        """The key that wraps what is new."""
        return self.keys[0]

    def wrap(self, data_key: bytes, purpose: str) -> tuple[str, bytes]:
        """Name of the master key in force, and `data_key` wrapped by it for `purpose`."""
        key = self.current
        nonce = os.urandom(_NONCE_BYTES)
        return key.name, nonce + AESGCM(key.secret).encrypt(nonce, data_key, purpose.encode())

    def unwrap(self, name: str, wrapped: bytes, purpose: str) -> bytes:
        """The data key that the master key `name` wrapped; raises `KeyMissingError`."""
        key = next((one for one in self.keys if one.name == name), None)
        if key is None:
            message = (
                f"the key {name!r} is not in the key file; it wraps data of this store: put it "
                "back below the key in force, or run `tieout store rotate-keys` with both"
            )
            raise KeyMissingError(message, key=name)
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return AESGCM(key.secret).decrypt(nonce, sealed, purpose.encode())
        except InvalidTag:
            message = (
                f"the key {name!r} of the key file is not the one that wraps this store's data"
            )
            raise KeyMissingError(message, key=name) from None


def new_data_key() -> bytes:
    """A fresh random key."""
    return os.urandom(KEY_BYTES)


def read_key_ring(path: Path) -> KeyRing:
    """The keys of the file at `path`; raises `KeyFileError` naming the line that is wrong."""
    keys: list[MasterKey] = []
    for number, line in enumerate(read_secret(path).decode("utf-8").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            name, text = words
            secret = base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            secret, name = b"", ""
        if len(secret) != KEY_BYTES or _NAME.fullmatch(name) is None:
            message = f"{path}:{number}: expected a name and {KEY_BYTES} bytes in base64"
            raise KeyFileError(message, path=str(path), line=str(number))
        if any(one.name == name for one in keys):
            message = f"{path}:{number}: the name {name!r} is used twice"
            raise KeyFileError(message, path=str(path), line=str(number))
        keys.append(MasterKey(name, secret))
    if not keys:
        message = f"{path}: no key; make one with `tieout store new-key {path}`"
        raise KeyFileError(message, path=str(path))
    return KeyRing(tuple(keys))


def add_master_key(path: Path, name: str) -> None:
    """Put a fresh key in front of those in `path`, which is made where absent.

    Raises `KeyFileError` where `name` is no good or used already.
    """
    if _NAME.fullmatch(name) is None:
        message = f"{name!r} is no name of a key: letters, digits, `_`, `.`, `-`, at most 40"
        raise KeyFileError(message, path=str(path))
    before = b""
    if path.exists():
        ring = read_key_ring(path)
        before = read_secret(path)
        if any(one.name == name for one in ring.keys):
            message = f"{path}: there is a key {name!r} already; choose another name"
            raise KeyFileError(message, path=str(path))
    line = f"{name} {base64.b64encode(new_data_key()).decode()}\n".encode()
    beside = path.with_name(f"{path.name}.new")
    write_secret(beside, line + before)
    beside.replace(path)
