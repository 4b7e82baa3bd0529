"""Log lines: one JSON object each, with the call they belong to, and no account number in them.

Account numbers are masked wherever they stand in a message: the last four characters stay, and a
keyed hash before them, so that two lines about one account can be seen to be. What a payer wrote is
not logged at all: an unforeseen error gives its type and places, its sentence only at level debug.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import time
import traceback
from typing import TYPE_CHECKING, Any, Final, TextIO

import msgspec

from rpc.caller import caller_or_none
from rpc.request_ids import current_request_id

if TYPE_CHECKING:
    from types import TracebackType

    from rpc.secret_files import Secret

__all__ = ["JsonLines", "Mask", "log_to"]

_KEPT: Final = 4
_HASH_LENGTH: Final = 8

_ACCOUNT: Final = re.compile(
    r"(?<![0-9A-Za-z])(?!\d{4}-\d{2}-\d{2}(?!\d))(?:"  # a date is none
    r"[A-Z]{2}\d{2}(?:[ -]?[0-9A-Z]){11,30}"  # IBAN, written together or in groups
    r"|\d(?:[ -]?\d){5,33}"  # account, routing, MICR: six digits or more, perhaps in groups
    r")(?![0-9A-Za-z])"
)
_BLANKS: Final = re.compile(r"[ -]")


class Mask:
    """Masks account numbers by a key."""

    def __init__(self, secret: Secret) -> None:
        """Hash by `secret`: with the same one, hashes are the same in every process and run."""
        self._secret = secret

    def account(self, number: str) -> str:
        """`number` as a log may show it: `#1f6a09c2…6789`."""
        plain = _BLANKS.sub("", number).upper()
        digest = hmac.new(self._secret.reveal(), plain.encode(), hashlib.sha256).hexdigest()
        return f"#{digest[:_HASH_LENGTH]}…{plain[-_KEPT:]}"

    def text(self, text: str) -> str:
        """`text` with everything masked that may be an account number."""
        return _ACCOUNT.sub(lambda found: self.account(found[0]), text)


class JsonLines(logging.Formatter):
    """One JSON object per line."""

    def __init__(self, mask: Mask, *, with_error_text: bool) -> None:
        """Mask by `mask`; `with_error_text` shows what unforeseen errors say."""
        super().__init__()
        self._mask = mask
        self._with_error_text = with_error_text

    def format(self, record: logging.LogRecord) -> str:
        """The line of `record`."""
        entry: dict[str, Any] = {
            "time": _time_text(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._mask.text(record.getMessage()),
        }
        request_id = current_request_id()
        if request_id:
            entry["request_id"] = request_id
        caller = caller_or_none()
        if caller is not None:
            entry["caller"] = caller.name
            entry["tenant"] = caller.tenant
        if record.exc_info and record.exc_info[1] is not None:
            entry["error"] = self._error(record.exc_info[1])
            entry["places"] = _places(record.exc_info[2])
        return msgspec.json.encode(entry).decode()

    def _error(self, error: BaseException) -> str:
        name = type(error).__name__
        return self._mask.text(f"{name}: {error}") if self._with_error_text else name


def log_to(stream: TextIO, level: str, mask: Mask) -> None:
    """Send every log of this process to `stream` as JSON lines from `level` up."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(mask, with_error_text=level == "debug"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _time_text(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def _places(trace: TracebackType | None) -> list[str]:
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)
    ]
