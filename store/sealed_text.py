"""Text sealed by a data key, as text: a mark, the key's number, and AES-GCM in base64.

What is not sealed is stored as it is, unless it begins with the mark. The place a value stands in
is authenticated with it: sealed text that is moved to another row or column does not open.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.errors import SealBrokenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["ERASED", "SEAL_MARK", "DataKeys", "TextSealer", "is_sealed"]

ERASED: Final = "[erased]"
"""What stands where the key to a text was destroyed."""

SEAL_MARK: Final = "\x02tieout:"
"""Begins with a control character no bank writes; text that does anyway is told apart (`plain`)."""

_PLAIN: Final = "plain:"
_SURROGATES: Final = "surrogatepass"
_NONCE_BYTES: Final = 12
_NONCES_AT_ONCE: Final = 1024
_REPEATABLE: Final = b"tieout repeatable nonce"


class DataKeys(Protocol):
    """Data keys by their number."""

    def open_keys(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """The keys of these numbers; those that were destroyed are not there."""


def is_sealed(stored: str) -> bool:
    """Whether `stored` was sealed by a key."""
    return stored.startswith(SEAL_MARK) and not stored.startswith(_PLAIN, len(SEAL_MARK))


class TextSealer:
    """Seals and opens text. Keys are looked up anew each time: one may have been destroyed."""

    def __init__(self, keys: DataKeys) -> None:
        """Take keys from `keys`."""
        self._keys = keys
        self._nonces = b""

    def seal(
        self,
        texts: Sequence[str],
        numbers: Sequence[int],
        places: Sequence[str],
        *,
        repeatable: bool = False,
    ) -> list[str]:
        """Each of `texts` sealed by the key of that number (0: stored plainly) for its place.

        Empty texts stay empty: that a payer gave no name is no secret. `repeatable`: the same text
        at the same place is sealed to the same again, so that whether a row changed can be told
        without opening it; that it did not is all that shows.
        """
        keys = self._keys.open_keys(set(numbers) - {0})
        ciphers = {number: AESGCM(key) for number, key in keys.items()}
        secrets = {number: _repeating(key) for number, key in keys.items()} if repeatable else {}
        return [
            self._seal_one(text, number, place, ciphers, secrets.get(number)) if text else ""
            for text, number, place in zip(texts, numbers, places, strict=True)
        ]

    def open(self, stored: Sequence[str], places: Sequence[str]) -> list[str]:
        """What was sealed; `ERASED` where its key was destroyed. Raises `SealBrokenError`."""
        ciphers = self._ciphers({_number_of(text) for text in stored if is_sealed(text)})
        return [
            _open_one(text, place, ciphers) if text.startswith(SEAL_MARK) else text
            for text, place in zip(stored, places, strict=True)
        ]

    def _ciphers(self, numbers: set[int]) -> dict[int, AESGCM]:
        return {number: AESGCM(key) for number, key in self._keys.open_keys(numbers).items()}

    def _seal_one(
        self,
        text: str,
        number: int,
        place: str,
        ciphers: Mapping[int, AESGCM],
        secret: bytes | None,
    ) -> str:
        cipher = ciphers[number] if number else None
        if cipher is None:
            return f"{SEAL_MARK}{_PLAIN}{text}" if text.startswith(SEAL_MARK) else text
        said = text.encode("utf-8", _SURROGATES)
        nonce = self._nonce() if secret is None else _nonce_of(secret, said, place)
        sealed = nonce + cipher.encrypt(nonce, said, place.encode())
        return f"{SEAL_MARK}{number}:{base64.b64encode(sealed).decode('ascii')}"

    def _nonce(self) -> bytes:
        if not self._nonces:
            self._nonces = os.urandom(_NONCE_BYTES * _NONCES_AT_ONCE)
        nonce, self._nonces = self._nonces[:_NONCE_BYTES], self._nonces[_NONCE_BYTES:]
        return nonce


def _repeating(key: bytes) -> bytes:
    """The secret that nonces are made by of what is sealed repeatably; never the key itself."""
    return hashlib.blake2b(_REPEATABLE, key=key, digest_size=32).digest()


def _nonce_of(secret: bytes, said: bytes, place: str) -> bytes:
    """A nonce that only the same text at the same place has."""
    told = place.encode() + b"\0" + said
    return hashlib.blake2b(told, key=secret, digest_size=_NONCE_BYTES).digest()


def _number_of(stored: str) -> int:
    """Number of the key that sealed `stored`; -1, which no key has, where there is none."""
    number = stored.removeprefix(SEAL_MARK).partition(":")[0]
    return int(number) if number.isascii() and number.isdecimal() else -1


def _open_one(stored: str, place: str, ciphers: Mapping[int, AESGCM]) -> str:
    rest = stored.removeprefix(SEAL_MARK)
    if rest.startswith(_PLAIN):
        return rest.removeprefix(_PLAIN)
    number = _number_of(stored)
    if number >= 0 and number not in ciphers:
        return ERASED
    try:
        sealed = base64.b64decode(rest.partition(":")[2], validate=True)
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return ciphers[number].decrypt(nonce, text, place.encode()).decode("utf-8", _SURROGATES)
    except (InvalidTag, LookupError, ValueError):
        message = f"sealed text of {place} was changed, or moved from another row"
        raise SealBrokenError(message, place=place) from None
