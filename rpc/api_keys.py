"""API keys, `prefix.secret`: the file keeps a keyed hash, never the key.

The prefix finds the entry, the rest proves it. A secret has 256 random bits, so a fast keyed hash
is as good as a slow one; its key stands in a file of its own (`keys_secret_file`), so that a copy
of the keys file alone can neither be guessed at nor extended. The file is read again when it
changes: a revoked key stops working within a second, without a restart.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import logging
import secrets
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from rpc.caller import Caller  # noqa: TC001 - msgspec reads annotations
from rpc.configuration_errors import ConfigurationError
from rpc.errors import CredentialsExpiredError, CredentialsInvalidError
from rpc.secret_files import write_privately
from rpc.sign_in_rules import Grant, caller_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rpc.secret_files import Secret

__all__ = [
    "API_KEY_HEADER",
    "ApiKeys",
    "KeyRecord",
    "hash_of_key",
    "new_key",
    "read_keys",
    "write_keys",
]

API_KEY_HEADER: Final = "x-api-key"
"""Metadata key of an API key."""

_log = logging.getLogger(__name__)

_RELOAD_SECONDS: Final = 1.0
_PREFIX_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_KEY_LENGTH_MAX: Final = 200


class KeyRecord(Grant, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key as the file keeps it: who it is, what it may, until when."""

    prefix: Annotated[str, msgspec.Meta(pattern="^tk_[0-9a-f]{12}$")]
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    created_at: datetime.datetime
    expires_at: datetime.datetime | None = None


class _KeysFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[KeyRecord, ...] = ()


class _Known(msgspec.Struct, frozen=True):
    record: KeyRecord
    caller: Caller
    expires: float | None


def new_key() -> tuple[str, str]:
    """A fresh key and its prefix; the key is shown once and kept nowhere."""
    prefix = f"tk_{secrets.token_hex(_PREFIX_BYTES)}"
    return f"{prefix}.{secrets.token_urlsafe(_SECRET_BYTES)}", prefix


def hash_of_key(key: str, secret: Secret) -> str:
    """What the file keeps of `key`."""
    return hmac.new(secret.reveal(), key.encode(), hashlib.sha256).hexdigest()


def read_keys(path: Path) -> tuple[KeyRecord, ...]:
    """The records of the keys file; raises `ConfigurationError` that names what is wrong."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        records = msgspec.convert(content, _KeysFile).keys
    except OSError as error:
        message = f"{path}: {(error.strerror or 'not readable').lower()}"
        raise ConfigurationError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        message = f"{path}: no keys file: {error}"
        raise ConfigurationError(message) from error
    prefixes = [record.prefix for record in records]
    twice = sorted({prefix for prefix in prefixes if prefixes.count(prefix) > 1})
    if twice:
        message = f"{path}: the prefix {twice[0]} stands there twice"
        raise ConfigurationError(message)
    return records


def write_keys(path: Path, records: Sequence[KeyRecord]) -> None:
    """Write the keys file whole, readable by its owner alone; nobody sees half of it."""
    blocks = ["# API keys: made, listed and revoked by `tieout keys`; hashes only.\n"]
    for record in records:
        values = msgspec.to_builtins(record, builtin_types=(datetime.datetime,))
        lines = [
            f"{name} = {_toml(value)}\n" for name, value in values.items() if value is not None
        ]
        blocks.append("\n[[keys]]\n" + "".join(lines))
    write_privately(path, "".join(blocks).encode())


def _toml(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(k)} = {_toml(v)}' for k, v in value.items())} }}"
    if isinstance(value, (list, tuple, frozenset)):
        return f"[{', '.join(map(_toml, value))}]"
    return msgspec.json.encode(str(value)).decode()


class ApiKeys:
    """The keys of a file, kept current."""

    def __init__(self, path: Path, secret: Secret, now: Callable[[], float]) -> None:
        """Read `path`; `now` is the clock, in seconds since 1970 UTC."""
        self._path = path
        self._secret = secret
        self._now = now
        self._looked = now()
        self._stamp = self._stamp_now()
        self._known = self._read()

    def caller_of(self, key: str) -> Caller:
        """Whose `key` it is; raises an `UnauthenticatedError`."""
        self._reload_where_changed()
        found = self._known.get(key.partition(".")[0]) if len(key) <= _KEY_LENGTH_MAX else None
        wanted = found.record.hash if found else "0" * 64
        same = hmac.compare_digest(hash_of_key(key[:_KEY_LENGTH_MAX], self._secret), wanted)
        if found is None or not same:
            message = "the API key is not known here"
            raise CredentialsInvalidError(message)
        if found.expires is not None and self._now() >= found.expires:
            message = f"the API key {found.record.prefix} expired at {found.record.expires_at}"
            raise CredentialsExpiredError(message, prefix=found.record.prefix)
        return found.caller

    def _reload_where_changed(self) -> None:
        now = self._now()
        if abs(now - self._looked) < _RELOAD_SECONDS:
            return
        self._looked = now
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._known = self._read()
        except ConfigurationError as error:
            _log.error("the keys read before stay in use: %s", error)
        else:
            _log.info("keys read again: %d", len(self._known))

    def _stamp_now(self) -> tuple[int, int, int]:
        try:
            told = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (told.st_mtime_ns, told.st_size, told.st_ino)

    def _read(self) -> dict[str, _Known]:
        return {
            record.prefix: _Known(
                record,
                caller_of(record.name, record),
                None if record.expires_at is None else record.expires_at.timestamp(),
            )
            for record in read_keys(self._path)
        }
